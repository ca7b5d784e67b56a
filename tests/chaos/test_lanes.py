"""One user's crowd of large jobs: another's small job waits for none of them, and its large one for few. What is counted is
the order, because times depend on the machine: bench/lanes measures those. The one limit of time is far below the wait that a
fault would cause."""

import collections
import random
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from test_backlog import VALUES, fresh_indexes, states

import abacus
from abacus import WORKERS, Daemon, Person, eventually, stopped

CROWD = 40
MORE = 80  # at most, one after the other while the crowd is calculated
PAUSE_S = 0.01  # between them: much less than a large one takes
LARGE = range(655_000, 755_000)  # of primorial
EACH_MS = 15  # at least, of the estimate of each large one
WINDOW_LARGE_MS = 40
IN_WINDOW = WINDOW_LARGE_MS // EACH_MS + 1
# What may be calculated before another's large job: the window when it came, the window when it entered, what the worker holds.
BEFORE_LARGE = 2 * IN_WINDOW + 3

# Of another user: how many large jobs of the crowd were calculated before its small one and before its large one. most: large
# jobs that Redis held at a time.
Story = collections.namedtuple("Story", "before_small before_large most")


def fresh_primorials(count):
    rows = abacus.psql("values", "SELECT index FROM calculations WHERE kind = 'primorial'").split()
    seen = set(map(int, rows))
    return random.sample([index for index in LARGE if index not in seen], count)


def large_in_redis():
    return int(abacus.redis_cli("XLEN", "{jobs}:large"))


def calculated_before(kind, index, indexes):
    """How many of the indexes."""
    return int(
        abacus.psql(
            "values",
            f"SELECT count(*) FROM calculations WHERE kind = 'primorial' AND index IN ({','.join(map(str, indexes))})"
            f" AND calculated_at < (SELECT calculated_at FROM calculations WHERE kind = '{kind}' AND index = {index})",
        )
    )


def submit(values, person, index, kind="primorial"):
    reply = values.call("POST", "/values", {"kind": kind, "index": index}, token=person.token)
    assert (reply.status, reply.json["state"]) == (200, "pending")


def submit_until(is_done, values, person, indexes):
    """Gives those that it submitted."""
    with ThreadPoolExecutor(1) as watcher:
        watching = watcher.submit(eventually, is_done, 60)
        count = 0
        while count < len(indexes) and not watching.done():
            submit(values, person, indexes[count])
            count += 1
            time.sleep(PAUSE_S)
        watching.result()
    return indexes[:count]


@pytest.fixture(scope="module")
def story():
    """Values with a small window, no worker, and a user whose large jobs wait; then another user's small and large job; then a
    worker, while the first user goes on submitting: each job that is finished makes room for one, and a submission comes before
    the next refill."""
    greedy, other = Person(), Person()
    (small,) = fresh_indexes(1, 300, 4700)
    large, *crowd = fresh_primorials(1 + CROWD + MORE)
    eventually(lambda: large_in_redis() == 0, 60, message="no large job of another test is left")
    with stopped(*VALUES, *WORKERS), Daemon("values", WINDOW_LARGE_MS=WINDOW_LARGE_MS) as values:
        abacus.redis_cli("DEL", "{jobs}:workers", "{jobs}:load")  # a worker that another test killed counts until one reports
        for index in crowd[:CROWD]:
            submit(values, greedy, index)
        most = large_in_redis()
        submit(values, other, small, "fibonacci")
        submit(values, other, large)

        def all_done(indexes):
            nonlocal most
            most = max(most, large_in_redis())
            return set(states("primorial", indexes)) == set(states("fibonacci", [small])) == {"done"}

        with Daemon("worker"):
            more = submit_until(lambda: all_done([large]), values, greedy, crowd[CROWD:])
            indexes = crowd[:CROWD] + more
            eventually(lambda: all_done(indexes), 300, message="all are calculated")
    return Story(calculated_before("fibonacci", small, indexes), calculated_before("primorial", large, indexes), most)


def test_redis_holds_no_more_large_jobs_than_the_window(story):
    assert 1 <= story.most <= IN_WINDOW


def test_a_small_job_waits_for_no_large_ones(story):
    print(f"{story.before_small} large jobs were calculated before a small one")
    assert story.before_small <= CROWD // 6, "only while the worker connects for small jobs"


def test_another_users_large_job_waits_for_the_window_and_for_no_more_however_many_the_first_user_submits(story):
    print(f"{story.before_large} large jobs were calculated before that of another user")
    assert story.before_large <= BEFORE_LARGE


# ---- bursts, and what comes right after ----

SMALL_WINDOW = 20
MORE_SMALL = 1000  # at most, while the samples are taken
NEVER_S = 600  # between two refills that nothing caused
SAMPLES = 20


def done_s(port, person, index):
    """From submitting it until its result is read."""
    began = time.monotonic()
    assert abacus.post("/values", {"index": index}, token=person.token, port=port).status == 200
    read = lambda: abacus.get(f"/values/fibonacci/{index}", token=person.token, port=port).status == 200  # noqa: E731
    eventually(read, 60, every_s=0.002, message="it is done")
    return time.monotonic() - began


def goes_on(values, person, indexes, is_over):
    """Bursts that fill the lane again and again."""
    while indexes and not is_over.is_set():
        for _ in range(min(2 * SMALL_WINDOW, len(indexes))):
            assert values.call("POST", "/values", {"index": indexes.pop()}, token=person.token).status == 200


def test_right_after_a_burst_that_filled_its_lane_a_small_job_waits_for_no_refill():
    """Also while the other user goes on. The next refill that nothing causes is ten minutes away."""
    greedy, other, is_over = Person(), Person(), threading.Event()
    indexes = fresh_indexes(2 * SAMPLES + 3 * SMALL_WINDOW + MORE_SMALL, 300, 4700)
    samples = [indexes.pop() for _ in range(2 * SAMPLES)]
    burst = [indexes.pop() for _ in range(3 * SMALL_WINDOW)]
    with (
        stopped(*VALUES, *WORKERS),
        Daemon("values", WINDOW_JOBS=SMALL_WINDOW, REPAIR_SECONDS=NEVER_S, VALUES_RATE=0) as values,
    ):
        for index in burst:
            assert values.call("POST", "/values", {"index": index}, token=greedy.token).status == 200
        assert int(abacus.redis_cli("XLEN", "jobs")) <= SMALL_WINDOW
        with Daemon("worker"):
            eventually(lambda: set(states("fibonacci", burst)) == {"done"}, 60, message="the burst is done")
            after = [done_s(values.port, other, samples.pop()) for _ in range(SAMPLES)]
            with ThreadPoolExecutor(1) as pool:
                going_on = pool.submit(goes_on, values, greedy, indexes, is_over)
                try:
                    beside = [done_s(values.port, other, samples.pop()) for _ in range(SAMPLES)]
                finally:
                    is_over.set()
                going_on.result()
    print(f"longest after the burst: {max(after):.3f} s, while it goes on: {max(beside):.3f} s")
    assert max(after + beside) < NEVER_S / 100
