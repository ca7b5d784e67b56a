"""scripts/stack as on a new machine: a stack of its own, from nothing, in a folder that only its owner can enter."""

import contextlib
import os
import pathlib
import re
import shutil
import signal
import socket
import subprocess
import threading
import time

import pytest

from abacus import call, eventually, fail
from harness import ROOT
from own_stack import OFFSET, PORT, Stack

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
    if made("status").returncode != 0:
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
    assert stack("psql", "users", "-qAt", "-c", "SELECT count(*) FROM users").stdout.strip() == "2"
    assert stack("psql", "values", "-qAt", stdin="SELECT current_user").stdout.strip() == "values"
    assert stack("redis-cli", "PING").stdout.strip() == "PONG"
    assert stack("redis-cli", "CONFIG", "GET", "port").stdout.split() == ["port", str(6390 + OFFSET)]
    assert "/auth/login" in stack("manage", "users", "routes").stdout
    latest = max((ROOT / "services/values/migrations").glob("*.up.sql")).name.removesuffix(".up.sql")
    assert stack("manage", "values", "db", "current").stdout.strip() == latest
    status = stack("status")
    assert (status.returncode, status.stderr) == (0, "")
    assert all(re.search(rf"run: \S*/{name}: \(pid {stack.pid(name)}\)", status.stdout) for name in [*DAEMONS, "nginx"])


def test_a_database_must_be_named(stack):
    refused = stack("psql")
    assert (refused.returncode, refused.stderr.count("\n"), "DB=users" in refused.stderr) == (1, 1, True)


def test_logs_follow_all_or_one(stack):
    tail = subprocess.Popen(
        ["sh", str(ROOT / "scripts/stack"), "logs", "users"], env=stack.environment, stdout=subprocess.PIPE, text=True
    )
    try:
        call("GET", "/users/ping", port=PORT, headers={"X-Request-ID": "seen-in-the-logs"})
        lines = iter(tail.stdout.readline, "")
        assert any("seen-in-the-logs" in line for line in lines)
    finally:
        tail.kill()
        tail.wait()


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
    seen, stopping = set(), threading.Event()

    def watch():
        while not stopping.is_set():
            for entry in pathlib.Path("/proc").glob("[0-9]*"):
                with contextlib.suppress(OSError):
                    seen.add((entry / "cmdline").read_bytes())

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        assert stack("down").returncode == 0
        assert stack("up").returncode == 0
        stack("psql", "users", "-c", "SELECT 1")
        stack("redis-cli", "PING")
        stack("manage", "users", "db", "current")
    finally:
        stopping.set()
        watcher.join()
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
    status = stack("status")
    assert (status.returncode, status.stderr) == (1, "stack: Abacus is not up\n")
    assert stack("up").returncode == 0
    assert get("/users/ping").status == 200


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
    start = time.monotonic()
    refused = stopped("up", timeout=60, HASH_THREADS="many")
    assert time.monotonic() - start < 40
    assert refused.returncode != 0
    assert "HASH_THREADS: must be a whole number" in refused.stderr


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
