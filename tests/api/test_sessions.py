"""Sessions: short access tokens, refresh tokens that are replaced at each use, the cookie, the list, and how each ends."""

import ipaddress
import re
import secrets
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

import abacus
from abacus import Daemon, Person, call, confirmed_by_password, eventually, fail, get, post
from tokens import base64url, claims_of, from_base64url, header_of

ENDED = fail("session_ended", "This session has ended. Please log in again.")
INVALID_TOKEN = fail("token_invalid", "Invalid token. Please log in again.")
LOGIN_FAILED = fail("login_failed", "Login failed.")
NO_SESSION = fail("session_not_found", "You have no such session.")
LOGGED_OUT = {"status": "success", "message": "Successfully logged out."}
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")
HOST = f"127.0.0.1:{abacus.PORTS['nginx']}"
ORIGIN = f"http://{HOST}"  # call() sends this host


def log_in(person, send=post, headers=None, **options):
    return send("/auth/session", {"email": person.email, "password": person.password, **options}, headers=headers)


def session_of(person, **options):
    reply = log_in(person, **options)
    assert reply.status == 201, reply
    return reply.json


def refresh(token, send=post):
    return send("/auth/session/refresh", {"refresh_token": token})


def refreshed(token):
    reply = refresh(token)
    assert reply.status == 200, reply
    return reply.json


def sessions(token):
    reply = get("/auth/sessions", token=token)
    assert reply.status == 200, reply
    return reply.json["data"]["sessions"]


def is_refused_everywhere(token):
    replies = [get(path, token=token) for path in ("/auth/status", "/api/values")]
    return [(reply.status, reply.json) for reply in replies] == [(401, INVALID_TOKEN)] * 2


def is_accepted_everywhere(token):
    return all(get(path, token=token).status == 200 for path in ("/auth/status", "/api/values"))


def forged(refresh_token, counter=None):
    """The same token with other bytes in its middle, or one with another counter and the old signature."""
    raw = bytearray(from_base64url(refresh_token))
    raw[16:24] = (counter if counter is not None else 7).to_bytes(8, "big")
    return base64url(raw)


def age(session_id, column, seconds):
    """Moves a time of the session into the past, in place of waiting."""
    abacus.psql("users", f"UPDATE sessions SET {column} = {column} - interval '{seconds} seconds' WHERE id = '{session_id}'")


# ---- logging in ----


@pytest.mark.parametrize("field", ["email", "username"])
def test_a_login_returns_the_documented_session(person, field):
    reply = post(
        "/auth/session",
        {field: getattr(person, field), "password": person.password},
        headers={"User-Agent": "a test \xe9 of ours"},
    )
    body = reply.json
    assert reply.status == 201
    assert set(body) == {"access_token", "token_type", "expires_in", "refresh_token", "session"}
    assert (body["token_type"], body["expires_in"]) == ("Bearer", 600)
    shown = body["session"]
    assert all(TIME.fullmatch(shown.pop(name)) for name in ("created_at", "last_used_at", "expires_at"))
    assert shown.pop("id") == claims_of(body["access_token"])["sid"]
    assert ipaddress.ip_address(shown.pop("address"))
    assert shown == {"user_agent": "a test ? of ours", "remember": False, "current": True}
    assert "Set-Cookie" not in reply.headers
    assert is_accepted_everywhere(body["access_token"])


def test_an_access_token_has_the_documented_claims(person):
    token = session_of(person)["access_token"]
    claims = claims_of(token)
    assert header_of(token) == {"alg": "HS256", "typ": "at+jwt"}
    assert set(claims) == {"iss", "sub", "iat", "nbf", "exp", "jti", "adm", "aud", "sid", "auth_time", "amr"}
    assert (claims["sub"], claims["adm"], claims["aud"], claims["amr"]) == (str(person.id), False, "abacus", ["pwd"])
    assert claims["exp"] == claims["iat"] + 600
    assert 0 <= claims["auth_time"] - claims["iat"] <= 60


def test_every_login_that_fails_gets_one_answer(person, admin):
    inactive = Person()
    assert call("PATCH", f"/users/{inactive.id}", {"active": False}, token=admin).status == 200
    for payload in (
        {"email": person.email, "password": "not the password"},
        {"email": "nobody-" + person.email, "password": person.password},
        {"username": "nobody-" + person.username, "password": person.password},
        {"email": person.username, "password": person.password},
        {"email": inactive.email, "password": inactive.password},
    ):
        reply = post("/auth/session", payload)
        assert (reply.status, reply.json) == (401, LOGIN_FAILED), payload
        assert reply.headers["WWW-Authenticate"].startswith("Bearer")


def test_failed_logins_count_whichever_call_makes_them(person):
    wrong = {"email": person.email, "password": "wrong wrong"}
    codes = [post("/auth/session" if n % 2 else "/auth/login", wrong).status for n in range(10)]
    assert codes == [404, 401] * 5
    reply = log_in(person)
    assert (reply.status, reply.json["code"]) == (429, "too_many_attempts")
    assert int(reply.headers["Retry-After"]) > 0


