"""Registering, logging in and out, tokens: every failure is compared whole."""

import contextlib
import hashlib
import json
import secrets
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

import abacus
from abacus import Daemon, Person, call, eventually, fail, get, post
from tokens import base64url, claims_of, sign

INVALID_TOKEN = fail("token_invalid", "Invalid token. Please log in again.")


def test_ping_answers_pong():
    reply = get("/users/ping")
    assert reply.status == 200
    assert reply.json == {"status": "success", "message": "pong!"}
    assert reply.headers["Content-Type"] == "application/json"


def test_registering_returns_a_token_that_is_accepted():
    person = Person()
    data = get("/auth/status", token=person.token).json
    assert data == {
        "status": "success",
        "data": {"id": person.id, "username": person.username, "email": person.email, "active": True, "admin": False},
    }


def test_registering_is_answered_with_the_documented_body():
    word = secrets.token_hex(4)
    reply = post("/auth/register", {"username": word, "email": f"{word}@example.com", "password": "seven brass beads"})
    body = reply.json
    assert body.pop("auth_token").count(".") == 2
    assert (reply.status, body) == (201, {"status": "success", "message": "Successfully registered."})


@pytest.mark.parametrize("fields", [("email",), ("username",), ("username", "email")])
def test_a_taken_name_or_email_is_refused_whatever_its_case_and_the_reply_says_which(person, fields):
    other = {"username": "someone-else", "email": "someone.else@example.com", "password": "eleven glass beads"}
    other |= {field: getattr(person, field).upper() for field in fields}
    reply = post("/auth/register", other)
    assert reply.status == 400
    assert reply.json == abacus.taken("Sorry. That user already exists.", *fields)


VALID = {"username": "valid-name", "email": "valid@example.com", "password": "eleven glass beads"}


@pytest.mark.parametrize(
    "payload, fields",
    [
        ({}, {"username", "email", "password"}),
        ({"email": VALID["email"], "password": VALID["password"]}, {"username"}),
        ({"username": VALID["username"], "password": VALID["password"]}, {"email"}),
        ({"username": VALID["username"], "email": VALID["email"]}, {"password"}),
        ({**VALID, "username": 7}, {"username"}),
        ({**VALID, "email": None}, {"email"}),
        ({**VALID, "password": ["a"]}, {"password"}),
        ({**VALID, "username": "ab"}, {"username"}),
        ({**VALID, "username": "a" * 129}, {"username"}),
        ({**VALID, "username": "\u0958" * 65}, {"username"}),
        ({**VALID, "username": "\u202enimda"}, {"username"}),
        ({**VALID, "username": "valid\u200bname"}, {"username"}),
        ({**VALID, "username": "valid-name "}, {"username"}),
        ({**VALID, "username": "\u3164\u3164\u3164"}, {"username"}),
        ({**VALID, "email": "no-at-sign"}, {"email"}),
        ({**VALID, "email": "a@" + "b" * 250 + ".com"}, {"email"}),
        ({**VALID, "password": "short"}, {"password"}),
        ({**VALID, "password": "p" * 129}, {"password"}),
    ],
)
def test_a_bad_registration_names_its_fields(payload, fields):
    reply = post("/auth/register", payload)
    body = reply.json
    errors = body.pop("errors")
    assert (reply.status, body) == (400, fail("invalid_payload", "Invalid payload."))
    assert {error["field"] for error in errors} == fields
    assert all(error["message"] for error in errors)


@pytest.mark.parametrize("path", ["/auth/register", "/auth/login"])
def test_an_empty_body_is_an_invalid_payload(path):
    reply = post(path, "", headers={"Content-Type": "application/json"})
    assert (reply.status, reply.json) == (400, {**fail("invalid_payload", "Invalid payload."), "errors": []})


@pytest.mark.parametrize(
    "body", ["{", "[1,2", '{"a":1}x', '{"a":1,"a":2}', '{"a":"\\u0000"}', '{"a":"\x00"}', "[" * 5000, "7", "[]", '"text"']
)
def test_malformed_json_is_refused(body):
    reply = post("/auth/register", body, headers={"Content-Type": "application/json"})
    body = reply.json
    assert body.pop("errors", []) == []
    assert (reply.status, body) in [(400, fail(code, "Invalid payload.")) for code in ("malformed_json", "invalid_payload")]


def test_a_body_of_another_media_type_is_refused_with_415():
    reply = post("/auth/register", "username=a", headers={"Content-Type": "application/x-www-form-urlencoded"})
    assert reply.status == 415
    assert reply.json == fail("unsupported_media_type", "The body must be application/json.")


