"""Values: submitting, reading, and results that are correct to the last digit."""

import hashlib
import math
import re

import pytest

import abacus
from abacus import eventually, fail, fibonacci, get, post, result, submit


def test_submitting_is_acknowledged_in_the_legacy_form(reader):
    body = submit(7, reader.token).json
    assert int(body.pop("id")) > 0
    assert body.pop("state") in ("pending", "done")
    assert body == {"working": True, "kind": "fibonacci", "index": 7}
    assert result(7, reader.token) == "21"


@pytest.mark.parametrize("index", ["7", 7])
def test_an_index_may_be_text_or_a_number(reader, index):
    reply = post("/api/values", {"index": index}, token=reader.token)
    assert (reply.status, reply.json["index"]) == (200, 7)


def test_the_service_accepts_the_path_with_and_without_the_api_prefix(reader):
    assert post("/api/values", {"index": 1}, token=reader.token, to="values").status == 200
    assert post("/values", {"index": 1}, token=reader.token, to="values").status == 200


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"index": -1},
        {"index": "-1"},
        {"index": 1.5},
        {"index": -(2**53)},
        {"index": -1e300},
        {"index": "1.5"},
        {"index": "x"},
        {"index": ""},
        {"index": None},
        {"index": [1]},
        {"index": True},
        {"index": " 7"},
        {"index": "7 "},
        {"index": "+7"},
        {"index": "0x7"},
        {"index": 7, "kind": "unknown"},
        {"index": 7, "kind": 1},
    ],
)
def test_an_invalid_index_or_kind_is_an_invalid_payload(reader, body):
    reply = post("/api/values", body, token=reader.token)
    seen = reply.json
    errors = seen.pop("errors")
    assert (reply.status, seen) == (400, fail("invalid_payload", "Invalid payload."))
    assert {error["field"] for error in errors} <= {"index", "kind"}


@pytest.mark.parametrize(
    "kind, index",
    [
        ("fibonacci", 1_000_001),
        ("fibonacci", "99999999999999999999999"),
        ("fibonacci", 2**53),
        ("fibonacci", 2**53 + 1),
        ("fibonacci", 10**40),
        ("fibonacci", 1e300),
        ("fibonacci", str(2**53 + 1)),
        ("lucas", 1_000_001),
        ("factorial", 10_000_000),
    ],
)
def test_an_index_above_the_limit_is_422(reader, kind, index):
    reply = submit(index, reader.token, kind)
    assert (reply.status, reply.json) == (422, fail("index_too_high", "Index too high"))


def test_submitting_a_large_index_needs_a_token():
    reply = post("/api/values", {"index": 1001})
    assert (reply.status, reply.json) == (403, fail("token_missing", "Provide a valid auth token."))


def test_all_lists_every_submission_oldest_first_with_duplicates(reader):
    before = everything()
    for index in (13, 12, 13):
        submit(index, reader.token)
    assert everything()[len(before) :] == [{"number": 13}, {"number": 12}, {"number": 13}]


def everything():
    """All pages of /values/all."""
    path, seen = "/api/values/all", []
    while path:
        reply = get(path)
        seen += reply.json
        link = reply.headers["Link"]
        path = link.split(">")[0][1:] if link else None
    return seen


def test_current_has_one_entry_for_each_distinct_index(reader):
    for index in (40, 40, 0, 1, 90):
        submit(index, reader.token)
    for index in (40, 0, 1, 90):
        result(index, reader.token)
    body = get("/api/values/current").json
    assert body["40"] == "165580141"
    assert (body["0"], body["1"]) == ("1", "1")
    assert body["90"] == str(fibonacci(90))


def test_current_shortens_results_of_over_a_thousand_digits(reader):
    submit(9999, reader.token)
    whole = result(9999, reader.token)
    shown = get("/api/values/current").json["9999"]
    assert shown == f"{whole[:20]}…{whole[-20:]} ({len(whole)} digits)"