def test_failed_logins_of_an_inactive_user_count_even_with_the_right_password(admin):
    """Otherwise the number of tries would say that the password is right."""
    inactive = Person()
    assert call("PATCH", f"/users/{inactive.id}", {"active": False}, token=admin).status == 200
    assert [log_in(inactive).status for _ in range(11)] == [401] * 10 + [429]


@pytest.mark.parametrize(
    "change, fields",
    [
        ({"email": None}, {"email"}),
        ({"email": 7}, {"email"}),
        ({"email": "a" * 513}, {"email"}),
        ({"password": None}, {"password"}),
        ({"password": "p" * 513}, {"password"}),
        ({"username": "a name"}, {"username"}),
        ({"remember": 1}, {"remember"}),
        ({"cookie": "yes", "remember": None}, {"cookie", "remember"}),
    ],
)
def test_a_bad_login_names_its_fields(person, change, fields):
    reply = log_in(person, **change)
    assert (reply.status, reply.json["code"]) == (400, "invalid_payload")
    assert {error["field"] for error in reply.json["errors"]} == fields


def test_a_login_takes_over_no_session_that_the_browser_already_has(person):
    """Session fixation: what an attacker put into the browser before the login is worth nothing after it."""
    attacker = Person()
    planted = session_of(attacker)
    cookie = f"abacus-session={planted['refresh_token']}"
    reply = log_in(person, cookie=True, headers={"Origin": ORIGIN, "Cookie": cookie})
    assert reply.status == 201
    assert reply.json["session"]["id"] != planted["session"]["id"]
    assert planted["refresh_token"] not in reply.headers["Set-Cookie"]
    again = refreshed(planted["refresh_token"])
    assert get("/auth/status", token=again["access_token"]).json["data"]["id"] == attacker.id


# ---- refreshing ----


def test_a_refresh_returns_new_tokens_of_the_same_session(person):
    first = session_of(person)
    second = refreshed(first["refresh_token"])
    assert set(second) == set(first)
    assert second["session"]["id"] == first["session"]["id"]
    assert second["refresh_token"] != first["refresh_token"]
    assert claims_of(second["access_token"])["auth_time"] == claims_of(first["access_token"])["auth_time"]
    assert is_accepted_everywhere(second["access_token"]) and is_accepted_everywhere(first["access_token"])


def test_a_reply_that_was_lost_is_made_again(person):
    first = session_of(person)
    second = refreshed(first["refresh_token"])
    again = refreshed(first["refresh_token"])
    assert again["refresh_token"] == second["refresh_token"]
    assert is_accepted_everywhere(again["access_token"])
    assert refreshed(again["refresh_token"])["refresh_token"] != again["refresh_token"]


def test_twenty_refreshes_of_one_token_at_once_rotate_it_once(person):
    token = session_of(person)["refresh_token"]
    with ThreadPoolExecutor(20) as threads:
        replies = list(threads.map(lambda _: refresh(token), range(20)))
    assert [reply.status for reply in replies] == [200] * 20
    assert len({reply.json["refresh_token"] for reply in replies}) == 1
    sid = replies[0].json["session"]["id"]
    assert abacus.psql("users", f"SELECT counter FROM sessions WHERE id = '{sid}'") == "1"
    assert is_accepted_everywhere(replies[-1].json["access_token"])


@pytest.fixture(scope="module")
def patient_users():
    """One process, which waits for as long as a test holds up Postgres."""
    with Daemon("users", POSTGRES_QUERY_TIMEOUT_MS=20_000, HTTP_DEADLINE_MS=20_000) as users:
        yield users


def refresh_at(users, body):
    return users.call("POST", "/auth/session/refresh", {"refresh_token": body["refresh_token"]})


def refresh_at_once(users, bodies):
    """While the first ones wait, so that the others make up a group."""
    with ThreadPoolExecutor(len(bodies)) as threads:
        with abacus.Transaction("users", "LOCK TABLE sessions IN SHARE MODE") as held:
            replies = [threads.submit(refresh_at, users, body) for body in bodies]
            eventually(lambda: held.waiting() > 0, message="a refresh waits for the lock")
        return [reply.result() for reply in replies]


def test_sessions_that_are_refreshed_at_once_each_get_their_own_tokens(person, patient_users):
    begun = [session_of(one) for one in (person, Person(), Person()) for _ in range(4)]
    for before, reply in zip(begun, refresh_at_once(patient_users, begun), strict=True):
        assert reply.status == 200, reply
        assert reply.json["session"]["id"] == before["session"]["id"]
        claims, claims_before = (claims_of(body["access_token"]) for body in (reply.json, before))
        assert (claims["sid"], claims["sub"]) == (claims_before["sid"], claims_before["sub"])
        assert refreshed(reply.json["refresh_token"])["session"]["id"] == before["session"]["id"]


def test_what_is_wrong_with_one_of_several_refreshes_at_once_is_answered_to_that_one(person, patient_users):
    usual, lost, copied, gone, same = (session_of(person) for _ in range(5))
    successor = refreshed(lost["refresh_token"])
    refreshed(refreshed(copied["refresh_token"])["refresh_token"])
    assert call("DELETE", "/auth/session", token=gone["access_token"]).status == 200
    replies = refresh_at_once(patient_users, [usual, lost, copied, gone, same, same])
    assert [reply.status for reply in replies] == [200, 200, 401, 401, 200, 200]
    assert replies[1].json["refresh_token"] == successor["refresh_token"]
    assert [reply.json["code"] for reply in replies[2:4]] == ["session_reused", "session_ended"]
    assert replies[4].json["refresh_token"] == replies[5].json["refresh_token"]


