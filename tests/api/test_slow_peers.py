"""Clients that are slow on purpose: the system ends every wait that they cause, and serves other clients meanwhile.
HTTP_READ_TIMEOUT_SECONDS is 10 in every environment; the tests allow a few seconds more."""

import os
import resource
import socket
import threading
import time

import pytest

import abacus
from abacus import get, resident_bytes

SERVICES = ["nginx", "users", "values"]
PATH = {"nginx": b"/auth/login", "users": b"/auth/login", "values": b"/values"}
LIMIT_S = 25
SANITIZED = bool(os.environ.get("SANITIZED"))


def drip(to, head, part, has_begun, every_s=0.2):
    """Sends head, then part every every_s, until the server closes; returns how long that took."""
    start = time.monotonic()
    with socket.create_connection(("127.0.0.1", abacus.PORTS[to]), timeout=LIMIT_S) as peer:
        peer.sendall(head)
        has_begun()
        peer.setblocking(False)
        while time.monotonic() - start < LIMIT_S:
            try:
                peer.send(part)
            except BlockingIOError:
                pass
            except OSError:
                return time.monotonic() - start
            try:
                if peer.recv(65536) == b"":
                    return time.monotonic() - start
            except BlockingIOError:
                pass
            except OSError:
                return time.monotonic() - start
            time.sleep(every_s)
    raise AssertionError(f"still open after {LIMIT_S} s")


def allow_descriptors(count):
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < count:
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(count, hard), hard))


HEAD = b"POST %s HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n"
DRIPS = {
    "headers": (b"", b"X-Slow: a\r\n"),
    "one endless header": (b"X-Slow: ", b"a"),
    "body": (b"Content-Length: 1000\r\n\r\n", b"a"),
    "chunk size": (b"Transfer-Encoding: chunked\r\n\r\n", b"0"),
    "chunks": (b"Transfer-Encoding: chunked\r\n\r\n", b"1\r\na\r\n"),
}


# nginx limits the total time of the headers, but of a body only the time between two reads; the limit on its size bounds the
# memory.
SLOW = [(what, to) for what in DRIPS for to in SERVICES if to != "nginx" or "header" in what]


@pytest.fixture(scope="module")
def ended():
    """How long each slow request was kept open. All run concurrently, because each takes the daemon's whole timeout."""
    assert all(abacus.PORTS[to] for to in PATH)
    took_s, all_have_begun = {}, threading.Barrier(len(SLOW) + 1)

    def one(what, to):
        headers, part = DRIPS[what]
        took_s[what, to] = drip(to, HEAD % PATH[to] + headers, part, all_have_begun.wait)

    threads = [threading.Thread(target=one, args=each) for each in SLOW]
    for thread in threads:
        thread.start()
    all_have_begun.wait(10)
    others = get("/users/ping", timeout=2)
    for thread in threads:
        thread.join()
    assert others.status == 200
    return took_s


@pytest.mark.parametrize("what, to", SLOW)
def test_a_request_that_arrives_too_slowly_is_ended(ended, what, to):
    assert (what, to) in ended


@pytest.mark.parametrize("to", ["users", "values"])
def test_an_endless_chunk_size_takes_no_memory(to):
    pid = abacus.serving_pid(to)
    before = resident_bytes(pid)
    with socket.create_connection(("127.0.0.1", abacus.PORTS[to]), timeout=5) as peer:
        peer.sendall(HEAD % PATH[to] + b"Transfer-Encoding: chunked\r\n\r\n")
        peer.settimeout(1)
        try:
            for _ in range(400):
                peer.sendall(b"0" * 65536)
        except OSError:
            pass
        assert resident_bytes(pid) - before < 8 << 20
    assert get("/users/ping").status == 200


def test_a_client_that_stops_reading_takes_bounded_memory(reader):
    """The client requests a result of 209,000 digits again and again on one connection, and never reads."""
    abacus.submit(1_000_000, reader.token)
    abacus.result(1_000_000, reader.token)
    pid = abacus.serving_pid("values")
    before = resident_bytes(pid)
    request = (
        b"GET /values/fibonacci/1000000 HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer " + reader.token.encode() + b"\r\n\r\n"
    )
    with socket.create_connection(("127.0.0.1", abacus.PORTS["values"]), timeout=2) as peer:
        peer.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        try:
            for _ in range(500):
                peer.sendall(request)
        except OSError:
            pass
        assert resident_bytes(pid) - before < 32 << 20
    assert get("/api/values/all?limit=1").status == 200


def test_an_idle_connection_costs_under_a_kilobyte():
    """Nine thousand of the ten thousand that HTTP_CONNECTIONS_MAX allows. Each was used once: a request's memory was there."""
    count = 500 if SANITIZED else 9000
    abacus.stop("users")  # a new process, because memory that was freed before would be used again
    abacus.start("users")
    allow_descriptors(count + 200)
    pid = abacus.serving_pid("users")
    request = b"GET /users/ping HTTP/1.1\r\nHost: a\r\n\r\n"
    with socket.create_connection(("127.0.0.1", abacus.PORTS["users"]), timeout=10) as peer:
        peer.sendall(request)
        assert peer.recv(1000).startswith(b"HTTP/1.1 200")
    before = resident_bytes(pid)
    peers = []
    try:
        for _ in range(count):
            peers.append(socket.create_connection(("127.0.0.1", abacus.PORTS["users"]), timeout=10))
            peers[-1].sendall(request)
            assert peers[-1].recv(1000).startswith(b"HTTP/1.1 200")
        cost = resident_bytes(pid) - before
    finally:
        for peer in peers:
            peer.close()
    print(f"{count} idle connections: {cost / 1e6:.1f} MB, {cost / count:.0f} bytes each")
    assert SANITIZED or cost < 1000 * count