def test_current_reads_a_result_from_postgres_only_once(reader):
    """Each process keeps the results that it has sent; a new process reads them from Postgres."""
    index = abacus.fresh_index()
    path = f"/values/current?after={index - 1}&limit=1"
    where = f"WHERE kind = 'fibonacci' AND index = {index}"
    with abacus.Daemon("values") as values:
        submit(index, reader.token)
        eventually(lambda: values.call("GET", path).json[str(index)] != "Nothing yet!")
        shown = values.call("GET", path).json
        eventually(lambda: abacus.psql("values", f"SELECT state FROM calculations {where}") == "done")
        abacus.psql("values", f"UPDATE calculations SET preview = '4711' {where}")
        assert values.call("GET", path).json == shown
    with abacus.Daemon("values") as values:
        assert values.call("GET", path).json == {str(index): "4711"}
    abacus.psql("values", f"UPDATE calculations SET preview = '{shown[str(index)]}' {where}")


def test_own_submissions_come_newest_first():
    person = abacus.Person()
    ids = [submit(index, person.token).json["id"] for index in (5, 6, 5)]
    result(5, person.token), result(6, person.token)
    reply = get("/api/values", token=person.token)
    values = reply.json["data"]["values"]
    assert [value["id"] for value in values] == ids[::-1]
    first = values[0]
    assert {key: first[key] for key in ("kind", "index", "state", "digits", "preview")} == {
        "kind": "fibonacci",
        "index": 5,
        "state": "done",
        "digits": 1,
        "preview": "8",
    }
    assert first["submitted_at"].endswith("Z") and first["calculated_at"].endswith("Z")
    assert isinstance(first["duration_us"], int)


def test_own_submissions_are_paged():
    person = abacus.Person()
    ids = [submit(index, person.token).json["id"] for index in (5, 6, 7)]
    first = get("/api/values?limit=2", token=person.token)
    assert [value["id"] for value in first.json["data"]["values"]] == [ids[2], ids[1]]
    assert first.headers["Link"] == f'</api/values?limit=2&after={ids[1]}>; rel="next"'
    rest = get(f"/api/values?limit=2&after={ids[1]}", token=person.token)
    assert [value["id"] for value in rest.json["data"]["values"]] == [ids[0]]
    assert rest.headers["Link"] is None


def test_own_submissions_exclude_those_of_other_users(reader):
    person = abacus.Person()
    submit(3, reader.token)
    assert get("/api/values", token=person.token).json["data"]["values"] == []


def test_a_result_has_a_strong_etag(reader):
    submit(10, reader.token)
    result(10, reader.token)
    reply = get("/api/values/fibonacci/10", token=reader.token)
    assert reply.json["data"]["result"] == "89"
    etag = reply.headers["ETag"]
    assert etag.startswith('"') and etag.endswith('"')
    again = get("/api/values/fibonacci/10", token=reader.token, headers={"If-None-Match": etag})
    assert (again.status, again.body) == (304, b"")


def test_the_etag_of_json_changes_with_the_duration_that_it_has(reader):
    submit(10, reader.token)
    result(10, reader.token)
    reply = get("/api/values/fibonacci/10", token=reader.token)
    assert reply.headers["ETag"] == f'"fibonacci-10-2-{reply.json["data"]["duration_us"]}"'


def test_json_and_plain_text_have_etags_of_their_own(reader):
    submit(10, reader.token)
    result(10, reader.token)
    tags = {
        get("/api/values/fibonacci/10", token=reader.token, headers={"Accept": accept}).headers["ETag"]
        for accept in ("application/json", "text/plain")
    }
    assert len(tags) == 2


@pytest.mark.parametrize(
    "path, message",
    [
        ("fibonacci/123456", "Nobody has asked for that yet."),
        ("unknown/7", "There is no such kind or index."),
        ("fibonacci/x", "There is no such kind or index."),
        ("fibonacci/-1", "There is no such kind or index."),
    ],
)
def test_a_result_that_was_never_submitted_is_404(reader, path, message):
    reply = get(f"/api/values/{path}", token=reader.token)
    assert (reply.status, reply.json) == (404, fail("not_found", message))


def test_a_result_that_is_still_being_calculated_is_202_with_retry_after(reader):
    index = abacus.fresh_index()
    for name in ("worker", "worker-2")[: abacus.INSTANCES]:
        abacus.stop(name)
    try:
        submit(index, reader.token)
        reply = get(f"/api/values/fibonacci/{index}", token=reader.token)
        pending = {"kind": "fibonacci", "index": index, "state": "pending"}
        assert (reply.status, reply.json) == (202, {"status": "success", "message": "Still being calculated.", "data": pending})
        assert int(reply.headers["Retry-After"]) > 0
    finally:
        for name in ("worker", "worker-2")[: abacus.INSTANCES]:
            abacus.start(name)
    assert len(result(index, reader.token)) > 10_000


