"""Codes by message (mTAN): logging in with one, and confirming a sensitive action. The second half tries what an attacker
would; docs/security.md lists it."""

import base64
import hashlib
import html
import json
import re
import secrets
import uuid
from concurrent.futures import ThreadPoolExecutor

import pytest
from test_factors import (
    ENDED,
    NO_FACTOR,
    REQUIRED,
    UNCONFIRMED,
    WRONG,
    answer,
    begin,
    call,
    factors_of,
    is_good,
    log_in,
    new_name,
    rename,
    said,
    session_of,
    sql,
)

import abacus
from abacus import Daemon, Person, eventually, get, messages, post, totp
from tokens import base64url, claims_of

SENT = {"status": "success", "message": "A code is on its way."}
LEGACY = {"status_code": 401, "error": "Bad Request"}
SEEDED = {"maxmustermann": "1001", "gabimusterfrau": "1002", "erikatest": "1003"}
MESSAGES = 10  # with a code, to one user in an hour
FOR_ACTIONS = 7  # of them, at most: what a token alone asks for


class Owner(Person):
    """A user who gets codes by message, and has three recovery codes: as after an enrolment, which the first test tries."""

    def __init__(self):
        abacus.native("the messages of mailer")
        super().__init__()
        self.factor = str(uuid.UUID(int=uuid.uuid4().int & ~(0xF << 76) | 7 << 76))  # of version 7
        self.recovery_codes = [base64.b32encode(secrets.token_bytes(15)).decode() for _ in range(3)]
        hashes = [base64url(hashlib.sha256(code.encode()).digest()) for code in self.recovery_codes]
        sql(
            "INSERT INTO factor_settings (user_id, recovery_hashes) VALUES ({0}, '{{{1}}}'); INSERT INTO factors"
            " (id, user_id, method, secret, activated_at) VALUES ('{2}', {0}, 'mtan', '', now())",
            self.id, ",".join(hashes), self.factor,
        )  # fmt: skip

    def newest(self):
        """(code, what it confirms) of the newest message, once it has arrived."""
        nonce = sql("SELECT mtan_nonce FROM factor_settings WHERE user_id = {}", self.id)
        assert nonce, "a code was sent"

        def arrived():
            mine = [message for message in messages(self.email, "Your code") if message["Message-ID"].startswith(f"<{nonce}@")]
            return mine and mine[-1].get_body(["plain"]).get_content()

        text = eventually(arrived, 20, message=f"the message {nonce} has arrived")
        return re.search(r"^Code (\d{6}) confirms: (.*?)\r?$", text, re.MULTILINE).groups()

    def code(self):
        return self.newest()[0]


@pytest.fixture
def owner():
    return Owner()


def enrol(person, headers=None, **body):
    return post("/auth/factors", {"method": "mtan", **body}, token=person.token, headers=headers)


def activate(person, code):
    return post(f"/auth/factors/{person.factor}", {"code": code}, token=person.token)


def challenge_of(owner, **options):
    reply = log_in(owner, **options)
    assert (reply.status, reply.json["code"]) == (401, "second_factor_required"), reply
    return reply.json["data"]["challenge"]


def send(challenge, **options):
    return post(f"/auth/challenge/{challenge}/code", **options)


def respond(challenge, code, **options):
    return answer(challenge, code, "mtan", **options)


def notice(person, subject):
    return eventually(lambda: messages(person.email, subject), message=subject)[0].get_body(["plain"]).get_content()


def other(code):
    return f"{(int(code) + 1) % 1_000_000:06}"


def confirmation(owner, action, **parameters):
    challenge = begin(owner, action, **parameters).json["data"]["challenge"]
    reply = respond(challenge, owner.code())
    assert reply.status == 200, reply
    return {"X-Confirmation": reply.json["data"]["confirmation"]}


# ---- what owners do ----