def test_a_session_that_another_statement_has_locked_holds_up_no_other_refresh(person, patient_users):
    locked, other = session_of(person), session_of(person)
    row = f"SELECT FROM sessions WHERE id = '{locked['session']['id']}' FOR UPDATE"
    with ThreadPoolExecutor(1) as threads:
        with abacus.Transaction("users", row) as held:
            waiting = threads.submit(refresh_at, patient_users, locked)
            eventually(lambda: held.waiting() > 0, message="its refresh waits for the lock")
            assert refresh_at(patient_users, other).status == 200
            assert not waiting.done()
        assert waiting.result().status == 200


def test_a_token_that_is_used_after_its_successor_ends_the_session(person):
    first, other = session_of(person), session_of(person)
    second = refreshed(first["refresh_token"])
    third = refreshed(second["refresh_token"])
    reply = refresh(first["refresh_token"])
    assert (reply.status, reply.json["code"]) == (401, "session_reused")
    for token in (second, third):
        assert is_refused_everywhere(token["access_token"])
        again = refresh(token["refresh_token"])
        assert (again.status, again.json["code"]) == (401, "session_reused"), "its own client learns why"
    assert is_accepted_everywhere(other["access_token"])
    assert [one["id"] for one in sessions(other["access_token"])] == [other["session"]["id"]]


def test_a_token_that_was_used_again_is_reported_to_its_user_once(person):
    first = session_of(person)
    second = refreshed(first["refresh_token"])
    refreshed(second["refresh_token"])
    for token in (first, second, first):
        assert refresh(token["refresh_token"]).json["code"] == "session_reused"
    eventually(lambda: abacus.messages(person.email, "A session of yours was ended"))
    assert abacus.psql("users", f"SELECT count(*) FROM outbox WHERE recipient = '{person.email}' AND attempt = 0") == "0"
    assert len(abacus.messages(person.email, "A session of yours was ended")) == 1


def test_a_lost_reply_is_not_made_again_after_the_time_for_it(person):
    first = session_of(person)
    second = refreshed(first["refresh_token"])
    age(first["session"]["id"], "rotated_at", 590)
    assert refreshed(first["refresh_token"])["refresh_token"] == second["refresh_token"]
    age(first["session"]["id"], "rotated_at", 20)
    assert refresh(first["refresh_token"]).json["code"] == "session_reused"
    assert is_refused_everywhere(second["access_token"])


def test_refresh_tokens_that_are_none_are_refused(person):
    body = session_of(person)
    good = body["refresh_token"]
    for token in (
        "",
        "x",
        "x" * 75,
        good[:-1],
        good + "A",
        good + "=",
        forged(good),
        forged(good, 0)[:-2] + "AA",
        body["access_token"],
    ):
        reply = refresh(token)
        assert (reply.status, reply.json) == (401, ENDED), token
    assert is_accepted_everywhere(body["access_token"]), "a forged token ends nothing"
    assert refresh(good).status == 200


@pytest.mark.parametrize(
    "payload, fields",
    [
        ({}, {"refresh_token"}),
        ({"refresh_token": 7}, {"refresh_token"}),
        ({"cookie": False}, {"refresh_token"}),
        ({"cookie": "yes", "refresh_token": "x"}, {"cookie"}),
        ({"cookie": True, "refresh_token": "x"}, {"refresh_token"}),
    ],
)
def test_a_bad_refresh_names_its_fields(payload, fields):
    reply = post("/auth/session/refresh", payload, headers={"Origin": ORIGIN})
    assert (reply.status, reply.json["code"]) == (400, "invalid_payload")
    assert {error["field"] for error in reply.json["errors"]} == fields


def test_a_refresh_token_opens_no_other_call(person):
    token = session_of(person)["refresh_token"]
    for path in ("/auth/status", "/api/values", "/auth/sessions"):
        reply = get(path, token=token)
        assert (reply.status, reply.json) == (401, INVALID_TOKEN), path


def test_an_admin_who_was_demoted_gets_no_admin_token_by_refreshing(admin):
    person = Person()
    assert abacus.change_user(person, admin, admin=True).status == 200
    body = session_of(person)
    assert claims_of(body["access_token"])["adm"] is True
    assert call("PATCH", f"/users/{person.id}", {"admin": False}, token=admin).status == 200
    assert claims_of(refreshed(body["refresh_token"])["access_token"])["adm"] is False


# ---- limits in time ----


@pytest.mark.parametrize(
    "remember, column, seconds",
    [
        (False, "created_at", 43_200),
        (True, "created_at", 90 * 86_400),
        (True, "used_at", 30 * 86_400),
        (False, "expires_at", 43_200),
        (True, "expires_at", 30 * 86_400),
    ],
)
def test_a_session_ends_by_itself(person, remember, column, seconds):
    body = session_of(person, remember=remember)
    age(body["session"]["id"], column, seconds - 100)
    body = refreshed(body["refresh_token"])
    age(body["session"]["id"], column, seconds + 100)
    reply = refresh(body["refresh_token"])
    assert (reply.status, reply.json) == (401, ENDED)
    assert sessions(person.login()) == []


