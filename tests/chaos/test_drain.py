"""SIGTERM: requests in flight are answered, idle connections are closed, and the exit code is 0 within DRAIN_SECONDS."""

import json
import signal
import socket
import subprocess
import threading
import time

import pytest

import abacus
from abacus import Daemon, Person, eventually, get

DRAIN_S = 30
# A hash that takes half a second or more.
SLOW = {"ARGON2_MEMORY_KIB": "65536", "ARGON2_PASSES": "16", "DRAIN_SECONDS": DRAIN_S, "HTTP_DEADLINE_MS": "30000"}
SLOW |= {"HASH_QUEUE_MS": "60000"}  # on a busy machine the third hash would otherwise be refused


@pytest.fixture(params=["users", "values"])
def daemon(request):
    with Daemon(request.param, DRAIN_SECONDS=DRAIN_S) as daemon:
        daemon.path = {"users": "/users/ping", "values": "/values/kinds"}[request.param]
        yield daemon


@pytest.fixture
def users():
    with Daemon("users", **SLOW) as daemon:
        yield daemon


def connect(daemon):
    return socket.create_connection(("127.0.0.1", daemon.port), timeout=30)


def registration():
    word = f"drained-{time.time_ns()}"
    return {"username": word, "email": f"{word}@example.com", "password": "seven brass beads"}


def begin(daemon, path, payload):
    """A connection with a request whose answer takes half a second."""
    body = json.dumps(payload).encode()
    peer = connect(daemon)
    head = f"POST {path} HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    peer.sendall(head.encode() + body)
    assert daemon.call("GET", "/users/ping").status == 200  # its event loop has run since
    return peer


def register(daemon):
    return begin(daemon, "/auth/register", registration())


def read_all(peer):
    received = b""
    while part := peer.recv(65536):
        received += part
    return received


def stop(daemon, limit_s=DRAIN_S):
    start = time.monotonic()
    assert daemon.terminate(limit_s + 5) == 0, daemon.log.read_text()[-2000:]
    took_s = time.monotonic() - start
    assert took_s < limit_s
    return took_s


def test_idle_connections_are_closed(daemon):
    request = f"GET {daemon.path} HTTP/1.1\r\nHost: a\r\n\r\n".encode()
    peers = [connect(daemon) for _ in range(30)]
    for peer in peers[:20]:  # the others never sent a request
        peer.sendall(request)
        assert peer.recv(65536).startswith(b"HTTP/1.1 200")
    assert stop(daemon) < 3
    assert all(peer.recv(1) == b"" for peer in peers)


def test_requests_in_flight_are_answered(users):
    peers = [register(users) for _ in range(3)]
    took_s = stop(users)
    replies = [read_all(peer) for peer in peers]
    assert all(reply.startswith(b"HTTP/1.1 201") and b"Successfully registered." in reply for reply in replies)
    assert all(b"Connection: close" in reply for reply in replies)
    print(f"three hashes in flight: drained within {took_s:.1f} s")


def test_a_login_that_fails_while_draining_is_in_the_trail(users):
    """It is written with others about a second later, and the process ends before that."""
    user = registration()
    assert users.call("POST", "/auth/register", user).status == 201
    peer = begin(users, "/auth/login", {"email": user["email"], "password": "not the password"})
    stop(users)
    assert read_all(peer).startswith(b"HTTP/1.1 404")
    of_user = f"(SELECT id FROM users WHERE email = '{user['email']}')"
    assert abacus.psql("users", f"SELECT count FROM events WHERE user_id = {of_user} AND event = 'login_failed'") == "1"


def test_while_draining_new_connections_are_refused(users):
    peer = register(users)
    users.process.terminate()
    admin = eventually(lambda: (reply := get("/readyz", port=users.admin_port)).status == 503 and reply)
    assert "draining" in admin.json["message"]
    with pytest.raises(ConnectionRefusedError):
        connect(users)
    assert read_all(peer).startswith(b"HTTP/1.1 201")
    assert users.process.wait(DRAIN_S) == 0


