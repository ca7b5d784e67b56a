"""From the 200 to a logout on no process accepts the token: under load, and whatever happens to a values process or Redis."""

import contextlib
import http.client
import os
import re
import signal
import socket
import subprocess
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

import abacus
from abacus import eventually, get
from websocket import PING, PONG, WebSocket

DEADLINE_S = 8  # of a request
THREADS, LOGOUTS = 12, 8
PATH = "/values?limit=1"


@pytest.fixture(autouse=True)
def all_is_well():
    eventually(abacus.all_ready, 30)
    yield
    eventually(abacus.all_ready, 30, message="every daemon is ready again")


def log_out(token, to="users"):
    return get("/auth/logout", token=token, to=to).status


def followers():
    """The values of the table in which processes confirm revocations."""
    return abacus.redis_cli("HVALS", "{revocations}:followers")


class Client:
    """One kept-alive connection."""

    def __init__(self, port):
        self.connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)

    def send(self, path, token):
        self.connection.request("GET", path, headers={"Authorization": f"Bearer {token}"})

    def status(self):
        response = self.connection.getresponse()
        response.read()
        return response.status

    def get(self, path, token):
        self.send(path, token)
        return self.status()


def test_no_token_is_accepted_after_its_logout_was_answered():
    """Many logouts at once, so that several fall into one turn of values' loop, and one comes while it reads another."""
    person = abacus.Person()
    tokens = [[person.login() for _ in range(LOGOUTS)] for _ in range(THREADS)]
    together = threading.Barrier(THREADS)

    def log_out_and_look(own):
        users, values = Client(abacus.PORTS["users"]), Client(abacus.PORTS["values"])
        seen = []
        for token in own:
            assert values.get(PATH, token) == 200
            together.wait(60)
            seen.append((users.get("/auth/logout", token), values.get(PATH, token)))
        return seen

    with ThreadPoolExecutor(THREADS) as threads:
        seen = [pair for pairs in threads.map(log_out_and_look, tokens) for pair in pairs]
    assert seen == [(200, 401)] * (THREADS * LOGOUTS)


def test_a_values_process_that_was_stopped_accepts_no_token_that_was_logged_out_meanwhile():
    person = abacus.Person()
    tokens = [person.token, person.login()]
    with abacus.Daemon("values", HANG_SECONDS=0) as values:
        clients = [Client(values.port) for _ in tokens]
        assert [client.get(PATH, token) for client, token in zip(clients, tokens, strict=True)] == [200, 200]
        os.kill(values.pid, signal.SIGSTOP)
        try:
            assert [log_out(token) for token in tokens] == [200, 200]
            for client, token in reversed(list(zip(clients, tokens, strict=True))):
                client.send(PATH, token)
        finally:
            os.kill(values.pid, signal.SIGCONT)
        assert {client.status() for client in clients} <= {401, 503}
        for token in tokens:
            eventually(lambda token=token: values.call("GET", PATH, token=token).status == 401)


def test_a_logout_is_answered_although_a_values_process_was_killed():
    person = abacus.Person()
    with abacus.Daemon("values", HANG_SECONDS=0) as values:
        values.process.kill()
        assert log_out(person.token) == 200


def test_no_logout_waits_for_a_values_process_that_was_stopped_cleanly():
    with abacus.Daemon("values", INSTANCE="leaves-the-table") as values:
        assert "leaves-the-table" in followers()
        assert values.terminate(20) == 0
        assert "leaves-the-table" not in followers()


class Gate:
    """Stands between a daemon and Redis, and can be shut: connections end, and new ones are refused."""

    def __init__(self):
        self.url = (abacus.RUN_DIR / "secrets/redis.url").read_text().strip()
        self.redis_port = int(re.search(r":(\d+)(/|$)", self.url).group(1))
        self.connections, self.listener = [], None
        self.open(0)
        self.port = self.listener.getsockname()[1]
        self.url = self.url.replace(f":{self.redis_port}", f":{self.port}")

    def open(self, port):
        self.listener = socket.create_server(("127.0.0.1", port))
        threading.Thread(target=self.accept, args=(self.listener,), daemon=True).start()

    def accept(self, listener):
        with contextlib.suppress(OSError):
            while True:
                inside, _ = listener.accept()
                try:
                    outside = socket.create_connection(("127.0.0.1", self.redis_port))
                except OSError:
                    inside.close()
                    continue
                self.connections += [inside, outside]
                for pair in ((inside, outside), (outside, inside)):
                    threading.Thread(target=self.copy, args=pair, daemon=True).start()

    @staticmethod
    def copy(source, sink):
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                sink.sendall(data)
        for end in (source, sink):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    def shut(self):
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        for end in self.connections:
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
        self.connections = []