def test_a_remembered_session_that_is_used_lives_for_90_days_and_any_other_for_12_hours(person):
    def age_h(body):
        sid = body["session"]["id"]
        hours = f"SELECT round(extract(epoch FROM expires_at - created_at) / 3600) FROM sessions WHERE id = '{sid}'"
        return int(abacus.psql("users", hours))

    remembered, other = session_of(person, remember=True), session_of(person)
    assert (age_h(remembered), age_h(other)) == (30 * 24, 12)
    age(remembered["session"]["id"], "created_at", 89 * 86_400)
    age(other["session"]["id"], "created_at", 11 * 3600)
    remembered, other = refreshed(remembered["refresh_token"]), refreshed(other["refresh_token"])
    assert (age_h(remembered), age_h(other)) == (90 * 24, 12)


def test_no_access_token_outlives_its_session(person):
    body = session_of(person)
    age(body["session"]["id"], "created_at", 43_200 - 50)
    reply = refreshed(body["refresh_token"])
    assert 1 <= reply["expires_in"] <= 50
    claims = claims_of(reply["access_token"])
    assert claims["exp"] - claims["iat"] == reply["expires_in"]


def test_sessions_of_a_run_with_other_settings_obey_the_stricter_ones(person):
    long_ago = {"SESSION_UNREMEMBERED_SECONDS": 10_000_000, "SESSION_MAX_SECONDS": 20_000_000, "ACCESS_TOKEN_SECONDS": 3600}
    strict = {"ACCESS_TOKEN_SECONDS": 1, "SESSION_UNREMEMBERED_SECONDS": 5000, "SESSION_MAX_SECONDS": 5000}
    with Daemon("users", **long_ago) as users:
        login = {"email": person.email, "password": person.password}
        body = users.call("POST", "/auth/session", login).json
        kept = users.call("POST", "/auth/session", {**login, "remember": True}).json
        assert body["expires_in"] == 3600
    age(body["session"]["id"], "created_at", 50_000)
    age(kept["session"]["id"], "created_at", 6000)
    assert (refresh(body["refresh_token"]).status, refresh(kept["refresh_token"]).status) == (401, 200)
    with Daemon("users", **strict) as users, Daemon("values", **strict) as values:
        kept = {"refresh_token": refreshed(kept["refresh_token"])["refresh_token"]}
        assert users.call("POST", "/auth/session/refresh", kept).status == 401
        expired = fail("token_expired", "Signature expired. Please log in again.")
        eventually(lambda: users.call("GET", "/auth/status", token=body["access_token"]).json == expired)
        eventually(lambda: values.call("GET", "/values", token=body["access_token"]).json == expired)


def test_sessions_of_a_run_that_let_them_idle_for_longer_end_when_idle_for_as_long_as_is_allowed_now(person):
    idle, used = session_of(person, remember=True), session_of(person, remember=True)
    age(idle["session"]["id"], "used_at", 6000)
    with Daemon("users", SESSION_IDLE_SECONDS=5000) as users:
        reply = users.call("POST", "/auth/session/refresh", {"refresh_token": idle["refresh_token"]})
        assert (reply.status, reply.json) == (401, ENDED)
        assert users.call("POST", "/auth/session/refresh", {"refresh_token": used["refresh_token"]}).status == 200
    assert refreshed(idle["refresh_token"])["session"]["id"] == idle["session"]["id"], "and not under the setting of before"


def test_a_reply_of_a_run_that_made_it_again_for_longer_is_made_again_for_the_time_of_now(person):
    late, early = session_of(person), session_of(person)
    for body, seconds in ((late, 100), (early, 20)):
        refreshed(body["refresh_token"])
        age(body["session"]["id"], "rotated_at", seconds)
    with Daemon("users", REFRESH_RETRY_SECONDS=60) as users:
        again = [users.call("POST", "/auth/session/refresh", {"refresh_token": one["refresh_token"]}) for one in (late, early)]
    assert [reply.status for reply in again] == [401, 200]
    assert again[0].json["code"] == "session_reused"


def old_enough(users):
    """Until users has published all revocations once, which hides what it forgets to publish."""
    eventually(lambda: "all revocations were published again" in users.log.read_text())


def test_a_login_whose_client_leaves_before_the_reply_ends_sessions_as_any_other(person):
    """One that is too many, and that of another user whose cookie it replaces."""
    login = {"email": person.email, "password": person.password}
    with Daemon("users", SESSIONS_PER_USER=2) as users:
        old_enough(users)
        oldest, newest = (users.call("POST", "/auth/session", login).json for _ in range(2))
        replaced = log_in(Person(), cookie=True, headers={"Origin": ORIGIN})
        headers = {"Host": HOST, "Origin": ORIGIN, "Cookie": "=".join(cookie_of(replaced)[:2])}
        row = f"FROM users WHERE id = {person.id} FOR UPDATE"
        abacus.leave_before_the_reply(users, "POST", "/auth/session", {**login, "cookie": True}, row, **headers)
        for token in (oldest["access_token"], replaced.json["access_token"]):
            eventually(lambda token=token: is_refused_everywhere(token), message="values refuses it too")
    assert is_accepted_everywhere(newest["access_token"])


