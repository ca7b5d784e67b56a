"""PROCESSES=3: three serving processes share a port under a supervising parent that replaces one that dies."""

import http.client
import os
import pathlib
import signal
import threading
import time

import pytest

import abacus
from abacus import Daemon, eventually

THREADS = 6


@pytest.fixture
def users():
    with Daemon("users", PROCESSES="3") as daemon:
        yield daemon


class Load:
    """GETs on keep-alive connections until stopped; counts what was answered, and keeps what failed and when."""

    def __init__(self, daemon):
        self.port, self.stopping = daemon.port, False
        self.done, self.failed = [0] * THREADS, []
        self.threads = [threading.Thread(target=self.run, args=(n,)) for n in range(THREADS)]

    def run(self, n):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        while not self.stopping:
            try:
                connection.request("GET", "/users/ping")
                reply = connection.getresponse()
                reply.read()
                self.done[n] += 1
                if reply.status != 200:
                    self.failed.append((time.monotonic(), reply.status))
            except (OSError, http.client.HTTPException) as error:
                self.failed.append((time.monotonic(), repr(error)))
                connection.close()

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self.stopping = True
        for thread in self.threads:
            thread.join()

    def wait_for(self, more):
        goal = sum(self.done) + more
        eventually(lambda: sum(self.done) >= goal, 60, message=f"{more} more requests")


def is_alive(pid):
    try:
        return "\nState:\tZ" not in pathlib.Path(f"/proc/{pid}/status").read_text()
    except FileNotFoundError:
        return False


def pings(daemon):
    return daemon.metric("http_requests_total", 'route="/users/ping"', 'code="200"')


def test_three_processes_share_the_port_and_their_metrics(users):
    assert len(users.serving) == 3
    for _ in range(60):
        assert users.call("GET", "/users/ping").status == 200
    assert {pings(users) for _ in range(12)} == {60}, "whichever process is asked"


def test_one_that_is_killed_takes_only_its_own_connections_along_and_is_back_at_once(users):
    with Load(users) as load:
        load.wait_for(1000)
        before = users.serving
        killed = min(before)
        os.kill(killed, signal.SIGKILL)
        start = time.monotonic()
        eventually(lambda: killed not in users.serving, 1, 0.001, "it is gone")
        gone_s = time.monotonic() - start
        eventually(lambda: len(users.serving - {killed}) == 3, 2, 0.002, "a third process")
        eventually(users.is_ready, 2, 0.002, "all three are ready")
        back_s = time.monotonic() - start
        load.wait_for(2000)
    print(
        f"gone after {gone_s * 1000:.0f} ms, back after {back_s * 1000:.0f} ms; {sum(load.done)} requests, failed: {load.failed}"
    )
    assert back_s < 1
    # What was in flight there, and who connected while the kernel was still taking it down.
    assert len(load.failed) <= THREADS
    assert all(when < start + gone_s + 0.1 for when, _ in load.failed)
    assert before - {killed} < users.serving
    assert sum(load.done) - THREADS <= pings(users) <= sum(load.done) + THREADS, "what the killed one had counted is kept"


def test_one_that_keeps_dying_does_not_disturb_the_others(users):
    for _ in range(6):
        before = users.serving
        killed = max(before)
        os.kill(killed, signal.SIGKILL)
        eventually(lambda: killed not in users.serving, 1, 0.001)
        for _ in range(20):
            assert users.call("GET", "/users/ping").status == 200
        eventually(lambda: len(users.serving) == 3 and users.serving != before, 10)
    eventually(users.is_ready, 10)


def test_a_stop_ends_all_of_them_cleanly(users):
    pids = users.serving
    with Load(users) as load:
        load.wait_for(300)
        assert users.terminate(10) == 0
        load.stopping = True
    assert not any(is_alive(pid) for pid in pids)


def test_no_orphan_stays_when_the_parent_is_killed(users):
    pids = users.serving
    users.process.kill()
    users.process.wait(5)
    eventually(lambda: not any(is_alive(pid) for pid in pids), 10, message="the children have ended")


def test_what_all_workers_share_is_told_once_however_many_processes_there_are():
    """They count at the same moment, so a few looks after the first count see the others', if they did."""
    abacus.redis_cli("HSET", "jobs:dead", "fibonacci:999999", "0 0 test")
    try:
        expected = int(abacus.redis_cli("HLEN", "jobs:dead"))
        with Daemon("worker", PROCESSES="3") as worker:
            eventually(lambda: worker.metric("worker_dead_jobs"), message="it has counted")
            assert {worker.metric("worker_dead_jobs") for _ in range(100)} == {expected}
    finally:
        abacus.redis_cli("HDEL", "jobs:dead", "fibonacci:999999")
