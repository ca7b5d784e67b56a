"""POST /api/values/{kind}/{index}/retry. Failed calculations are put into Postgres as a writer leaves them; test_values.py lets
a job fail as dying workers would."""

import pytest

import abacus
from abacus import Daemon, call, eventually, fail, fibonacci, get, result, submit

UNKNOWN = fail("not_found", "You have not submitted that.")
# What a late worker leaves when it finishes a dead letter, received by a process of values that has not written it yet; after
# 10 s another one does.
FINISH_LATE = """
local id = redis.call('XADD', KEYS[2], '*', 'kind', 'fibonacci', 'index', ARGV[1], 'summary', ARGV[2])
redis.call('HSET', KEYS[1], 'fibonacci:' .. ARGV[1], '=' .. id)
redis.call('XREADGROUP', 'GROUP', 'values', 'values', 'STREAMS', KEYS[2], '>')
"""


def failed(person=None):
    index = abacus.fresh_index(1000, 4700)
    abacus.psql("values", f"INSERT INTO calculations (kind, index, state) VALUES ('fibonacci', {index}, 'failed')")
    if person:
        assert submit(index, person.token).json["state"] == "failed"
    return index


def retry(index, token, kind="fibonacci", **options):
    return call("POST", f"/api/values/{kind}/{index}/retry", token=token, **options)


def state_of(index):
    return abacus.psql("values", f"SELECT state FROM calculations WHERE kind = 'fibonacci' AND index = {index}")


def test_a_user_puts_back_what_failed(person):
    index = failed(person)
    reply = retry(index, person.token)
    assert reply.status == 200
    assert reply.json == {"status": "success", "data": {"kind": "fibonacci", "index": index, "state": "pending"}}
    assert result(index, person.token)
    eventually(lambda: state_of(index) == "done")
    assert retry(index, person.token).json["data"]["state"] == "done"


def test_a_result_of_a_late_worker_is_done_for_every_reader_although_postgres_still_has_the_failure(person):
    index = failed(person)
    decimal = str(fibonacci(index))
    summary = f"{len(decimal)} 1000 1700000000000 {decimal}"
    abacus.redis_cli("EVAL", FINISH_LATE, "2", "{jobs}:window", "{jobs}:finished", str(index), summary)
    assert state_of(index) == "failed"
    assert submit(index, person.token).json["state"] == "done"
    listed = get("/api/values", token=person.token).json["data"]["values"]
    assert {one["index"]: one["state"] for one in listed} == {index: "done"}
    plain = {"Accept": "text/plain"}
    assert get(f"/api/values/fibonacci/{index}", token=person.token, headers=plain).text == decimal


def test_nobody_but_an_admin_puts_back_what_others_submitted(person, reader, admin):
    index = failed(person)
    reply = retry(index, reader.token)
    assert (reply.status, reply.json) == (404, UNKNOWN)
    assert state_of(index) == "failed"
    assert retry(index, admin).json["data"]["state"] == "pending"
    assert result(index, person.token)


def test_an_admin_who_was_demoted_puts_back_only_their_own_although_the_token_lives(person, admin):
    former = abacus.Person()
    assert abacus.change_user(former, admin, admin=True).status == 200
    token, index, own = former.login(), failed(person), failed(former)
    assert call("PATCH", f"/users/{former.id}", {"admin": False}, token=admin).status == 200
    reply = retry(index, token)
    assert (reply.status, reply.json) == (404, UNKNOWN)
    assert state_of(index) == "failed"
    assert retry(own, token).json["data"]["state"] == "pending"


def test_an_admin_puts_back_nothing_of_others_while_users_does_not_answer(person, admin):
    index = failed(person)
    with Daemon("values", USERS_URL="http://127.0.0.1:1") as values:
        assert call("POST", f"/values/fibonacci/{index}/retry", token=admin, port=values.port).status == 503
    assert state_of(index) == "failed"


@pytest.mark.parametrize("kind, index", [("fibonacci", "987654321"), ("nothing", "7"), ("fibonacci", "-1"), ("fibonacci", "x")])
def test_what_was_never_submitted_can_not_be_put_back(person, admin, kind, index):
    for token in (person.token, admin):
        reply = retry(index, token, kind)
        assert (reply.status, reply.json) == (404, UNKNOWN)


def test_putting_back_needs_a_token(person):
    index = failed(person)
    assert retry(index, None).status == 403
    assert retry(index, "x.y.z").status == 401
    assert state_of(index) == "failed"


def test_putting_back_counts_as_a_submission(person):
    index = failed(person)
    with Daemon("values", VALUES_RATE=1, VALUES_BURST=2) as values:
        seen = [
            call("POST", f"/values/fibonacci/{index}/retry", token=person.token, port=values.port).status for _ in range(10)
        ]
    assert seen[:2] == [200, 200]
    assert 429 in seen
