"""Second factors: an authenticator app (TOTP) and recovery codes, logging in with them, and the confirmation of sensitive
actions. The second half tries what an attacker would; docs/security.md lists it."""

import base64
import os
import secrets
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from test_password_reset import CHANGED, reset, token_for

import abacus
from abacus import Daemon, Person, call, confirmed_by_password, eventually, fail, get, messages, post, totp
from tokens import base64url, claims_of, from_base64url

WRONG = fail("code_wrong", "That is wrong, or was used before.")
ENDED = fail("challenge_ended", "This challenge has ended. Please begin again.")
REQUIRED = fail("confirmation_required", "Please confirm this with your second factor.")
UNCONFIRMED = fail("confirmation_invalid", "This confirmation has ended, or is of something else.")
NO_FACTOR = fail("factor_not_found", "You have no such factor.")
ORIGIN = f"http://127.0.0.1:{abacus.PORTS['nginx']}"  # call() sends this host


class Owner(Person):
    """A user with an authenticator app. The token is of a session."""

    def __init__(self):
        super().__init__()
        self.token = session_of(self)["access_token"]
        self.factor, self.secret, self.recovery_codes = None, None, None
        self.add_app(current=self.password)

    def add_app(self, headers=None, **body):
        reply = post("/auth/factors", {"method": "totp", **body}, token=self.token, headers=headers)
        assert reply.status == 201, reply
        self.factor, self.secret = reply.json["data"]["id"], reply.json["data"]["secret"]
        reply = activate(self)
        assert reply.status == 200, reply
        self.token = reply.json["data"]["access_token"]
        self.recovery_codes = reply.json["data"].get("recovery_codes", self.recovery_codes)

    def code(self):
        """The code of now, even if it was used, in place of waiting for the next one."""
        sql("UPDATE factors SET last_step = 0 WHERE user_id = {}", self.id)
        return totp(self.secret)

    def wrong_code(self):
        good = {totp(self.secret, steps) for steps in range(-2, 4)}
        return next(code for code in ("000000", "111111", "222222", "333333", "444444", "555555", "666666") if code not in good)


@pytest.fixture
def owner():
    return Owner()


def sql(text, *values):
    return abacus.psql("users", text.format(*values))


def log_in(person, send=post, headers=None, **options):
    return send("/auth/session", {"email": person.email, "password": person.password, **options}, headers=headers)


def session_of(person, **options):
    reply = log_in(person, **options)
    assert reply.status == 201, reply
    return reply.json


def challenge_of(person, **options):
    reply = log_in(person, **options)
    assert (reply.status, reply.json["code"]) == (401, "second_factor_required"), reply
    return reply.json["data"]["challenge"]


def answer(challenge, code, method="totp", **options):
    return post(f"/auth/challenge/{challenge}", {"method": method, "code": code}, **options)


def activate(owner, code=None, token=None):
    return post(f"/auth/factors/{owner.factor}", {"code": code or totp(owner.secret)}, token=token or owner.token)


def factors_of(token):
    return get("/auth/factors", token=token).json["data"]


def is_good(token):
    return get("/auth/status", token=token).status == 200


def said(reply):
    return reply.status, reply.json


def begin(owner, action, token=None, send=post, **parameters):
    return send("/auth/confirmations", {"action": action, "parameters": parameters}, token=token or owner.token)


def confirmation(owner, action, **parameters):
    """The header that confirms it."""
    reply = answer(begin(owner, action, **parameters).json["data"]["challenge"], owner.code())
    assert reply.status == 200, reply
    return {"X-Confirmation": reply.json["data"]["confirmation"]}


def ask_for_factors(owner, asked):
    """The owner goes on with the token of the reply, because that of before has ended."""
    headers = confirmation(owner, "change_factors", asked=asked)
    reply = call("PATCH", "/auth/factors", {"asked": asked}, token=owner.token, headers=headers)
    owner.token = reply.json["data"]["access_token"]
    return reply


def rename(owner, headers=None, name=None):
    return call("PATCH", "/auth/account", {"username": name or owner.new_name}, token=owner.token, headers=headers)


def new_name():
    return f"renamed-{secrets.token_hex(6)}"


# ---- adding an app, and logging in with it ----


def test_a_user_adds_an_app_and_logs_in_with_it(person):
    token = session_of(person)["access_token"]
    reply = post("/auth/factors", {"method": "totp", "current": person.password}, token=token)
    enrolled = reply.json["data"]
    assert (reply.status, set(enrolled)) == (201, {"id", "method", "secret", "uri", "expires_in"})
    account = person.email.replace("@", "%40")
    assert enrolled["uri"] == (
        f"otpauth://totp/Abacus:{account}?secret={enrolled['secret']}&issuer=Abacus&algorithm=SHA1&digits=6&period=30"
    )
    reply = post(f"/auth/factors/{enrolled['id']}", {"code": totp(enrolled["secret"])}, token=token)
    assert reply.status == 200
    assert len(set(reply.json["data"]["recovery_codes"])) == 10

    reply = log_in(person)
    body = reply.json
    assert (reply.status, body["code"], body["data"]["methods"]) == (401, "second_factor_required", ["totp", "recovery"])
    sql("UPDATE factors SET last_step = 0 WHERE user_id = {}", person.id)
    reply = answer(body["data"]["challenge"], totp(enrolled["secret"]))
    assert reply.status == 201
    claims = claims_of(reply.json["access_token"])
    assert claims["amr"] == ["pwd", "otp", "mfa"]
    assert all(get(path, token=reply.json["access_token"]).status == 200 for path in ("/auth/status", "/api/values"))
    refreshed = post("/auth/session/refresh", {"refresh_token": reply.json["refresh_token"]}).json
    assert claims_of(refreshed["access_token"])["amr"] == ["pwd", "otp", "mfa"]


