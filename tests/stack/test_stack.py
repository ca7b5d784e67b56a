"""scripts/stack as on a new machine: a stack of its own, from nothing, in a folder that only its owner can enter."""

import contextlib
import http.client
import json
import os
import pathlib
import re
import shutil
import signal
import socket
import subprocess
import time

import pytest

from abacus import call, eventually, fail
from harness import ROOT, has_ipv6
from own_stack import OFFSET, PORT, Stack, process_lists

DAEMONS = ["users", "values", "worker", "mailer", "healthcheck"]


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    stack = Stack(tmp_path_factory.mktemp("closed") / "run")
    stack.run_dir.parent.chmod(0o700)
    stack.first = stack("up")
    yield stack
    stack("down")
    shutil.rmtree(stack.run_dir.resolve(), ignore_errors=True)


@pytest.fixture
def stack(made):
    """A stack that is up."""
    if not made.is_up():
        up = made("up")
        assert up.returncode == 0, up.stderr
    return made


@pytest.fixture
def stopped(made):
    """A stack that is down."""
    made("down")
    return made


@contextlib.contextmanager
def listening(port):
    with socket.socket() as taken:
        taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        taken.bind(("127.0.0.1", port))
        taken.listen()
        yield


def get(path, **options):
    return call("GET", path, port=PORT, **options)


def test_up_makes_the_whole_system_from_nothing(stack):
    assert stack.first.returncode == 0, stack.first.stderr + (stack.run_dir / "log/redis/current").read_text()[-2000:]
    assert f"Abacus is up at http://localhost:{PORT}" in stack.first.stdout
    command = next(line.strip() for line in stack.first.stdout.splitlines() if line.strip().startswith("curl "))
    login = subprocess.run(["sh", "-c", command], capture_output=True, text=True, timeout=20)
    assert "Successfully logged in." in login.stdout, "the command that `up` prints works"
    assert get("/users/ping").status == 200


def test_up_says_what_it_does_and_ends_with_the_pages_the_logins_and_how_to_stop(stack):
    lines = stack.first.stdout.splitlines()
    assert [line for line in lines if line.endswith("…")] == [
        "starting Postgres and Redis…",
        "bringing the databases up to date…",
        "starting nginx…",
        "waiting until every daemon is ready…",
    ]
    end = "\n".join(lines[lines.index(f"Abacus is up at http://localhost:{PORT}") :])
    for page in ("/", "/status/", "/swagger/"):
        assert f"http://localhost:{PORT}{page} " in end
    for login in ("admin@abacus.test   abacus-admin-dev", "user@abacus.test    abacus-user-dev"):
        assert login in end
    assert lines[-1] == f"Stop it:        make down RUN_DIR='{stack.run_dir}'"


@pytest.mark.skipif(not has_ipv6(), reason="this machine has no IPv6")
def test_localhost_works_over_ipv6_too(stack):
    for address in ("127.0.0.1", "::1"):
        connection = http.client.HTTPConnection(address, PORT, timeout=20)
        connection.request("GET", "/users/ping")
        assert connection.getresponse().status == 200, address
        connection.close()


def test_no_process_runs_as_root(stack):
    assert stack.processes()
    for pid in stack.processes():
        with contextlib.suppress(FileNotFoundError):
            if os.geteuid() == 0:
                assert os.stat(f"/proc/{pid}").st_uid != 0, stack.processes()[pid]


def test_up_again_changes_nothing(stack):
    names = [*DAEMONS, "postgres", "redis", "nginx"]
    before = {name: stack.pid(name) for name in names}
    again = stack("up")
    assert (again.returncode, again.stderr) == (0, "")
    assert "nothing changed" in again.stdout
    assert {name: stack.pid(name) for name in names} == before


