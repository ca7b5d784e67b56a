"""A retry of a failed calculation that Postgres has and Redis does not get, because Redis was away, the client left, or the
process was killed in between: it needs no other retry."""

from test_backlog import WORKERS, row, short, stopped
from test_changed_settings import leave_delivered

import abacus
from abacus import Daemon, eventually, post, result, submit

SETTLED_S = 20  # REPAIR_SECONDS is 2, on a busy machine


def retry(index, person):
    return post(f"/api/values/fibonacci/{index}/retry", token=person.token)


def letter(index):
    return abacus.redis_cli("HGET", "{jobs}:dead", f"fibonacci:{index}")


def make_dead(person):
    """As workers do that die of it; its index. The workers are stopped."""
    index = leave_delivered(person, deliveries=3)
    with Daemon("worker", LEASE_SECONDS=1, MAX_DELIVERIES=3):
        eventually(lambda: row(index) == "failed" and letter(index), SETTLED_S, message="it is a dead letter")
    return index


def is_calculated(index, person):
    eventually(lambda: row(index) == "done", SETTLED_S, message="it is calculated without another retry")
    assert result(index, person.token)
    assert not letter(index)


def test_what_is_retried_while_redis_is_away_is_calculated_when_it_is_back(person):
    (waiting,) = short()
    with stopped(*WORKERS):
        index = make_dead(person)
    with stopped("redis"):
        submit(waiting, person.token)
        reply = retry(index, person)
        assert (reply.status, reply.json["data"]["state"]) == (200, "pending")
        assert retry(waiting, person).status == 503, "Redis alone knows whether it is about to become failed"
        assert row(index) == "pending"
    is_calculated(index, person)


def test_what_is_retried_by_a_process_that_is_killed_before_it_reaches_redis_is_calculated(person):
    """The test does what the process had done by then."""
    with stopped(*WORKERS):
        index = make_dead(person)
    abacus.psql("values", f"UPDATE calculations SET state = 'pending' WHERE kind = 'fibonacci' AND index = {index}")
    is_calculated(index, person)


def test_a_dead_letter_that_is_not_retried_stays_one(person):
    """Refill looks at it again and again, also while Postgres does not know of the failure yet."""
    with stopped(*WORKERS):
        index = make_dead(person)
    before = letter(index)
    other = short()[0]
    submit(other, person.token)
    assert result(other, person.token)
    assert (row(index), letter(index)) == ("failed", before)