def test_the_list_has_the_callers_factors(owner):
    shown = factors_of(owner.token)
    assert (shown["asked"], shown["recovery_codes"]) == ("login", 10)
    assert [(one["id"], one["method"]) for one in shown["factors"]] == [(owner.factor, "totp")]
    assert factors_of(Person().token) == {"asked": "login", "recovery_codes": 0, "factors": [], "sms": shown["sms"]}


def test_a_factor_counts_only_after_a_code_of_it(person):
    reply = post("/auth/factors", {"method": "totp", "current": person.password}, token=person.token)
    assert factors_of(person.token)["factors"] == []
    assert log_in(person).status == 201
    wrong = post(f"/auth/factors/{reply.json['data']['id']}", {"code": "12345x"}, token=person.token)
    assert (wrong.status, wrong.json["errors"]) == (400, [{"field": "code", "message": "is not a code of this app"}])
    assert log_in(person).status == 201


def test_an_enrolment_is_activated_once_in_time_and_by_its_user(person):
    owner = Owner()
    assert said(activate(owner, owner.code())) == (404, NO_FACTOR)
    enrolled = post("/auth/factors", {"method": "totp", "current": person.password}, token=person.token).json["data"]
    person.factor, person.secret = enrolled["id"], enrolled["secret"]
    assert said(activate(person, token=owner.token)) == (404, NO_FACTOR)
    sql("UPDATE factors SET created_at = created_at - interval '11 minutes' WHERE user_id = {}", person.id)
    assert said(activate(person)) == (404, NO_FACTOR)
    assert said(post("/auth/factors/7", {"code": "123456"}, token=person.token)) == (404, NO_FACTOR)


def test_the_code_that_activates_the_first_factor_forgets_the_tries_of_both_kinds(person):
    enrolled = post("/auth/factors", {"method": "totp", "current": person.password}, token=person.token).json["data"]
    person.factor, person.secret = enrolled["id"], enrolled["secret"]
    sql("UPDATE factor_settings SET tries = 20, confirmation_tries = 20 WHERE user_id = {}", person.id)
    assert activate(person).status == 200
    assert sql("SELECT tries + confirmation_tries FROM factor_settings WHERE user_id = {}", person.id) == "0"


def test_a_further_enrolment_replaces_the_one_that_was_not_activated(person):
    for _ in range(2):
        enrolled = post("/auth/factors", {"method": "totp", "current": person.password}, token=person.token).json["data"]
    assert sql("SELECT id FROM factors WHERE user_id = {}", person.id) == enrolled["id"]


def test_a_second_app_leaves_the_recovery_codes_as_they_are(owner):
    first_secret = owner.secret
    owner.add_app(headers=confirmation(owner, "add_factor", method="totp"))
    assert len(factors_of(owner.token)["factors"]) == 2
    assert factors_of(owner.token)["recovery_codes"] == 10
    for secret in (first_secret, owner.secret):
        owner.code()
        assert answer(challenge_of(owner), totp(secret)).status == 201


def test_a_user_has_at_most_ten_factors(owner):
    sql(
        "INSERT INTO factors (id, user_id, method, secret, activated_at) SELECT gen_random_uuid(), {}, 'totp', '', now()"
        " FROM generate_series(1, 9)",
        owner.id,
    )
    reply = post(
        "/auth/factors", {"method": "totp"}, token=owner.token, headers=confirmation(owner, "add_factor", method="totp")
    )
    assert said(reply) == (409, fail("too_many_factors", "You have as many factors as possible."))


@pytest.mark.parametrize("change", ["activate", "replace the recovery codes", "remove", "ask"])
def test_a_change_of_a_factor_ends_all_other_sessions(person, change):
    owner = person if change == "activate" else Owner()
    if owner is person:
        owner.token = session_of(owner)["access_token"]
        other, legacy = session_of(owner), person.login()
        enrolled = post("/auth/factors", {"method": "totp", "current": owner.password}, token=owner.token).json["data"]
        owner.factor, owner.secret = enrolled["id"], enrolled["secret"]
        reply = activate(owner)
    else:
        other = answer(challenge_of(owner), owner.code()).json
        legacy = post("/auth/login", {"email": owner.email, "password": owner.password, "code": owner.code()}).json[
            "auth_token"
        ]
        if change == "remove":
            headers = confirmation(owner, "remove_factor", id=owner.factor)
            reply = call("DELETE", f"/auth/factors/{owner.factor}", token=owner.token, headers=headers)
        elif change == "ask":
            headers = confirmation(owner, "change_factors", asked="sensitive")
            reply = call("PATCH", "/auth/factors", {"asked": "sensitive"}, token=owner.token, headers=headers)
        else:
            reply = post("/auth/recovery-codes", {}, token=owner.token, headers=confirmation(owner, "replace_recovery_codes"))
    assert reply.status == 200, reply
    assert is_good(reply.json["data"]["access_token"])
    for token in (other["access_token"], legacy, owner.token):
        assert [get(path, token=token).status for path in ("/auth/status", "/api/values")] == [401, 401]
    assert post("/auth/session/refresh", {"refresh_token": other["refresh_token"]}).status == 401


def test_a_change_of_a_factor_is_reported_by_a_message(owner):
    abacus.native("the messages of mailer")
    reply = post("/auth/recovery-codes", {}, token=owner.token, headers=confirmation(owner, "replace_recovery_codes"))
    owner.token = reply.json["data"]["access_token"]
    assert ask_for_factors(owner, "sensitive").status == 200
    headers = confirmation(owner, "remove_factor", id=owner.factor)
    assert call("DELETE", f"/auth/factors/{owner.factor}", token=owner.token, headers=headers).status == 200
    asked = "When your second factor is asked for was changed"
    for what in ("A second factor was added", "Your recovery codes were replaced", asked, "A second factor was removed"):
        eventually(lambda what=what: len(messages(owner.email, what)) == 1, message=what)


