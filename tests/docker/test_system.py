"""What must work in each of the three systems beside what tests/api checks."""

import json
import re
import time

import pytest

import abacus
from abacus import eventually, get
from engine import KIND, containers, docker
from harness import ROOT, elsewhere, run
from websocket import WebSocket

NEWEST_MIGRATION = max(path.name for path in ROOT.glob("services/users/migrations/*.up.sql")).removesuffix(".up.sql")


def manage(*arguments, service="users", **options):
    return run("scripts/compose", "exec", "-T", service, "manage", *arguments, ok=False, **options)


def expect(code, text, *arguments, **options):
    """A command that changes nothing is asked again, because `docker exec` can lose what it printed (moby/moby issue 27289)."""
    done = None

    def is_said():
        nonlocal done
        done = manage(*arguments, **options)
        return done.returncode != code or text in done.stdout

    eventually(is_said, message=f"manage {arguments} says {text}")
    assert done.returncode == code, done.stdout


@pytest.mark.parametrize(
    "command, expected",
    [
        (["routes"], "/auth/login"),
        (["db", "current"], NEWEST_MIGRATION),
        (["db", "upgrade"], ""),
        (["--help"], "recreate_db"),
    ],
)
def test_manage_runs_inside_the_container(command, expected):
    expect(0, expected, *command)


def test_only_development_lets_the_page_run_vites_own_scripts():
    policy = get("/").headers["Content-Security-Policy"]
    assert ("nonce-" in policy, "unsafe" in policy) == (KIND == "dev", False)
    is_vite = get("/@vite/client").headers["Content-Type"].startswith("text/javascript")
    assert is_vite == (KIND == "dev")


@pytest.mark.skipif(KIND != "dev", reason=elsewhere("only development serves sources"))
def test_a_page_of_another_name_reads_no_source():
    def status(host):
        request = f"GET /src/main.tsx HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n"
        return abacus.exchange(request.encode()).split()[1]

    assert (status("localhost"), status("attacker.example")) == (b"200", b"403")


def test_health_counts_every_replica_once():
    def healthy():
        data = get("/api/healthcheck").json["data"]
        return data if data["summary"].startswith("All") else None

    data = eventually(healthy, message="everything is up")
    replicas = 2 if KIND == "prod" else 1
    assert sorted(one["instance"] for one in data["services"]) == sorted(
        f"{name}-{n + 1}" for name in ("users", "values", "worker", "mailer", "healthcheck") for n in range(replicas)
    )


@pytest.fixture
def healthcheck_by_default():
    """The addresses of one more healthcheck; those of the running system show all, because tests/api reads it."""
    name = run("env", "-u", "STATUS_PUBLIC", "scripts/compose", "run", "-d", "--no-deps", "healthcheck").stdout.split()[-1]
    try:
        networks = json.loads(docker("inspect", name))[0]["NetworkSettings"]["Networks"]
        yield [network["IPAddress"] for network in networks.values()]
    finally:
        docker("rm", "-f", name)


@pytest.mark.skipif(KIND == "dev", reason=elsewhere("development shows all"))
def test_a_stranger_sees_a_summary_and_an_operator_all_on_a_port_to_which_nginx_does_not_lead(healthcheck_by_default):
    nginx = containers("nginx")[0]["Id"]

    def detail(port):
        for address in healthcheck_by_default:
            asked = ["curl", "-fsS", "--max-time", "2", f"http://{address}:{port}/api/healthcheck"]
            done = run("docker", "exec", nginx, *asked, ok=False)
            if done.returncode == 0 and done.stdout.startswith("{"):
                return json.loads(done.stdout)["data"]["detail"]
        return None

    assert eventually(lambda: detail(5003), message="it answers") == "summary"
    assert eventually(lambda: detail(5000), message="it answers operators") == "full"
    assert "5000" not in docker("exec", nginx, "cat", "/run/nginx/nginx.conf")
    published = [port for one in containers() for port in (one["NetworkSettings"]["Ports"] or {}).items() if port[1]]
    assert {port for port, _ in published} == {"8080/tcp"}


@pytest.mark.skipif(KIND == "dev", reason=elsewhere("development may be destroyed"))
def test_the_database_of_production_can_not_be_destroyed_by_mistake():
    expect(1, "development", "seed_db")
    expect(1, "--yes-destroy", "recreate_db")


