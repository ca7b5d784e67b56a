"""What becomes of a calculation whose submissions are taken back while it is pending. The workers are stopped meanwhile, so
that nothing is finished."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from test_backlog import row, short

import abacus
from abacus import WORKERS, call, eventually, get, result, stopped, submit


@pytest.fixture
def idle():
    with stopped(*WORKERS):
        yield


def take_back(number, token):
    assert call("DELETE", f"/api/values/{number}", token=token).status == 200


def in_window(*indexes):
    """What Redis's window has of them."""
    names = [f"fibonacci:{index}" for index in indexes]
    return [found for found in abacus.redis_cli("HMGET", "{jobs}:window", *names).split() if found != "(nil)"]


def jobs_of(index):
    return abacus.redis_cli("XRANGE", "jobs", "-", "+").split().count(str(index))


def is_gone(index):
    return not row(index) and not in_window(index) and jobs_of(index) == 0


def test_a_pending_calculation_is_cancelled_when_its_only_submission_is_taken_back(idle, person):
    (index,) = short()
    number = submit(index, person.token).json["id"]
    assert row(index) == "pending" and jobs_of(index) == 1
    take_back(number, person.token)
    eventually(lambda: is_gone(index), message="nothing is left of it")
    assert get(f"/api/values/fibonacci/{index}", token=person.token).status == 404


def test_what_another_submission_waits_for_is_not_cancelled(idle, person, reader):
    mine, twice, anonymous = short(3)
    submissions = [submit(index, person.token).json["id"] for index in (mine, twice, anonymous)]
    submit(mine, reader.token)
    submit(twice, person.token)
    abacus.psql("values", f"INSERT INTO values (kind, index) VALUES ('fibonacci', {anonymous})")
    for number in submissions:
        take_back(number, person.token)
    assert [row(index) for index in (mine, twice, anonymous)] == ["pending"] * 3
    assert [jobs_of(index) for index in (mine, twice, anonymous)] == [1, 1, 1]


def test_taking_everything_back_cancels_what_is_pending(idle, person, reader):
    kept, *gone = short(301)  # more than one batch of the script
    with ThreadPoolExecutor(10) as pool:
        list(pool.map(lambda index: submit(index, person.token), [kept, *gone]))
    submit(kept, reader.token)
    assert call("DELETE", "/api/values", token=person.token).json["data"] == {"deleted": 301, "more": False}
    eventually(lambda: not in_window(*gone), message="their jobs are gone")
    named = ",".join(map(str, gone))
    assert abacus.psql("values", f"SELECT count(*) FROM calculations WHERE kind = 'fibonacci' AND index IN ({named})") == "0"
    assert (row(kept), jobs_of(kept)) == ("pending", 1)


def test_a_calculation_that_was_cancelled_can_be_submitted_again(idle, person):
    (index,) = short()
    for _ in range(3):
        take_back(submit(index, person.token).json["id"], person.token)
        eventually(lambda: is_gone(index))
    assert submit(index, person.token).json["state"] == "pending"
    eventually(lambda: jobs_of(index) == 1)


def test_a_submission_that_meets_a_cancelling_is_calculated_all_the_same(person, reader):
    """Both at once, many times: in either order, what is submitted has a calculation and gets its result."""
    indexes = short(60)
    with stopped(*WORKERS), ThreadPoolExecutor(20) as pool:
        numbers = list(pool.map(lambda index: submit(index, person.token).json["id"], indexes))
        taken = [pool.submit(take_back, number, person.token) for number in numbers]
        added = [pool.submit(submit, index, reader.token) for index in indexes]
        assert all(one.result().status == 200 for one in added)
        [one.result() for one in taken]
        assert [row(index) for index in indexes] == ["pending"] * len(indexes)
    for index in indexes:
        assert result(index, reader.token, limit_s=60)


def test_a_job_that_a_worker_holds_is_taken_from_it_when_it_is_cancelled(person):
    """The test is the worker: it has received the job, and does nothing."""
    (index,) = short()
    with stopped(*WORKERS):
        number = submit(index, person.token).json["id"]
        (job,) = in_window(index)
        abacus.redis_cli("XREADGROUP", "GROUP", "workers", "gone", "COUNT", "1000", "STREAMS", "jobs", ">")
        assert job in abacus.redis_cli("XPENDING", "jobs", "workers", "-", "+", "1000")
        take_back(number, person.token)
        eventually(lambda: is_gone(index))
        assert job not in abacus.redis_cli("XPENDING", "jobs", "workers", "-", "+", "1000")


def test_what_is_done_is_not_deleted_with_its_submission(person):
    (index,) = short()
    number = submit(index, person.token).json["id"]
    assert result(index, person.token)
    eventually(lambda: row(index) == "done")
    take_back(number, person.token)
    assert row(index) == "done"


def test_a_submission_without_a_calculation_gets_one(person, reader):
    """As one that the version before stored while its calculation was cancelled, because that version locks nothing."""
    lost, anonymous = short(2)
    for index, user in ((lost, person.id), (lost, reader.id), (anonymous, "NULL")):
        abacus.psql(
            "values",
            "INSERT INTO values (user_id, kind, index, submitted_at)"
            f" VALUES ({user}, 'fibonacci', {index}, now() - interval '1 minute')",
        )
    eventually(lambda: row(lost) == row(anonymous) == "done", 60, message="both were calculated")
    assert result(lost, reader.token)
    first = abacus.psql("values", f"SELECT first_user_id FROM calculations WHERE kind = 'fibonacci' AND index = {lost}")
    assert first == str(person.id)


def test_taking_back_and_submitting_at_once_fails_for_no_user(person, reader):
    """A cancelling that waited for rows while it held others could wait for a submission that waits for it."""
    indexes = short(20)
    with stopped(*WORKERS), ThreadPoolExecutor(24) as pool:
        for _ in range(10):
            takes = [pool.submit(call, "DELETE", "/api/values", token=person.token) for _ in range(4)]
            adds = [pool.submit(submit, index, token) for index in indexes for token in (person.token, reader.token)]
            assert {one.result().status for one in takes + adds} == {200}
    for index in indexes:
        assert result(index, reader.token, limit_s=60)


def test_a_result_that_is_not_written_yet_is_kept_although_its_submission_is_taken_back(person):
    """The calculation is cancelled between the end of its job and the statement that stores the result."""
    (index,) = short()
    submit(index, person.token)
    digits = result(index, person.token)
    eventually(lambda: row(index) == "done")
    abacus.psql("values", f"DELETE FROM calculations WHERE kind = 'fibonacci' AND index = {index}")
    summary = f"{len(digits)} 5 1700000000000 {digits}"
    abacus.redis_cli("XADD", "{jobs}:finished", "*", "kind", "fibonacci", "index", str(index), "summary", summary)
    eventually(lambda: row(index) == "done")
    assert row(index, "preview") == digits
