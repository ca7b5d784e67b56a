"""PROCESSES=3: three serving processes share a port under a supervising parent that replaces one that dies."""

import os
import pathlib
import signal
import time

import pytest

import abacus
from abacus import Daemon, eventually
from harness import KeepAlive, Load

THREADS = 6
SLOWER = 4 if os.environ.get("SANITIZED") else 1


@pytest.fixture
def users():
    with Daemon("users", PROCESSES="3") as daemon:
        yield daemon


def pings_in_background(daemon):
    return Load(KeepAlive(daemon.port, "GET", "/users/ping"), THREADS)


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
    assert {pings(users) for _ in range(12)} == {60}, "whichever process answers"


def test_a_killed_process_ends_only_its_own_connections_and_is_replaced_at_once(users):
    with pings_in_background(users) as load:
        load.wait_for(1000)
        before = users.serving
        killed = min(before)
        os.kill(killed, signal.SIGKILL)
        start = time.monotonic()
        eventually(lambda: killed not in users.serving, SLOWER, 0.001, "the killed process has ended")
        gone_s = time.monotonic() - start
        eventually(lambda: len(users.serving - {killed}) == 3, 2 * SLOWER, 0.002, "there is a third process again")
        eventually(users.is_ready, 2 * SLOWER, 0.002, "all three are ready")
        back_s = time.monotonic() - start
        load.wait_for(2000)
    print(f"gone after {gone_s * 1000:.0f} ms, back after {back_s * 1000:.0f} ms; {load.done} requests, failed: {load.failed}")
    assert back_s < SLOWER
    # Those in flight in it, and those that connected while the kernel was still ending it.
    assert len(load.failed) <= THREADS
    assert all(when < start + gone_s + 0.1 for when, _ in load.failed)
    assert before - {killed} < users.serving
    assert load.done - THREADS <= pings(users) <= load.done + THREADS, (
        "the requests that the killed process had counted are kept"
    )


def test_a_process_that_keeps_dying_does_not_disturb_the_others(users):
    for _ in range(6):
        before = users.serving
        killed = max(before)
        os.kill(killed, signal.SIGKILL)
        eventually(lambda: killed not in users.serving, SLOWER, 0.001)
        for _ in range(20):
            assert users.call("GET", "/users/ping").status == 200
        eventually(lambda: len(users.serving) == 3 and users.serving != before, 10)
    eventually(users.is_ready, 10)


def test_a_stop_ends_every_process_cleanly(users):
    pids = users.serving
    with pings_in_background(users) as load:
        load.wait_for(300)
        assert users.terminate(10) == 0
        load.stopping.set()
    assert not any(is_alive(pid) for pid in pids)


def test_no_process_remains_when_the_parent_is_killed(users):
    pids = users.serving
    users.process.kill()
    users.process.wait(5)
    eventually(lambda: not any(is_alive(pid) for pid in pids), 10, message="the children have ended")


def test_a_gauge_that_all_workers_share_is_exported_once():
    """All processes would count at the same time, so that a sum would show soon after the first count."""
    abacus.redis_cli("HSET", "{jobs}:dead", "fibonacci:999999", "0 0 test")
    try:
        expected = int(abacus.redis_cli("HLEN", "{jobs}:dead"))
        with Daemon("worker", PROCESSES="3") as worker:
            eventually(lambda: worker.metric("worker_dead_jobs"), message="the dead jobs are counted")
            assert {worker.metric("worker_dead_jobs") for _ in range(100)} == {expected}
    finally:
        abacus.redis_cli("HDEL", "{jobs}:dead", "fibonacci:999999")