def test_login_returns_a_token(person):
    reply = post("/auth/login", {"email": person.email.upper(), "password": person.password})
    body = reply.json
    token = body.pop("auth_token")
    assert (reply.status, body) == (200, {"status": "success", "message": "Successfully logged in."})
    assert get("/auth/status", token=token).status == 200


def test_a_wrong_password_and_an_unknown_user_get_the_same_answer(person):
    wrong = post("/auth/login", {"email": person.email, "password": "not the password"})
    unknown = post("/auth/login", {"email": "nobody-" + person.email, "password": "not the password"})
    assert wrong.status == unknown.status == 404
    assert wrong.json == unknown.json == fail("login_failed", "Login failed.")


def test_too_many_failed_logins_are_refused_for_a_while(person):
    replies = [post("/auth/login", {"email": person.email, "password": "wrong wrong"}) for _ in range(11)]
    assert [reply.status for reply in replies] == [404] * 10 + [429]
    assert int(replies[-1].headers["Retry-After"]) > 0
    assert replies[-1].json == fail("too_many_attempts", replies[-1].json["message"])
    assert post("/auth/login", {"email": person.email, "password": person.password}).status == 429


def test_addresses_of_one_ipv6_network_share_their_login_attempts(person):
    def log_in_from(address):
        return post(
            "/auth/login", {"email": person.email, "password": "wrong wrong"}, to="users", headers={"X-Forwarded-For": address}
        ).status

    assert [log_in_from(f"2001:db8:0:7:{n}::{n}") for n in range(1, 12)] == [404] * 10 + [429]
    assert log_in_from("2001:db8:0:8::1") == log_in_from("198.51.100.7") == log_in_from("198.51.100.8") == 404


def test_spellings_of_one_name_share_their_login_attempts():
    """Postgres's lower() also maps KELVIN SIGN to k and I WITH DOT ABOVE to i."""
    for path, field, end in (("/auth/login", "email", "@example.com"), ("/auth", "username", "")):
        word = f"ki{secrets.token_hex(6)}"
        person = {"username": word, "email": f"{word}@example.com", "password": "seven brass beads"}
        assert post("/auth/register", person).status == 201
        spellings = [word.replace("k", k).replace("i", i) for k in "kK\u212a" for i in "iI\u0130"]
        codes = [post(path, {field: spelling + end, "password": "wrong wrong"}).status for spelling in spellings * 2]
        assert codes.count(429) == len(codes) - 10, path


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_token_is_refused_by_every_service_after_logout(person, method):
    reply = call(method, "/auth/logout", token=person.token)
    assert (reply.status, reply.json) == (200, {"status": "success", "message": "Successfully logged out."})
    for path in ["/auth/status", "/auth/logout", "/api/user", "/api/values"]:
        reply = get(path, token=person.token)
        assert (reply.status, reply.json) == (401, INVALID_TOKEN), path
        assert reply.headers["WWW-Authenticate"].startswith("Bearer")


def test_values_refuses_a_token_from_the_first_request_after_its_logout():
    for _ in range(25):
        person = Person()
        assert get("/api/values", token=person.token).status == 200
        get("/auth/logout", token=person.token)
        assert get("/api/values", token=person.token).status == 401


def test_the_legacy_login_returns_an_access_token(person):
    for name in (person.username, person.email):
        reply = post("/auth", {"username": name, "password": person.password})
        assert reply.status == 200
        assert list(reply.json) == ["access_token"]
        token = reply.json["access_token"]
        assert get("/api/user", headers={"Authorization": f"JWT {token}"}).status == 200


def test_the_legacy_login_keeps_its_own_error_texts(person):
    payloads = [
        {"username": person.username, "password": "not the password"},
        {"username": "nobody-of-that-name", "password": "not the password"},
        {"username": person.username},
        {"password": person.password},
        {},
        {"username": 7, "password": person.password},
        {"username": person.username, "password": "p" * 1000},
    ]
    for payload in payloads:
        reply = post("/auth", payload)
        assert reply.status == 401, payload
        assert reply.json == {"status_code": 401, "error": "Bad Request", "description": "Invalid credentials"}
        assert reply.headers["WWW-Authenticate"].startswith("Bearer")


