"""One user's crowd of large jobs: another's small job waits for none of them, and another's large one for few. What is counted
is the order, because times depend on the machine: bench/lanes measures those."""

import contextlib
import random

from test_backlog import VALUES, WORKERS, fresh_indexes, stopped

import abacus
from abacus import Daemon, Person, eventually

CROWD = 40
WINDOW_LARGE_MS = 50
EACH_MS = 20  # at least, of the estimate of each large one
IN_WINDOW = WINDOW_LARGE_MS // EACH_MS + 1
# What may be calculated before another's large job: the window when it came, the window when it entered, what the worker holds.
BEFORE_LARGE = 2 * IN_WINDOW + 3


def fresh_primorials(count):
    rows = abacus.psql("values", "SELECT index FROM calculations WHERE kind = 'primorial'").split()
    seen = set(map(int, rows))
    return random.sample([index for index in range(850_000, 950_000) if index not in seen], count)


def large_in_redis():
    return int(abacus.redis_cli("XLEN", "{jobs}:large"))


@contextlib.contextmanager
def crowd():
    """Values with a small window, no worker, and a user whose large jobs wait. Gives values, and their indexes; a worker
    finishes them at the end."""
    greedy, indexes = Person(), fresh_primorials(CROWD)
    eventually(lambda: large_in_redis() == 0, 60, message="no large job of another test is left")
    with stopped(*VALUES, *WORKERS), Daemon("values", WINDOW_LARGE_MS=WINDOW_LARGE_MS) as values:
        abacus.redis_cli("DEL", "{jobs}:workers", "{jobs}:load")  # a worker that another test killed counts until one reports
        for index in indexes:
            reply = values.call("POST", "/values", {"kind": "primorial", "index": index}, token=greedy.token)
            assert (reply.status, reply.json["state"]) == (200, "pending")
        assert 1 <= large_in_redis() <= IN_WINDOW
        yield values, indexes


def states(kind, indexes):
    wanted = f"kind = '{kind}' AND index IN ({','.join(map(str, indexes))})"
    return set(abacus.psql("values", f"SELECT state FROM calculations WHERE {wanted}").split())


def calculated_before(kind, index, indexes):
    """How many of the indexes."""
    return int(
        abacus.psql(
            "values",
            f"SELECT count(*) FROM calculations WHERE kind = 'primorial' AND index IN ({','.join(map(str, indexes))})"
            f" AND calculated_at < (SELECT calculated_at FROM calculations WHERE kind = '{kind}' AND index = {index})",
        )
    )


def finish(kind, index, indexes, begin=lambda: None):
    """Starts a worker and calls `begin`; then looks all the while how many large ones Redis holds."""
    most = 0

    def all_done():
        nonlocal most
        most = max(most, large_in_redis())
        return states("primorial", indexes) == states(kind, [index]) == {"done"}

    with Daemon("worker"):
        begin()
        eventually(all_done, 300, message="all are calculated")
    assert most <= IN_WINDOW


def test_a_small_job_waits_for_no_large_ones():
    other, (index,) = Person(), fresh_indexes(1, 300, 4700)
    with crowd() as (values, indexes):
        assert values.call("POST", "/values", {"index": index}, token=other.token).json["state"] == "pending"
        finish("fibonacci", index, indexes)
    before = calculated_before("fibonacci", index, indexes)
    print(f"{before} of {CROWD} large jobs were calculated before a small one")
    assert before <= CROWD // 6, "only while the worker connects for small jobs"


def test_another_users_large_job_waits_for_the_window_and_for_no_more():
    other, (index,) = Person(), fresh_primorials(1)
    with crowd() as (values, indexes):
        reply = values.call("POST", "/values", {"kind": "primorial", "index": index}, token=other.token)
        assert reply.json["state"] == "pending"
        finish("primorial", index, indexes)
    before = calculated_before("primorial", index, indexes)
    print(f"{before} of {CROWD} large jobs were calculated before that of another user")
    assert before <= BEFORE_LARGE


def test_a_user_that_submits_all_the_time_takes_no_place_that_another_waits_for():
    """Each job that is finished makes room for one, and the next submission comes before the next refill."""
    greedy, other = Person(), Person()
    with crowd() as (values, indexes):
        index, *more = fresh_primorials(1 + 3 * CROWD)

        def submit(index, person):
            reply = values.call("POST", "/values", {"kind": "primorial", "index": index}, token=person.token)
            assert (reply.status, reply.json["state"]) == (200, "pending")

        submit(index, other)
        finish("primorial", index, indexes + more, lambda: [submit(each, greedy) for each in more])
    before = calculated_before("primorial", index, indexes + more)
    print(f"{before} of {4 * CROWD} large jobs were calculated before that of another user")
    assert before <= BEFORE_LARGE
