"""The trail of an account: which user did what, when, and from where. The second half tries what an attacker would;
docs/security.md lists it."""

import contextlib
import re
import secrets
from concurrent.futures import ThreadPoolExecutor

import pytest
import test_email_verification as addresses
import test_mtan as codes
import test_sessions as sessions
from test_factors import Owner, answer, ask_for_factors, begin, challenge_of, confirmation, session_of
from test_password_reset import NEW, reset, token_for

import abacus
from abacus import Daemon, Person, call, confirmed_by_password, eventually, fail, get, post, psql

FORBIDDEN = fail("not_permitted", "You do not have permission to do that.")
MEMBERS = {
    "id", "event", "at", "user", "actor", "session", "network", "user_agent", "request_id", "count", "last_at",
}  # fmt: skip
NO_ID = "not an id\t"


def events(token, path="/auth/events", **options):
    reply = get(path, token=token, **options)
    assert reply.status == 200, reply
    return reply.json["data"]["events"]


def of(user, admin):
    return events(admin, f"/users/{getattr(user, 'id', user)}/events?limit=1000")


def names(found):
    """The first event is the first name."""
    return [event["event"] for event in reversed(found)]


def only(found, name):
    (event,) = [event for event in found if event["event"] == name]
    return event


def trail(person, admin, *expected):
    """Waits, because logins without a session and what failed are recorded after their reply."""
    eventually(lambda: sorted(names(of(person, admin))) == sorted(expected), message=f"the events are {expected}")
    return of(person, admin)


def own_id(token):
    return get("/auth/status", token=token).json["data"]["id"]


def rows(person, condition="true"):
    return int(psql("users", f"SELECT count(*) FROM events WHERE user_id = {person.id} AND {condition}"))


def fill(person, event_class, event, count):
    columns = "(class, event, user_id, at, network)"
    values = f"'{event_class}', '{event}', {person.id}, now() - interval '1 minute' * n, 'network ' || n"
    psql("users", f"INSERT INTO events {columns} SELECT {values} FROM generate_series({count}, 1, -1) n")


def log_in_by(person, agent):
    """Once the program that registered is known, without which the next one would be no further one."""
    known = f"SELECT count(*) FROM devices WHERE user_id = {person.id}"
    eventually(lambda: psql("users", known) != "0", message="the device that registered is known")
    headers = {"User-Agent": agent, "X-Request-ID": NO_ID}
    return expect(201, post("/auth/session", {"email": person.email, "password": person.password}, headers=headers))


def patch(user, token, headers=None, **body):
    return call("PATCH", f"/users/{user.id}", body, token=token, headers=headers)


@contextlib.contextmanager
def refused(*names):
    """Postgres takes no such events."""
    listed = ", ".join(f"'{name}'" for name in names)
    psql("users", f"ALTER TABLE events ADD CONSTRAINT refused CHECK (event NOT IN ({listed})) NOT VALID")
    try:
        yield
    finally:
        psql("users", "ALTER TABLE events DROP CONSTRAINT refused")


def expect(status, reply):
    assert reply.status == status, reply
    return reply


# ---- what is recorded ----


def test_a_session_is_in_the_trail_from_its_login_to_its_logout(person, admin):
    kept, left, ended = (session_of(person) for _ in range(3))
    call("DELETE", "/auth/session", token=left["access_token"])
    call("DELETE", f"/auth/sessions/{ended['session']['id']}", token=kept["access_token"])
    found = trail(person, admin, "registered", "login", "login", "login", "logout", "session_ended")
    logins = [event["session"] for event in reversed(found) if event["event"] == "login"]
    assert logins == [body["session"]["id"] for body in (kept, left, ended)]
    assert only(found, "logout")["session"] == left["session"]["id"]
    assert only(found, "session_ended")["session"] == ended["session"]["id"]
    assert {event["actor"] for event in found if event["event"] != "registered"} == {person.id}


