"""The checker finds what is planted in a record of a run, and finds nothing in a good one. Needs no running system."""

import pytest

import calculations
import checker
from history import Recorded, fingerprint
from records import DIGITS, PREVIEW, RESULT, Listed, call, event, fault

USE = {
    "processes": {"users": {"count": 1, "memory": 5 << 20, "descriptors": 20}},
    "redis": 2 << 20,
    "connections": {"redis": 12},
}
GOOD = Listed(
    [
        {"op": "measured", "when": "before", **USE},
        call("register", 1, 201, email="ann@chaos.example.com", password=0, token="first"),
        call("login", 2, 200, email="ann@chaos.example.com", password=0, token="second"),
        call("submit", 3, 200, token="first", kind="fibonacci", index=7, value="1"),
        call("submit", 4, None, token="first", kind="fibonacci", index=8),
        call("result", 5, 200, token="first", kind="fibonacci", index=7, result=RESULT),
        call("list", 6, 200, token="first", limit=20, values=[["1", "fibonacci", 7, "done", DIGITS, PREVIEW]]),
        call("open", 7, 101, connection=1, token="second"),
        {"op": "ready", "connection": 1, "at": 7.5},
        event(8),
        call("logout", 10, 200, token="second"),
        call("use", 11, 401, token="second"),
        call("password", 12, 200, token="first", old=0, new=1),
        call("use", 13, 401, token="first"),
        call("login", 14, 404, email="ann@chaos.example.com", password=0),
        call("login", 15, 200, email="ann@chaos.example.com", password=1, token="third"),
        call("use", 16, 200, token="third"),
        fault(17, "kill serving", "users"),
        call("login", 17, 200, user="admin", email="admin@abacus.test", password=0, token="admin"),
        call("register", 17, 201, user="eve", email="eve@chaos.example.com", token="eve"),
        call("remove", 18, 200, user="admin", victim="eve", how="DELETE", token="admin"),
        {"op": "lapse", "seconds": 0.5},
        {"op": "checked", "kind": "fibonacci", "index": 7, "status": 200, "result": RESULT},
        {"op": "sentinel", "via": "nginx", "kind": "fibonacci", "index": 9, "events": 1},
        {"op": "measured", "when": "after", **USE},
        {
            "op": "final",
            "rows": [["1", 3, "fibonacci", 7], ["2", 3, "fibonacci", 8]],
            "calculations": [["fibonacci", 7], ["fibonacci", 8]],
            "users": [[3, "ann@chaos.example.com"]],
            "results": [["fibonacci", 7]],
            "dead": [],
            "keys": ["{jobs}:finished", "{revocations}:complete"],
            "left": {"the stream of jobs": 0},
        },
    ]
)
MANY_FAULTS = [fault(9 + number, "kill serving", "worker") for number in range(5)]
LETTER = ["fibonacci", 7, 5, 20]


def grown(**fields):
    return {"processes": {"users": {**USE["processes"]["users"], **fields}}}


