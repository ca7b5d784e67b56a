"""How much unfinished work a user may have caused. The workers are stopped meanwhile, so that nothing is finished."""

import contextlib
from concurrent.futures import ThreadPoolExecutor

import pytest
from test_backlog import short, states

import abacus
from abacus import WORKERS, Daemon, eventually, fail, stopped

MOST = 20
LIMITED = {"VALUES_PENDING_MAX": MOST, "VALUES_RATE": 0}
TOO_MANY = fail("too_many_pending", f"Too many unfinished calculations: {MOST} may be pending. Please wait for some.")


@pytest.fixture
def idle():
    with stopped(*WORKERS):
        yield


def statuses(instances, token, indexes, connections=10):
    """Submits from many connections at once."""
    submit = lambda n: instances[n % len(instances)].call("POST", "/values", {"index": indexes[n]}, token=token)  # noqa: E731
    with ThreadPoolExecutor(connections) as pool:
        replies = list(pool.map(submit, range(len(indexes))))
    assert all(reply.json == TOO_MANY and reply.headers["Retry-After"] for reply in replies if reply.status == 429)
    return [reply.status for reply in replies]


def pending_of(person):
    return int(
        abacus.psql("values", f"SELECT count(*) FROM calculations WHERE state = 'pending' AND first_user_id = {person.id}")
    )


def test_a_user_causes_no_more_from_forty_connections_to_four_processes_of_two_instances(idle, person):
    with contextlib.ExitStack() as started:
        instances = [started.enter_context(Daemon("values", PROCESSES=2, **LIMITED)) for _ in range(2)]
        seen = statuses(instances, person.token, short(100), connections=40)
    assert (seen.count(200), seen.count(429)) == (MOST, 100 - MOST)
    assert pending_of(person) == MOST
    assert int(abacus.psql("values", f"SELECT count(*) FROM values WHERE user_id = {person.id}")) == MOST


def test_at_the_limit_what_is_known_is_accepted_and_other_users_are_not_refused(idle, person):
    other = abacus.Person()
    indexes = short(MOST + 1)
    with Daemon("values", **LIMITED) as values:
        assert statuses([values], person.token, indexes).count(200) == MOST
        assert statuses([values], other.token, indexes) == [200] * (MOST + 1)
        assert statuses([values], person.token, indexes) == [200] * (MOST + 1), "all are known now"
        assert values.metric("values_refused_total", 'limit="pending"') == 1


def test_there_is_room_again_when_something_is_done(person):
    indexes = short(MOST + 1)
    with Daemon("values", **LIMITED) as values:
        with stopped(*WORKERS):
            assert statuses([values], person.token, indexes[:MOST]) == [200] * MOST
            assert statuses([values], person.token, indexes[MOST:]) == [429]
        eventually(lambda: statuses([values], person.token, indexes[MOST:]) == [200], 40)


def test_what_was_submitted_under_a_higher_limit_counts_under_a_lower_one_and_is_done_all_the_same(person):
    indexes = short(MOST + 6)
    with stopped(*WORKERS):
        with Daemon("values", VALUES_PENDING_MAX=0, VALUES_RATE=0) as values:
            assert statuses([values], person.token, indexes[: MOST + 5]) == [200] * (MOST + 5)
        with Daemon("values", **LIMITED) as values:
            reply = values.call("POST", "/values", {"index": indexes[-1]}, token=person.token)
            assert (reply.status, reply.json) == (429, TOO_MANY)
    eventually(lambda: states("fibonacci", indexes[:-1]) == ["done"] * (MOST + 5), 40)


def test_there_is_no_limit_where_it_is_0(idle, person):
    with Daemon("values", VALUES_PENDING_MAX=0, VALUES_RATE=0) as values:
        assert statuses([values], person.token, short(50)) == [200] * 50
