"""What must hold of a recorded run, whatever the nemesis did. `python3 tests/chaos/checker.py HISTORY` checks a record again.

Each rule reads the record (history.py says what is in it) and yields a sentence for each violation. An operation whose answer
was an error, or was lost, may have happened or not, but not twice."""

import bisect
import collections

import calculations
from history import email_of

READY_LIMIT_S = 30
# A listener gets nothing this long after its logout was acknowledged; until then an event may be on its way.
LISTENER_CLOSES_S = 2
# What was not acknowledged may still happen for so long, because a process was stopped in the middle of it.
LATE_S = 60
MAX_DELIVERIES = 5
# A parent that was killed or asked to end is there again so long after the fault, because it drains, and others delay it.
PARENT_RETURNS_S = 30
HANG_IS_SEEN_S = 2
MEMORY_GROWTH_BYTES_MAX = 24 << 20  # of each process: a hash of a password takes 19 MiB
REDIS_GROWTH_BYTES_MAX = 16 << 20
DESCRIPTOR_GROWTH_MAX = 2  # of an instance: a parent that has logged has one more, which writes to the log
CONNECTION_GROWTH_MAX = 1
# What a client of a system that is being disturbed may get. 400 of a registration and 404 of a login and a result are answers.
ERRORS = {None, 429, 502, 503, 504}
ANSWERS = {
    "register": {201, 400},
    "login": {200, 404},
    "logout": {200, 401},
    "password": {200, 401, 409, 422},
    "remove": {200, 401, 404},
    "use": {200, 401},
    "submit": {200, 401},
    "list": {200, 401},
    "result": {200, 202, 401, 409},
    "open": {101},
}
WITH_TOKEN = ("use", "submit", "list", "result", "logout", "password", "remove")
ACCEPTED = {200, 202, 409}
# What may cost a job a delivery, because a worker dies, or can not renew its lease.
COSTS_A_DELIVERY = ("worker", "redis")
# After these Redis may have forgotten what it had acknowledged: its append-only file is synced once a second.
REDIS_FORGETS = {("kill", "redis"), ("empty", "redis"), ("lose data", "redis")}
REDIS_KEYS = {
    "jobs",
    *(f"{{jobs}}:{name}" for name in "asked backlog counting dead finished gone large load refill window workers".split()),
    *(f"{{mail}}:{name}" for name in "domains messages recipients reports sms".split()),
    *(f"{{revocations}}:{name}" for name in "complete followers republishing".split()),
    "revocations",
    "revocations:complete",
    "login_attempts",
    "submission_buckets",
}


def only(records):
    found = list(records)
    assert len(found) == 1, f"{len(found)} records where there must be one"
    return found[0]


def rows_by_submission(history):
    """(email, kind, index) -> ids of the rows"""
    final = only(history.of("final"))
    emails = dict(final["users"])
    rows = collections.defaultdict(list)
    for value, user, kind, index in final["rows"]:
        rows[emails.get(user, f"user {user}"), kind, index].append(value)
    return rows


def key_of(record):
    return email_of(record["user"]), record["kind"], record["index"]


# ---- submissions ----


def acknowledged_submissions_are_there_once(history):
    rows, acknowledged = rows_by_submission(history), {}
    for submit in history.of("submit"):
        if submit["status"] == 200:
            acknowledged[key_of(submit)] = submit
    for key, submit in acknowledged.items():
        found = rows.get(key, [])
        if submit["value"] not in found:
            yield f"lost: {submit['id']} was acknowledged as value {submit['value']}, and its rows are {found}"
    for key, found in rows.items():
        if len(found) > 1:
            yield f"{key} was submitted once and stored {len(found)} times: {found}"


def nothing_is_there_that_no_client_asked_for(history):
    asked = {key_of(submit) for submit in history.of("submit", "sentinel submit")}
    calculations_asked = {key[1:] for key in asked}
    for key in rows_by_submission(history):
        if key not in asked:
            yield f"a row that no client submitted: {key}"
    final = only(history.of("final"))
    for what in ("calculations", "results", "dead"):
        for kind, index, *_ in final[what]:
            if (kind, index) not in calculations_asked:
                yield f"{what}: {kind} {index}, which no client submitted"