def test_a_user_adds_codes_by_message_and_logs_in_with_one(person):
    abacus.native("the messages of mailer")
    person.token = session_of(person)["access_token"]
    reply = enrol(person, current=person.password)
    data = reply.json["data"]
    assert (reply.status, set(data), data["method"], data["expires_in"]) == (201, {"id", "method", "expires_in"}, "mtan", 300)
    person.factor = data["id"]
    assert factors_of(person.token)["factors"] == [], "it does not count yet"
    assert log_in(person).status == 201
    code, text = Owner.newest(person)
    assert text == "receive codes at this address"
    reply = activate(person, code)
    assert (reply.status, len(reply.json["data"]["recovery_codes"])) == (200, 10)
    assert [one["method"] for one in factors_of(reply.json["data"]["access_token"])["factors"]] == ["mtan"]
    assert "codes by email. Every other session" in notice(person, "A second factor was added")
    assert sql("SELECT email_verified_at IS NOT NULL FROM users WHERE id = {}", person.id) == "t", "the code proved the address"

    reply = log_in(person)
    data = reply.json["data"]
    assert (reply.status, data["methods"], data["sent"]) == (401, ["mtan", "recovery"], True)
    code, text = Owner.newest(person)
    assert text == "log in"
    reply = respond(data["challenge"], code)
    assert reply.status == 201
    assert claims_of(reply.json["access_token"])["amr"] == ["pwd", "otp", "mfa"]
    assert all(get(path, token=reply.json["access_token"]).status == 200 for path in ("/auth/status", "/api/values"))
    assert factors_of(reply.json["access_token"])["factors"][0]["last_used_at"]


@pytest.mark.parametrize(
    "action, text, parameters",
    [
        ("delete_account", "delete your account", {}),
        ("change_password", "change your password", {"new": "x"}),
        ("change_account", "change your username", {"username": "ada"}),
        ("change_account", "change your email address", {"email": "ada@example.com"}),
        ("change_account", "change your username or email address", {"username": "ada", "email": "ada@example.com"}),
        ("change_user", "make a user an admin", {"id": "7", "admin": True, "username": "ada"}),
        ("change_user", "change a user's email address", {"id": "7", "email": "ada@example.com", "admin": False}),
        ("change_user", "make a user an admin, and change its email address", {"id": "7", "admin": True, "email": "a@b.de"}),
        ("change_user", "activate a user", {"id": "7", "active": True, "admin": False}),
        ("change_user", "activate a user, and make it an admin", {"id": "7", "active": True, "admin": True}),
        ("change_user", "activate a user, and change its email address", {"id": "7", "active": True, "email": "a@b.de"}),
        (
            "change_user",
            "activate a user as an admin, and change its email",
            {"id": "7", "active": True, "admin": True, "email": "a@b.de"},
        ),
        ("change_user", "change a user's account", {"id": "7", "username": "ada", "active": False}),
        ("delete_user", "delete a user's account", {"id": "7"}),
    ],
)
def test_the_message_names_the_action(owner, action, text, parameters):
    begun = begin(owner, action, **parameters).json["data"]
    assert (begun["methods"], begun["sent"]) == (["mtan", "recovery"], True)
    code, shown = owner.newest()
    assert shown == text
    page = html.unescape(messages(owner.email, "Your code")[-1].get_body(["html"]).get_content())
    assert f"<strong>{code}</strong> confirms: {text}" in page


def test_the_message_does_not_say_that_a_code_logs_in_when_the_name_of_the_action_is_not_known(owner):
    """As of a challenge that a process of an earlier version has made, beside which this one runs for a while."""
    challenge = begin(owner, "delete_account").json["data"]["challenge"]
    sql("UPDATE challenges SET action = NULL WHERE id = '{}'", challenge)
    assert send(challenge).status == 200
    assert owner.newest()[1] == "a change"


def test_a_code_confirms_a_sensitive_action(owner):
    assert said(call("DELETE", "/auth/account", {}, token=owner.token)) == (403, REQUIRED)
    headers = confirmation(owner, "delete_account")
    assert call("DELETE", "/auth/account", {}, token=owner.token, headers=headers).status == 200
    assert not is_good(owner.token)


def test_the_older_calls_take_a_code_by_message_beside_the_password(owner):
    """The first call, without one, has it sent."""
    body = {"email": owner.email, "password": owner.password}
    reply = post("/auth/login", body)
    assert (reply.status, reply.json["code"], reply.json["data"]["sent"]) == (401, "second_factor_required", True)
    code = owner.code()
    assert said(post("/auth/login", {**body, "mtan": other(code)})) == (401, WRONG)
    assert is_good(post("/auth/login", {**body, "mtan": code}).json["auth_token"])
    assert said(post("/auth/login", {**body, "mtan": code})) == (401, WRONG), "it was used"
    body = {"username": owner.username, "password": owner.password}
    assert said(post("/auth", body)) == (401, {**LEGACY, "description": "Second factor required"})
    code = owner.code()
    assert said(post("/auth", {**body, "mtan": other(code)})) == (401, {**LEGACY, "description": "Invalid credentials"})
    assert is_good(post("/auth", {**body, "mtan": code}).json["access_token"])
    assert is_good(post("/auth", {**body, "code": owner.recovery_codes[0]}).json["access_token"])