def test_a_process_that_stops_publishes_what_waits_in_its_retry_queue(person):
    session = session_of(person)
    row = f"FROM sessions WHERE id = '{session['session']['id']}' FOR UPDATE"
    with Daemon("users") as users:
        old_enough(users)
        authorization = {"Authorization": f"Bearer {session['access_token']}"}
        abacus.leave_before_the_reply(users, "DELETE", "/auth/session", {}, row, **authorization)
    eventually(lambda: is_refused_everywhere(session["access_token"]), limit_s=5)


def test_of_more_sessions_than_are_allowed_now_the_next_login_leaves_as_many_as_are(person):
    bodies = [session_of(person) for _ in range(4)]
    with Daemon("users", SESSIONS_PER_USER=2) as users:
        last = users.call("POST", "/auth/session", {"email": person.email, "password": person.password}).json
    assert {one["id"] for one in sessions(last["access_token"])} == {bodies[-1]["session"]["id"], last["session"]["id"]}
    assert [refresh(body["refresh_token"]).status for body in bodies] == [401, 401, 401, 200]


def test_a_shorter_lifetime_of_tokens_shortens_access_tokens_too(person):
    with Daemon("users", TOKEN_LIFETIME_SECONDS=30) as users:
        body = users.call("POST", "/auth/session", {"email": person.email, "password": person.password}).json
        assert body["expires_in"] == 30


def test_sessions_that_have_ended_are_removed(person):
    ended, reused, kept = session_of(person), session_of(person), session_of(person)
    refreshed(refreshed(reused["refresh_token"])["refresh_token"])
    assert refresh(reused["refresh_token"]).json["code"] == "session_reused"
    age(ended["session"]["id"], "expires_at", 46_900)
    ids = ", ".join(f"'{body['session']['id']}'" for body in (ended, reused, kept))
    with Daemon("users", SESSIONS_PRUNE_SECONDS=1):
        left = f"SELECT count(*) FROM sessions WHERE id IN ({ids})"
        eventually(lambda: abacus.psql("users", left) == "2", message="the session that has ended is gone")
        assert refresh(reused["refresh_token"]).json["code"] == "session_reused"
        age(reused["session"]["id"], "expires_at", 46_900)
        eventually(lambda: abacus.psql("users", left) == "1", message="the session that was ended is gone")
    assert refresh(kept["refresh_token"]).status == 200


def test_one_login_too_many_ends_the_session_that_was_not_used_for_longest(person):
    with Daemon("users", SESSIONS_PER_USER=3) as users:
        login = {"email": person.email, "password": person.password}
        bodies = [users.call("POST", "/auth/session", login).json for _ in range(3)]
        refreshed(bodies[0]["refresh_token"])
        fourth = users.call("POST", "/auth/session", login).json
        assert get("/auth/status", token=bodies[1]["access_token"]).json == INVALID_TOKEN
        eventually(lambda: is_refused_everywhere(bodies[1]["access_token"]), message="values refuses it too")
    kept = {body["session"]["id"] for body in (bodies[0], bodies[2], fourth)}
    assert {one["id"] for one in sessions(fourth["access_token"])} == kept
    assert refresh(bodies[1]["refresh_token"]).json == ENDED


# ---- the cookie ----


def cookie_of(reply):
    """Its name, its value and its attributes."""
    pair, *attributes = reply.headers["Set-Cookie"].split("; ")
    return (*pair.split("=", 1), set(attributes))


@pytest.mark.parametrize("remember", [False, True])
@pytest.mark.parametrize("scheme, name", [("http", "abacus-session"), ("https", "__Secure-abacus-session")])
def test_in_a_cookie_the_refresh_token_is_out_of_reach_of_scripts(person, scheme, name, remember):
    headers = {"Origin": ORIGIN.replace("http", scheme)}
    reply = log_in(person, cookie=True, remember=remember, headers=headers)
    assert reply.status == 201 and "refresh_token" not in reply.json
    for _ in range(2):
        got, value, attributes = cookie_of(reply)
        age_s = {int(attribute[8:]) for attribute in attributes if attribute.startswith("Max-Age=")}
        assert (got, len(value)) == (name, 75)
        assert attributes - {f"Max-Age={seconds}" for seconds in age_s} == {
            "Path=/auth/session",
            "HttpOnly",
            "SameSite=Strict",
        } | ({"Secure"} if scheme == "https" else set())
        assert all(30 * 86_400 - 60 < seconds <= 30 * 86_400 for seconds in age_s) and len(age_s) == remember
        headers["Cookie"] = f"other=1; {name}={value}; last=x"
        reply = post("/auth/session/refresh", {"cookie": True}, headers=headers)
        assert reply.status == 200 and "refresh_token" not in reply.json
    assert cookie_of(reply)[1] != value
    assert is_accepted_everywhere(reply.json["access_token"])