@pytest.mark.parametrize("path", ["/auth/status", "/auth/logout", "/api/user", "/api/values"])
def test_no_token_is_refused(path):
    reply = get(path)
    assert (reply.status, reply.json) == (403, fail("token_missing", "Provide a valid auth token."))


@pytest.mark.parametrize("scheme", ["bearer", "BEARER", "jwt", "Jwt"])
def test_the_scheme_is_read_in_any_case(person, scheme):
    assert get("/auth/status", headers={"Authorization": f"{scheme} {person.token}"}).status == 200


def test_a_token_has_the_documented_claims(person):
    claims = claims_of(person.token)
    assert set(claims) == {"iss", "sub", "iat", "nbf", "exp", "jti", "adm"}
    assert claims["sub"] == str(person.id)
    assert claims["adm"] is False


def secret_key():
    path = abacus.RUN_DIR / "secrets" / "SECRET_KEY"
    return path.read_bytes().rstrip(b"\n")


def expired(token):
    """The same token, as it is when its time is over."""
    now = int(time.time())
    return sign({**claims_of(token), "iat": now - 100, "nbf": now - 100, "exp": now - 1}, secret_key())


def test_forged_tokens_are_refused(person):
    claims = claims_of(person.token)
    head, body, signature = person.token.split(".")
    none = base64url(b'{"alg":"none","typ":"JWT"}') + "." + body + "."
    forged = [
        none,
        none + signature,
        sign({**claims, "adm": True}, b"another secret"),
        sign(claims, secret_key(), {"alg": "HS512", "typ": "JWT"}),
        sign({**claims, "sub": 1}, secret_key()),
        sign({**claims, "iss": "someone"}, secret_key()),
        head + "." + base64url(json.dumps({**claims, "sub": "1"}).encode()) + "." + signature,
        person.token[:-1],
        person.token + "=",
        person.token + ".",
        "a.b.c",
        "x" * 8000,
    ]
    for token in forged:
        for path in ["/auth/status", "/api/values"]:
            reply = get(path, token=token)
            assert (reply.status, reply.json) == (401, INVALID_TOKEN), token


def test_a_password_change_revokes_earlier_tokens(person):
    second = person.login()
    wrong = call("PUT", "/auth/password", {"current": "not the password", "new": "nine wooden beads"}, token=second)
    errors = [{"field": "current", "message": "is not your password"}]
    assert (wrong.status, wrong.json) == (400, {**fail("invalid_payload", "Invalid payload."), "errors": errors})
    short = call("PUT", "/auth/password", {"current": person.password, "new": "short"}, token=second)
    assert (short.status, [error["field"] for error in short.json["errors"]]) == (400, ["new"])
    reply = call("PUT", "/auth/password", {"current": person.password, "new": "nine wooden beads"}, token=second)
    assert (reply.status, reply.json["status"]) == (200, "success")
    for token in (person.token, second):
        for path in ["/auth/status", "/api/values"]:
            assert get(path, token=token).json == INVALID_TOKEN
    assert post("/auth/login", {"email": person.email, "password": person.password}).status == 404
    assert get("/api/values", token=abacus.log_in(person.email, "nine wooden beads")).status == 200


def registration():
    word = secrets.token_hex(6)
    return {"username": word, "email": f"{word}@example.com", "password": "seven brass beads"}


def test_a_login_that_began_before_a_password_change_returns_a_revoked_token(person):
    """The login has read the old hash, and its verification waits in the queue behind a hash that takes seconds."""
    slow = {"HASH_THREADS": 1, "ARGON2_MEMORY_KIB": 65536, "ARGON2_PASSES": 48}
    slow |= {"HTTP_DEADLINE_MS": 60000, "HASH_QUEUE_MS": 60000, "HANG_SECONDS": 60}  # its first hash takes as long
    with Daemon("users", **slow) as users, ThreadPoolExecutor() as threads:

        def ask(path, body):
            return threads.submit(lambda: users.call("POST", path, body, timeout=60))

        slow_one = ask("/auth/register", registration())
        eventually(
            lambda: abacus.resident_bytes(min(users.serving)) > 60 << 20,
            every_s=0.001,
            message="the slow hash is being calculated",
        )
        login = ask("/auth/login", {"email": person.email, "password": person.password})
        counter = hashlib.sha1(f"127.0.0.1:{person.email}".encode()).hexdigest()
        eventually(
            lambda: abacus.redis_cli("ZSCORE", "login_attempts", counter)[:1].isdigit(), message="the login is waiting"
        )  # a cluster that has just started answers with an error
        change = call("PUT", "/auth/password", {"current": person.password, "new": "nine wooden beads"}, token=person.token)
        assert change.status == 200 and not slow_one.done()
        late = login.result().json["auth_token"]
    for path in ["/auth/status", "/api/values"]:
        assert get(path, token=late).json == INVALID_TOKEN