def test_with_an_app_a_message_is_sent_only_when_it_is_asked_for(owner):
    headers = confirmation(owner, "add_factor", method="totp")
    enrolled = post("/auth/factors", {"method": "totp"}, token=owner.token, headers=headers).json["data"]
    owner.factor = enrolled["id"]
    assert activate(owner, totp(enrolled["secret"])).status == 200
    sent = sql("SELECT mtan_nonce FROM factor_settings WHERE user_id = {}", owner.id)
    data = log_in(owner).json["data"]
    assert (data["methods"], data["sent"]) == (["mtan", "totp", "recovery"], False)
    assert sql("SELECT mtan_nonce FROM factor_settings WHERE user_id = {}", owner.id) == sent
    assert said(send(data["challenge"])) == (200, SENT)
    assert respond(data["challenge"], owner.code()).status == 201


def test_a_user_has_codes_by_message_once(owner):
    headers = confirmation(owner, "add_factor", method="mtan")
    reply = enrol(owner, headers)
    assert (reply.status, reply.json["code"]) == (409, "too_many_factors")


def test_codes_by_message_are_removed_and_reported(owner):
    headers = confirmation(owner, "remove_factor", id=owner.factor)
    reply = call("DELETE", f"/auth/factors/{owner.factor}", token=owner.token, headers=headers)
    assert reply.status == 200
    assert factors_of(reply.json["data"]["access_token"])["factors"] == []
    assert log_in(owner).status == 201
    assert "codes by email. Every other session" in notice(owner, "A second factor was removed")


# ---- the users of the older system ----


@pytest.mark.parametrize("name", SEEDED)
def test_the_users_of_the_older_system_log_in_as_before_and_their_codes_confirm(name):
    abacus.native("what the stack's users are started with")
    email, code = f"{name}@gmail.com", SEEDED[name]
    sql("UPDATE factor_settings SET tries = 0 WHERE user_id = (SELECT id FROM users WHERE email = '{}')", email)
    token = post("/auth", {"username": name, "password": name}).json["access_token"]
    assert is_good(token) and is_good(post("/auth/login", {"email": email, "password": name}).json["auth_token"])
    user = get("/auth/status", token=token).json["data"]
    assert (user["username"], user["email"]) == (name, email)
    body = {"username": name}  # as it is
    assert said(call("PATCH", "/auth/account", body, token=token)) == (403, REQUIRED)
    reply = post("/auth/confirmations", {"action": "change_account", "parameters": body}, token=token)
    data = reply.json["data"]
    assert (data["methods"], data["sent"]) == (["mtan"], True)
    assert said(respond(data["challenge"], other(code))) == (401, WRONG)
    value = respond(data["challenge"], code).json["data"]["confirmation"]
    assert call("PATCH", "/auth/account", body, token=token, headers={"X-Confirmation": value}).status == 200
    assert said(respond(data["challenge"], code)) == (401, ENDED), "also a code for tests answers once"
    assert messages(email, "Your code") == []


def test_a_code_for_tests_answers_only_what_a_code_was_asked_for(owner):
    """It takes the place of the message, and nothing else."""
    with Daemon("users", MTAN_TEST_CODES=f"{owner.email.upper()}:42") as daemon:
        body = {"email": owner.email, "password": owner.password}
        assert daemon.call("POST", "/auth/login", {**body, "mtan": "42"}).json == WRONG
        assert daemon.call("POST", "/auth/login", body).json["data"]["sent"] is True
        assert sql("SELECT count(*) FROM outbox WHERE recipient = '{}' AND template = 'code'", owner.email) == "0"
        assert daemon.call("POST", "/auth/login", {**body, "mtan": "42"}).status == 200
        assert daemon.call("POST", "/auth/login", {**body, "mtan": "42"}).json == WRONG