PLANTED = [
    ("acknowledged_submissions_are_there_once", GOOD.but("final", rows=[["2", 3, "fibonacci", 8]])),
    ("acknowledged_submissions_are_there_once", GOOD.but("final", rows=[["4", 3, "fibonacci", 7]])),
    ("acknowledged_submissions_are_there_once", GOOD.and_final(rows=[["3", 3, "fibonacci", 7]])),
    ("acknowledged_submissions_are_there_once", GOOD.and_final(rows=[["3", 3, "fibonacci", 8]])),  # never acknowledged
    ("nothing_is_there_that_no_client_asked_for", GOOD.and_final(rows=[["3", 3, "lucas", 7]])),
    ("nothing_is_there_that_no_client_asked_for", GOOD.and_final(rows=[["3", 4, "fibonacci", 7]])),
    ("nothing_is_there_that_no_client_asked_for", GOOD.and_final(calculations=[["lucas", 7]])),
    ("nothing_is_there_that_no_client_asked_for", GOOD.and_final(results=[["fibonacci", 70]])),
    ("accounts_are_there_once", GOOD.and_final(users=[[4, "ann@chaos.example.com"]])),
    ("accounts_are_there_once", GOOD.and_final(users=[[4, "bob@chaos.example.com"]])),
    ("accounts_are_there_once", GOOD.and_also(call("register", 1, 201, user="bob", email="bob@chaos.example.com", token="x"))),
    ("accounts_are_there_once", GOOD.and_final(users=[[4, "eve@chaos.example.com"]])),
    ("accounts_are_there_once", GOOD.but("remove", how="PATCH")),
    ("every_acknowledged_submission_has_its_result", GOOD.but("checked", status=202)),
    (
        "every_acknowledged_submission_has_its_result",
        GOOD.but("checked", index=8, result=calculations.expected("fibonacci", 8)[1]),
    ),
    ("every_number_is_exact", GOOD.but("checked", result=fingerprint("22"))),
    ("every_number_is_exact", GOOD.but("result", result=fingerprint("22"))),
    ("every_number_is_exact", GOOD.but("event", preview=fingerprint("22"))),
    ("every_number_is_exact", GOOD.but("event", digits=3)),
    ("every_number_is_exact", GOOD.but("list", values=[["1", "fibonacci", 7, "done", DIGITS, fingerprint("22")]])),
    ("a_list_has_what_was_acknowledged_before_and_nothing_else", GOOD.but("list", values=[])),
    (
        "a_list_has_what_was_acknowledged_before_and_nothing_else",
        GOOD.but("list", values=[["3", "lucas", 7, "pending", None, None], ["1", "fibonacci", 7, "done", DIGITS, PREVIEW]]),
    ),
    (
        "a_list_has_what_was_acknowledged_before_and_nothing_else",
        GOOD.but("list", values=[["1", "fibonacci", 7, "done", DIGITS, PREVIEW]] * 2),
    ),
    ("answers_are_those_that_a_disturbed_system_gives", GOOD.and_also(call("use", 16, 500, token="third"))),
    ("answers_are_those_that_a_disturbed_system_gives", GOOD.and_also(call("use", 16, 404, token="third"))),
    ("a_dead_token_is_never_accepted", GOOD.and_also(call("use", 10.11, 200, token="second"))),  # logged out
    ("a_dead_token_is_never_accepted", GOOD.and_also(call("use", 90, 200, token="second"))),
    (
        "a_dead_token_is_never_accepted",
        GOOD.and_also(call("list", 12.2, 200, token="first", limit=9, values=[["1", "fibonacci", 7, "pending", None, None]])),
    ),  # its user's password was changed with it
    (
        "a_dead_token_is_never_accepted",
        GOOD.but("logout", status=503).and_also(call("use", 12.2, 200, token="second")),
    ),  # … or with another one
    ("a_dead_token_is_never_accepted", GOOD.and_also(call("use", 18.2, 200, token="eve"))),  # its user was deleted
    ("a_listener_gets_nothing_after_its_token_died", GOOD.and_also(event(20, index=8, digits=2, preview=fingerprint("34")))),
    (
        "a_listener_gets_nothing_after_its_token_died",
        GOOD.and_also(call("open", 10.2, 101, connection=2, token="second"), {"op": "ready", "connection": 2, "at": 10.3}),
    ),
    ("a_good_token_is_never_refused", GOOD.and_also(call("use", 16, 401, token="third"))),
    ("a_good_token_is_never_refused", GOOD.and_also(call("use", 9, 401, token="second"))),
    ("a_good_token_is_never_refused", GOOD.and_also(call("use", 17.5, 401, token="eve"))),
    ("a_good_token_is_never_refused", GOOD.and_also(call("use", 18.5, 401, token="admin"))),
    ("passwords_are_those_that_were_acknowledged", GOOD.and_also(call("login", 16, 200, email="", password=0, token="x"))),
    ("passwords_are_those_that_were_acknowledged", GOOD.and_also(call("login", 16, 404, email="", password=1))),
    ("no_live_event_comes_twice_on_one_connection", GOOD.and_also(event(8.2))),
    ("no_live_event_comes_twice_on_one_connection", GOOD.and_also(event(8.2), fault(9.5, "empty", "redis"))),
    ("no_live_event_comes_twice_on_one_connection", GOOD.and_also(event(8.2), event(8.3), fault(8.1, "empty", "redis"))),
    ("every_listener_gets_a_new_result_once_at_the_end", GOOD.but("sentinel", events=0)),
    ("every_listener_gets_a_new_result_once_at_the_end", GOOD.but("sentinel", events=2)),
    ("no_dead_letter_without_as_many_faults", GOOD.and_final(dead=[LETTER])),
    ("no_dead_letter_without_as_many_faults", GOOD.and_also(*MANY_FAULTS[1:]).and_final(dead=[LETTER])),
    ("no_dead_letter_without_as_many_faults", GOOD.and_also(*MANY_FAULTS).and_final(dead=[["fibonacci", 7, 4, 20]])),
    ("no_dead_letter_without_as_many_faults", GOOD.and_also(*MANY_FAULTS).and_final(dead=[["fibonacci", 7, 5, 12]])),
    ("everything_is_ready_soon_after_the_last_fault", GOOD.but("lapse", seconds=31)),
    ("everything_is_ready_soon_after_the_last_fault", GOOD.but("lapse", seconds=None)),
    ("resources_are_as_before", GOOD.but("measured", **grown(memory=50 << 20))),
    ("resources_are_as_before", GOOD.but("measured", **grown(count=2))),
    ("resources_are_as_before", GOOD.but("measured", **grown(descriptors=23))),
    ("resources_are_as_before", GOOD.but("measured", redis=20 << 20)),
    ("resources_are_as_before", GOOD.but("measured", connections={"redis": 14})),
    ("redis_keeps_no_remains", GOOD.but("final", left={"the stream of jobs": 1})),
    ("redis_keeps_no_remains", GOOD.but("final", keys=["{jobs}:leftover"])),
    ("no_process_crashed", GOOD.and_also({"op": "crash", "instance": "users", "line": "signal 11"})),
    ("no_parent_ended_by_itself", GOOD.and_also({"op": "parent", "instance": "users", "at": 18})),
    (
        "no_parent_ended_by_itself",
        GOOD.and_also(fault(17, "kill parent", "users"), *2 * [{"op": "parent", "instance": "users", "at": 18}]),
    ),
    (
        "no_parent_ended_by_itself",
        GOOD.and_also(fault(17, "kill parent", "users"), {"op": "parent", "instance": "users-2", "at": 18}),
    ),
    ("no_process_hung_by_itself", GOOD.and_also({"op": "hang", "instance": "users", "at": 18})),
    (
        "no_process_hung_by_itself",
        GOOD.and_also(fault(17, "stop serving", "users"), {"op": "hang", "instance": "users", "at": 20}),
    ),
    ("the_nemesis_did_its_work", GOOD.and_also(fault(1, "kill", "redis", outcome="broken: KeyError()"))),
]


