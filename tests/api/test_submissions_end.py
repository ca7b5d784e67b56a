"""How submissions end: taken back by their user, deleted with the user, or because of their age."""

from concurrent.futures import ThreadPoolExecutor

import pytest

import abacus
from abacus import Daemon, call, eventually, fail, get, submit

MANY = 1203  # more than two batches


def listed(person):
    return [value["id"] for value in get("/api/values?limit=200", token=person.token).json["data"]["values"]]


def insert(person, count, first_id=None, age="0 days"):
    """Rows as submissions leave them, without the time that submitting takes."""
    number = "n" if first_id is None else f"{first_id} + n"
    columns, ids = ("", "") if first_id is None else ("id, ", f"{number}, ")
    abacus.psql(
        "values",
        f"INSERT INTO values ({columns}user_id, kind, index, submitted_at) OVERRIDING SYSTEM VALUE"
        f" SELECT {ids}{person.id}, 'fibonacci', n % 100, now() - interval '{age}' FROM generate_series(0, {count - 1}) n",
    )


def stored(person):
    return int(abacus.psql("values", f"SELECT count(*) FROM values WHERE user_id = {person.id}"))


# ---- one ----


def test_a_submission_can_be_taken_back_once(person):
    kept, gone = (submit(index, person.token).json["id"] for index in (5, 6))
    reply = call("DELETE", f"/api/values/{gone}", token=person.token)
    assert (reply.status, reply.json) == (200, {"status": "success", "message": "The value was deleted."})
    assert listed(person) == [kept]
    assert call("DELETE", f"/api/values/{gone}", token=person.token).status == 404


def test_the_result_of_a_submission_that_was_taken_back_stays(person):
    number = submit(7, person.token).json["id"]
    assert abacus.result(7, person.token) == "21"
    call("DELETE", f"/api/values/{number}", token=person.token)
    assert abacus.result(7, person.token) == "21"
    assert get("/api/values/current").json["7"] == "21"


def test_the_submission_of_another_user_or_of_none_can_not_be_taken_back(person, reader, admin):
    own = submit(5, person.token).json["id"]
    anonymous = abacus.post("/api/values", {"index": 5}).json["id"]
    for number, token in ((own, reader.token), (own, admin), (anonymous, person.token)):
        reply = call("DELETE", f"/api/values/{number}", token=token)
        assert (reply.status, reply.json) == (404, fail("not_found", "You have no such value."))
    assert listed(person) == [own]


@pytest.mark.parametrize("number", ["x", "-1", "0", "1.5", "99999999999999999999999", "7%20OR%201=1", "current", "all"])
def test_what_is_no_id_takes_nothing_back(person, number):
    own = submit(5, person.token).json["id"]
    assert call("DELETE", f"/api/values/{number}", token=person.token).status in (404, 405)
    assert listed(person) == [own]


# ---- all ----


def test_a_user_can_take_everything_back(person, reader):
    insert(person, MANY)
    others = submit(5, reader.token).json["id"]
    reply = call("DELETE", "/api/values", token=person.token)
    assert (reply.status, reply.json["data"]) == (200, {"deleted": MANY, "more": False})
    assert stored(person) == 0
    assert others in listed(reader)
    assert call("DELETE", "/api/values", token=person.token).json["data"] == {"deleted": 0, "more": False}


def test_taking_everything_back_ten_times_at_once_deletes_each_submission_once(person):
    insert(person, MANY)
    with ThreadPoolExecutor(10) as pool:
        replies = list(pool.map(lambda _: call("DELETE", "/api/values", token=person.token), range(10)))
    assert [reply.status for reply in replies] == [200] * 10
    assert sum(reply.json["data"]["deleted"] for reply in replies) == MANY
    assert stored(person) == 0


# ---- with the user, and by age ----


def delete_user(person, admin):
    assert call("DELETE", f"/users/{person.id}", token=admin).status == 200


def test_the_submissions_of_a_deleted_user_are_deleted(person, reader, admin):
    insert(person, MANY)
    others = submit(5, reader.token).json["id"]
    delete_user(person, admin)
    eventually(lambda: stored(person) == 0)
    assert others in listed(reader)


def test_those_of_a_user_that_was_deleted_before_values_started_are_deleted_too(person, admin):
    delete_user(person, admin)
    insert(person, MANY)
    with Daemon("values") as values:
        eventually(lambda: stored(person) == 0)
        eventually(lambda: values.metric("values_pruned_total") > 0)


def test_an_inactive_user_keeps_its_submissions(person, admin):
    submit(5, person.token)
    assert call("PATCH", f"/users/{person.id}", {"active": False}, token=admin).status == 200
    other = abacus.Person()
    submit(5, other.token)
    delete_user(other, admin)
    eventually(lambda: stored(other) == 0)
    assert stored(person) == 1


def test_submissions_are_deleted_when_they_are_too_old_and_not_before(person):
    insert(person, MANY, first_id=-5000, age="3 days 1 minute")
    insert(person, 1, first_id=-10, age="2 days 23 hours")
    insert(person, 1, first_id=-5)
    with Daemon("values") as values:
        assert values.metric("values_pruned_total") == 0
        assert stored(person) == MANY + 2
    with Daemon("values", VALUES_RETENTION_DAYS=3) as values:
        eventually(lambda: stored(person) == 2)
        eventually(lambda: values.metric("values_pruned_total") == MANY)
    assert call("DELETE", "/api/values", token=person.token).json["data"]["deleted"] == 2