def test_a_changed_setting_restarts_only_what_reads_it(stack):
    before = {name: stack.pid(name) for name in ["users", "values", "postgres", "redis", "nginx"]}
    assert stack("up", LOGIN_ATTEMPTS_MAX="7").returncode == 0
    after = {name: stack.pid(name) for name in before}
    assert {name for name in before if before[name] != after[name]} == {"users"}
    assert stack("up").returncode == 0


def test_the_commands_reach_the_private_servers(stack):
    assert stack("psql", "users", "-qAt", "-c", "SELECT count(*) FROM users").stdout.strip() == "5"
    assert stack("psql", "values", "-qAt", stdin="SELECT current_user").stdout.strip() == "values"
    assert stack("redis-cli", "PING").stdout.strip() == "PONG"
    assert stack("redis-cli", "CONFIG", "GET", "port").stdout.split() == ["port", str(6390 + OFFSET)]
    assert "/auth/login" in stack("manage", "users", "routes").stdout
    latest = max((ROOT / "services/values/migrations").glob("*.up.sql")).name.removesuffix(".up.sql")
    assert stack("manage", "values", "db", "current").stdout.strip() == latest


def table(stack):
    """What `status` prints: {instance: its cells}."""
    status = stack("status")
    assert (status.returncode, status.stderr) == (0, "")
    head, *lines = status.stdout.splitlines()
    starts = [match.start() for match in re.finditer(r"\S+", head)]
    starts[5:8] = [starts[5] - 1, starts[6] - 2, starts[7] - 4]  # these are aligned to the right
    spans = list(zip(head.split(), starts, [*starts[1:], None], strict=True))
    cells = [{name.lower(): line[start:end].strip() for name, start, end in spans} for line in lines]
    return {row["instance"]: row for row in cells}


def test_status_is_a_table_of_what_runs(stack):
    eventually(lambda: all(row["state"] == "ready" for row in table(stack).values()), 30)
    rows = table(stack)
    assert list(rows) == [*DAEMONS, "postgres", "redis", "nginx"]
    for name, row in rows.items():
        assert row["pid"] == str(stack.pid(name)) and not row["reason"], row
        assert re.fullmatch(r"\d+(s|m \d+s)", row["uptime"]) and re.fullmatch(r"\d+\.\d MB", row["memory"]), row
    assert (
        rows["users"]["address"] == f"127.0.0.1:{5001 + OFFSET}" and rows["worker"]["address"] == f"127.0.0.1:{9004 + OFFSET}"
    )
    assert re.fullmatch(r"0\.1\.0 \w+", rows["values"]["version"])
    assert all(re.fullmatch(r"\d+(\.\d+)+", rows[name]["version"]) for name in ("postgres", "redis", "nginx"))


def test_status_says_what_is_down_and_why_others_are_not_ready(stack):
    folder = str(stack.run_dir / "service/redis")
    subprocess.run(["sv", "-w", "15", "force-stop", folder], check=True, capture_output=True)
    try:
        eventually(lambda: table(stack)["worker"]["state"] == "not ready", 30)
        rows = table(stack)
        assert rows["redis"]["state"] == "down" and "make logs SERVICE=redis" in rows["redis"]["reason"]
        assert "redis" in rows["worker"]["reason"]
        assert rows["postgres"]["state"] == "ready"
    finally:
        subprocess.run(["sv", "up", folder], check=True, capture_output=True)
    eventually(lambda: all(row["state"] == "ready" for row in table(stack).values()), 60)


def test_the_other_commands_remember_the_settings_of_up(stack):
    given = {name: value for name, value in stack.environment.items() if name not in ("PORT", "PORT_OFFSET", "INSTANCES")}
    done = subprocess.run(
        ["sh", str(ROOT / "scripts/stack"), "psql", "users", "-qAt", "-c", "SELECT 42"],
        env=given,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.stdout, done.stderr) == ("42\n", "")