def test_a_session_keeps_what_its_login_asked_for(owner):
    challenge = challenge_of(owner, remember=True, cookie=True, headers={"Origin": ORIGIN})
    reply = answer(challenge, owner.code(), headers={"Origin": ORIGIN})
    assert (reply.status, reply.json["session"]["remember"]) == (201, True)
    assert "refresh_token" not in reply.json
    assert reply.headers["Set-Cookie"].startswith("abacus-session=")


def test_the_older_calls_take_a_code_beside_the_password(owner):
    with_email = {"email": owner.email, "password": owner.password}
    assert post("/auth/login", with_email).json["code"] == "second_factor_required"
    assert said(post("/auth/login", {**with_email, "code": owner.wrong_code()})) == (401, WRONG)
    assert is_good(post("/auth/login", {**with_email, "code": owner.code()}).json["auth_token"])
    assert is_good(post("/auth/login", {**with_email, "code": owner.recovery_codes[0]}).json["auth_token"])
    with_name = {"username": owner.username, "password": owner.password}
    refused = {"status_code": 401, "error": "Bad Request"}
    assert said(post("/auth", with_name)) == (401, {**refused, "description": "Second factor required"})
    assert said(post("/auth", {**with_name, "code": owner.wrong_code()})) == (
        401,
        {**refused, "description": "Invalid credentials"},
    )
    assert is_good(post("/auth", {**with_name, "code": owner.code()}).json["access_token"])


def test_a_code_beside_a_wrong_password_is_not_looked_at(owner):
    code = owner.code()
    assert post("/auth/login", {"email": owner.email, "password": "wrong wrong", "code": code}).status == 404
    assert post("/auth/login", {"email": owner.email, "password": owner.password, "code": code}).status == 200


def test_a_user_chooses_that_a_factor_is_asked_only_for_sensitive_actions(owner):
    assert ask_for_factors(owner, "sensitive").status == 200
    assert factors_of(owner.token)["asked"] == "sensitive"
    assert claims_of(session_of(owner)["access_token"])["amr"] == ["pwd"]
    assert said(rename(owner, name=new_name())) == (403, REQUIRED)


def test_without_a_factor_there_is_nothing_to_choose_and_nothing_to_recover(person):
    none = fail("no_factor", "You have no second factor.")
    body = {"current": person.password}
    assert said(call("PATCH", "/auth/factors", {"asked": "sensitive", **body}, token=person.token)) == (409, none)
    assert said(post("/auth/recovery-codes", body, token=person.token)) == (409, none)
    assert said(call("DELETE", f"/auth/factors/{'0' * 8}-0000-7000-8000-{'0' * 12}", token=person.token)) == (404, NO_FACTOR)


# ---- recovery codes ----


def test_each_recovery_code_logs_in_once(owner):
    code = owner.recovery_codes[3]
    assert answer(challenge_of(owner), code.lower().replace("-", " "), "recovery").status == 201
    assert factors_of(owner.token)["recovery_codes"] == 9
    assert said(answer(challenge_of(owner), code, "recovery")) == (401, WRONG)
    assert answer(challenge_of(owner), owner.recovery_codes[4], "recovery").status == 201


def test_new_recovery_codes_void_those_from_before(owner):
    reply = post("/auth/recovery-codes", {}, token=owner.token, headers=confirmation(owner, "replace_recovery_codes"))
    codes = reply.json["data"]["recovery_codes"]
    assert len(set(codes) | set(owner.recovery_codes)) == 20
    assert said(answer(challenge_of(owner), owner.recovery_codes[0], "recovery")) == (401, WRONG)
    assert answer(challenge_of(owner), codes[0], "recovery").status == 201


def test_a_lost_app_is_removed_with_a_recovery_code(owner):
    challenge = begin(owner, "remove_factor", id=owner.factor).json["data"]["challenge"]
    headers = {"X-Confirmation": answer(challenge, owner.recovery_codes[0], "recovery").json["data"]["confirmation"]}
    reply = call("DELETE", f"/auth/factors/{owner.factor}", token=owner.token, headers=headers)
    assert reply.status == 200
    left = factors_of(reply.json["data"]["access_token"])
    assert left == {"asked": "login", "recovery_codes": 0, "factors": [], "sms": left["sms"]}
    assert log_in(owner).status == 201


# ---- confirmations ----


def test_a_factor_confirms_each_sensitive_action(owner):
    owner.new_name = new_name()
    assert said(rename(owner)) == (403, REQUIRED)
    assert rename(owner, confirmation(owner, "change_account", username=owner.new_name)).status == 200
    assert said(call("DELETE", "/auth/sessions", token=owner.token)) == (403, REQUIRED)
    reply = call("DELETE", "/auth/sessions", token=owner.token, headers=confirmation(owner, "end_other_sessions"))
    owner.token = reply.json["data"]["access_token"]
    new = {"new": f"seven wooden {owner.new_name}"}
    assert said(call("PUT", "/auth/password", new, token=owner.token)) == (403, REQUIRED)
    assert (
        call("PUT", "/auth/password", new, token=owner.token, headers=confirmation(owner, "change_password", **new)).status
        == 200
    )
    owner.password = new["new"]
    owner.token = answer(challenge_of(owner), owner.code()).json["access_token"]
    assert said(call("DELETE", "/auth/account", {}, token=owner.token)) == (403, REQUIRED)
    assert call("DELETE", "/auth/account", {}, token=owner.token, headers=confirmation(owner, "delete_account")).status == 200
    assert sql("SELECT count(*) FROM factors WHERE user_id = {}", owner.id) == "0"