def test_a_session_whose_cookie_another_login_replaces_is_in_the_trail_of_its_user(person, admin):
    """And not as done by the other user, because nobody but an admin does something to another user."""
    first = expect(201, sessions.log_in(person, cookie=True, headers={"Origin": sessions.ORIGIN}))
    name, value, _ = sessions.cookie_of(first)
    headers = {"Origin": sessions.ORIGIN, "Cookie": f"{name}={value}"}
    expect(201, sessions.log_in(Person(), cookie=True, headers=headers))
    event = only(trail(person, admin, "registered", "login", "session_ended"), "session_ended")
    assert (event["session"], event["actor"]) == (first.json["session"]["id"], None)


def test_an_event_says_who_did_it_when_and_from_where(person, admin):
    body = {"email": person.email, "password": person.password}
    headers = {"User-Agent": "a browser", "X-Request-ID": "request-7", "X-Forwarded-For": "2001:db8:7:8:9::1"}
    reply = expect(201, post("/auth/session", body, headers=headers, to="users"))
    event = only(of(person, admin), "login")
    assert set(event) == MEMBERS
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", event["at"])
    assert {name: event[name] for name in MEMBERS - {"id", "at", "last_at"}} == {
        "event": "login",
        "user": person.id,
        "actor": person.id,
        "session": reply.json["session"]["id"],
        "network": "2001:db8:7:8::",
        "user_agent": "a browser",
        "request_id": "request-7",
        "count": 1,
    }
    assert event["last_at"] == event["at"]


def test_logins_and_logouts_without_a_session_are_in_the_trail(person, admin):
    call("POST", "/auth/logout", token=person.login())
    post("/auth", {"username": person.username, "password": person.password})
    found = trail(person, admin, "registered", "login", "login", "logout")
    assert {event["session"] for event in found} == {None}


def test_changes_of_the_own_account_are_in_the_trail(person, admin):
    new = {"username": f"renamed-{person.username}", "email": f"renamed-{person.email}", "current": person.password}
    expect(200, call("PATCH", "/auth/account", new, token=person.token))
    expect(200, call("PATCH", "/auth/account", new, token=person.token))  # which changes nothing
    headers = confirmed_by_password(person.token, person.password, "end_other_sessions")
    expect(200, call("DELETE", "/auth/sessions", token=person.token, headers=headers))
    person.email = new["email"]
    body = {"current": person.password, "new": NEW}
    expect(200, call("PUT", "/auth/password", body, token=session_of(person)["access_token"]))
    done = ["username_changed", "email_changed", "password_confirmed", "sessions_ended", "password_changed"]
    found = trail(person, admin, "registered", *done, "login")
    assert person.email not in str(found)


def test_what_happens_to_factors_is_in_the_trail(admin):
    owner = Owner()
    challenge = begin(owner, "replace_recovery_codes").json["data"]["challenge"]
    proof = answer(challenge, owner.recovery_codes[0], "recovery").json["data"]["confirmation"]
    reply = expect(200, post("/auth/recovery-codes", {}, token=owner.token, headers={"X-Confirmation": proof}))
    owner.token = reply.json["data"]["access_token"]
    expect(200, ask_for_factors(owner, "sensitive"))
    removal = confirmation(owner, "remove_factor", id=owner.factor)
    expect(200, call("DELETE", f"/auth/factors/{owner.factor}", token=owner.token, headers=removal))
    found = trail(
        owner, admin, "registered", "login", "factor_added", "recovery_code_used", "recovery_codes_replaced",
        "factor_used", "factor_asked_sensitive", "factor_used", "factor_removed",
    )  # fmt: skip
    assert {event["actor"] for event in found if event["event"] != "registered"} == {owner.id}


def test_a_login_with_a_factor_is_in_the_trail_with_its_factor(admin):
    owner = Owner()
    expect(201, answer(challenge_of(owner), owner.code()))
    trail(owner, admin, "registered", "login", "factor_added", "factor_used", "login")