@pytest.mark.parametrize(
    "arguments, says",
    [
        (["psql"], "DB=users"),
        (["psql", "user"], 'no database "user"'),
        (["manage"], "SERVICE=users, values"),
        (["manage", "user", "routes"], 'no service "user"'),
        (["logs", "user"], "SERVICE is one of"),
        (["logs", "../secrets"], "SERVICE is one of"),
        (["logs", "users", "loud"], "LEVEL is debug, info, warn or error"),
        (["mail", "many"], "is not a number of messages"),
        (["rotate"], "WHAT=key"),
        (["rotate", "keys"], 'no "keys" to rotate'),
    ],
)
def test_a_wrong_name_is_refused_in_one_line(stack, arguments, says):
    refused = stack(*arguments)
    assert (refused.returncode, refused.stdout, refused.stderr.count("\n")) == (1, "", 1)
    assert refused.stderr.startswith("stack: ") and says in refused.stderr


def test_make_mail_shows_the_newest_message_as_text(stack):
    address = f"reader-{time.time_ns()}@example.com"
    body = {"username": f"reader-{time.time_ns()}", "email": address, "password": "brass beads and wooden boats"}
    token = call("POST", "/auth/register", body, port=PORT).json["auth_token"]
    assert call("POST", "/auth/email", token=token, port=PORT).status == 202

    def shown():
        command = ["make", "-s", "mail", "ARGS=1"]
        text = subprocess.run(command, cwd=ROOT, env=stack.environment, capture_output=True, text=True, timeout=20).stdout
        return text if f"To: <{address}>" in text else None

    text = eventually(shown, 20, message="the message is shown")
    assert "Subject: Confirm your email address\n" in text
    assert re.search(r"^http\S+/verify#[\w-]+$", text, re.MULTILINE), "the link is whole"
    assert "<html" not in text


WRONG = {
    "PORT": ["http", "0", "65536", "080", "80 80", "-1", "$(id)"],
    "PORT_OFFSET": ["-1", "56001", "1.5"],
    "INSTANCES": ["0", "3", "two"],
    "REDIS_TLS": ["yes"],
    "APP_ENV": ["prod"],
    "RUN_DIR": ["/tmp/$x", "/tmp/a*", '/tmp/"'],
}


@pytest.mark.parametrize("variable, value", [(variable, value) for variable in WRONG for value in WRONG[variable]])
@pytest.mark.parametrize("command", ["up", "check"])
def test_a_wrong_setting_is_refused_in_one_line(made, command, variable, value):
    refused = made(command, timeout=20, **{variable: value})
    assert (refused.returncode, refused.stdout, refused.stderr.count("\n")) == (1, "", 1)
    assert refused.stderr.startswith(f"stack: {variable} must ") and f'"{value}"' in refused.stderr


@contextlib.contextmanager
def following(stack, *arguments, stdout=subprocess.PIPE):
    """`logs` in the background."""
    process = stack.start("logs", *arguments, stdout=stdout, NO_COLOR="")
    try:
        yield process
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def test_logs_follow_all_or_one_and_are_json_when_no_terminal_reads_them(stack):
    for arguments in (["users"], []):
        with following(stack, *arguments) as logs:
            call("GET", "/users/ping", port=PORT, headers={"X-Request-ID": "seen-in-the-logs"})
            lines = (json.loads(line) for line in iter(logs.stdout.readline, ""))
            found = next(line for line in lines if line.get("request_id") == "seen-in-the-logs" and line["service"] == "users")
        assert found["instance"] == "users" and found["level"] == "info"


def test_on_a_terminal_each_event_is_one_readable_line(stack):
    ours, theirs = os.openpty()
    try:
        with following(stack, "users", stdout=theirs):
            call("GET", "/users/ping", port=PORT, headers={"X-Request-ID": "read-by-a-person"})
            shown = b""
            while b"request_id=read-by-a-person" not in shown:
                shown += os.read(ours, 65536)
    finally:
        os.close(ours)
        os.close(theirs)
    line = next(line for line in shown.decode().splitlines() if "read-by-a-person" in line)
    plain = re.sub(r"\x1b\[\d+m", "", line)
    assert plain != line, "with colours"
    assert re.match(r"20\d\d-\d\d-\d\d \d\d:\d\d:\d\d\.\d\d\d info  users  ", plain) and "{" not in plain