def test_an_admin_with_a_factor_confirms_what_is_done_to_others(owner, person):
    sql("UPDATE users SET admin = true WHERE id = {}", owner.id)
    try:
        path, body = f"/users/{person.id}", {"admin": True}
        assert said(call("PATCH", path, body, token=owner.token)) == (403, REQUIRED)
        headers = confirmation(owner, "change_user", id=str(person.id), **body)
        assert said(call("PATCH", f"/users/{owner.id}", body, token=owner.token, headers=headers)) == (403, UNCONFIRMED)
        assert call("PATCH", path, body, token=owner.token, headers=headers).json["data"]["admin"] is True
        assert said(call("DELETE", f"{path}/sessions", token=owner.token)) == (403, REQUIRED)
        headers = confirmation(owner, "end_user_sessions", id=str(person.id))
        assert call("DELETE", f"{path}/sessions", token=owner.token, headers=headers).status == 200
        assert said(post(f"{path}/reset", token=owner.token)) == (403, REQUIRED)
        headers = confirmation(owner, "reset_user", id=str(person.id))
        assert post(f"{path}/reset", token=owner.token, headers=headers).status == 202
        assert said(call("DELETE", path, token=owner.token)) == (403, REQUIRED)
        headers = confirmation(owner, "delete_user", id=str(person.id))
        assert call("DELETE", path, token=owner.token, headers=headers).status == 200
    finally:
        sql("UPDATE users SET admin = false WHERE id IN ({}, {})", owner.id, person.id)


def test_each_sensitive_action_wants_a_confirmation_and_refuses_what_is_none(owner, person):
    sensitive = [
        ("PUT", "/auth/password", {"new": "nine wooden beads"}),
        ("PATCH", "/auth/account", {"username": new_name()}),
        ("DELETE", "/auth/account", {}),
        ("DELETE", "/auth/sessions", None),
        ("POST", "/auth/factors", {"method": "totp"}),
        ("PATCH", "/auth/factors", {"asked": "sensitive"}),
        ("DELETE", f"/auth/factors/{owner.factor}", None),
        ("POST", "/auth/recovery-codes", {}),
        ("PATCH", f"/users/{person.id}", {"admin": True}),
        ("DELETE", f"/users/{person.id}", None),
        ("DELETE", f"/users/{person.id}/sessions", None),
        ("POST", f"/users/{person.id}/reset", None),
    ]
    sql("UPDATE users SET admin = true WHERE id = {}", owner.id)
    try:
        for method, path, body in sensitive:
            assert said(call(method, path, body, token=owner.token)) == (403, REQUIRED), (method, path)
            reply = call(method, path, body, token=owner.token, headers={"X-Confirmation": "x"})
            assert said(reply) == (403, UNCONFIRMED), (method, path)
    finally:
        sql("UPDATE users SET admin = false WHERE id = {}", owner.id)
    assert len(factors_of(owner.token)["factors"]) == 1 and is_good(person.token)


def test_without_a_factor_the_password_confirms(person):
    name = new_name()
    begun = begin(person, "change_account", username=name).json["data"]
    assert begun["methods"] == ["password"]
    path = f"/auth/challenge/{begun['challenge']}"
    assert said(post(path, {"method": "password", "password": "wrong wrong"})) == (401, WRONG)
    value = post(path, {"method": "password", "password": person.password}).json["data"]["confirmation"]
    assert rename(person, {"X-Confirmation": value}, name).status == 200


def test_a_token_alone_neither_ends_sessions_nor_has_a_link_sent(person, admin):
    needed = fail("confirmation_required", "Please confirm this with your password.")
    assert said(call("DELETE", "/auth/sessions", token=person.token)) == (403, needed)
    path = f"/users/{person.id}"
    assert said(call("DELETE", f"{path}/sessions", token=admin)) == (403, needed)
    assert said(post(f"{path}/reset", token=admin)) == (403, needed)
    assert is_good(person.token)
    for_another = confirmed_by_password(admin, abacus.ADMIN[1], "end_user_sessions", id=str(person.id + 1))
    assert said(call("DELETE", f"{path}/sessions", token=admin, headers=for_another)) == (403, UNCONFIRMED)
    assert is_good(person.token)


@pytest.mark.parametrize(
    "body, field",
    [
        ({}, "action"),
        ({"action": "log_in"}, "action"),
        ({"action": ""}, "action"),
        ({"action": 7}, "action"),
        ({"action": "delete_account", "parameters": []}, "parameters"),
    ],
)
def test_a_confirmation_is_of_a_known_action(person, body, field):
    reply = post("/auth/confirmations", body, token=person.token)
    assert (reply.status, [error["field"] for error in reply.json["errors"]]) == (400, [field])


@pytest.mark.parametrize(
    "body, field",
    [
        ({}, "method"),
        ({"method": "sms", "code": "1"}, "method"),
        ({"method": "mtan"}, "code"),
        ({"method": "totp"}, "code"),
        ({"method": "password", "code": "1"}, "password"),
    ],
)
def test_an_answer_names_its_method_and_has_a_proof(body, field):
    reply = post("/auth/challenge/019aba5e-6c00-7cc3-98c4-dc0c0c07398f", body)
    assert (reply.status, [error["field"] for error in reply.json["errors"]]) == (400, [field])


# ---- attacks on codes ----


def test_a_code_is_accepted_once(owner):
    code = owner.code()
    assert answer(challenge_of(owner), code).status == 201
    assert said(answer(challenge_of(owner), code)) == (401, WRONG)
    assert post("/auth/login", {"email": owner.email, "password": owner.password, "code": code}).json == WRONG