@pytest.mark.parametrize("restarts", [False, True], ids=["alone", "while Redis restarts"])
def test_a_values_process_that_is_cut_off_from_redis_accepts_no_token_that_was_logged_out_meanwhile(restarts):
    people, gate = [abacus.Person() for _ in range(10 if restarts else 1)], Gate()
    with abacus.Daemon("values", REDIS_URL=gate.url, REDIS_URL_FILE=None) as values:
        for person in people:
            assert values.call("GET", PATH, token=person.token).status == 200
        gate.shut()
        if restarts:
            abacus.stop("redis")
            abacus.start("redis")
        # A logout is 503, and promises nothing, until users has connected again, and when the followers' table begins anew
        # while it waits: another person's is taken then.
        person = eventually(
            lambda: people and log_out((one := people.pop()).token) == 200 and one,
            limit_s=30,
            every_s=1,  # while Redis starts, each person's is refused at once
            message="a logout is answered with 200",
        )
        assert values.call("GET", PATH, token=person.token).status == 503
        gate.open(gate.port)

        def status():
            seen = values.call("GET", PATH, token=person.token).status
            assert seen != 200
            return seen

        eventually(lambda: status() == 401, message="values knows the revocation")


def copy_of_redis(source, target):
    subprocess.run(["rm", "-rf", target], check=True)
    subprocess.run(["cp", "-a", source, target], check=True)


def test_a_redis_with_the_data_of_a_moment_before_makes_no_dead_token_live(tmp_path):
    """As after the loss of its last second, and after a failover. users is away, so nothing is published again yet."""
    person, files = abacus.Person(), abacus.RUN_DIR / "redis/appendonlydir"
    users = ["users", "users-2"][: abacus.INSTANCES]
    abacus.stop("redis")
    copy_of_redis(files, tmp_path / "before")
    abacus.start("redis")
    eventually(abacus.all_ready, 30)
    assert log_out(person.token) == 200
    for name in users:
        abacus.stop(name)
    abacus.stop("redis")
    copy_of_redis(tmp_path / "before", files)
    abacus.start("redis")
    values = abacus.Daemon("values").start()
    try:
        eventually(
            lambda: "revocations" in get("/readyz", port=values.admin_port).text,
            not_yet=OSError,
            message="values lacks nothing but the revocations",
        )
        assert abacus.redis_cli("EXISTS", "{revocations}:complete") == "1"
        assert values.call("GET", PATH, token=person.token).status == 503
        for name in users:
            abacus.start(name)
        eventually(values.is_ready, 30)
        assert values.call("GET", PATH, token=person.token).status == 401
    finally:
        for name in users:
            abacus.sv("up", name)
        values.process.kill()


@contextlib.contextmanager
def unchecked(**environment):
    """A values process that has not learned the revocations yet, because users, which publishes them, is stopped until the end
    of the block."""
    users = ["users", "users-2"][: abacus.INSTANCES]
    for name in users:
        abacus.stop(name)
    abacus.redis_cli("DEL", "{revocations}:complete")
    values = abacus.Daemon("values", **environment).start()
    try:
        eventually(lambda: values.call("GET", PATH).status == 403, 30, not_yet=OSError, message="values answers")
        yield values
    finally:
        for name in users:
            abacus.start(name)
        values.kill()


def hears_nothing(live):
    """The answer to a ping comes first."""
    live.send(PING, "anything?")
    return live.next_frame() == (PONG, b"anything?")


def test_a_live_connection_waits_until_its_token_can_be_checked():
    good, dead = abacus.Person(), abacus.Person()
    assert log_out(dead.token) == 200
    with unchecked() as values, contextlib.ExitStack() as open_ones:
        waiting, refused = (open_ones.enter_context(WebSocket(one.token, port=values.port)) for one in (good, dead))
        abacus.redis_cli("PUBLISH", "live", "{}")
        assert hears_nothing(waiting) and hears_nothing(refused)
        for name in ["users", "users-2"][: abacus.INSTANCES]:
            abacus.start(name)
        waiting.expect_ready()
        assert refused.expect_close() == (1008, "Invalid token. Please log in again.")


def test_a_live_connection_whose_token_cannot_be_checked_in_time_is_to_come_again():
    person = abacus.Person()
    with unchecked(LIVE_CHECK_SECONDS=1) as values, WebSocket(person.token, port=values.port) as live:
        assert live.expect_close()[0] == 1013


def test_a_live_connection_that_waits_for_its_check_may_say_nothing_more():
    person = abacus.Person()
    with unchecked() as values, WebSocket(person.token, port=values.port) as live:
        live.say(person.token)
        assert live.expect_close()[0] == 1003