def test_what_follows_the_logs_ends_with_the_command(stack):
    process = stack.start("logs", stdout=subprocess.DEVNULL)
    followers = lambda: [pid for pid, line in stack.processes().items() if line.startswith("tail ")]  # noqa: E731
    eventually(followers, 10)
    process.kill()
    process.wait()
    eventually(lambda: not followers(), 10)


def test_an_unknown_command_shows_the_usage(stack):
    refused = stack("restart")
    assert (refused.returncode, refused.stderr.startswith("usage: stack up | down")) == (64, True)


def test_the_rate_limit_of_nginx_is_429_in_the_error_envelope(stack):
    def try_login():
        reply = call("POST", "/auth/login", {"email": "nobody@example.com", "password": "seven brass beads"}, port=PORT)
        return reply if reply.status == 429 and reply.json["code"] == "too_many_requests" else None

    reply = eventually(try_login, 10)
    assert reply.json == fail("too_many_requests", "Too many requests. Please slow down.")
    assert int(reply.headers["Retry-After"]) > 0


def test_no_secret_is_in_a_process_list_or_a_log(stack):
    """Neither while it starts, nor while its commands run, nor in any log."""
    known = stack.secrets()
    assert set(known) >= {"SECRET_KEY", "postgres", "users", "values", "redis"}
    with process_lists() as seen:
        assert stack("down").returncode == 0
        assert stack("up").returncode == 0
        stack("psql", "users", "-c", "SELECT 1")
        stack("redis-cli", "PING")
        stack("manage", "users", "db", "current")
    everything = b"\n".join(seen)
    assert b"redis-server" in everything
    logs = b"".join(path.read_bytes() for path in (stack.run_dir / "log").resolve().rglob("*") if path.is_file())
    assert b'"msg":"started"' in logs
    for name, value in known.items():
        assert value.encode() not in everything, name
        assert value.encode() not in logs, name


def test_secrets_are_readable_only_by_their_owner(stack):
    for path in (stack.run_dir / "secrets").iterdir():
        assert path.stat().st_mode & 0o077 == 0, path
    assert (stack.run_dir / "secrets").stat().st_mode & 0o077 == 0


def test_down_leaves_no_process_and_up_brings_all_back(stack):
    person = call(
        "POST", "/auth/register", {"username": "kept", "email": "kept@example.com", "password": "seven brass beads"}, port=PORT
    )
    assert person.status in (201, 429)
    pids = stack.processes()
    assert len(pids) > 10
    down = stack("down")
    assert (down.returncode, down.stdout, down.stderr) == (0, "Abacus is down.\n", "")
    assert stack.processes() == {}
    assert stack("down").stdout == "Abacus is not up.\n"
    for command in ["status"], ["psql", "users"], ["redis-cli", "PING"], ["backup"], ["dev-client"]:
        refused = stack(*command)
        assert (refused.returncode, refused.stdout, refused.stderr) == (1, "", "stack: Abacus is not up\n"), command
    assert stack("up").returncode == 0
    assert get("/users/ping").status == 200


def test_a_new_database_of_users_has_no_old_tokens_and_no_migration_of_another_branch(stack):
    """Ids begin anew in it, so a token from before would be another user's."""
    login = {"email": "admin@abacus.test", "password": "abacus-admin-dev"}

    def admin_token():
        reply = eventually(lambda: (got := call("POST", "/auth/login", login, port=PORT)).status == 200 and got, 20)
        return reply.json["auth_token"]

    token = admin_token()
    assert get("/auth/status", token=token).status == 200
    assert stack("down").returncode == 0
    shutil.rmtree(stack.run_dir.resolve() / "postgres")
    theirs = stack.run_dir / "share/users/migrations/0001_theirs.up.sql"
    theirs.write_text("SELECT 1;\n")
    up = stack("up")
    assert up.returncode == 0, up.stderr
    assert get("/auth/status", token=token).status == 401
    assert get("/auth/status", token=admin_token()).status == 200
    assert not theirs.exists()