def test_a_code_for_tests_answers_nothing_in_a_run_without_it(owner):
    body = {"email": owner.email, "password": owner.password}
    with Daemon("users", MTAN_TEST_CODES=f"{owner.email}:42") as daemon:
        assert daemon.call("POST", "/auth/login", body).json["data"]["sent"] is True
    with Daemon("users") as daemon:
        assert daemon.call("POST", "/auth/login", {**body, "mtan": "42"}).json == WRONG


# ---- attacks on codes ----


def test_a_code_by_message_is_accepted_once(owner):
    challenge = challenge_of(owner)
    code = owner.code()
    with ThreadPoolExecutor(4) as pool:
        statuses = sorted(reply.status for reply in pool.map(lambda _: respond(challenge, code), range(4)))
    assert statuses == [201, 401, 401, 401]
    assert said(respond(challenge, code)) == (401, ENDED)
    assert said(respond(challenge_of(owner), code)) == (401, WRONG)


def test_a_code_of_another_action_confirms_nothing(owner):
    harmless = begin(owner, "change_account", username=new_name()).json["data"]["challenge"]
    code = owner.code()
    harmful = begin(owner, "delete_account").json["data"]["challenge"]
    assert said(respond(harmful, code)) == (401, WRONG)
    assert said(respond(harmless, code)) == (401, WRONG), "a newer one was sent"
    login = challenge_of(owner)
    assert said(respond(login, code)) == (401, WRONG)


def test_the_code_of_a_login_confirms_no_action_and_that_of_an_action_does_not_log_in(owner):
    """Also in the one step of the older calls."""
    begin(owner, "delete_account")
    code = owner.code()
    body = {"email": owner.email, "password": owner.password}
    assert said(post("/auth/login", {**body, "mtan": code})) == (401, WRONG)
    post("/auth/login", body)
    code = owner.code()
    challenge = begin(owner, "delete_account").json["data"]["challenge"]
    assert said(respond(challenge, code)) == (401, WRONG)


def test_changed_parameters_void_what_a_code_confirmed(owner):
    name = new_name()
    headers = confirmation(owner, "change_account", username=name)
    assert said(rename(owner, headers, new_name())) == (403, UNCONFIRMED)
    assert said(call("DELETE", "/auth/account", {}, token=owner.token, headers=headers)) == (403, UNCONFIRMED)
    assert rename(owner, headers, name).status == 200


def test_a_code_is_void_when_the_binding_of_its_challenge_is_changed(owner):
    """Whoever could write to the table could not have a code confirm something else."""
    one = begin(owner, "change_account", username=new_name()).json["data"]["challenge"]
    code = owner.code()
    sql("UPDATE challenges SET binding = reverse(binding) WHERE id = '{}'", one)
    assert said(respond(one, code)) == (401, WRONG)


def test_the_sixth_try_of_a_code_is_not_looked_at(owner):
    challenge = challenge_of(owner)
    code = owner.code()
    assert [said(respond(challenge, other(code))) for _ in range(5)] == [(401, WRONG)] * 5
    assert said(respond(challenge, code)) == (401, ENDED)
    assert said(send(challenge)) == (401, ENDED), "no further code brings further tries"


def test_a_further_code_brings_no_further_tries(owner):
    challenge = challenge_of(owner)
    assert [said(respond(challenge, other(owner.code()))) for _ in range(4)] == [(401, WRONG)] * 4
    assert send(challenge).status == 200
    code = owner.code()
    assert said(respond(challenge, other(code))) == (401, WRONG)
    assert said(respond(challenge, code)) == (401, ENDED)


def test_only_the_newest_code_is_good(owner):
    challenge = challenge_of(owner)
    first = owner.code()
    assert said(send(challenge)) == (200, SENT)
    second = owner.code()
    if first != second:  # as they are but once in a million
        assert said(respond(challenge, first)) == (401, WRONG)
    assert respond(challenge, second).status == 201


def test_a_code_ends_with_its_challenge(owner):
    challenge = challenge_of(owner)
    code = owner.code()
    sql("UPDATE challenges SET expires_at = expires_at - interval '301 seconds' WHERE id = '{}'", challenge)
    assert said(respond(challenge, code)) == (401, ENDED)
    assert said(send(challenge)) == (401, ENDED)