def test_the_kinds_are_described(reader):
    kinds = {kind["kind"]: kind for kind in get("/api/values/kinds", token=reader.token).json["data"]["kinds"]}
    assert set(kinds) == {"fibonacci", "lucas", "factorial", "primorial"}
    assert kinds["fibonacci"]["limit"] == 1_000_000
    assert all(kind["description"] for kind in kinds.values())


def exact_fibonacci(index):
    """F(index + 1) by fast doubling, in Python's own integers."""

    def pair(n):
        if n == 0:
            return 0, 1
        a, b = pair(n // 2)
        c, d = a * (2 * b - a), a * a + b * b
        return (d, c + d) if n % 2 else (c, d)

    return pair(index + 1)[0]


def test_results_of_0_to_300_are_exact(reader):
    for index in range(301):
        assert submit(index, reader.token).status == 200
    for index in range(301):
        assert result(index, reader.token) == str(fibonacci(index))


@pytest.mark.parametrize("index", [1_000, 9_999, 100_000, 1_000_000])
def test_large_results_are_exact(reader, index):
    assert submit(index, reader.token).status == 200
    digits = result(index, reader.token)
    assert hashlib.sha256(digits.encode()).hexdigest() == hashlib.sha256(str(exact_fibonacci(index)).encode()).hexdigest()


def lucas(index):
    return 2 if index == 0 else exact_fibonacci(index) + exact_fibonacci(index - 2) if index > 1 else 1


def primorial(index):
    return math.prod(n for n in range(2, index + 1) if all(n % d for d in range(2, math.isqrt(n) + 1)))


@pytest.mark.parametrize(
    "kind, index, expected",
    [("lucas", n, lucas(n)) for n in (0, 1, 2, 3, 50, 5000)]
    + [("factorial", n, math.factorial(n)) for n in (0, 1, 2, 20, 21, 3000)]
    + [("primorial", n, primorial(n)) for n in (0, 1, 2, 3, 10, 30, 5000)],
)
def test_the_other_kinds_are_exact(reader, kind, index, expected):
    submit(index, reader.token, kind)
    assert result(index, reader.token, kind) == str(expected)


def test_a_job_that_no_worker_finishes_fails_and_can_be_requeued(reader):
    """The test uses up the deliveries as dying workers would: it claims the job and never acknowledges it."""
    index, lane = abacus.fresh_index(), "{jobs}:large"
    for name in ("worker", "worker-2")[: abacus.INSTANCES]:
        abacus.stop(name)
    try:
        submit(index, reader.token)
        entry = eventually(
            lambda: abacus.redis_cli("XREADGROUP", "GROUP", "workers", "dying", "COUNT", "1", "STREAMS", lane, ">")
        )
        job = next(line.split()[-1].strip('"') for line in entry.splitlines() if "-" in line and line.strip('" ')[0].isdigit())
        for _ in range(5):
            abacus.redis_cli("XCLAIM", lane, "workers", "dying", "0", job)
        abacus.redis_cli("XCLAIM", lane, "workers", "dying", "0", job, "IDLE", "3600000", "JUSTID")
    finally:
        for name in ("worker", "worker-2")[: abacus.INSTANCES]:
            abacus.start(name)
    failed = eventually(lambda: (r := get(f"/api/values/fibonacci/{index}", token=reader.token)).status == 409 and r)
    assert failed.json == fail("calculation_failed", "The calculation failed.")
    state = get("/api/values?limit=1", token=reader.token).json["data"]["values"][0]["state"]
    assert state == "failed"
    listed = abacus.manage("values", "jobs", "dead")
    assert re.search(rf"^fibonacci:{index} \d+ 20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d\.\d\d\dZ \S+$", listed, re.MULTILINE)
    eventually(lambda: "Queue degraded for " in get("/api/healthcheck").json["data"]["summary"])
    event = next(one for one in get("/api/healthcheck/events").json["data"]["events"] if one["service"] == "queue")
    assert (event["status"], event["reason"]) == ("degraded", "jobs were given up")
    abacus.manage("values", "jobs", "retry", "fibonacci", str(index))
    assert result(index, reader.token) == str(exact_fibonacci(index))
