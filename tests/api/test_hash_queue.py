"""Hashing passwords is the most expensive work that a client without a token can cause. The queue for it takes turns by client
and account, and is limited; what would wait too long is refused at once."""

import contextlib
import json
import select
import socket
import statistics
import threading
import time

import pytest

from abacus import Daemon, eventually, fail, resident_bytes

BUSY = fail("busy", "Too much to do at the moment. Please try again shortly.", "error")
# One hash takes most of a second and 64 MB.
SLOW = {
    "HASH_THREADS": "1",
    "HASH_QUEUE_MAX": "4",
    "HASH_QUEUE_MS": "60000",
    "ARGON2_MEMORY_KIB": "65536",
    "ARGON2_PASSES": "6",
    "HTTP_DEADLINE_MS": "30000",
}


@pytest.fixture(scope="module")
def users():
    with Daemon("users", **SLOW) as daemon:
        yield daemon


def registration(n):
    word = f"queued-{time.time_ns()}-{n}"
    return {"username": word, "email": f"{word}@example.com", "password": "seven brass beads"}


def at_once(count, request):
    """(reply, seconds) of as many concurrent requests."""
    replies = []

    def one(n):
        start = time.monotonic()
        reply = request(n)
        replies.append((reply, time.monotonic() - start))

    threads = [threading.Thread(target=one, args=(n,)) for n in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return replies


def register_at_once(users, count):
    return at_once(count, lambda n: users.call("POST", "/auth/register", registration(n), timeout=60))


def test_while_the_queue_is_full_registering_is_refused_at_once_with_retry_after(users):
    replies = register_at_once(users, 30)
    taken = [reply for reply, _ in replies if reply.status == 201]
    refused = [(reply, took_s) for reply, took_s in replies if reply.status != 201]
    assert 4 <= len(taken) <= 8
    for reply, _ in refused:
        assert (reply.status, reply.json) == (503, BUSY)
        assert int(reply.headers["Retry-After"]) > 0
    assert sorted(took_s for _, took_s in refused)[len(refused) // 2] < 1


def test_a_login_refused_by_a_full_queue_is_not_counted_as_an_attempt(users, person):
    """A client that retries as Retry-After says must not be locked out."""
    credentials = {"email": person.email, "password": person.password}
    refused, reply = 0, None
    while refused < 15:
        is_full = threading.Event()

        def register(n):
            if users.call("POST", "/auth/register", registration(n), timeout=60).status == 503:
                is_full.set()

        crowd = threading.Thread(target=at_once, args=(30, register))
        crowd.start()
        is_full.wait(60)
        while refused < 15 and (reply := users.call("POST", "/auth/login", credentials, timeout=60)).status == 503:
            assert reply.json == BUSY
            assert int(reply.headers["Retry-After"]) > 0
            refused += 1
        assert reply.status in (200, 503), reply
        crowd.join()
    assert person.login()


def test_other_requests_are_served_while_the_queue_is_full(users, person):
    crowd = threading.Thread(target=register_at_once, args=(users, 30))
    crowd.start()
    times = []
    while crowd.is_alive():
        start = time.monotonic()
        assert users.call("GET", "/auth/status", token=person.token).status == 200
        times.append(time.monotonic() - start)
    assert sorted(times)[len(times) // 2] < 0.05


def test_many_registrations_take_no_more_memory_than_the_queue(users):
    register_at_once(users, 10)
    (pid,) = users.serving
    before, most = resident_bytes(pid), 0
    for _ in range(2):
        crowd = threading.Thread(target=register_at_once, args=(users, 60))
        crowd.start()
        while crowd.is_alive():
            most = max(most, resident_bytes(pid))
            time.sleep(0.02)
        crowd.join()
    assert most - before < 100 << 20, "memory for one hash at a time, and for small requests"
    eventually(lambda: resident_bytes(pid) - before < 16 << 20, message="the memory is freed")


def test_clients_that_disconnect_make_room_in_the_queue(users):
    """A hash is not begun when its client has disconnected: of six in the queue one is being calculated, and then the next
    client's."""

    def cpu_s():
        return users.metric("process_cpu_seconds_total")

    start_s = cpu_s()
    assert users.call("POST", "/auth/register", registration(0), timeout=60).status == 201
    cost_s = cpu_s() - start_s
    peers = [socket.create_connection(("127.0.0.1", users.port))]
    while not any(peer.recv(12, socket.MSG_PEEK) == b"HTTP/1.1 503" for peer in select.select(peers, [], [], 0.02)[0]):
        body = json.dumps(registration(len(peers))).encode()
        peers[-1].sendall(
            b"POST /auth/register HTTP/1.1\r\nHost: a\r\nX-Forwarded-For: 10.9.8.7\r\n"
            b"Content-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(body) + body
        )
        peers.append(socket.create_connection(("127.0.0.1", users.port)))
    left_before, start_s = left(users), cpu_s()
    for peer in peers:
        peer.close()
    eventually(lambda: left(users) >= left_before + 4, every_s=0.005)
    eventually(lambda: users.call("POST", "/auth/register", registration(10), timeout=60).status == 201)
    assert cpu_s() - start_s < 3.5 * cost_s


def left(users):
    return users.metric("http_requests_total", 'route="/auth/register"', 'code="499"')


class Flood:
    """Logins from one client address without a pause, on many connections: each of another account, or all of one."""

    def __init__(self, users, address, email=None, connections=30):
        self.users, self.address, self.email = users, address, email
        self.statuses, self.retry_after_s, self.ends = [], set(), threading.Event()
        self.threads = [threading.Thread(target=self.run, args=(n,)) for n in range(connections)]

    def run(self, n):
        count = 0
        while not self.ends.is_set():
            count += 1
            email = self.email or f"{self.address}-{n}-{count}@example.com"
            reply = log_in_from(self.users, self.address, email, "not the password")
            self.statuses.append(reply.status)
            if reply.status == 503:
                self.retry_after_s.add(int(reply.headers["Retry-After"]))
                self.ends.wait(0.05)

    @property
    def hashed(self):
        return self.statuses.count(404)

    def start(self):
        for thread in self.threads:
            thread.start()

    def join(self):
        for thread in self.threads:
            thread.join()


@contextlib.contextmanager
def under_way(*floods):
    """All at once, and all end at once, because one that ends alone waits for the hashes of the others."""
    try:
        for flood in floods:
            flood.start()
        for flood in floods:
            eventually(lambda flood=flood: len(flood.statuses) > 10, 60, message="the flood is under way")
        yield floods
    finally:
        for flood in floods:
            flood.ends.set()
        for flood in floods:
            flood.join()


def log_in_from(users, address, email, password):
    body = {"email": email, "password": password}
    return users.call("POST", "/auth/login", body, headers={"X-Forwarded-For": address}, timeout=60)


FLOODED = {"HASH_QUEUE_MS": "1000", "LOGIN_ATTEMPTS_MAX": "1000000", "HTTP_DEADLINE_MS": "60000"}


@pytest.fixture
def flooded():
    with Daemon("users", **FLOODED) as daemon:
        yield daemon


def expect_prompt_logins(users, person, address, floods):
    """Each login succeeds while the floods get few hashes: counted, because the machine may be slow, and the median, because
    hashes go on while the test itself is not run. A login that waits behind a flood waits for 25 and more each time."""
    counts = []
    for _ in range(5):
        before = sum(flood.hashed for flood in floods)
        reply = log_in_from(users, address, person.email, person.password)
        assert reply.status == 200, reply
        counts.append(sum(flood.hashed for flood in floods) - before)
    assert statistics.median(counts) <= 12, counts


def test_two_addresses_that_flood_do_not_hold_up_the_login_of_a_third(flooded, person):
    with under_way(Flood(flooded, "203.0.113.1"), Flood(flooded, "203.0.113.2")) as floods:
        expect_prompt_logins(flooded, person, "203.0.113.3", floods)
    assert all(flood.hashed for flood in floods)


def test_one_network_of_ipv6_with_many_addresses_does_not_hold_up_another(flooded, person):
    with under_way(*(Flood(flooded, f"2001:db8:0:1::{n:x}", connections=5) for n in range(12))) as floods:
        expect_prompt_logins(flooded, person, "2001:db8:0:2::1", floods)


def test_many_addresses_that_try_one_account_do_not_hold_up_another(flooded, person):
    email = f"tried-{time.time_ns()}@example.com"
    with under_way(*(Flood(flooded, f"203.0.113.{n}", email, connections=2) for n in range(1, 31))) as floods:
        expect_prompt_logins(flooded, person, "198.51.100.1", floods)


def test_a_flood_is_refused_by_the_time_that_its_hashes_would_wait(person):
    with Daemon("users", **FLOODED | {"HASH_QUEUE_MS": "50"}) as users, under_way(Flood(users, "203.0.113.1")) as (flood,):
        eventually(lambda: flood.statuses.count(503) > 20, 60)
    assert flood.hashed
    assert min(flood.retry_after_s) >= 1