def test_the_code_that_activated_the_app_does_not_log_in(owner):
    step = int(sql("SELECT last_step FROM factors WHERE user_id = {}", owner.id))
    code = totp(owner.secret, step - int(time.time()) // 30)
    assert said(answer(challenge_of(owner), code)) == (401, WRONG)


def test_after_a_code_none_of_an_earlier_step_is_accepted(owner):
    later, now = totp(owner.secret, 1), owner.code()
    assert answer(challenge_of(owner), later).status == 201
    assert said(answer(challenge_of(owner), now)) == (401, WRONG)


def test_of_many_uses_of_one_code_at_once_one_is_accepted(owner):
    challenges = [challenge_of(owner) for _ in range(4)]
    code = owner.code()
    with ThreadPoolExecutor(4) as pool:
        statuses = sorted(reply.status for reply in pool.map(lambda challenge: answer(challenge, code), challenges))
    assert statuses == [201] + [401] * 3


def test_of_many_uses_of_one_recovery_code_at_once_one_is_accepted(owner):
    challenges = [challenge_of(owner) for _ in range(4)]
    with ThreadPoolExecutor(4) as pool:
        replies = pool.map(lambda challenge: answer(challenge, owner.recovery_codes[0], "recovery"), challenges)
        statuses = sorted(reply.status for reply in replies)
    assert statuses == [201] + [401] * 3
    assert factors_of(owner.token)["recovery_codes"] == 9


def test_of_two_right_answers_at_once_to_one_challenge_one_is_accepted(owner):
    challenge = challenge_of(owner)
    answers = [(owner.code(), "totp")] + [(code, "recovery") for code in owner.recovery_codes[:3]]
    with ThreadPoolExecutor(4) as pool:
        statuses = sorted(reply.status for reply in pool.map(lambda one: answer(challenge, *one), answers))
    assert statuses == [201] + [401] * 3


def test_the_sixth_answer_is_not_looked_at(owner):
    challenge = challenge_of(owner)
    assert [said(answer(challenge, owner.wrong_code())) for _ in range(5)] == [(401, WRONG)] * 5
    assert said(answer(challenge, owner.code())) == (401, ENDED)


def test_of_many_answers_at_once_five_are_looked_at(owner):
    challenge, code = challenge_of(owner), owner.wrong_code()
    with ThreadPoolExecutor(9) as pool:
        codes = sorted(reply.json["code"] for reply in pool.map(lambda _: answer(challenge, code), range(9)))
    assert codes == ["challenge_ended"] * 4 + ["code_wrong"] * 5


def test_wrong_codes_count_like_failed_logins_and_the_password_alone_does_not_forget_them(owner):
    """Each login counts once, and each code."""
    for tries in (4, 4):
        challenge = challenge_of(owner)
        assert [answer(challenge, owner.wrong_code()).json["code"] for _ in range(tries)] == ["code_wrong"] * tries
    for reply in (log_in(owner), answer(challenge, owner.code())):
        assert (reply.status, reply.json["code"]) == (429, "too_many_attempts")
        assert int(reply.headers["Retry-After"]) > 0


def test_wrong_passwords_for_a_change_of_factors_count_like_failed_logins(person):
    for method, path, body in [("PATCH", "/auth/factors", {"asked": "login"}), ("POST", "/auth/recovery-codes", {})]:
        wrong = [call(method, path, {**body, "current": "wrong wrong"}, token=person.token).status for _ in range(5)]
        assert wrong == [400] * 5, path
    for method, path, body in [("PATCH", "/auth/factors", {"asked": "login"}), ("POST", "/auth/recovery-codes", {})]:
        reply = call(method, path, {**body, "current": person.password}, token=person.token)
        assert (reply.status, reply.json["code"]) == (429, "too_many_attempts"), path
        assert int(reply.headers["Retry-After"]) > 0


def test_a_right_code_forgets_the_wrong_ones(owner):
    for _ in range(3):
        challenge = challenge_of(owner)
        assert [answer(challenge, owner.wrong_code()).status for _ in range(3)] == [401] * 3
        assert answer(challenge, owner.code()).status == 201
    assert sql("SELECT tries FROM factor_settings WHERE user_id = {}", owner.id) == "0"


def from_network(owner, n, code, method="totp", action=None):
    """Answers a new challenge, of a login or of an action, from a network of that number."""
    headers = {"X-Forwarded-For": f"198.51.100.{n}"}

    def send(path, body, headers=headers, **options):
        return post(path, body, to="users", headers=headers, **options)

    if action:
        challenge = begin(owner, action, send=send).json["data"]["challenge"]
    else:
        challenge = challenge_of(owner, send=send, headers=headers)
    return answer(challenge, code, method, to="users", headers=headers)


@pytest.mark.parametrize("action", [None, "delete_account"], ids=["logins", "actions"])
def test_codes_of_one_user_are_limited_whatever_the_addresses(owner, action):
    column = "confirmation_tries" if action else "tries"
    right = 200 if action else 201
    assert [from_network(owner, n, owner.wrong_code(), action=action).status for n in range(20)] == [401] * 20
    reply = from_network(owner, 20, owner.code(), action=action)
    assert (reply.status, reply.json["code"]) == (429, "too_many_attempts")
    assert 0 < int(reply.headers["Retry-After"]) <= 3600
    accepted = from_network(owner, 21, owner.recovery_codes[0], "recovery", action=action)
    assert accepted.status == right, "it can not be guessed"
    sql("UPDATE factor_settings SET {} = 20 WHERE user_id = {}", column, owner.id)
    assert from_network(owner, 22, owner.code(), action=action).status == 429
    sql("UPDATE factor_settings SET {0}_since = {0}_since - interval '1 hour' WHERE user_id = {1}", column, owner.id)
    assert from_network(owner, 23, owner.code(), action=action).status == right


def test_confirmations_that_a_token_begins_use_up_no_try_of_a_login(owner):
    statuses = [from_network(owner, n, owner.wrong_code(), action="delete_account").status for n in range(21)]
    assert statuses == [401] * 20 + [429]
    assert from_network(owner, 30, owner.code()).status == 201


def test_answers_that_one_network_is_refused_use_up_no_try_of_the_user(owner):
    challenges = [begin(owner, "delete_account").json["data"]["challenge"] for _ in range(4)]
    statuses = [answer(challenge, owner.wrong_code()).status for challenge in challenges for _ in range(4)]
    assert statuses == [401] * 10 + [429] * 6
    assert sql("SELECT tries + confirmation_tries FROM factor_settings WHERE user_id = {}", owner.id) == "10"
    assert from_network(owner, 1, owner.code(), action="delete_account").status == 200


def test_codes_that_are_not_looked_at_do_not_keep_the_network_from_a_recovery_code(owner):
    sql("UPDATE factor_settings SET tries = 20, tries_since = now() WHERE user_id = {}", owner.id)
    challenges = [challenge_of(owner) for _ in range(3)]
    statuses = [answer(challenge, owner.code()).status for challenge in challenges for _ in range(4)]
    assert statuses == [429] * 12
    assert answer(challenge_of(owner), owner.recovery_codes[0], "recovery").status == 201


# ---- attacks on challenges ----


def test_a_challenge_is_answered_once(owner):
    challenge = challenge_of(owner)
    assert answer(challenge, owner.code()).status == 201
    assert said(answer(challenge, owner.code())) == (401, ENDED)


def test_an_old_challenge_has_ended(owner):
    challenge = challenge_of(owner)
    sql("UPDATE challenges SET expires_at = expires_at - interval '301 seconds' WHERE id = '{}'", challenge)
    assert said(answer(challenge, owner.code())) == (401, ENDED)


@pytest.mark.parametrize(
    "id", ["7", "019aba5e-6c00-7cc3-98c4-dc0c0c07398f", "019aba5e-6c00-4cc3-98c4-dc0c0c07398f", "%27%20OR%201=1"]
)
def test_there_is_no_challenge_of_that_id(id):
    assert said(answer(id, "123456")) == (401, ENDED)


def test_a_challenge_of_another_user_is_not_answered_by_ones_own_code(owner):
    other = Owner()
    challenge = challenge_of(owner)
    assert said(answer(challenge, other.code())) == (401, WRONG)
    assert said(answer(challenge, other.recovery_codes[0], "recovery")) == (401, WRONG)
    assert answer(challenge_of(other), other.recovery_codes[0], "recovery").status == 201


@pytest.mark.parametrize(
    "headers", [{"User-Agent": "another"}, {"X-Forwarded-For": "198.51.100.7"}], ids=["user agent", "network"]
)
def test_a_challenge_is_not_answered_by_another_client(owner, headers):
    challenge = challenge_of(owner)
    assert said(answer(challenge, owner.code(), to="users", headers=headers)) == (401, ENDED)
    assert answer(challenge, owner.code()).status == 201


def test_the_password_is_no_second_factor(owner):
    body = {"method": "password", "password": owner.password}
    for challenge in (challenge_of(owner), begin(owner, "delete_account").json["data"]["challenge"]):
        assert said(post(f"/auth/challenge/{challenge}", body)) == (401, WRONG)


def test_a_change_of_password_ends_the_challenges_from_before(owner):
    challenge = challenge_of(owner)
    new = {"new": f"nine wooden beads {owner.username}"}
    assert (
        call("PUT", "/auth/password", new, token=owner.token, headers=confirmation(owner, "change_password", **new)).status
        == 200
    )
    assert said(answer(challenge, owner.code())) == (401, ENDED)


@pytest.mark.parametrize("asked", ["login", "sensitive"])
def test_a_reset_of_the_password_does_not_go_around_the_factor(owner, asked):
    """Neither at the next login, even if the user had it asked only for sensitive actions, nor for those."""
    abacus.native("the messages of mailer")
    sql("UPDATE users SET email_verified_at = now() WHERE id = {}", owner.id)  # as a link that confirms it does
    if asked == "sensitive":
        assert ask_for_factors(owner, "sensitive").status == 200
        assert log_in(owner).status == 201
    before = challenge_of(owner) if asked == "login" else None
    new = f"nine wooden beads {secrets.token_hex(4)}"
    reply = reset(token_for(owner), new)
    assert said(reply) == (200, CHANGED), "the reply has no token"
    assert not is_good(owner.token) and (before is None or said(answer(before, owner.code())) == (401, ENDED))
    owner.password = new
    old_call = post("/auth/login", {"email": owner.email, "password": new})
    assert (old_call.status, old_call.json["code"]) == (401, "second_factor_required")
    owner.token = answer(challenge_of(owner), owner.code()).json["access_token"]
    assert [factor["id"] for factor in factors_of(owner.token)["factors"]] == [owner.factor]
    assert factors_of(owner.token)["recovery_codes"] == len(owner.recovery_codes)
    assert said(rename(owner, name=new_name())) == (403, REQUIRED)


@pytest.mark.parametrize("way", ["registered", "changed"])
def test_a_reset_that_is_the_first_proof_of_an_address_removes_the_factors_of_before(owner, way):
    """Otherwise an attacker who registers with another person's address, or moves to it, keeps that person out for ever."""
    abacus.native("the messages of mailer")
    if way == "changed":
        sql("UPDATE users SET email_verified_at = now() WHERE id = {}", owner.id)
        email = f"moved-{owner.email}"
        headers = confirmation(owner, "change_account", email=email)
        assert call("PATCH", "/auth/account", {"email": email}, token=owner.token, headers=headers).status == 200
        owner.email = email
    owner.password = f"nine wooden beads {secrets.token_hex(4)}"
    assert said(reset(token_for(owner), owner.password)) == (200, CHANGED)
    token = session_of(owner)["access_token"]
    left = factors_of(token)
    assert (left["factors"], left["recovery_codes"], left["asked"]) == ([], 0, "login")
    eventually(lambda: messages(owner.email, "Your second factors were removed"), message="the user is notified")
    assert [event["event"] for event in get("/auth/events", token=token).json["data"]["events"]].count("factors_reset") == 1
    owner.token = token
    owner.add_app(current=owner.password)
    again = f"four paper boats {secrets.token_hex(4)}"
    assert reset(token_for(owner), again).status == 200
    owner.password = again
    assert answer(challenge_of(owner), owner.code()).status == 201, "a second reset leaves them"


def test_an_admin_who_changes_an_address_can_not_have_a_reset_remove_the_factors(owner, admin):
    abacus.native("the messages of mailer")
    sql("UPDATE users SET email_verified_at = now() WHERE id = {}", owner.id)
    owner.email = f"moved-{owner.email}"
    assert abacus.change_user(owner, admin, email=owner.email).status == 200
    owner.password = f"nine wooden beads {secrets.token_hex(4)}"
    assert reset(token_for(owner), owner.password).status == 200
    assert answer(challenge_of(owner), owner.code()).status == 201


def test_a_login_that_began_before_the_factor_leaves_no_good_token(person):
    """However they interleave."""
    token = session_of(person)["access_token"]
    enrolled = post("/auth/factors", {"method": "totp", "current": person.password}, token=token).json["data"]
    with ThreadPoolExecutor(8) as pool:
        logins = [pool.submit(log_in, person) for _ in range(4)]
        older = [pool.submit(post, "/auth/login", {"email": person.email, "password": person.password}) for _ in range(3)]
        reply = post(f"/auth/factors/{enrolled['id']}", {"code": totp(enrolled["secret"])}, token=token)
        replies = [one.result() for one in logins + older]
    assert reply.status == 200
    tokens = [one.json.get("access_token") or one.json["auth_token"] for one in replies if one.status in (200, 201)]
    assert [is_good(one) for one in tokens] == [False] * len(tokens)


def test_a_user_has_at_most_twenty_challenges_of_actions_and_they_end_no_login_that_waits(owner):
    login = challenge_of(owner)
    for _ in range(25):
        assert begin(owner, "delete_account").status == 201
    assert sql("SELECT count(*) FROM challenges WHERE user_id = {} AND binding IS NOT NULL", owner.id) == "20"
    assert answer(login, owner.code()).status == 201


def test_a_user_has_at_most_twenty_challenges_of_logins_and_they_end_no_action_that_waits(owner):
    action = begin(owner, "delete_account").json["data"]["challenge"]
    columns = "id, user_id, generation, client, expires_at"
    sql(
        "INSERT INTO challenges ({}) SELECT gen_random_uuid(), id, tokens_dead_until_ms, '', now() + interval '60 s'"
        " FROM users, generate_series(1, 25) WHERE id = {}", columns, owner.id,
    )  # fmt: skip
    challenge_of(owner)
    assert sql("SELECT count(*) FROM challenges WHERE user_id = {} AND binding IS NULL", owner.id) == "20"
    assert answer(action, owner.code()).status == 200


def test_another_site_can_not_have_a_browser_answer_for_a_cookie(owner):
    challenge = challenge_of(owner, cookie=True, headers={"Origin": ORIGIN})
    reply = answer(challenge, owner.code(), headers={"Origin": "http://evil.test"})
    assert (reply.status, reply.json["code"], reply.headers["Set-Cookie"]) == (403, "origin_refused", None)


# ---- attacks on confirmations ----


def test_a_confirmation_of_another_action_confirms_nothing(owner):
    assert said(call("DELETE", "/auth/account", {}, token=owner.token, headers=confirmation(owner, "end_other_sessions"))) == (
        403,
        UNCONFIRMED,
    )
    assert is_good(owner.token)


def test_a_changed_parameter_voids_the_confirmation(owner):
    headers = confirmation(owner, "change_account", username=new_name())
    assert said(rename(owner, headers, new_name())) == (403, UNCONFIRMED)
    name = new_name()
    headers = confirmation(owner, "change_account", username=name)
    more = {"username": name, "email": f"{name}@example.com"}
    assert said(call("PATCH", "/auth/account", more, token=owner.token, headers=headers)) == (403, UNCONFIRMED)
    assert get("/auth/status", token=owner.token).json["data"]["username"] == owner.username


def test_a_confirmation_is_used_once(owner):
    name = new_name()
    headers = confirmation(owner, "change_account", username=name)
    with ThreadPoolExecutor(4) as pool:
        statuses = sorted(reply.status for reply in pool.map(lambda _: rename(owner, headers, name), range(4)))
    assert statuses == [200, 403, 403, 403]


def test_an_old_confirmation_confirms_nothing(owner):
    name = new_name()
    headers = confirmation(owner, "change_account", username=name)
    sql("UPDATE challenges SET expires_at = expires_at - interval '301 seconds' WHERE user_id = {}", owner.id)
    assert said(rename(owner, headers, name)) == (403, UNCONFIRMED)


def test_a_confirmation_of_another_user_confirms_nothing(owner):
    other = Owner()
    headers = confirmation(other, "delete_account")
    assert said(call("DELETE", "/auth/account", {}, token=owner.token, headers=headers)) == (403, UNCONFIRMED)
    assert call("DELETE", "/auth/account", {}, token=other.token, headers=headers).status == 200


def test_a_challenge_that_was_not_answered_confirms_nothing(owner):
    challenge = begin(owner, "delete_account").json["data"]["challenge"]
    binding = sql("SELECT binding FROM challenges WHERE id = '{}'", challenge)
    raw = bytes.fromhex(challenge.replace("-", "")) + from_base64url(binding)
    headers = {"X-Confirmation": base64url(raw)}
    assert said(call("DELETE", "/auth/account", {}, token=owner.token, headers=headers)) == (403, UNCONFIRMED)
    assert answer(challenge, owner.code()).json["data"]["confirmation"] == headers["X-Confirmation"]
    assert call("DELETE", "/auth/account", {}, token=owner.token, headers=headers).status == 200


@pytest.mark.parametrize("value", ["", "x", "A" * 64, "A" * 65, "=" * 64, "A" * 4000], ids=len)
def test_what_is_no_confirmation_confirms_nothing(owner, person, value):
    for caller in (owner, person):
        reply = call(
            "DELETE", "/auth/account", {"current": person.password}, token=caller.token, headers={"X-Confirmation": value}
        )
        assert said(reply) == (403, UNCONFIRMED)


def test_with_a_factor_the_password_does_not_confirm(owner):
    reply = call("DELETE", "/auth/account", {"current": owner.password}, token=owner.token)
    assert said(reply) == (403, REQUIRED)
    reply = post("/auth/factors", {"method": "totp", "current": owner.password}, token=owner.token)
    assert said(reply) == (403, REQUIRED)
    assert said(call("DELETE", f"/auth/factors/{owner.factor}", token=owner.token)) == (403, REQUIRED)


def test_a_stolen_token_adds_no_factor(person):
    reply = post("/auth/factors", {"method": "totp"}, token=person.token)
    assert (reply.status, reply.json["errors"]) == (400, [{"field": "current", "message": "is not your password"}])


def test_a_factor_of_another_user_is_not_removed(owner):
    other = Owner()
    headers = confirmation(owner, "remove_factor", id=other.factor)
    assert said(call("DELETE", f"/auth/factors/{other.factor}", token=owner.token, headers=headers)) == (404, NO_FACTOR)
    assert is_good(owner.token)
    assert [one["id"] for one in factors_of(other.token)["factors"]] == [other.factor]


# ---- secrets at rest ----


def test_the_database_makes_no_code(owner):
    dump = sql("SELECT row_to_json(factors), row_to_json(factor_settings) FROM factors JOIN factor_settings USING (user_id)"
               " WHERE user_id = {}", owner.id)  # fmt: skip
    raw = base64.b32decode(owner.secret)
    forms = [
        owner.secret,
        raw.hex(),
        base64.b64encode(raw).decode().rstrip("="),
        base64url(raw),
    ]
    plain = [code.replace("-", "") for code in owner.recovery_codes]
    assert not [text for text in forms + plain + owner.recovery_codes if text in dump]


def test_a_secret_that_is_copied_to_another_user_is_of_no_use(owner):
    other = Owner()
    sql("UPDATE factors SET secret = (SELECT secret FROM factors WHERE user_id = {}) WHERE user_id = {}", owner.id, other.id)
    assert said(answer(challenge_of(other), owner.code())) == (401, WRONG)


def answer_at(daemon, owner, code=None):
    body = {"email": owner.email, "password": owner.password, "code": code or owner.code()}
    return daemon.call("POST", "/auth/login", body)


def test_a_new_secret_key_reads_what_the_previous_one_sealed_and_seals_it_anew(owner):
    key = secrets.token_hex(24)
    new = {"SECRET_KEY": key, "SECRET_KEY_FILE": None}
    with Daemon("users", **new) as daemon:
        assert answer_at(daemon, owner).status == 401
    with Daemon("users", **new, SECRET_KEY_PREVIOUS_FILE=abacus.RUN_DIR / "secrets" / "SECRET_KEY") as daemon:
        assert answer_at(daemon, owner).status == 200
    with Daemon("users", **new) as daemon:
        assert answer_at(daemon, owner).status == 200


def test_all_secrets_are_sealed_anew_before_the_previous_key_is_removed():
    key = secrets.token_hex(24)
    with Daemon("users", SECRET_KEY=key, SECRET_KEY_FILE=None) as daemon:
        person = Person()
        token = daemon.call("POST", "/auth/login", {"email": person.email, "password": person.password}).json["auth_token"]
        daemon.call("POST", "/auth/factors", {"method": "totp", "current": person.password}, token=token)
    old = sql("SELECT secret FROM factors WHERE user_id = {}", person.id)
    sql("DELETE FROM factors WHERE user_id <> {} AND secret <> ''", person.id)  # of other tests: what sealed some is gone
    reseal = ["manage", "users", "reseal_factors"]
    assert abacus.stack(*reseal, env={**os.environ, "SECRET_KEY_PREVIOUS": key}) == "sealed 1\n"
    assert sql("SELECT secret FROM factors WHERE user_id = {}", person.id) != old
    assert abacus.stack(*reseal) == "sealed 0\n"


def test_secrets_that_no_key_opens_are_reported(owner):
    sql("UPDATE factors SET secret = 'x' WHERE user_id = {}", owner.id)
    with pytest.raises(AssertionError, match=f"neither key opens the secret of factor {owner.factor} of user {owner.id}"):
        abacus.manage("users", "reseal_factors")
    sql("DELETE FROM factors WHERE user_id = {}", owner.id)


def test_no_log_has_a_code_or_a_secret(owner):
    code, recovery = owner.code(), owner.recovery_codes[0]
    answer(challenge_of(owner), code)
    answer(challenge_of(owner), recovery, "recovery")
    value = confirmation(owner, "delete_account")["X-Confirmation"]
    logs = "".join(path.read_text(errors="replace") for path in (abacus.RUN_DIR / "log").glob("*/current"))
    assert not [text for text in (owner.secret, recovery, recovery.replace("-", ""), value) if text in logs]