def test_a_login_beside_a_password_change_whose_client_leaves_returns_a_token_that_is_revoked(person):
    """The login reads the old hash while the change waits, and its client does not wait for it."""
    login, new = {"email": person.email, "password": person.password}, "nine wooden beads"
    with Daemon("users") as users:
        token = abacus.leave_before_the_reply(
            users,
            "PUT",
            "/auth/password",
            {"current": person.password, "new": new},
            f"FROM users WHERE id = {person.id} FOR NO KEY UPDATE",
            meanwhile=lambda: users.call("POST", "/auth/login", login).json["auth_token"],
            Authorization=f"Bearer {person.token}",
        )
        for path in ("/auth/status", "/api/values"):
            eventually(lambda path=path: get(path, token=token).json == INVALID_TOKEN)
    assert get("/api/values", token=abacus.log_in(person.email, new)).status == 200


def test_activating_an_active_user_revokes_no_token(person, admin):
    assert call("PATCH", f"/users/{person.id}", {"active": True}, token=admin).status == 200
    for path in ["/auth/status", "/api/values"]:
        assert get(path, token=person.token).status == 200, path


def test_an_inactive_user_can_log_in_but_the_token_is_refused(person, admin):
    refused = fail("user_inactive", "Provide a valid auth token.")
    assert call("PATCH", f"/users/{person.id}", {"active": False}, token=admin).status == 200
    for token in (person.token, person.login()):
        for path in ["/auth/status", "/api/values"]:
            reply = get(path, token=token)
            assert (reply.status, reply.json) == (401, refused), path
    assert call("PATCH", f"/users/{person.id}", {"active": True}, token=admin).status == 200
    assert get("/auth/status", token=person.token).status == 401
    fresh = person.login()
    assert get("/auth/status", token=fresh).status == 200
    assert get("/api/values", token=fresh).status == 200


def test_deleting_a_user_revokes_their_tokens(person, admin):
    assert call("DELETE", f"/users/{person.id}", token=admin).status == 200
    for path in ["/auth/status", "/api/values"]:
        reply = get(path, token=person.token)
        assert (reply.status, reply.json) == (401, fail("user_inactive", "Provide a valid auth token."))
    assert post("/auth/login", {"email": person.email, "password": person.password}).status == 404
    assert get(f"/users/{person.id}", token=admin).status == 404


def test_wrong_current_passwords_count_like_failed_logins(person):
    change = {"current": "not the password", "new": "nine wooden beads"}
    assert post("/auth/login", {"email": person.email, "password": "wrong wrong"}).status == 404
    codes = [call("PUT", "/auth/password", change, token=person.token).status for _ in range(10)]
    assert codes == [400] * 9 + [429]
    right = call("PUT", "/auth/password", {**change, "current": person.password}, token=person.token)
    assert (right.status, right.json["code"]) == (429, "too_many_attempts")
    assert int(right.headers["Retry-After"]) > 0
    assert post("/auth/login", {"email": person.email, "password": person.password}).status == 429


def test_the_right_current_password_forgets_the_wrong_ones(person):
    wrong = {"current": "not the password", "new": "nine wooden beads"}
    assert {call("PUT", "/auth/password", wrong, token=person.token).status for _ in range(9)} == {400}
    change = {"current": person.password, "new": "nine wooden beads"}
    assert call("PUT", "/auth/password", change, token=person.token).status == 200
    assert [post("/auth/login", {"email": person.email, "password": "wrong wrong"}).status for _ in range(10)] == [404] * 10


def test_failed_logins_with_the_email_and_with_the_user_name_of_one_account_count_together(person):
    def attempt(name):
        return post("/auth", {"username": name, "password": "wrong wrong"}).status

    assert [attempt(person.username if n % 2 else person.email.upper()) for n in range(10)] == [401] * 10
    assert attempt(person.username) == attempt(person.email) == 429