def test_a_good_record_violates_no_rule():
    assert checker.violations(GOOD) == {}


@pytest.mark.parametrize("rule, history", PLANTED, ids=[f"{number} {rule}" for number, (rule, _) in enumerate(PLANTED)])
def test_what_is_planted_is_found_by_its_rule_alone(rule, history):
    assert list(checker.violations(history)) == [rule]


def test_every_rule_has_something_planted():
    assert {rule for rule, _ in PLANTED} == {rule.__name__ for rule in checker.RULES}


@pytest.mark.parametrize(
    "history",
    [
        GOOD.but("final", rows=[["1", 3, "fibonacci", 7]]),  # what was not answered did not happen
        GOOD.and_also(call("use", 10.05, 200, token="second")),  # asked before the logout was acknowledged
        GOOD.and_also(call("use", 16, 503, token="third")),
        GOOD.but("logout", status=503).and_also(call("use", 10.5, 200, token="second")),
        GOOD.and_also(event(8.2), fault(8.1, "empty", "redis")),  # calculated again
        GOOD.but("remove", status=503),
        GOOD.but("remove", status=503).and_final(users=[[4, "eve@chaos.example.com"]]),
        GOOD.and_also(event(11, index=8, digits=2, preview=fingerprint("34"))),  # was on its way at the logout
        GOOD.and_also(*MANY_FAULTS).and_final(dead=[LETTER]),
        GOOD.and_also(fault(1, "kill", "redis", outcome="skipped: it is not there")),
        GOOD.and_also(fault(17, "kill parent", "users"), {"op": "parent", "instance": "users", "at": 18}),
        GOOD.and_also(fault(17, "replace", "users"), {"op": "parent", "instance": "users-2", "at": 25}),
        GOOD.and_also(fault(17, "stop serving", "users-2", end=24), {"op": "hang", "instance": "users-2", "at": 22}),
    ],
)
def test_what_may_happen_is_no_violation(history):
    assert checker.violations(history) == {}


def test_a_record_in_a_file_is_read_by_operation(tmp_path):
    path = tmp_path / "history.jsonl"
    path.write_text('{"op":"use","id":"a"}\n{"op":"user","id":"b"}\n{"op":"list","id":"c"}\n')
    assert [record["id"] for record in Recorded(path).of("use", "list")] == ["a", "c"]
