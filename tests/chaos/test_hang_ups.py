"""Clients that disconnect in the middle: during a slow query, a slow Redis, a hash. Their requests end, nothing leaks, and
the daemon survives. Each test has a daemon of its own, so that its metrics count only these requests; that it drains at once
in the end shows that no request is left in flight."""

import contextlib
import json
import pathlib
import socket
import subprocess
import time

import pytest

import abacus
from abacus import Daemon, Person, eventually, fail

CLIENTS = 25


@pytest.fixture(params=["users", "values"])
def daemon(request):
    with Daemon(request.param, ARGON2_PASSES=8, ARGON2_MEMORY_KIB=65536, HTTP_DEADLINE_MS=20000) as daemon:
        pids = daemon.serving
        yield daemon
        assert daemon.serving == pids, "no serving process died"
        assert daemon.is_ready()
        eventually(lambda: daemon.metric("postgres_queries_in_flight") == 0, message="no query is left")
        assert daemon.terminate(5) == 0, "nothing was left in flight"


@contextlib.contextmanager
def locked(database, table):
    """Within the block, every query on the tables waits."""
    psql = subprocess.Popen(
        ["sh", "scripts/stack", "psql", database, "-qAt"],
        cwd=abacus.ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    psql.stdin.write(f"BEGIN; LOCK TABLE {table} IN ACCESS EXCLUSIVE MODE; SELECT 'locked';\n")
    psql.stdin.flush()
    assert psql.stdout.readline() == "locked\n"
    try:
        yield
    finally:
        psql.communicate("COMMIT;\n", timeout=20)


def request(method, path, token, body=None):
    body = json.dumps(body).encode() if body is not None else b""
    return (
        f"{method} {path} HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nAuthorization: Bearer {token}\r\n"
        f"Content-Length: {len(body)}\r\n\r\n"
    ).encode() + body


def requests_of(daemon):
    """One request of every kind that waits for something: a database, Redis, or a hashing thread."""
    person, second, third = (Person() for _ in range(3))  # because an account's attempts are counted together
    word = f"left-{time.time_ns()}"
    credentials = {"email": person.email, "password": person.password}
    if daemon.name == "values":
        return [
            request("POST", "/values", person.token, {"index": 14}),
            request("GET", "/values", person.token),
            request("GET", "/values/all?limit=5", person.token),
            request("GET", "/values/current", person.token),
            request("GET", "/values/fibonacci/123457", person.token),
        ]
    return [
        request("POST", "/auth/login", "", credentials),
        request("POST", "/auth", "", {"username": second.username, "password": "wrong password"}),
        request("POST", "/auth/register", "", {"username": word, "email": f"{word}@example.com", "password": "brass beads"}),
        request("GET", "/auth/status", person.token),
        request("GET", "/users?limit=3", person.token),
        request("PUT", "/auth/password", third.token, {"current": third.password, "new": "nine wooden beads"}),
        request("GET", "/auth/logout", person.token),
    ]


def left(daemon):
    return daemon.metric("http_requests_total", 'code="499"')


def answered(daemon):
    return daemon.metric("http_requests_total") - left(daemon)


def has_read_all(daemon):
    """Whether no connection to the daemon has bytes that it has not read. The table is of all TCP connections over IPv4."""
    connections = [line.split() for line in pathlib.Path("/proc/net/tcp").read_text().splitlines()[1:]]
    established = [row for row in connections if row[1].endswith(f":{daemon.port:04X}") and row[3] == "01"]
    return all(row[4].endswith(":00000000") for row in established)


def start_and_leave(daemon, raw, count=CLIENTS):
    """Clients send the request and disconnect before the answer, two of three with a reset."""
    before, seen = left(daemon), answered(daemon)
    peers = [socket.create_connection(("127.0.0.1", daemon.port), timeout=10) for _ in range(count)]
    for peer in peers:
        peer.sendall(raw)
    eventually(lambda: has_read_all(daemon), 30, every_s=0.001, message="the requests are read before their clients leave")
    for number, peer in enumerate(peers):
        if number % 3:  # by a reset
            peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        peer.close()
    return before, seen


def assert_all_noticed(daemon, before, seen, count):
    eventually(lambda: left(daemon) - before + answered(daemon) - seen >= count, 60, message="every request has ended")


def test_clients_that_disconnect_during_a_query_leave_nothing_behind(daemon):
    kinds = requests_of(daemon)
    before, seen = left(daemon), answered(daemon)
    with locked(daemon.name, "users, revoked_tokens" if daemon.name == "users" else "values, calculations"):
        for raw in kinds:
            start_and_leave(daemon, raw, 5)
        eventually(lambda: left(daemon) - before >= 2 * 5, message="the daemon notices the disconnects while the query waits")
        assert daemon.call("GET", {"users": "/users/ping", "values": "/values/kinds"}[daemon.name]).status == 200
    assert_all_noticed(daemon, before, seen, 5 * len(kinds))
    eventually(lambda: daemon.metric("postgres_queries_in_flight") == 0)


def test_clients_that_disconnect_while_redis_hangs_leave_nothing_behind(daemon):
    kinds = requests_of(daemon)
    before, seen = left(daemon), answered(daemon)
    abacus.redis_cli("CLIENT", "PAUSE", "1200", "ALL")
    for raw in kinds:
        start_and_leave(daemon, raw, 5)
    assert_all_noticed(daemon, before, seen, 5 * len(kinds))
    eventually(daemon.is_ready)
    eventually(lambda: daemon.metric("postgres_queries_in_flight") == 0)


def test_clients_that_disconnect_at_any_moment_leave_nothing_behind(daemon):
    """The delays are what is tested: each lets the requests come to another step."""
    kinds = requests_of(daemon)
    before, seen, count = left(daemon), answered(daemon), 0
    for delay_us in (0, 100, 300, 1000, 3000, 10_000, 30_000):
        for raw in kinds:
            peers = [socket.create_connection(("127.0.0.1", daemon.port), timeout=10) for _ in range(3)]
            for peer in peers:
                peer.sendall(raw)
            time.sleep(delay_us / 1e6)
            for peer in peers:
                peer.close()
            count += len(peers)
    assert_all_noticed(daemon, before, seen, count)
    eventually(lambda: daemon.metric("postgres_queries_in_flight") == 0)


def test_clients_that_disconnect_during_hashing_leave_nothing_behind():
    with Daemon("users", ARGON2_PASSES=8, ARGON2_MEMORY_KIB=65536, HTTP_DEADLINE_MS=20000, HASH_QUEUE_MS=600000) as users:
        kinds = [raw for raw in requests_of(users) if b"password" in raw]
        before, seen = left(users), answered(users)
        for raw in kinds:
            start_and_leave(users, raw)
        assert_all_noticed(users, before, seen, CLIENTS * len(kinds))
        # the registrations of the clients that reset; of the other kinds the limit on attempts answers most at once
        assert left(users) - before >= CLIENTS // 2
        person = Person()
        assert users.call("POST", "/auth/login", {"email": person.email, "password": person.password}).status == 200
        assert users.terminate(5) == 0


@pytest.mark.parametrize("name, path, table", [("users", "/auth/status", "users"), ("values", "/values/all", "values")])
def test_a_request_past_its_deadline_is_answered_504(name, path, table, person):
    with Daemon(name, HTTP_DEADLINE_MS=500) as daemon:
        with locked(name, table):
            start = time.monotonic()
            reply = daemon.call("GET", path, token=person.token)
            assert (reply.status, reply.json) == (504, fail("timeout", "That took too long. Please try again.", "error"))
            assert time.monotonic() - start < 2
        assert daemon.call("GET", path, token=person.token).status == 200
        eventually(lambda: daemon.metric("postgres_queries_in_flight") == 0)


def test_a_query_past_its_time_limit_is_ended_by_postgres(person):
    with Daemon("users", POSTGRES_QUERY_TIMEOUT_MS=300) as users:
        with locked("users", "users"):
            reply = users.call("GET", "/auth/status", token=person.token)
            assert (reply.status, reply.json) == (504, fail("timeout", "That took too long. Please try again.", "error"))
        assert users.call("GET", "/auth/status", token=person.token).status == 200