@pytest.mark.skipif(KIND != "dev", reason=elsewhere("only for development"))
@pytest.mark.parametrize("command", [["recreate_db", "--yes-destroy"], ["seed_db"], ["test"]])
def test_the_commands_of_development_work(command):
    done = manage(*command, timeout=600)
    assert done.returncode == 0, done.stdout[-3000:]


@pytest.mark.skipif(KIND != "dev", reason=elsewhere("only for development"))
def test_manage_shell_is_psql():
    expect(0, "42", "shell", stdin="SELECT 40 + 2;\n")


LOG_IN = "/src/pages/log-in.tsx"
EDIT_LIMIT_S = 2  # of the quickest of a few edits, because the machine does other work


@pytest.fixture
def source():
    """A source of the client, which is put back at the end. Vite reports edits of what a page has fetched."""
    path = ROOT / f"services/client{LOG_IN}"
    before = path.read_text()
    assert get(LOG_IN).status == 200
    yield path
    path.write_text(before)
    eventually(lambda: b"Edit 1" not in get(LOG_IN).body, message="Vite has seen that it was put back")


@pytest.fixture
def vite():
    """The WebSocket by which Vite reports edits, as a page opens it."""
    token = re.search(r'wsToken = "([^"]+)"', get("/@vite/client").body.decode())[1]
    headers = [f"Origin: http://localhost:{abacus.PORT}"]
    page = WebSocket(to="nginx", path=f"/@vite/hmr?token={token}", protocols=["vite-hmr"], headers=headers)
    assert page.next_text() == {"type": "connected"}
    yield page
    page.socket.close()


def next_report(vite, kind):
    """Skips reports until one of this type."""
    while (report := vite.next_text())["type"] != kind:
        pass
    return report


@pytest.mark.skipif(KIND != "dev", reason=elsewhere("only for development"))
def test_an_edit_of_the_client_is_reported_to_the_page_and_served_within_2_s(source, vite):
    before, times = source.read_text(), []
    for n in range(3):
        source.write_text(before.replace("Forgot your password?", f"Edit 1{n}"))
        start = time.monotonic()
        assert [one["path"] for one in next_report(vite, "update")["updates"]] == [LOG_IN]
        eventually(lambda n=n: f"Edit 1{n}" in get(LOG_IN).body.decode(), message="the edit is served")
        times.append(time.monotonic() - start)
    assert min(times) < EDIT_LIMIT_S, times


@pytest.mark.skipif(KIND != "dev", reason=elsewhere("only for development"))
def test_a_type_error_stops_no_page_and_a_syntax_error_is_reported_until_it_is_repaired(source, vite):
    before = source.read_text()
    source.write_text(before + '\nconst wrong: number = "text";\nvoid wrong;\n')
    next_report(vite, "update")
    assert (get("/login").status, get(LOG_IN).status) == (200, 200)

    source.write_text(before.replace("return (", "return (("))
    reply = eventually(lambda: (got := get(LOG_IN)).status == 500 and got, message="the error is seen")
    assert next_report(vite, "error")["err"]["id"].endswith(LOG_IN)
    assert get("/login").status == 200 and reply.headers["Content-Type"] != "application/json"

    source.write_text(before)
    eventually(lambda: get(LOG_IN).status == 200, message="it is repaired")


@pytest.mark.skipif(KIND != "dev", reason=elsewhere("only for development"))
def test_a_changed_source_is_compiled_and_runs():
    source = ROOT / "services/users/main.c"
    before = source.read_bytes()
    started = containers("users")[0]["State"]["StartedAt"]

    def times_started():
        return docker("logs", containers("users")[0]["Id"]).count('"msg":"started"')

    count = times_started()
    try:
        source.write_bytes(before + b"\n")
        eventually(lambda: times_started() > count, 120, 0.2, "the daemon was compiled and started anew")
        assert containers("users")[0]["State"]["StartedAt"] == started
    finally:
        count = times_started()
        source.write_bytes(before)
    eventually(lambda: times_started() > count, 120, 0.2, "the former one was compiled and started anew")
    eventually(lambda: containers("users")[0]["State"]["Health"]["Status"] == "healthy", 60, 0.2, "users is healthy again")