@pytest.mark.parametrize(
    "origin", [None, "null", "https://evil.test", "http://127.0.0.1:1", ORIGIN + ".evil.test", "http://evil.test@" + ORIGIN[7:]]
)
def test_no_other_site_can_have_a_browser_set_or_use_the_cookie(person, origin):
    good = cookie_of(log_in(person, cookie=True, headers={"Origin": ORIGIN}))
    headers = {"Cookie": f"{good[0]}={good[1]}", **({"Origin": origin} if origin else {})}
    refused = fail("origin_refused", "Only pages of this site may do that.")
    for reply in (
        log_in(person, cookie=True, headers=headers),
        post("/auth/session/refresh", {"cookie": True}, headers=headers),
    ):
        assert (reply.status, reply.json) == (403, refused)
        assert "Set-Cookie" not in reply.headers
    headers["Origin"] = ORIGIN
    assert post("/auth/session/refresh", {"cookie": True}, headers=headers).status == 200, "nothing was rotated"


def test_a_page_without_tls_can_not_use_a_host_with_tls(person):
    """Straight to the daemon, which believes the proxy before it."""
    host = f"127.0.0.1:{abacus.PORTS['users']}"
    for origin, status in ((f"http://{host}", 403), (f"https://{host}", 201)):
        headers = {"Origin": origin, "X-Forwarded-Proto": "https"}
        login = {"email": person.email, "password": person.password, "cookie": True}
        assert post("/auth/session", login, headers=headers, to="users").status == status


def test_the_token_of_a_cookie_is_refused_in_a_body_and_the_other_way_round(person):
    in_cookie = cookie_of(log_in(person, cookie=True, headers={"Origin": ORIGIN}))
    in_body = session_of(person)["refresh_token"]
    assert refresh(in_cookie[1]).json == ENDED
    swapped = {"Origin": ORIGIN, "Cookie": f"abacus-session={in_body}"}
    assert post("/auth/session/refresh", {"cookie": True}, headers=swapped).json == ENDED
    assert refresh(in_body).status == 200


def test_a_cookie_that_is_worth_nothing_is_removed(person):
    reply = log_in(person, cookie=True, headers={"Origin": ORIGIN})
    name, value, _ = cookie_of(reply)
    headers = {"Origin": ORIGIN, "Cookie": f"{name}={value}"}
    out = call("DELETE", "/auth/session", token=reply.json["access_token"], headers=headers)
    assert (out.status, out.json) == (200, LOGGED_OUT)
    after = post("/auth/session/refresh", {"cookie": True}, headers=headers)
    assert (after.status, after.json) == (401, ENDED)
    for one in (out, after):
        assert cookie_of(one) == (name, "", {"Path=/auth/session", "HttpOnly", "SameSite=Strict", "Max-Age=0"})
    none = post("/auth/session/refresh", {"cookie": True}, headers={"Origin": ORIGIN})
    assert (none.status, none.json, none.headers["Set-Cookie"]) == (401, ENDED, None)


def test_a_login_ends_the_session_whose_cookie_it_replaces_and_no_other(person):
    kept = session_of(person)
    first = log_in(person, cookie=True, headers={"Origin": ORIGIN})
    name, value, _ = cookie_of(first)
    headers = {"Origin": ORIGIN, "Cookie": f"{name}={value}"}
    assert log_in(person, cookie=True, headers=headers, password="not the password").status == 401
    assert log_in(person, headers=headers).status == 201, "it gets no cookie"
    assert is_accepted_everywhere(first.json["access_token"])
    other = log_in(Person(), cookie=True, headers=headers)
    assert other.status == 201
    eventually(lambda: is_refused_everywhere(first.json["access_token"]))
    assert post("/auth/session/refresh", {"cookie": True}, headers=headers).json == ENDED
    assert is_accepted_everywhere(other.json["access_token"]) and is_accepted_everywhere(kept["access_token"])
    for cookie in (f"{name}={value}", f"{name}={forged(value)}", f"{name}={kept['refresh_token']}", f"{name}="):
        assert log_in(person, cookie=True, headers={"Origin": ORIGIN, "Cookie": cookie}).status == 201
    assert is_accepted_everywhere(other.json["access_token"]) and is_accepted_everywhere(kept["access_token"])


# ---- ending ----


@pytest.mark.parametrize("method, path", [("DELETE", "/auth/session"), ("POST", "/auth/logout"), ("GET", "/auth/logout")])
def test_logging_out_ends_the_session_with_all_its_tokens(person, method, path):
    first, other = session_of(person), session_of(person)
    second = refreshed(first["refresh_token"])
    reply = call(method, path, token=second["access_token"])
    assert (reply.status, reply.json) == (200, LOGGED_OUT)
    for body in (first, second):
        assert is_refused_everywhere(body["access_token"])
        assert refresh(body["refresh_token"]).json == ENDED
    assert is_accepted_everywhere(other["access_token"])


def test_a_token_without_a_session_is_logged_out_by_the_new_call_too(person):
    reply = call("DELETE", "/auth/session", token=person.token)
    assert (reply.status, reply.json) == (200, LOGGED_OUT)
    assert is_refused_everywhere(person.token)


