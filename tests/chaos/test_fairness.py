"""Large jobs do not delay those of other users, and workers take over what another worker left behind."""

import contextlib
import random
import threading
import time

import pytest

import abacus
from abacus import Daemon, Person, eventually, result, submit

LARGE = range(900_000, 1_000_000)
SMALL = range(2000, 10_000)


@pytest.fixture(scope="module", autouse=True)
def gone_for_good(reader):
    """A consumer that dies before the first test, because it is removed only after ten leases, which the other tests take."""
    index = abacus.fresh_index(3000, 4999)
    submit(index, reader.token)
    assert result(index, reader.token)
    abacus.redis_cli("XGROUP", "CREATECONSUMER", "jobs", "workers", "gone-for-good")
    assert "gone-for-good" in consumers()


@pytest.fixture(scope="module", autouse=True)
def forgotten_afterwards():
    """Removes the large calculations, so that a test that empties Redis does not wait until they are calculated again; their
    submissions too, because each without a calculation gets one."""
    yield
    abacus.psql("values", f'DELETE FROM "values" WHERE index BETWEEN {LARGE.start} AND {LARGE.stop - 1}')
    abacus.psql("values", f"DELETE FROM calculations WHERE index BETWEEN {LARGE.start} AND {LARGE.stop - 1}")


def fresh_indexes(count, among):
    """Not the lowest ones, because Redis may have results that Postgres no longer has."""
    seen = {int(row) for row in abacus.psql("values", f"SELECT index FROM calculations WHERE index >= {among.start}").split()}
    return random.sample([index for index in among if index not in seen], count)


def test_hundreds_of_large_jobs_do_not_delay_small_ones():
    greedy, other = Person(), Person()
    indexes = fresh_indexes(400, LARGE)
    quarters = [
        threading.Thread(target=lambda part: [submit(index, greedy.token) for index in part], args=(indexes[n::4],))
        for n in range(4)
    ]
    for name in ("worker", "worker-2")[: abacus.INSTANCES]:
        abacus.stop(name)
    try:
        for quarter in quarters:
            quarter.start()
        for quarter in quarters:
            quarter.join()
        small = [abacus.fresh_index(2000 + 200 * n, 2199 + 200 * n) for n in range(10)]
        for index in small:
            assert submit(index, other.token).status == 200
    finally:
        for name in ("worker", "worker-2")[: abacus.INSTANCES]:
            abacus.start(name)
    start = time.monotonic()
    for index in small:
        assert result(index, other.token, limit_s=20)
    small_s = time.monotonic() - start
    waiting = sum(
        value["state"] == "pending" for value in abacus.get("/api/values?limit=200", token=greedy.token).json["data"]["values"]
    )
    for index in indexes:
        assert result(index, greedy.token, limit_s=120)
    print(f"10 small results behind 400 large jobs: {small_s:.2f} s; all: {time.monotonic() - start:.1f} s")
    assert small_s < 2
    assert waiting > 100, "large jobs were still waiting"


def held_by(worker, lane):
    """How many jobs Redis has delivered to it and it has not acknowledged."""
    with contextlib.suppress(AssertionError):  # no group yet
        return len(abacus.redis_cli("XPENDING", lane, "workers", "-", "+", "1000", worker).splitlines()) // 4
    return 0


def test_all_jobs_of_a_killed_worker_are_taken_over_once_its_lease_is_over(reader):
    """All at once when the lease ends, not a few with every lease. A worker holds few large jobs, and small ones only for
    moments: those are received for it here."""
    indexes = fresh_indexes(100, LARGE) + fresh_indexes(300, SMALL)
    for name in ("worker", "worker-2")[: abacus.INSTANCES]:
        abacus.stop(name)
    try:
        for index in indexes:
            submit(index, reader.token)
        command = ["XREADGROUP", "GROUP", "workers", "to-be-killed", "COUNT", "300", "STREAMS", "jobs", ">"]
        abacus.redis_cli(*command)
        assert held_by("to-be-killed", "jobs") == 300
        with Daemon("worker", WORKER_NAME="to-be-killed") as worker:
            eventually(lambda: held_by("to-be-killed", "{jobs}:large") > 0)
            for pid in worker.serving:
                abacus.os.kill(worker.pid, abacus.signal.SIGKILL)
                abacus.os.kill(pid, abacus.signal.SIGKILL)
    finally:
        for name in ("worker", "worker-2")[: abacus.INSTANCES]:
            abacus.start(name)
    start = time.monotonic()
    for index in indexes:
        assert result(index, reader.token, limit_s=60)
    print(f"400 jobs of a killed worker: {time.monotonic() - start:.1f} s")
    assert time.monotonic() - start < 40


def consumers():
    text = abacus.redis_cli("XINFO", "CONSUMERS", "jobs", "workers").split("\n")
    return {text[n + 1].strip() for n, line in enumerate(text) if line.strip() == "name"}


def test_a_consumer_that_never_returns_is_removed(reader):
    """By this worker, or earlier by one of the stack, whose leases are longer."""
    with Daemon("worker", WORKER_NAME="still-there", LEASE_SECONDS=1):
        eventually(lambda: "gone-for-good" not in consumers(), 30, 0.2, "it is not in the group any more")
    index = abacus.fresh_index(3000, 4999)
    submit(index, reader.token)
    assert result(index, reader.token)