def test_a_code_is_void_once_its_user_has_another_address(owner):
    challenge = challenge_of(owner)
    code = owner.code()
    sql("UPDATE users SET email = 'other-' || email WHERE id = {}", owner.id)
    assert said(respond(challenge, code)) == (401, WRONG)


def test_a_code_is_not_for_another_client(owner):
    challenge = challenge_of(owner)
    code = owner.code()
    headers = {"User-Agent": "another"}
    assert said(respond(challenge, code, headers=headers)) == (401, ENDED)
    assert said(send(challenge, headers=headers)) == (401, ENDED)
    body = {"email": owner.email, "password": owner.password, "mtan": code}
    assert said(post("/auth/login", body, headers=headers)) == (401, WRONG)
    assert respond(challenge, code).status == 201


def test_a_code_of_another_user_is_wrong(owner):
    eve = Owner()
    challenge = challenge_of(owner)
    challenge_of(eve)
    assert said(respond(challenge, eve.code())) == (401, WRONG)


def test_a_user_without_codes_by_message_is_sent_none(person):
    challenge = begin(person, "delete_account").json["data"]["challenge"]
    assert said(send(challenge)) == (401, ENDED)
    assert said(respond(challenge, "123456")) == (401, WRONG)


@pytest.mark.parametrize("id", ["7", "019aba5e-6c00-7cc3-98c4-dc0c0c07398f", "%27%20OR%201=1"])
def test_there_is_no_challenge_of_that_id_to_send_a_code_for(id):
    assert said(send(id)) == (401, ENDED)


def test_codes_by_message_of_one_user_are_limited_whatever_the_addresses(owner):
    sql("UPDATE factor_settings SET tries = 20, tries_since = now() WHERE user_id = {}", owner.id)
    challenge = challenge_of(owner)
    reply = respond(challenge, owner.code())
    assert (reply.status, reply.json["code"]) == (429, "too_many_attempts")
    assert answer(challenge, owner.recovery_codes[0], "recovery").status == 201, "it can not be guessed"


# ---- attacks on mailboxes ----


def test_however_often_codes_are_asked_for_a_user_gets_ten_in_an_hour(owner):
    """By whatever way; the login goes on with a recovery code."""
    challenge = challenge_of(owner)
    statuses = [send(challenge).status for _ in range(MESSAGES + 1)]  # one was sent before
    assert statuses == [200] * (MESSAGES - 1) + [429] * 2
    reply = send(challenge)
    assert (reply.json["code"], 0 < int(reply.headers["Retry-After"]) <= 3600) == ("too_many_attempts", True)
    newest = owner.code()
    data = log_in(owner).json["data"]
    assert data["sent"] is False
    assert begin(owner, "delete_account").json["data"]["sent"] is False
    assert post("/auth", {"username": owner.username, "password": owner.password}).status == 401
    assert sql("SELECT mtans FROM factor_settings WHERE user_id = {}", owner.id) == str(MESSAGES)
    assert respond(challenge, newest).status == 201, "the newest code is still good"
    assert answer(data["challenge"], owner.recovery_codes[0], "recovery").status == 201
    sql("UPDATE factor_settings SET mtans_since = mtans_since - interval '1 hour' WHERE user_id = {}", owner.id)
    assert log_in(owner).json["data"]["sent"] is True


def test_of_many_requests_for_a_code_at_once_ten_send_one(owner):
    challenge = challenge_of(owner)
    with ThreadPoolExecutor(8) as pool:
        statuses = [reply.status for reply in pool.map(lambda _: send(challenge), range(16))]
    assert sorted(statuses) == [200] * (MESSAGES - 1) + [429] * (16 - MESSAGES + 1)


def test_enrolments_are_limited_by_the_same_ten_of_which_three_are_for_logins(person):
    abacus.native("the messages of mailer")
    replies = [enrol(person, current=person.password) for _ in range(FOR_ACTIONS + 1)]
    assert [reply.status for reply in replies] == [201] * FOR_ACTIONS + [429]


def test_codes_that_a_token_asks_for_leave_three_for_logins(owner):
    are_sent = [begin(owner, "delete_account").json["data"]["sent"] for _ in range(FOR_ACTIONS + 1)]
    assert are_sent == [True] * FOR_ACTIONS + [False]
    are_sent = [log_in(owner).json["data"]["sent"] for _ in range(MESSAGES - FOR_ACTIONS + 1)]
    assert are_sent == [True] * (MESSAGES - FOR_ACTIONS) + [False]