@pytest.mark.parametrize(
    "password, reason",
    [
        ("password1", "it is made of common words or passwords"),
        ("NAME@example.com", "it contains the username or the email address"),
        ("zzzzzzzzzzzzzzzz", "it repeats itself"),
        ("abcdefghijkl", "it is a sequence such as abc or 4321"),
        ("qwertyuiop[]", "its keys are side by side on a keyboard"),
        ("19840531", "it is a date or a year"),
    ],
)
def test_a_new_password_that_is_easy_to_guess_is_refused_with_the_reason(person, admin, password, reason):
    word = secrets.token_hex(6)
    errors = [{"message": f"is too easy to guess: {reason}"}]
    new = {"username": f"name-{word}", "email": f"{word}@example.com", "password": password.replace("NAME", word)}
    for path, token in (("/auth/register", None), ("/users", admin)):
        reply = post(path, new, token=token)
        body = reply.json
        assert body.pop("errors") == [{"field": "password", **errors[0]}]
        assert (reply.status, body) == (400, fail("invalid_payload", "Invalid payload."))
    change = {"current": person.password, "new": password.replace("NAME@example.com", person.email)}
    reply = call("PUT", "/auth/password", change, token=person.token)
    assert (reply.status, reply.json["errors"]) == (400, [{"field": "new", **errors[0]}])
    assert get("/auth/status", token=person.login()).status == 200


def test_a_password_that_has_leaked_is_refused_wherever_one_is_set(person, tmp_path):
    """By a list of hashes as it is distributed, which counts as soon as it is replaced. One that is gone lets none through."""
    word, listed = secrets.token_hex(6), tmp_path / "denylist"
    lines = [hashlib.sha1(password.encode()).hexdigest().upper() for password in ("seven brass beads", "password", "letmein")]
    listed.write_text("".join(f"{line}:7\r\n" for line in sorted(lines)))
    listed.chmod(0o644)
    new = {"username": word, "email": f"{word}@example.com", "password": "seven brass beads"}
    change = {"current": person.password, "new": "seven brass beads"}
    with Daemon("users", PASSWORD_DENYLIST=listed) as daemon:
        for method, path, body, token in [
            ("POST", "/auth/register", new, None),
            ("PUT", "/auth/password", change, person.token),
        ]:
            reply = daemon.call(method, path, body, token=token)
            assert [error["message"] for error in reply.json["errors"]] == ["is known to attackers, because it has leaked"]
        listed.rename(tmp_path / "gone")
        assert daemon.call("POST", "/auth/register", new).status == 500
        listed.write_text("\n".join(sorted(lines[1:])))
        assert daemon.call("POST", "/auth/register", new).status == 201
    done = Daemon("users", PASSWORD_DENYLIST=tmp_path).run("--check")
    assert done.returncode == 78 and "users: PASSWORD_DENYLIST: must be a file that can be read" in done.stderr


def test_how_many_guesses_a_password_must_withstand_is_an_option():
    word = secrets.token_hex(6)
    new = {"username": word, "email": f"{word}@example.com", "password": "brass beads"}  # 10^9.9
    with Daemon("users", PASSWORD_GUESSES_MIN=10) as strict:
        assert strict.call("POST", "/auth/register", new).status == 400
    with Daemon("users", PASSWORD_GUESSES_MIN=0) as lax:
        assert lax.call("POST", "/auth/register", {**new, "password": "password"}).status == 201


def test_a_user_whose_password_is_from_before_this_rule_logs_in_and_changes_it(person):
    """The hash is of "password1", with parameters from before too, so that the login replaces it."""
    old = "$argon2id$v=19$m=64,t=1,p=1$c2l4dGVlbiBieXRlcyAuLg$PlL7kJp7MS3u++ee1qPm/UjLy3w7T088q5wtjSRRUcI"
    abacus.psql("users", f"UPDATE users SET password_hash = '{old}' WHERE id = {person.id}")
    token = abacus.log_in(person.email, "password1")
    abacus.eventually(lambda: abacus.psql("users", f"SELECT password_hash <> '{old}' FROM users WHERE id = {person.id}") == "t")
    change = {"current": "password1", "new": "nine wooden beads"}
    assert call("PUT", "/auth/password", change, token=token).status == 200
    abacus.log_in(person.email, "nine wooden beads")


def test_a_user_whose_password_was_listed_after_it_was_set_logs_in_and_changes_it(person, tmp_path):
    listed = tmp_path / "denylist"
    listed.write_text(hashlib.sha1(person.password.encode()).hexdigest().upper())
    with Daemon("users", PASSWORD_DENYLIST=listed) as daemon:
        login = daemon.call("POST", "/auth/login", person.credentials)
        assert login.status == 200
        change = {"current": person.password, "new": f"nine wooden beads {person.username}"}
        assert daemon.call("PUT", "/auth/password", change, token=login.json["auth_token"]).status == 200
    abacus.log_in(person.email, change["new"])