def test_codes_by_message_are_in_the_trail(person, admin):
    abacus.native("the messages of mailer")
    person.factor = expect(201, codes.enrol(person, current=person.password)).json["data"]["id"]
    expect(200, codes.activate(person, codes.Owner.newest(person)[0]))
    challenge = codes.challenge_of(person)
    expect(401, codes.respond(challenge, codes.other(codes.Owner.newest(person)[0])))
    expect(201, codes.respond(challenge, codes.Owner.newest(person)[0]))
    found = trail(person, admin, "registered", "factor_added", "factor_awaited", "code_wrong", "factor_used", "login")
    assert only(found, "factor_used")["actor"] == person.id


def test_addresses_that_were_asked_for_and_confirmed_are_in_the_trail(person, admin):
    abacus.native("the messages of mailer")
    expect(202, post("/auth/email", token=person.token))
    expect(200, addresses.verify(addresses.token_of(person.email)))
    email = addresses.new_address()
    with Daemon("users", EMAIL_VERIFICATION="optional") as users:
        expect(202, addresses.change(users, person, email))
    expect(200, addresses.verify(addresses.token_of(email)))
    found = trail(person, admin, "registered", "email_verified", "email_change_asked", "email_changed")
    assert [event["actor"] for event in found] == [None, person.id, None, None]
    assert not any(address in str(found) for address in (person.email, email))


def test_the_first_login_by_another_device_is_in_the_trail(person, admin):
    first, _ = log_in_by(person, "a browser"), log_in_by(person, "a browser")
    event = only(trail(person, admin, "registered", "login", "new_device", "login"), "new_device")
    shown = event["actor"], event["session"], event["user_agent"]
    assert shown == (person.id, first.json["session"]["id"], "a browser")


def test_a_password_that_confirms_is_in_the_trail(person, admin):
    body = {"action": "change_account", "parameters": {"username": "another"}}
    challenge = post("/auth/confirmations", body, token=person.token).json["data"]["challenge"]
    expect(200, post(f"/auth/challenge/{challenge}", {"method": "password", "password": person.password}))
    trail(person, admin, "registered", "password_confirmed")


def test_a_link_that_sets_a_password_is_in_the_trail_from_the_request_on(person, admin):
    abacus.native("the messages of mailer")
    expect(200, reset(token_for(person), NEW))
    found = trail(person, admin, "registered", "password_forgotten", "password_reset")
    assert [only(found, name)["actor"] for name in ("password_forgotten", "password_reset")] == [None, None]
    assert only(found, "password_forgotten")["network"] == only(found, "password_reset")["network"]


def test_a_token_that_was_used_again_is_in_the_trail(person, admin):
    session = session_of(person)
    token = session["refresh_token"]
    for _ in range(2):
        token = expect(200, post("/auth/session/refresh", {"refresh_token": token})).json["refresh_token"]
    for _ in range(2):
        expect(401, post("/auth/session/refresh", {"refresh_token": session["refresh_token"]}))
    event = only(trail(person, admin, "registered", "login", "session_misused"), "session_misused")
    assert (event["session"], event["actor"]) == (session["session"]["id"], None)


def test_what_an_admin_does_is_in_the_trails_of_both(person, admin):
    expect(200, abacus.change_user(person, admin, admin=True))
    for body in ({"admin": False}, {"active": False}, {"active": True, "username": f"new-{person.username}"}):
        expect(200, patch(person, admin, **body))
    headers = confirmed_by_password(admin, abacus.ADMIN[1], "end_user_sessions", id=str(person.id))
    expect(200, call("DELETE", f"/users/{person.id}/sessions", token=admin, headers=headers))
    done = [
        "admin_granted", "admin_revoked", "user_deactivated", "user_activated", "username_changed", "sessions_ended",
    ]  # fmt: skip
    found = trail(person, admin, "registered", *done)
    assert {event["actor"] for event in found if event["event"] in done} == {own_id(admin)}
    assert [event for event in events(admin) if event["user"] == person.id] == [
        event for event in found if event["event"] in done
    ]


def test_a_user_whom_an_admin_adds_was_registered_by_that_admin(admin):
    word = f"added-{secrets.token_hex(6)}"
    body = {"username": word, "email": f"{word}@example.com", "password": "seven brass beads"}
    expect(201, post("/users", body, token=admin))
    user_id = own_id(abacus.log_in(body["email"], body["password"]))
    event = only(trail(user_id, admin, "user_added", "login"), "user_added")
    assert event["actor"] == own_id(admin)