def accounts_are_there_once(history):
    emails = collections.Counter(email for _, email in only(history.of("final"))["users"])
    asked = {register["email"] for register in history.of("register")}
    removals = [removal for removal in history.of("remove") if removal["how"] == "DELETE"]
    removed = {email_of(removal["victim"]) for removal in removals}
    for register in history.of("register"):
        if register["status"] == 201 and emails[register["email"]] == 0 and register["email"] not in removed:
            yield f"lost: the account {register['email']}"
    for removal in removals:
        if removal["status"] == 200 and emails[email_of(removal["victim"])]:
            yield f"the account {email_of(removal['victim'])} is there although it was deleted ({removal['id']})"
    for email, count in emails.items():
        if count > 1 or email not in asked:
            yield f"{count} accounts {email}" + ("" if email in asked else ", which no client registered")


def every_acknowledged_submission_has_its_result(history):
    """At the end, when all was well again."""
    checked = {(record["kind"], record["index"]): record for record in history.of("checked")}
    dead = {(kind, index) for kind, index, *_ in only(history.of("final"))["dead"]}
    missing = set()
    for submit in history.of("submit"):
        key = submit["kind"], submit["index"]
        if submit["status"] == 200 and key not in dead and checked.get(key, {"status": "no"})["status"] != 200:
            missing.add(key)
    for key in sorted(missing):
        yield f"no result of {key}: {checked.get(key)}"


def every_number_is_exact(history):
    for record in history.of("result", "checked"):
        if record["status"] == 200 and record["result"] != calculations.expected(record["kind"], record["index"])[1]:
            yield f"wrong: {record}"
    for event in history.of("event"):
        if not is_exact(event["kind"], event["index"], event["digits"], event["preview"]):
            yield f"wrong: {event}"
    for listing in history.of("list"):
        for _, kind, index, state, digits, preview in listing.get("values", ()):
            if state == "done" and not is_exact(kind, index, digits, preview):
                yield f"wrong: {kind} {index} in {listing['id']}"


def is_exact(kind, index, digits, preview):
    expected = calculations.expected(kind, index)
    return (digits, preview) == (expected[0], expected[2])


def a_list_has_what_was_acknowledged_before_and_nothing_else(history):
    values, submitted = collections.defaultdict(list), collections.defaultdict(set)
    for submit in history.of("submit"):
        submitted[submit["user"]].add((submit["kind"], submit["index"]))
        if submit["status"] == 200:
            values[submit["user"]].append((submit["end"], int(submit["value"])))
    for listing in history.of("list"):
        if listing["status"] == 200:
            yield from list_problems(listing, values[listing["user"]], submitted[listing["user"]])


def list_problems(listing, acknowledged, submitted):
    """acknowledged: (when, id), in that order"""
    ids = [int(row[0]) for row in listing["values"]]
    if ids != sorted(set(ids), reverse=True):
        yield f"{listing['id']}: not from the newest down, or one twice: {ids}"
    lowest = ids[-1] if len(ids) == listing["limit"] else 0
    before = bisect.bisect_left(acknowledged, (listing["begin"], 0))
    missing = {value for _, value in acknowledged[:before] if value >= lowest} - set(ids)
    if missing:
        yield f"{listing['id']} lacks {sorted(missing)}, which were acknowledged before"
    foreign = [row[:3] for row in listing["values"] if (row[1], row[2]) not in submitted]
    if foreign:
        yield f"{listing['id']} has what its user never submitted: {foreign}"


def answers_are_those_that_a_disturbed_system_gives(history):
    for record in history.of(*ANSWERS):
        if record["status"] not in ANSWERS[record["op"]] | ERRORS:
            yield f"status {record['status']}: {record}"


# ---- tokens and passwords ----


def deaths_of_tokens(history):
    """token -> (when it was acknowledged that it is dead, by what)"""
    deaths, tokens = {}, collections.defaultdict(list)

    def die(token, record):
        if token not in deaths or record["end"] < deaths[token][0]:
            deaths[token] = (record["end"], record["id"])

    for issue in history.of("register", "login"):
        if issue["status"] in (200, 201):
            tokens[issue["user"]].append((issue["end"], issue["token"]))
    for record in history.of("logout", "password", "remove"):
        if record["status"] != 200:
            continue
        if record["op"] == "logout":
            die(record["token"], record)
        for issued, token in tokens[whose_tokens_end(record)]:
            if issued < record["begin"]:
                die(token, record)
    return deaths


def whose_tokens_end(record):
    return {"password": record["user"], "remove": record.get("victim")}.get(record["op"])


def uses_of_dead_tokens(history):
    """(the use, seconds after the acknowledgement of the token's death, by what it died)"""
    deaths = deaths_of_tokens(history)
    for record in history.of(*WITH_TOKEN):
        died, by = deaths.get(record["token"], (float("inf"), None))
        if record["begin"] > died:
            yield record, record["begin"] - died, by