def test_without_the_password_no_code_is_sent_and_the_reply_says_nothing(owner):
    """The reply to a wrong password is that to an unknown address, and no message is written."""
    sent = sql("SELECT mtans FROM factor_settings WHERE user_id = {}", owner.id)
    for path, name, status in (("/auth/session", "email", 401), ("/auth/login", "email", 404), ("/auth", "username", 401)):
        replies = []
        for address in (owner.email, f"nobody-{secrets.token_hex(6)}@example.com"):
            reply = post(path, {name: address, "password": "wrong wrong", "mtan": "123456"})
            replies.append((reply.status, {key: value for key, value in reply.json.items() if key != "request_id"}))
        assert replies[0] == replies[1] and replies[0][0] == status
    assert sql("SELECT mtans FROM factor_settings WHERE user_id = {}", owner.id) == sent


# ---- attacks on enrolments ----


def test_a_stolen_token_adds_no_codes_by_message(person):
    reply = enrol(person)
    assert (reply.status, reply.json["errors"]) == (400, [{"field": "current", "message": "is not your password"}])


def test_an_enrolment_is_activated_by_the_newest_code_alone_in_five_tries(person):
    abacus.native("the messages of mailer")
    wrong = [{"field": "code", "message": "is not the code of the newest message, or was tried too often"}]
    person.factor = enrol(person, current=person.password).json["data"]["id"]
    first = Owner.newest(person)[0]
    person.factor = enrol(person, current=person.password).json["data"]["id"]
    second = Owner.newest(person)[0]
    for code in (first, "", other(second), "1", "1" * 500):
        reply = activate(person, code)
        assert (reply.status, reply.json["errors"]) == (400, wrong)
    reply = activate(person, second)
    assert (reply.status, reply.json["errors"]) == (400, wrong), "the sixth try is not looked at"
    person.factor = enrol(person, current=person.password).json["data"]["id"]
    code = Owner.newest(person)[0]
    sql("UPDATE factor_settings SET mtan_at = mtan_at - interval '301 seconds' WHERE user_id = {}", person.id)
    assert activate(person, code).status == 400, "it is too old"
    person.factor = enrol(person, current=person.password).json["data"]["id"]
    assert activate(person, Owner.newest(person)[0]).status == 200


def test_an_enrolment_of_another_user_is_not_activated(owner, person):
    person.factor = enrol(person, current=person.password).json["data"]["id"]
    reply = post(f"/auth/factors/{person.factor}", {"code": Owner.newest(person)[0]}, token=owner.token)
    assert said(reply) == (404, NO_FACTOR)


# ---- secrets ----


def test_neither_the_database_nor_a_log_has_a_code(owner):
    body = {"email": owner.email, "password": owner.password}
    with Daemon("users", LOG_LEVEL="debug") as daemon:
        assert daemon.call("POST", "/auth/login", body).json["data"]["sent"] is True
        code = owner.code()
        tables = ("factor_settings", "factors", "challenges")
        rows = [sql(f"SELECT row_to_json({table}) FROM {table} WHERE user_id = {{}}", owner.id) for table in tables]
        values = {str(value) for row in rows for value in json.loads(row).values()}
        assert daemon.call("POST", "/auth/login", {**body, "mtan": code}).status == 200
    assert len(values) > 10 and code not in values
    assert not re.search(rf"(?<![0-9a-f]){code}(?![0-9a-f])", daemon.log.read_text()), "and not by chance in a request's id"


def test_a_code_is_good_under_the_previous_key(owner):
    """Its message was published before SECRET_KEY was changed."""
    body = {"email": owner.email, "password": owner.password}
    previous = abacus.RUN_DIR / "secrets" / "SECRET_KEY"
    new = {"SECRET_KEY": secrets.token_hex(24), "SECRET_KEY_FILE": None, "SECRET_KEY_PREVIOUS_FILE": previous}
    with Daemon("users", **new) as daemon:
        assert daemon.call("POST", "/auth/login", body).status == 401
        code = owner.code()
        assert daemon.call("POST", "/auth/login", {**body, "mtan": code}).status == 200
