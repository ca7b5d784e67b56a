"""A daemon divides its descriptors at the start: however many clients come, they get what its own connections do not need."""

import contextlib
import json
import os
import pathlib
import socket
import subprocess

from abacus import ADMIN_PORTS, RUN_DIR, Daemon, eventually, get, native, psql, redis_cli
from harness import free_port

LIMIT = 60
QUESTIONS_MAX = 64  # that values asks users at once
QUESTIONS_ABOUT_ADMINS = 64 + 8  # that healthcheck asks users at once
POLLS = 64  # of healthcheck
OPERATORS = 100  # connections of healthcheck's second port
WATCHED = {"HEALTHCHECK_TARGETS": f"users=http://127.0.0.1:{ADMIN_PORTS['users']}"}


class LimitedDaemon(Daemon):
    """Soft and hard limit of open files are the same, so the daemon cannot raise its own."""

    def __init__(self, name, limit, **environment):
        super().__init__(name, **environment)
        self.limit = limit

    def start(self, stdout=None):
        self.log.parent.mkdir(exist_ok=True)
        with open(self.log, "wb") as log:
            command = ["sh", "-c", f'ulimit -n {self.limit} && exec "$0"', RUN_DIR / "bin" / self.name]
            self.process = subprocess.Popen(command, env=self.environment, stdout=stdout or log, stderr=log)
        return self

    @property
    def budgets(self):
        lines = [json.loads(line) for line in self.log.read_text().splitlines()]
        return [line for line in lines if line["msg"].startswith("descriptors")]


def take_places(port, count, head=b"GET /users/ping HTTP/1.1\r\n"):
    """Connections whose requests have not arrived whole."""
    peers = []
    for _ in range(count):
        peer = socket.create_connection(("127.0.0.1", port), timeout=10)
        with contextlib.suppress(OSError):
            peer.sendall(head)
        peers.append(peer)
    return peers


def answers(daemon):
    try:
        return daemon.call("GET", "/users/ping", timeout=5).status == 200
    except OSError:
        return False


def cut_own_connections():
    redis_cli("CLIENT", "KILL", "TYPE", "normal")
    psql("users", "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = 'users' AND pid <> pg_backend_pid()")


def test_with_all_places_taken_a_daemon_still_reconnects_and_accepts():
    native("a Postgres and a Redis to cut")
    with LimitedDaemon("users", LIMIT) as users, contextlib.ExitStack() as peers:
        for port in (users.port, users.admin_port):
            for peer in take_places(port, 2 * LIMIT):
                peers.enter_context(peer)
        cut_own_connections()
        eventually(lambda: "postgres is not reachable" in users.log.read_text(), message="the connection is cut")
        for port in (users.port, users.admin_port):
            for peer in take_places(port, 2 * LIMIT):
                peers.enter_context(peer)
        eventually(users.is_ready, 30, message="the daemon has its own connections again")
        eventually(lambda: answers(users), 30, message="clients are accepted")
        assert "Too many open files" not in users.log.read_text()


def accept_all(listener, accepted):
    with contextlib.suppress(BlockingIOError):
        while True:
            accepted.append(listener.accept()[0])
    return len(accepted)


def test_with_all_places_taken_values_still_asks_users_about_each_token(person):
    head = f"GET /values HTTP/1.1\r\nHost: values\r\nAuthorization: Bearer {person.token}\r\n".encode()
    with socket.create_server(("127.0.0.1", 0), backlog=2 * QUESTIONS_MAX) as users, contextlib.ExitStack() as ends:
        users.setblocking(False)
        address = f"http://127.0.0.1:{users.getsockname()[1]}"
        values = LimitedDaemon("values", 160, REDIS_URL="redis://127.0.0.1:1/0", REDIS_URL_FILE=None, USERS_URL=address)
        ends.callback(values.start().kill)
        eventually(lambda: values.call("GET", "/values").status == 403, not_yet=OSError, message="values answers")
        (line,) = values.budgets
        peers = take_places(values.port, line["clients"], head)
        questions = []
        for peer in peers + take_places(values.admin_port, line["admin"]):
            ends.callback(peer.close)
        for peer in peers:
            peer.sendall(b"\r\n")
        asked = min(QUESTIONS_MAX, line["clients"])
        eventually(lambda: accept_all(users, questions) == asked, message="users is asked about each token")
        for question in questions:
            question.close()
        assert "Too many open files" not in values.log.read_text()


def test_healthcheck_keeps_descriptors_for_the_operators_too():
    port = free_port()
    with LimitedDaemon("healthcheck", 1024, DASHBOARD_PORT=port, **WATCHED) as healthcheck, contextlib.ExitStack() as peers:
        for peer in take_places(port, OPERATORS):
            peers.enter_context(peer)
        (line,) = healthcheck.budgets
        (pid,) = healthcheck.serving
        files = pathlib.Path(f"/proc/{pid}/fd")
        eventually(lambda: len(os.listdir(files)) > OPERATORS, message="the operators are connected")
        assert len(os.listdir(files)) <= line["own"] - POLLS


def own_descriptors(name, **environment):
    with LimitedDaemon(name, 1024, **environment) as daemon:
        (line,) = daemon.budgets
        return line["own"]


def test_descriptors_are_kept_only_for_what_is_configured():
    users_url = "http://127.0.0.1:1"
    least = own_descriptors("healthcheck", DASHBOARD_PORT=0, **WATCHED)
    assert own_descriptors("healthcheck", DASHBOARD_PORT=free_port(), **WATCHED) >= least + OPERATORS
    assert own_descriptors("healthcheck", USERS_URL=users_url, **WATCHED) == least + QUESTIONS_ABOUT_ADMINS
    assert own_descriptors("values", USERS_URL=users_url) == own_descriptors("values") + QUESTIONS_MAX


def test_the_log_says_once_how_descriptors_are_divided():
    with LimitedDaemon("users", LIMIT) as users:
        (line,) = users.budgets
        assert line["limit"] == LIMIT == line["own"] + line["admin"] + line["clients"]
        assert line["level"] == "warn", "HTTP_CONNECTIONS_MAX is higher"
        (pid,) = users.serving
        assert len(os.listdir(f"/proc/{pid}/fd")) <= line["own"], "its own, and this test's connections"


def test_below_the_least_number_of_descriptors_a_daemon_does_not_start_and_says_so():
    users = LimitedDaemon("users", 40).start()
    try:
        assert users.process.wait(20) == 1
    finally:
        users.kill()
    assert "too few descriptors" in pathlib.Path(users.log).read_text()


def test_every_daemon_keeps_enough_for_itself():
    for name in ("users", "values", "worker", "mailer", "healthcheck"):
        options = WATCHED if name == "healthcheck" else {}
        with LimitedDaemon(name, 1024, **options) as daemon:
            (line,) = daemon.budgets
            (pid,) = daemon.serving
            assert get("/readyz", port=daemon.admin_port).status == 200
            assert len(os.listdir(f"/proc/{pid}/fd")) <= line["own"] - 8