def test_a_port_that_another_part_has_is_refused_in_one_line(stopped):
    for command in ("up", "check"):
        refused = stopped(command, timeout=20, PORT=str(5001 + OFFSET))
        assert refused.returncode == 1 and refused.stderr.startswith(f"stack: PORT={5001 + OFFSET} is the port of another part")
        assert refused.stderr.count("\n") == 1


@pytest.mark.parametrize("port", [PORT, 5435 + OFFSET, 6390 + OFFSET, 5001 + OFFSET, 9004 + OFFSET])
def test_a_port_in_use_is_reported_in_one_line(stopped, port):
    with listening(port):
        refused = stopped("up", timeout=20)
    assert refused.returncode == 1
    assert refused.stderr.startswith(f"stack: in use by something else: {port};") and refused.stderr.count("\n") == 1
    assert refused.stdout == ""
    assert stopped.processes() == {}


@pytest.mark.parametrize("program", ["runsvdir", "redis-server", "envsubst", "curl"])
def test_a_missing_program_is_reported_in_one_line(stopped, program, tmp_path):
    for folder in ("/usr/bin", "/usr/sbin", "/bin", "/sbin"):
        for path in pathlib.Path(folder).iterdir():
            link = tmp_path / path.name
            if path.name != program and not link.is_symlink():
                link.symlink_to(path)
    refused = stopped("up", timeout=20, PATH=str(tmp_path))
    assert (refused.returncode, refused.stderr) == (1, f"stack: {program} is missing; run scripts/install-packages run\n")
    assert stopped.processes() == {}


def test_a_binary_that_was_not_built_is_reported_in_one_line(stopped):
    refused = stopped("up", timeout=20, BUILD="no/such/build")
    assert (refused.returncode, refused.stderr) == (1, "stack: no/such/build/bin/users is missing; run make\n")


def test_a_postgres_that_can_not_start_ends_up_within_its_limit(stopped):
    control = stopped.run_dir.resolve() / "postgres/global/pg_control"
    kept = control.read_bytes()
    try:
        control.write_bytes(b"\0" * len(kept))
        start = time.monotonic()
        refused = stopped("up", timeout=60, START_SECONDS="3")
        assert 2 < time.monotonic() - start < 13
        assert refused.returncode == 1
        assert re.fullmatch(r"stack: Postgres did not start: (FATAL|PANIC): .*\n", refused.stderr)
        assert stopped("down").returncode == 0
        assert stopped.processes() == {}
    finally:
        control.write_bytes(kept)


def test_a_daemon_that_can_not_start_ends_up_within_its_limit(stopped):
    refused = stopped("up", timeout=60, START_SECONDS="5", WORKER_THREADS="many")  # only worker itself reads that
    assert refused.returncode != 0
    assert "WORKER_THREADS: must be a whole number" in refused.stderr
    assert "is not ready after 5 s" in refused.stderr


def test_up_works_after_the_supervisor_was_killed(stack):
    stack("up")
    os.kill(int((stack.run_dir / "runsvdir.pid").read_text()), signal.SIGKILL)
    up = stack("up")
    assert up.returncode == 0, up.stderr
    assert get("/users/ping").status == 200


def test_down_ends_what_a_killed_supervisor_left_running(stack):
    stack("up")
    os.kill(int((stack.run_dir / "runsvdir.pid").read_text()), signal.SIGKILL)
    assert stack("down").returncode == 0
    eventually(lambda: stack.processes() == {}, 5)