def test_an_admin_made_by_manage_was_added_by_no_user(admin):
    abacus.native("manage")
    of_no_user = "event = 'user_added' AND actor_id IS NULL AND network = ''"
    assert psql("users", f"SELECT count(*) FROM events WHERE user_id = {own_id(admin)} AND {of_no_user}") == "1"


def test_failed_logins_are_counted_by_network_and_day(person, admin):
    body = {"email": person.email, "password": "wrong"}
    for _ in range(2):
        expect(404, post("/auth/login", body))
    expect(401, post("/auth/session", body))
    eventually(lambda: rows(person, "event = 'login_failed' AND count = 3") == 1, message="the three failures are counted")
    event = only(of(person, admin), "login_failed")
    assert (event["actor"], event["session"]) == (None, None)
    assert event["last_at"] >= event["at"]
    yesterday = f"UPDATE events SET at = at - interval '1 day' WHERE user_id = {person.id} AND event = 'login_failed'"
    psql("users", yesterday)
    expect(404, post("/auth/login", body))
    expect(404, post("/auth/login", body, headers={"X-Forwarded-For": "2001:db8::7"}, to="users"))
    eventually(lambda: rows(person, "event = 'login_failed'") == 3, message="another day and another network count anew")


def test_wrong_passwords_and_codes_that_should_confirm_are_in_the_trail(admin):
    person, owner, reader = Person(), Owner(), codes.Owner()
    body = {"username": "another", "current": "wrong"}
    expect(400, call("PATCH", "/auth/account", body, token=person.token))
    expect(401, answer(challenge_of(owner), owner.wrong_code()))
    unsent = {"email": reader.email, "password": reader.password, "mtan": "482913"}
    expect(401, post("/auth/login", unsent))
    trail(person, admin, "registered", "password_wrong")
    trail(owner, admin, "registered", "login", "factor_added", "factor_awaited", "code_wrong")
    trail(reader, admin, "registered", "code_wrong")


def test_a_right_password_without_its_second_factor_is_in_the_trail(admin):
    """By whichever call: the user sees an attacker who has the password and not the factor."""
    owner = Owner()
    expect(401, post("/auth/session", {"email": owner.email, "password": owner.password}))
    expect(401, post("/auth/login", {"email": owner.email, "password": owner.password}))
    expect(401, post("/auth", {"username": owner.username, "password": owner.password}))
    found = lambda: [event for event in of(owner, admin) if event["event"] == "factor_awaited"]  # noqa: E731
    eventually(lambda: sum(event["count"] for event in found()) == 3, message="each is counted")
    (event,) = found()
    assert (event["actor"], event["session"]) == (None, None) and event["network"]


# ---- lists ----


def test_pages_lead_through_all_events_the_last_first(person, admin):
    fill(person, "use", "login", 7)
    for token, path in ((person.token, "/auth/events"), (admin, f"/users/{person.id}/events")):
        found, next_path = [], f"{path}?limit=3"
        while next_path:
            reply = get(next_path, token=token)
            found.append(reply.json["data"]["events"])
            link = re.fullmatch(rf'<({re.escape(path)}\?limit=3&after=\d+)>; rel="next"', reply.headers["Link"] or "")
            next_path = link and link.group(1)
        assert [len(page) for page in found] == [3, 3, 2]
        ids = [event["id"] for page in found for event in page]
        assert ids == sorted(ids, reverse=True) and len(set(ids)) == 8


@pytest.mark.parametrize("query", ["limit=0", "limit=1001", "limit=x", "after=-1", "after=9223372036854775808"])
def test_a_page_of_events_that_can_not_be_is_refused(admin, query):
    for path in ("/auth/events", "/users/1/events"):
        reply = expect(400, get(f"{path}?{query}", token=admin))
        assert [error["field"] for error in reply.json["errors"]] == [query.split("=")[0]]