@pytest.mark.parametrize("part", ["headers", "body", "chunks"])
def test_a_client_that_sends_slowly_does_not_delay_the_drain(users, part):
    """An incomplete request is not in flight: the daemon may cut it off or answer it. Requests in flight are answered in any
    case."""
    head = b"POST /auth/register HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n"
    head += {
        "headers": b"X-Slow: ",
        "body": b"Content-Length: 100000\r\n\r\n",
        "chunks": b"Transfer-Encoding: chunked\r\n\r\n",
    }[part]
    drip = {"headers": b"a", "body": b" ", "chunks": b"1\r\n \r\n"}[part]
    peer, stopping = connect(users), threading.Event()
    peer.sendall(head)

    def send_slowly():
        while not stopping.wait(0.05):
            try:
                peer.sendall(drip)
            except OSError:
                return

    thread = threading.Thread(target=send_slowly)
    thread.start()
    try:
        in_flight = register(users)
        stop(users)
        assert read_all(in_flight).startswith(b"HTTP/1.1 201")
    finally:
        stopping.set()
        thread.join()


def test_a_request_that_takes_longer_than_the_limit_is_cut_off():
    with Daemon("users", **{**SLOW, "DRAIN_SECONDS": 1, "ARGON2_PASSES": 20}) as users:
        peers = [register(users) for _ in range(40)]  # whose hashes take more than 20 s
        start = time.monotonic()
        assert users.terminate(20) == 1
        assert time.monotonic() - start < 12
        assert len(peers) == 40


def test_a_draining_worker_returns_the_jobs_that_it_has_not_begun():
    """It stores the large job that it is calculating; another worker gets the waiting ones at once, not after the lease."""
    person = Person()
    indexes = [abacus.fresh_index(940_000 + 1000 * n, 941_000 + 1000 * n) for n in range(24)]
    for name in ("worker", "worker-2")[: abacus.INSTANCES]:
        abacus.stop(name)
    try:
        for index in indexes:
            assert abacus.submit(index, person.token, "primorial").status == 200
        with Daemon("worker", LEASE_SECONDS=30, WORKER_NAME="drained") as worker:
            eventually(
                lambda: "drained" in abacus.redis_cli("XPENDING", "{jobs}:large", "workers"), message="it has claimed some jobs"
            )
            assert worker.terminate(DRAIN_S) == 0
    finally:
        for name in ("worker", "worker-2")[: abacus.INSTANCES]:
            abacus.start(name)
    for index in indexes:
        assert len(abacus.result(index, person.token, "primorial", limit_s=30)) > 190_000


def test_a_worker_stopped_under_load_leaves_no_job_waiting_for_its_lease():
    """Redis delivers jobs to it until it has stopped asking."""
    command = [
        "sh",
        abacus.ROOT / "scripts/stack",
        "redis-cli",
        "-r",
        "100000",
        "XADD",
        "jobs",
        "*",
        "kind",
        "fibonacci",
        "index",
        "7",
        "request_id",
        "load",
    ]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as load:
        try:
            for number in range(5):
                with Daemon("worker", LEASE_SECONDS=30, WORKER_NAME=f"stopped-{number}") as worker:
                    eventually(lambda: worker.metric("worker_jobs_total") > 100, message="it is calculating")
                    assert worker.terminate(DRAIN_S) == 0
                pending = abacus.redis_cli("XPENDING", "jobs", "workers", "-", "+", "1000", f"stopped-{number}").split()
                assert all(int(idle_ms) >= 30_000 for idle_ms in pending[2::4]), pending
            assert load.poll() is None
        finally:
            load.terminate()


def test_a_message_that_users_has_claimed_is_passed_on_before_it_ends():
    """Otherwise it waits until its lease has run out, which takes two minutes, and a code by message is good for five."""
    names = ["users", "users-2"][: abacus.INSTANCES]
    address = f"claimed-{time.time_ns()}@example.com"
    message = f"INSERT INTO outbox (template, recipient, parameters) VALUES ('password_changed', '{address}', '{{}}')"
    with abacus.Transaction("users", f"LOCK TABLE outbox IN SHARE MODE; {message}") as postgres:
        claims = "query LIKE 'UPDATE outbox SET attempt%'"
        eventually(lambda: postgres.waiting(claims) == len(names), message="each users waits for its claim")
        for name in names:
            abacus.kill(name, signal.SIGTERM)
        eventually(lambda: not abacus.is_ready("users"), message="it is draining")
        postgres.commit()
    eventually(lambda: abacus.messages(address, "Your password was changed"), message="the message is sent")
    eventually(abacus.all_ready)
