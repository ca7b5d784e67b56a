"""Settings of values and worker that another run had: what it left in Redis is treated as the settings of now say."""

import contextlib
import time

import pytest
from test_backlog import VALUES, row, short, states
from test_lanes import fresh_primorials, large_in_redis

import abacus
from abacus import WORKERS, Daemon, eventually, post, stopped, submit

FORMER = "of-a-former-run"


def submit_to(values, indexes, person, kind="fibonacci"):
    for index in indexes:
        reply = values.call("POST", "/values", {"kind": kind, "index": index}, token=person.token)
        assert (reply.status, reply.json["state"]) == (200, "pending"), reply


def leave_delivered(person, deliveries=1):
    """A job as a worker leaves it that has got it so often and was killed each time; its index. Redis keeps the time of the
    last delivery, and nothing of the worker's lease."""
    (index,) = short()
    assert submit(index, person.token).status == 200
    abacus.redis_cli("XREADGROUP", "GROUP", "workers", FORMER, "COUNT", "1", "STREAMS", "jobs", ">")
    (job,) = abacus.redis_cli("XPENDING", "jobs", "workers", "-", "+", "10", FORMER).split()[:1]
    abacus.redis_cli("XCLAIM", "jobs", "workers", FORMER, "0", job, "RETRYCOUNT", str(deliveries))
    return index


def small_in_redis():
    return int(abacus.redis_cli("XLEN", "jobs"))


@contextlib.contextmanager
def idle(*names):
    """Without these daemons, and without jobs of other tests."""
    eventually(lambda: small_in_redis() == large_in_redis() == 0, 60, message="no job of another test is left")
    with stopped(*names):
        yield


@pytest.fixture
def without_workers():
    with idle(*WORKERS):
        yield


@pytest.fixture
def without_values():
    """Nor workers."""
    with idle(*VALUES, *WORKERS):
        abacus.redis_cli("DEL", "{jobs}:workers", "{jobs}:load")  # of the workers that were stopped
        yield


@pytest.mark.parametrize("lease_s", [1, 3])
def test_a_job_that_was_delivered_under_another_lease_is_taken_over_by_the_lease_of_now(without_workers, person, lease_s):
    since, index = time.monotonic(), leave_delivered(person)
    with Daemon("worker", LEASE_SECONDS=lease_s):
        eventually(lambda: row(index) == "done", 20)
    assert time.monotonic() - since > lease_s


def test_deliveries_of_a_former_run_count_against_the_maximum_of_now(without_workers, person):
    buried = leave_delivered(person, deliveries=3)
    with Daemon("worker", LEASE_SECONDS=1, MAX_DELIVERIES=3):
        eventually(lambda: row(buried) == "failed", 20)
    kept = leave_delivered(person, deliveries=3)
    with Daemon("worker", LEASE_SECONDS=1, MAX_DELIVERIES=4):
        eventually(lambda: row(kept) == "done", 20)
        assert row(buried) == "failed", "what became a dead letter waits until a user puts it back"
        assert post(f"/api/values/fibonacci/{buried}/retry", token=person.token).status == 200
        eventually(lambda: row(buried) == "done", 20)


def test_a_window_that_was_lowered_below_what_redis_holds_takes_nothing_until_it_has_emptied_and_loses_nothing(
    without_values, person
):
    indexes = short(20)
    before, after = indexes[:15], indexes[15:]
    with Daemon("values", WINDOW_JOBS=20) as values:
        submit_to(values, before, person)
        assert small_in_redis() == 15
    with Daemon("values", WINDOW_JOBS=5) as values:
        submit_to(values, after, person)
        assert small_in_redis() == 15
        with Daemon("worker"):
            eventually(lambda: states("fibonacci", indexes) == ["done"] * 20, 60)


def test_the_same_holds_for_the_work_of_large_jobs(without_values, person):
    indexes = fresh_primorials(9)
    before, after = indexes[:6], indexes[6:]
    with Daemon("values", WINDOW_LARGE_MS=10_000) as values:
        submit_to(values, before, person, "primorial")
        assert large_in_redis() == 6
    with Daemon("values", WINDOW_LARGE_MS=40) as values:
        submit_to(values, after, person, "primorial")
        assert large_in_redis() == 6
        with Daemon("worker"):
            eventually(lambda: states("primorial", indexes) == ["done"] * 9, 60)


def test_what_was_submitted_below_a_maximum_that_was_lowered_since_is_calculated(without_values, person):
    """What is in Redis, and what Postgres alone has."""
    indexes = short(5)
    with Daemon("values", WINDOW_JOBS=2) as values:
        submit_to(values, indexes, person)
    with Daemon("values", VALUES_MAX_FIBONACCI=100) as values, Daemon("worker"):
        eventually(lambda: states("fibonacci", indexes) == ["done"] * 5, 60)
        for index in indexes:
            assert values.call("GET", f"/values/fibonacci/{index}", token=person.token).status == 200