def test_two_daemons_that_hash_with_other_parameters_replace_each_others_hashes_and_refuse_no_user(person):
    used = f"SELECT split_part(password_hash, '$', 4) FROM users WHERE id = {person.id}"
    with contextlib.ExitStack() as started:
        daemons = [
            started.enter_context(Daemon("users", ARGON2_MEMORY_KIB=memory, ARGON2_PASSES=passes))
            for memory, passes in [(64, 1), (128, 2)]
        ]
        login = {"email": person.email, "password": person.password}
        log_in = lambda n, path: daemons[n % 2].call("POST", path, login).status  # noqa: E731
        for n, parameters in enumerate(["m=64,t=1,p=1", "m=128,t=2,p=1"] * 2):
            assert log_in(n, "/auth/login") == 200
            eventually(lambda parameters=parameters: abacus.psql("users", used) == parameters)
        with ThreadPoolExecutor(8) as pool:
            statuses = list(pool.map(lambda n: (log_in(n, "/auth/login"), log_in(n, "/auth/session")), range(40)))
        assert statuses == [(200, 201)] * 40
        change = {"current": person.password, "new": f"nine wooden beads {person.username}"}
        assert daemons[0].call("PUT", "/auth/password", change, token=person.token).status == 200
    abacus.log_in(person.email, change["new"])


COMPOSED, DECOMPOSED = "Zo\u00eb und Andr\u00e9", "Zoe\u0308 und Andre\u0301"


@pytest.mark.parametrize("first, second", [(COMPOSED, DECOMPOSED), (DECOMPOSED, COMPOSED)])
def test_a_password_is_one_however_the_keyboard_composes_its_letters(person, first, second):
    change = {"current": person.password, "new": first}
    assert call("PUT", "/auth/password", change, token=person.token).status == 200
    token = abacus.log_in(person.email, second)
    change = {"current": second, "new": "nine wooden beads"}
    assert call("PUT", "/auth/password", change, token=token).status == 200


def test_a_hash_from_before_passwords_were_normalized_verifies_and_is_replaced(person):
    old = "$2b$04$abcdefghijklmnopqrstuub08vqflZ4OOl/MsJyjPJV0NhtftHajW"
    abacus.psql("users", f"UPDATE users SET password_hash = '{old}' WHERE id = {person.id}")
    assert post("/auth/login", {"email": person.email, "password": COMPOSED}).status == 404
    abacus.log_in(person.email, DECOMPOSED)
    where = f"WHERE id = {person.id} AND password_hash LIKE '$argon2id$%'"
    abacus.eventually(lambda: abacus.psql("users", f"SELECT id FROM users {where}"))
    abacus.log_in(person.email, COMPOSED)
    abacus.log_in(person.email, DECOMPOSED)


def test_a_long_password_whose_end_was_not_proven_does_not_replace_the_legacy_hash(person):
    """bcrypt compares only the first 72 bytes, so a wrong end logs in, as ever. The right end keeps doing so."""
    right = "x" * 80
    old = "$2b$04$abcdefghijklmnopqrstuubzadhGtS2zEF.gu0yd0opP6cVzb.e0i"
    abacus.psql("users", f"UPDATE users SET password_hash = '{old}' WHERE id = {person.id}")
    for password in ("x" * 72 + "wrong", "x" * 72, right):
        abacus.log_in(person.email, password)
    stored = abacus.psql("users", f"SELECT password_hash FROM users WHERE id = {person.id}")
    assert stored == old


def test_a_bcrypt_hash_of_the_legacy_system_verifies_and_is_replaced(person):
    old = "$2b$04$abcdefghijklmnopqrstuu2PywBF3HRQ7pea/hpDo2V7MCiTgDJ1e"
    abacus.psql("users", f"UPDATE users SET password_hash = '{old}' WHERE id = {person.id}")
    assert post("/auth/login", {"email": person.email, "password": "not the password"}).status == 404
    abacus.log_in(person.email, "the older password")
    stored = abacus.eventually(
        lambda: abacus.psql(
            "users", f"SELECT password_hash FROM users WHERE id = {person.id} AND password_hash LIKE '$argon2id$%'"
        )
    )
    assert stored.startswith("$argon2id$v=19$m=19456,t=2,p=1$")
    abacus.log_in(person.email, "the older password")