def a_dead_token_is_never_accepted(history):
    for record, after_s, by in uses_of_dead_tokens(history):
        if record["status"] in ACCEPTED:
            yield f"{record['begin']:.3f} s: {record['id']} ({record['via']}) accepted a token {after_s:.4f} s after {by}"


def a_listener_gets_nothing_after_its_token_died(history):
    deaths = deaths_of_tokens(history)
    listeners = {record["connection"]: record for record in history.of("open") if record["status"] == 101}
    late = collections.defaultdict(list)
    for event in history.of("event", "ready"):
        opened = listeners[event["connection"]]
        died, _ = deaths.get(opened["token"], (float("inf"), None))
        if event["at"] > died + (0 if opened["begin"] > died else LISTENER_CLOSES_S):
            late[event["connection"]].append(event["at"] - died)
    for connection, times in late.items():
        token, via = listeners[connection]["token"], listeners[connection]["via"]
        died, by = deaths[token]
        yield f"{died:.3f} s: connection {connection} ({via}) got {len(times)} messages until {max(times):.1f} s after {by}"


def a_good_token_is_never_refused(history):
    """Good: no logout with it was even tried, and nothing that ends its user's tokens was under way after it was issued."""
    owners, tried, changes = {}, {}, collections.defaultdict(list)
    for issue in history.of("register", "login"):
        if issue["status"] in (200, 201):
            owners[issue["token"]] = (issue["user"], issue["begin"])
    for record in history.of("logout"):
        tried[record["token"]] = min(record["begin"], tried.get(record["token"], record["begin"]))
    for record in history.of("password", "remove"):
        changes[whose_tokens_end(record)].append((record["begin"], record["end"] + (0 if record["status"] == 200 else LATE_S)))
    for record in history.of(*WITH_TOKEN):
        user, issued = owners[record["token"]]
        doubts = [begin for begin, until in changes[user] if until > issued] + [tried.get(record["token"], float("inf"))]
        if record["status"] == 401 and min(doubts) > record["end"]:
            yield f"{record['begin']:.3f} s: {record['id']} ({record['via']}) refused a token that was good"


def passwords_are_those_that_were_acknowledged(history):
    """A user does one thing after another, so the record has them in order."""
    possible = collections.defaultdict(lambda: {0})
    for record in history.of("password", "login"):
        mine = possible[record["user"]]
        if record["op"] == "password":
            changed(possible, record)
        elif record["status"] == 200 and record["password"] not in mine:
            yield f"{record['id']} accepted password {record['password']}, and only {sorted(mine)} can be good"
        elif record["status"] == 404 and mine == {record["password"]}:
            yield f"{record['id']} refused the only password"


def changed(possible, record):
    if record["status"] == 200:
        possible[record["user"]] = {record["new"]}
    else:
        possible[record["user"]].add(record["new"])


# ---- live results ----


def no_live_event_comes_twice_on_one_connection(history):
    """A result that Redis forgot is calculated again, and announced again: once for each time that it forgot."""
    losses = sorted(
        (fault["begin"], fault["end"]) for fault in history.of("fault") if (fault["kind"], fault["target"]) in REDIS_FORGETS
    )
    seen = collections.defaultdict(list)
    for event in history.of("event"):
        seen[event["connection"], event["kind"], event["index"]].append(event["at"])
    for key, times in seen.items():
        allowed = 1 + sum(begin <= times[-1] and times[0] <= end + 1 for begin, end in losses)
        if len(times) > allowed:
            yield f"connection {key[0]} got {key[1]} {key[2]} at {times}"


def every_listener_gets_a_new_result_once_at_the_end(history):
    for sentinel in history.of("sentinel"):
        if sentinel["events"] != 1:
            yield f"{sentinel['via']}: {sentinel['kind']} {sentinel['index']} was announced {sentinel['events']} times"


# ---- the system ----


def no_dead_letter_without_as_many_faults(history):
    """A job is a dead letter after MAX_DELIVERIES deliveries, and each costs a fault of worker or Redis."""
    began = {}
    for submit in history.of("submit"):
        began.setdefault((submit["kind"], submit["index"]), submit["begin"])
    times = sorted(fault["begin"] for fault in history.of("fault") if fault["target"].removesuffix("-2") in COSTS_A_DELIVERY)
    for kind, index, deliveries, failed in only(history.of("final"))["dead"]:
        first = began.get((kind, index), 0)
        faults = bisect.bisect_right(times, failed) - bisect.bisect_left(times, first)
        if deliveries < MAX_DELIVERIES or faults < MAX_DELIVERIES:
            yield f"{kind} {index} became a dead letter with {deliveries} deliveries and {faults} faults"