def test_the_list_has_the_callers_sessions_and_no_others(person):
    session_of(Person())
    first, second = session_of(person, headers={"User-Agent": "one"}), session_of(person, remember=True)
    refreshed(first["refresh_token"])
    shown = sessions(second["access_token"])
    assert [(one["id"], one["current"], one["remember"]) for one in shown] == [
        (first["session"]["id"], False, False),
        (second["session"]["id"], True, True),
    ]
    assert shown[0]["user_agent"] == "one"
    assert set(shown[0]) == set(first["session"])
    assert not any(one["current"] for one in sessions(person.token)), "a token without a session sees them as well"


def test_a_session_is_ended_from_another(person):
    first, second = session_of(person), session_of(person)
    path = f"/auth/sessions/{first['session']['id']}"
    for _ in range(2):
        reply = call("DELETE", path, token=second["access_token"])
        assert (reply.status, reply.json) == (200, {"status": "success", "message": "The session was ended."})
        assert is_refused_everywhere(first["access_token"])
    assert refresh(first["refresh_token"]).json == ENDED
    assert is_accepted_everywhere(second["access_token"])


def test_values_refuses_a_token_from_the_first_request_after_its_session_was_ended(person):
    for _ in range(25):
        body = session_of(person)
        assert get("/api/values", token=body["access_token"]).status == 200
        call("DELETE", f"/auth/sessions/{body['session']['id']}", token=person.token)
        assert get("/api/values", token=body["access_token"]).status == 401


def test_sessions_of_others_can_not_be_ended(person):
    theirs = session_of(Person())
    for name in (theirs["session"]["id"], theirs["session"]["id"].upper(), "0190f3a0-0000-7000-8000-000000000000", "7", "x"):
        reply = call("DELETE", f"/auth/sessions/{name}", token=person.token)
        assert (reply.status, reply.json) == (404, NO_SESSION), name
    assert is_accepted_everywhere(theirs["access_token"])
    assert refresh(theirs["refresh_token"]).status == 200


def confirmation(person, token):
    return confirmed_by_password(token, person.password, "end_other_sessions")


def end_others(token, headers):
    return call("DELETE", "/auth/sessions", token=token, headers=headers)


def test_all_other_sessions_and_tokens_end_at_once(person):
    own, others = session_of(person), [session_of(person) for _ in range(3)]
    reply = end_others(own["access_token"], confirmation(person, own["access_token"]))
    body = reply.json
    new = body.pop("data")
    assert (reply.status, body) == (200, {"status": "success", "message": "All other sessions were ended."})
    assert (new["token_type"], new["expires_in"]) == ("Bearer", 600)
    assert claims_of(new["access_token"])["sid"] == own["session"]["id"]
    for token in (own["access_token"], person.token, *(other["access_token"] for other in others)):
        assert is_refused_everywhere(token)
    assert all(refresh(other["refresh_token"]).json == ENDED for other in others)
    assert is_accepted_everywhere(new["access_token"])
    assert is_accepted_everywhere(refreshed(own["refresh_token"])["access_token"])
    assert [one["id"] for one in sessions(new["access_token"])] == [own["session"]["id"]]


def test_a_token_without_a_session_can_end_all_sessions_and_is_replaced(person):
    body = session_of(person)
    reply = end_others(person.token, confirmation(person, person.token))
    assert reply.status == 200
    new = reply.json["data"]
    assert claims_of(new["access_token"])["exp"] <= claims_of(person.token)["exp"] + 1
    assert is_refused_everywhere(person.token) and is_refused_everywhere(body["access_token"])
    assert is_accepted_everywhere(new["access_token"])
    assert refresh(body["refresh_token"]).json == ENDED


def test_a_refresh_succeeds_while_all_other_sessions_are_ended(person):
    body = session_of(person)
    headers = confirmation(person, body["access_token"])
    with ThreadPoolExecutor(9) as threads:
        replies = list(threads.map(lambda _: refresh(body["refresh_token"]), range(4)))
        ending = threads.submit(lambda: end_others(body["access_token"], headers))
        replies += threads.map(lambda _: refresh(body["refresh_token"]), range(8))
    assert [reply.status for reply in replies] == [200] * 12
    assert ending.result().status == 200
    assert is_accepted_everywhere(refreshed(replies[-1].json["refresh_token"])["access_token"])


def test_a_refresh_that_races_with_the_end_of_all_sessions_leaves_no_good_token(person):
    own, others = session_of(person), [session_of(person) for _ in range(6)]
    headers = confirmation(person, own["access_token"])
    assert refresh_count(person) == 0
    ended = threading.Event()

    def refresh_until_refused(body):
        tokens, token = [], body["refresh_token"]
        while (reply := refresh(token)).status == 200:
            tokens.append(reply.json["access_token"])
            token = reply.json["refresh_token"]
            assert not ended.wait(0.001) or len(tokens) < 1000, "the session has ended"
        assert reply.json == ENDED
        return tokens

    with ThreadPoolExecutor(6) as threads:
        refreshing = [threads.submit(refresh_until_refused, body) for body in others]
        try:
            eventually(lambda: refresh_count(person) > 12, message="they refresh")
            new = end_others(own["access_token"], headers)
        finally:
            ended.set()
        tokens = [token for future in refreshing for token in future.result()]
    assert new.status == 200 and len(tokens) > 6
    assert all(is_refused_everywhere(token) for token in tokens)
    assert is_accepted_everywhere(new.json["data"]["access_token"])