def test_a_page_after_the_last_event_is_empty(person):
    assert events(person.token, "/auth/events?after=1") == []


def test_there_are_no_events_of_a_user_who_never_was(admin):
    for user, code in (("9223372036854775807", "user_not_found"), ("0", "user_not_found"), ("x", "user_id_invalid")):
        reply = get(f"/users/{user}/events", token=admin)
        assert (reply.status, reply.json["code"]) == (404, code)


def test_of_a_deleted_user_the_changes_stay_and_the_logins_go(person, admin):
    session_of(person)
    expect(404, post("/auth/login", {"email": person.email, "password": "wrong"}))
    trail(person, admin, "registered", "login", "login_failed")
    expect(200, call("DELETE", "/auth/account", {"current": person.password}, token=person.token))
    found = trail(person, admin, "registered", "user_deleted")
    assert only(found, "user_deleted")["actor"] == person.id
    other = Person()
    expect(200, call("DELETE", f"/users/{other.id}", token=admin))
    assert only(of(other, admin), "user_deleted")["actor"] == own_id(admin)


def test_events_are_kept_for_as_long_as_is_configured(person):
    ages = {"kept": 3, "old": 5}
    for name, days in ages.items():
        columns = "id, class, event, user_id, at, request_id"
        first = "(SELECT least(min(id), 0) - 1 FROM events)"  # the oldest ones have the lowest ids
        values = f"{first}, 'use', 'login', {person.id}, now() - interval '{days} days', '{name}'"
        psql("users", f"INSERT INTO events ({columns}) OVERRIDING SYSTEM VALUE VALUES ({values})")
    with Daemon("users", EVENTS_RETENTION_DAYS=4, SESSIONS_PRUNE_SECONDS=1):
        eventually(lambda: rows(person, "request_id = 'old'") == 0, message="the old event is gone")
    assert rows(person, "request_id = 'kept'") == 1


# ---- attacks ----


def test_only_admins_see_the_events_of_others(person, reader):
    for user in (person.id, reader.id, 9223372036854775807):
        reply = get(f"/users/{user}/events", token=reader.token)
        assert (reply.status, reply.json) == (401, FORBIDDEN)
    session_of(person)
    assert {event["user"] for event in events(reader.token, f"/auth/events?user={person.id}&id={person.id}")} == {reader.id}


def test_public_users_does_not_open_the_events(person):
    with Daemon("users", PUBLIC_USERS="true") as users:
        assert users.call("GET", f"/users/{person.id}").status == 200
        assert [users.call("GET", path).status for path in ("/auth/events", f"/users/{person.id}/events")] == [403, 403]
        assert users.call("GET", f"/users/{person.id}/events", token=person.token).status == 401


def test_from_where_an_admin_changed_a_user_is_not_shown_to_that_user(person, admin):
    expect(200, patch(person, admin, username=f"new-{person.username}"))
    event = only(events(person.token), "username_changed")
    assert event["actor"] == own_id(admin)
    assert [event[name] for name in ("session", "network", "user_agent", "request_id")] == [None] * 4
    assert only(of(person, admin), "username_changed")["network"]


AGENTS = {  # and how they are shown
    '"},{"event":"registered"': '"},{"event":"registered"',
    "a\\u0000b\\": "a\\u0000b\\",
    "<script>alert(1)</script>'; DROP TABLE events; --": "<script>alert(1)</script>'; DROP TABLE events; --",
    "caf\xe9\x9b31m": "caf??31m",
    "%s%n" * 1000: "%s%n" * 64,
}


def test_a_user_agent_adds_no_line_and_no_member_to_the_trail(admin):
    people = {agent: Person() for agent in AGENTS}
    for agent, person in people.items():
        log_in_by(person, agent)
        wrong = {"email": person.email, "password": "wrong"}
        expect(401, post("/auth/session", wrong, headers={"User-Agent": agent, "X-Request-ID": NO_ID}))
    for agent, person in people.items():
        found = trail(person, admin, "registered", "login", "new_device", "login_failed")
        for name in ("login", "new_device", "login_failed"):
            assert only(found, name)["user_agent"] == AGENTS[agent]
            assert re.fullmatch(r"[\w.-]{1,64}", only(found, name)["request_id"])