def everything_is_ready_soon_after_the_last_fault(history):
    lapse = only(history.of("lapse"))
    if lapse["seconds"] is None or lapse["seconds"] > READY_LIMIT_S:
        yield f"not well {READY_LIMIT_S} s after the last fault: {lapse}"


def resources_are_as_before(history):
    measured = {record["when"]: record for record in history.of("measured")}
    yield from growth(measured["before"], measured["after"])


def growth(before, after):
    """Sentences about what one measurement has more of than an earlier one."""
    for name, was in before["processes"].items():
        now = after["processes"][name]
        if now["memory"] > was["memory"] + MEMORY_GROWTH_BYTES_MAX * was["count"]:
            yield f"{name}: {was['memory']} bytes of memory became {now['memory']}"
        if now["descriptors"] > was["descriptors"] + DESCRIPTOR_GROWTH_MAX:
            yield f"{name}: {was['descriptors']} descriptors became {now['descriptors']}"
        if now["count"] != was["count"]:
            yield f"{name}: {was['count']} processes became {now['count']}"
    if after["redis"] > before["redis"] + REDIS_GROWTH_BYTES_MAX:
        yield f"Redis: {before['redis']} bytes of memory became {after['redis']}"
    for what, was in before["connections"].items():
        if abs(after["connections"][what] - was) > CONNECTION_GROWTH_MAX:
            yield f"{was} connections to {what} became {after['connections'][what]}"


def redis_keeps_no_remains(history):
    final = only(history.of("final"))
    for what, count in final["left"].items():
        if count:
            yield f"{count} left in {what}"
    for key in final["keys"]:
        if key not in REDIS_KEYS:
            yield f"a key that nothing explains: {key}"


def no_process_crashed(history):
    for crash in history.of("crash"):
        yield f"{crash['instance']}: {crash['line']}"


def spells(history, *kinds):
    """instance -> [(begin, end)] of the faults of these kinds. One that was skipped may have been done in part."""
    found = collections.defaultdict(list)
    for fault in history.of("fault"):
        if fault["kind"] in kinds:
            both = fault["kind"] == "replace"
            for instance in (fault["target"], fault["target"] + "-2") if both else (fault["target"],):
                found[instance].append((fault["begin"], fault["end"]))
    return found


def unexplained(history, op, late_s, *kinds):
    """The records of what no fault explains; each fault explains one."""
    faults = spells(history, *kinds)
    for record in history.of(op):
        mine = faults[record["instance"]]
        reason = next((spell for spell in mine if spell[0] <= record["at"] <= spell[1] + late_s), None)
        if reason:
            mine.remove(reason)
        else:
            yield record


def no_parent_ended_by_itself(history):
    for record in unexplained(history, "parent", PARENT_RETURNS_S, "kill parent", "replace"):
        yield f"{record['at']:.3f} s: {record['instance']} has another parent, and no fault ended it"


def no_process_hung_by_itself(history):
    for record in unexplained(history, "hang", HANG_IS_SEEN_S, "stop serving", "stop parent"):
        yield f"{record['at']:.3f} s: a serving process of {record['instance']} hung, and no fault stopped it"


def the_nemesis_did_its_work(history):
    for fault in history.of("fault"):
        if fault["outcome"].startswith("broken"):
            yield f"fault {fault['number']} ({fault['kind']} {fault['target']}) {fault['outcome']}"


RULES = [
    acknowledged_submissions_are_there_once,
    nothing_is_there_that_no_client_asked_for,
    accounts_are_there_once,
    every_acknowledged_submission_has_its_result,
    every_number_is_exact,
    a_list_has_what_was_acknowledged_before_and_nothing_else,
    answers_are_those_that_a_disturbed_system_gives,
    a_dead_token_is_never_accepted,
    a_listener_gets_nothing_after_its_token_died,
    a_good_token_is_never_refused,
    passwords_are_those_that_were_acknowledged,
    no_live_event_comes_twice_on_one_connection,
    every_listener_gets_a_new_result_once_at_the_end,
    no_dead_letter_without_as_many_faults,
    everything_is_ready_soon_after_the_last_fault,
    resources_are_as_before,
    redis_keeps_no_remains,
    no_process_crashed,
    no_parent_ended_by_itself,
    no_process_hung_by_itself,
    the_nemesis_did_its_work,
]


def violations(history):
    """rule -> its sentences; a rule that holds is left out"""
    found = {rule.__name__: list(rule(history)) for rule in RULES}
    return {rule: sentences for rule, sentences in found.items() if sentences}