def refresh_count(person):
    return int(abacus.psql("users", f"SELECT sum(counter) FROM sessions WHERE user_id = {person.id}"))


def change_password(person, admin):
    body = {"current": person.password, "new": "nine wooden beads"}
    return call("PUT", "/auth/password", body, token=person.login())


def deactivate(person, admin):
    call("PATCH", f"/users/{person.id}", {"active": False}, token=admin)
    return call("PATCH", f"/users/{person.id}", {"active": True}, token=admin)


def delete(person, admin):
    return call("DELETE", f"/users/{person.id}", token=admin)


@pytest.mark.parametrize("change", [change_password, deactivate, delete])
def test_what_ends_a_users_tokens_ends_the_sessions(person, admin, change):
    body = session_of(person, remember=True)
    assert change(person, admin).status == 200
    assert (
        get("/auth/status", token=body["access_token"]).status == get("/api/values", token=body["access_token"]).status == 401
    )
    assert refresh(body["refresh_token"]).json == ENDED


def test_a_session_that_began_before_a_password_change_is_dead(person):
    """It read the old hash, was stored after the change, or tries to stay by ending all others."""
    body = session_of(person)
    abacus.psql("users", f"UPDATE sessions SET generation = generation - 1 WHERE id = '{body['session']['id']}'")
    assert refresh(body["refresh_token"]).json == ENDED
    assert sessions(person.token) == []
    headers = confirmation(person, body["access_token"])
    assert end_others(body["access_token"], headers).json == INVALID_TOKEN
    assert refresh(body["refresh_token"]).json == ENDED


def leaves_a_change(users, person, method, path, body, **headers):
    """A change that ends all tokens is committed after its client has left. Returns when users has published it."""
    lock = f"FROM users WHERE id = {person.id} FOR NO KEY UPDATE"
    abacus.leave_before_the_reply(users, method, path, body, lock, **headers)


def test_a_session_that_begins_after_a_change_whose_client_left_goes_on(person):
    """It begins before users publishes the change."""
    new = "nine wooden beads"
    with Daemon("users") as users:
        old_enough(users)
        change = {"current": person.password, "new": new}
        leaves_a_change(users, person, "PUT", "/auth/password", change, Authorization=f"Bearer {person.token}")
        login = {"email": person.email, "password": new}
        body = eventually(lambda: (reply := users.call("POST", "/auth/session", login)).status == 201 and reply.json)
        legacy = users.call("POST", "/auth/login", login).json["auth_token"]
    eventually(lambda: get("/api/values", token=person.token).json == INVALID_TOKEN, message="the change is published")
    assert is_accepted_everywhere(body["access_token"]) and is_accepted_everywhere(legacy)
    assert refresh(body["refresh_token"]).status == 200


def test_the_session_that_ends_all_others_goes_on_although_its_client_left(person):
    own = session_of(person)
    with Daemon("users") as users:
        old_enough(users)
        authorization = {"Authorization": f"Bearer {own['access_token']}", **confirmation(person, own["access_token"])}
        leaves_a_change(users, person, "DELETE", "/auth/sessions", {}, **authorization)
        tokens = refreshed(own["refresh_token"])
    eventually(lambda: get("/api/values", token=person.token).json == INVALID_TOKEN, message="the change is published")
    assert is_accepted_everywhere(refreshed(tokens["refresh_token"])["access_token"])


def test_keys_are_changed_without_ending_sessions(person):
    body = session_of(person)
    new_key, old_key = secrets.token_hex(32), abacus.RUN_DIR / "secrets/SECRET_KEY"
    with Daemon("users", SECRET_KEY=new_key, SECRET_KEY_FILE=None, SECRET_KEY_PREVIOUS_FILE=old_key) as users:
        reply = users.call("POST", "/auth/session/refresh", {"refresh_token": body["refresh_token"]})
        assert reply.status == 200
        signed_anew = {"refresh_token": reply.json["refresh_token"]}
    assert refresh(signed_anew["refresh_token"]).json == ENDED
    with Daemon("users", SECRET_KEY=new_key, SECRET_KEY_FILE=None) as users:
        assert users.call("POST", "/auth/session/refresh", signed_anew).status == 200


def test_no_log_has_a_token(person):
    bodies = [session_of(person)]
    bodies.append(refreshed(bodies[0]["refresh_token"]))
    bodies.append(refreshed(bodies[1]["refresh_token"]))
    cookie = cookie_of(log_in(person, cookie=True, headers={"Origin": ORIGIN}))[1]
    post("/auth/session/refresh", {"cookie": True}, headers={"Origin": ORIGIN, "Cookie": f"abacus-session={cookie}"})
    assert refresh(bodies[0]["refresh_token"]).status == 401

    def logs():
        text = "".join(path.read_text(errors="replace") for path in abacus.RUN_DIR.glob("log/*/current"))
        return text if "a refresh token was used again; its session was ended" in text else None

    text = eventually(logs, message="the misuse is logged")
    assert not [body for body in bodies if body["refresh_token"] in text or body["access_token"] in text]
    assert cookie not in text and person.password not in text