def test_a_user_has_at_most_200_events_of_each_kind(person, admin):
    kinds = {"change": "username_changed", "use": "logout", "attempt": "login_failed"}
    for event_class, event in kinds.items():
        fill(person, event_class, event, 300)
    session_of(person)
    assert [rows(person, f"event = '{event}'") for event in kinds.values()] == [200] * 3
    assert names(of(person, admin))[-1] == "login"


@pytest.mark.parametrize(
    "event_class, event",
    [("use", "login"), ("change", "username_changed"), ("change", "factor_added"), ("change", "recovery_codes_replaced"),
     ("change", "email_change_asked"), ("use", "sessions_ended")],
)  # fmt: skip
def test_no_number_of_events_of_one_kind_removes_another_from_the_trail(person, admin, event_class, event):
    token = session_of(person)["access_token"]
    expect(200, call("PUT", "/auth/password", {"current": person.password, "new": NEW}, token=token))
    headers = confirmed_by_password(admin, abacus.ADMIN[1], "end_user_sessions", id=str(person.id))
    expect(200, call("DELETE", f"/users/{person.id}/sessions", token=admin, headers=headers))
    before = "class = 'change' AND event IN ('registered', 'password_changed', 'sessions_ended')"
    assert rows(person, before) == 3
    fill(person, event_class, event, 700)
    assert rows(person, before) == 3


def test_a_thief_who_renames_a_user_again_and_again_removes_nothing_else_from_the_trail(person):
    """By the calls themselves; the test before has the number."""
    token = session_of(person)["access_token"]
    fill(person, "change", "username_changed", 499)
    for n in range(3):
        body = {"current": person.password, "username": f"{n}-{person.username}"}
        expect(200, call("PATCH", "/auth/account", body, token=token))
    assert rows(person, "event = 'registered'") == 1
    assert rows(person, "event = 'username_changed'") == 200


def test_failed_logins_at_once_are_all_counted_and_in_one_row(person):
    body = {"email": person.email, "password": "wrong"}
    with ThreadPoolExecutor(8) as pool:
        codes = list(pool.map(lambda _: post("/auth/login", body).status, range(8)))
    assert codes == [404] * 8
    eventually(lambda: rows(person, "event = 'login_failed' AND count = 8") == 1, message="all of them are in one row")


def test_a_login_without_a_session_is_answered_whether_or_not_it_can_be_recorded(person):
    """So a failed one takes no time that would say whether there is an account."""
    with refused("login", "login_failed"):
        for email in (person.email, f"nobody-{person.email}"):
            expect(404, post("/auth/login", {"email": email, "password": "wrong"}))
        expect(200, post("/auth/login", {"email": person.email, "password": person.password}))


def test_a_failed_login_to_no_account_is_written_as_one_to_an_account_is_and_shown_to_none(admin):
    counted = "SELECT coalesce(sum(count), 0) FROM events WHERE user_id = 0 AND event = 'login_failed'"
    before = int(psql("users", counted))
    expect(404, post("/auth/login", {"email": f"{secrets.token_hex(8)}@example.com", "password": "wrong"}))
    eventually(lambda: int(psql("users", counted)) > before)
    assert get("/users/0/events", token=admin).status == 404


def test_a_change_that_can_not_be_recorded_is_not_made(person, admin):
    with refused("admin_granted", "login"):
        expect(500, abacus.change_user(person, admin, admin=True))
        expect(500, post("/auth/session", {"email": person.email, "password": person.password}))
    assert psql("users", f"SELECT admin FROM users WHERE id = {person.id}") == "f"
    assert psql("users", f"SELECT count(*) FROM sessions WHERE user_id = {person.id}") == "0"


def test_a_link_of_a_user_is_in_no_event(person, admin):
    abacus.native("the messages of mailer")
    token = token_for(person)
    assert token not in psql("users", "SELECT * FROM events")
