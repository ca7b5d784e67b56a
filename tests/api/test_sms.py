"""Codes by SMS: a telephone number is a place where codes by message go (tests/api/test_mtan.py has what holds for each).
The second half tries what an attacker would; docs/security.md lists it. tests/chaos/test_sms_gateway.py has the gateway."""

import itertools
import re
import secrets
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace

import pytest
from test_factors import WRONG, answer, begin, call, factors_of, log_in, said, session_of, sql
from test_mtan import Owner as ByEmail
from test_mtan import challenge_of, confirmation, notice, other, respond

import abacus
from abacus import Daemon, Person, eventually, get, messages, post, redis_cli

TRIES = 5  # of numbers, by an account in a day
counter = itertools.count()


@pytest.fixture(autouse=True)
def fresh():
    """All tests come from one network, which may try few numbers in a day."""
    abacus.native("the messages of mailer")
    redis_cli("DEL", "{phones}:networks")


def new_number():
    return f"+4915{next(counter):03}{secrets.randbelow(10**6):06}"


def enrol(person, phone, headers=None, send=post, **body):
    return send("/auth/factors", {"method": "mtan", "phone": phone, **body}, token=person.token, headers=headers)


def code_of(person, phone):
    """(code, what it confirms) of the newest SMS."""
    nonce = sql("SELECT mtan_nonce FROM factor_settings WHERE user_id = {}", person.id)

    def arrived():
        mine = [message for message in messages(phone, "SMS") if message["Message-ID"] == f"<{nonce}@sms>"]
        return mine and mine[-1].get_content()

    text = eventually(arrived, 20, message=f"the SMS {nonce} has arrived")
    assert len(text.strip()) <= 160, "one SMS"
    return re.match(r"Abacus code (\d{6}) confirms: (.*?)\. Good once", text).groups()


class Owner(Person):
    """A user whose codes go to a number."""

    def __init__(self):
        super().__init__()
        self.token, self.phone = session_of(self)["access_token"], new_number()
        self.factor = enrol(self, self.phone, current=self.password).json["data"]["id"]
        reply = post(f"/auth/factors/{self.factor}", {"code": self.newest()[0]}, token=self.token)
        assert reply.status == 200, reply
        self.token, self.recovery_codes = reply.json["data"]["access_token"], reply.json["data"]["recovery_codes"]

    def newest(self):
        return code_of(self, self.phone)

    def code(self):
        return self.newest()[0]


@pytest.fixture
def owner():
    return Owner()


def mtan_of(token):
    (factor,) = [one for one in factors_of(token)["factors"] if one["method"] == "mtan"]
    return factor["channel"], factor["recipient"]


# ---- what owners do ----


def test_a_user_has_codes_sent_to_a_number_that_a_code_has_proven(person):
    person.token, phone = session_of(person)["access_token"], new_number()
    reply = enrol(person, phone, current=person.password)
    assert (reply.status, reply.json["data"]["expires_in"]) == (201, 300), reply
    assert factors_of(person.token) | {"asked": 0} == {"asked": 0, "recovery_codes": 0, "sms": True, "factors": []}
    assert log_in(person).status == 201, "it does not count yet"
    code, text = code_of(person, phone)
    assert text == "receive codes at this number"
    path = f"/auth/factors/{reply.json['data']['id']}"
    assert post(path, {"code": other(code)}, token=person.token).status == 400
    token = post(path, {"code": code}, token=person.token).json["data"]["access_token"]
    assert mtan_of(token) == ("sms", f"+49…{phone[-2:]}")
    assert "codes by SMS. Every other session" in notice(person, "A second factor was added")
    challenge = challenge_of(person)
    code, text = code_of(person, phone)
    assert text == "log in" and respond(challenge, code).status == 201
    assert messages(person.email, "Your code") == []


def test_a_code_by_sms_confirms_what_its_message_names(owner):
    challenge = begin(owner, "delete_account").json["data"]["challenge"]
    code, text = owner.newest()
    assert text == "delete your account"
    headers = {"X-Confirmation": respond(challenge, code).json["data"]["confirmation"]}
    assert call("DELETE", "/auth/account", {}, token=owner.token, headers=headers).status == 200


def test_a_user_changes_between_email_and_numbers_and_has_one_place_at_a_time(owner):
    """And keeps the recovery codes. A code at the place of before confirms it."""
    second = new_number()
    headers = confirmation(owner, "add_factor", method="mtan", phone=second)
    factor = enrol(owner, second, headers).json["data"]["id"]
    assert mtan_of(owner.token) == ("sms", f"+49…{owner.phone[-2:]}"), "the first number until the second is proven"
    reply = post(f"/auth/factors/{factor}", {"code": code_of(owner, second)[0]}, token=owner.token)
    assert "recovery_codes" not in reply.json["data"]
    owner.token, owner.phone = reply.json["data"]["access_token"], second
    assert mtan_of(owner.token) == ("sms", f"+49…{second[-2:]}")
    headers = confirmation(owner, "add_factor", method="mtan")
    factor = post("/auth/factors", {"method": "mtan"}, token=owner.token, headers=headers).json["data"]["id"]
    reply = post(f"/auth/factors/{factor}", {"code": ByEmail.newest(owner)[0]}, token=owner.token)
    assert mtan_of(reply.json["data"]["access_token"]) == ("email", f"{owner.email[0]}…@example.com")


def test_the_same_number_again_is_refused(owner):
    headers = confirmation(owner, "add_factor", method="mtan", phone=owner.phone)
    reply = enrol(owner, owner.phone, headers)
    assert (reply.status, reply.json["code"]) == (409, "too_many_factors")


# ---- numbers ----


@pytest.mark.parametrize(
    "phone",
    [
        None, 49, "", "+", "015112345678", "+0151123456", "+4915112", "+49151123456789012", "+49 151 12345678", "+49151123456a",
        "+4915112345678\r\nX: y", "+4915112345678,+4915112345679", "tel:+4915112345678", "+4915112345678@x.example",
    ],
)  # fmt: skip
def test_what_is_no_number_is_refused(person, phone):
    reply = enrol(person, phone, current=person.password)
    assert (reply.status, [error["field"] for error in reply.json["errors"]]) == (400, ["phone"]), reply


def test_a_number_belongs_to_codes_by_message_alone(person):
    reply = post("/auth/factors", {"method": "totp", "phone": new_number(), "current": person.password}, token=person.token)
    assert reply.json["errors"] == [{"field": "phone", "message": "is for codes by message only"}]


def test_numbers_of_other_countries_are_refused(person):
    with Daemon("users", SMS_COUNTRIES="43,4915") as daemon:
        send = lambda path, body, token, headers: daemon.call("POST", path, body, token=token)  # noqa: E731
        reply = enrol(person, "+33123456789", send=send, current=person.password)
        assert reply.json["errors"] == [{"field": "phone", "message": "is of a country to which no messages are sent"}]
        assert enrol(person, new_number(), send=send, current=person.password).status == 201


def test_the_owner_of_a_number_of_a_country_that_is_accepted_no_longer_goes_on_getting_codes(owner):
    """Otherwise the owner would be locked out. Another number of that country is refused."""
    with Daemon("users", SMS_COUNTRIES="43") as daemon:
        send = lambda path, body, **options: daemon.call("POST", path, body, **options)  # noqa: E731
        challenge = challenge_of(owner, send=send)
        reply = send(f"/auth/challenge/{challenge}", {"method": "mtan", "code": owner.code()})
        assert reply.status == 201, reply
        phone = new_number()
        action = {"action": "add_factor", "parameters": {"method": "mtan", "phone": phone}}
        begun = send("/auth/confirmations", action, token=owner.token)
        reply = send(f"/auth/challenge/{begun.json['data']['challenge']}", {"method": "mtan", "code": owner.code()})
        headers = {"X-Confirmation": reply.json["data"]["confirmation"]}
        assert enrol(owner, phone, headers, send).json["errors"][0]["field"] == "phone"


def test_a_server_without_a_gateway_offers_no_sms(person):
    with Daemon("users", APP_ENV="production", SECRET_KEY=secrets.token_hex(32), SECRET_KEY_FILE=None) as daemon:
        body = {"email": person.email, "password": person.password}
        token = daemon.call("POST", "/auth/login", body).json["auth_token"]
        assert daemon.call("GET", "/auth/factors", token=token).json["data"]["sms"] is False
        body = {"method": "mtan", "phone": new_number(), "current": person.password}
        reply = daemon.call("POST", "/auth/factors", body, token=token)
        assert (reply.status, reply.json["code"]) == (409, "sms_not_offered")


def test_who_has_codes_by_sms_is_not_locked_out_when_the_gateway_is_taken_away(owner):
    """A code that is sent waits for a mailer with a gateway. Recovery codes go on, and the number can be removed."""
    with Daemon("users", APP_ENV="production") as daemon:
        send = lambda path, body, headers=None, **options: daemon.call("POST", path, body, headers=headers, **options)  # noqa: E731

        def answered(challenge):
            body = {"method": "recovery", "code": owner.recovery_codes.pop()}
            return daemon.call("POST", f"/auth/challenge/{challenge}", body)

        reply = log_in(owner, send=send)
        assert (reply.status, reply.json["data"]["methods"]) == (401, ["mtan", "recovery"]), reply
        reply = answered(reply.json["data"]["challenge"])
        assert reply.status == 201, reply
        token = reply.json["access_token"]
        listed = daemon.call("GET", "/auth/factors", token=token).json["data"]
        assert (listed["sms"], [one["channel"] for one in listed["factors"]]) == (False, ["sms"])
        begun = send("/auth/confirmations", {"action": "remove_factor", "parameters": {"id": owner.factor}}, token=token)
        confirmed = answered(begun.json["data"]["challenge"])
        headers = {"X-Confirmation": confirmed.json["data"]["confirmation"]}
        assert daemon.call("DELETE", f"/auth/factors/{owner.factor}", token=token, headers=headers).status == 200
        assert log_in(owner, send=send).status == 201


@pytest.mark.parametrize("countries", ["+49", "49,", "49 43", "0", "12345678", "de"])
def test_a_wrong_list_of_countries_is_refused_at_start(countries):
    done = Daemon("users", SMS_COUNTRIES=countries).run("--check")
    assert done.returncode == 78 and "SMS_COUNTRIES: must be codes of countries" in done.stderr


# ---- attacks ----


def test_a_stolen_token_adds_no_number(person):
    reply = enrol(person, new_number())
    assert (reply.status, reply.json["errors"]) == (400, [{"field": "current", "message": "is not your password"}])


def test_an_account_tries_five_numbers_in_a_day(person):
    """Each message costs money, and the holder of a number may get a part of it."""
    statuses = [enrol(person, new_number(), current=person.password).status for _ in range(TRIES + 1)]
    assert statuses == [201] * TRIES + [429]
    assert post("/auth/factors", {"method": "mtan", "current": person.password}, token=person.token).status == 201


def test_a_network_tries_few_numbers_whatever_the_account(person):
    redis_cli("EVAL", "redis.call('ZADD', KEYS[1], (redis.call('TIME')[1] + 60) * 1048576 + 20, redis.sha1hex(ARGV[1]))",
              "1", "{phones}:networks", "127.0.0.1")  # fmt: skip
    reply = enrol(person, new_number(), current=person.password)
    assert (reply.status, reply.json["code"]) == (429, "too_many_attempts")


def test_no_number_is_tried_while_redis_does_not_count(person):
    """A limit that fails open is none."""
    redis_cli("SET", "{phones}:networks", "of another type")
    assert enrol(person, new_number(), current=person.password).status == 503


def test_the_code_of_one_place_is_not_one_of_another(owner):
    """A change of the place voids what was sent before, by the next code already."""
    challenge = challenge_of(owner)
    old = owner.code()
    second = new_number()
    headers = confirmation(owner, "add_factor", method="mtan", phone=second)
    factor = enrol(owner, second, headers).json["data"]["id"]
    code = code_of(owner, second)[0]
    assert said(respond(challenge, old)) == said(respond(challenge, code)) == (401, WRONG)
    assert post(f"/auth/factors/{factor}", {"code": old}, token=owner.token).status == 400
    assert post(f"/auth/factors/{factor}", {"code": code}, token=owner.token).status == 200
    assert said(respond(challenge, code))[0] == 401


def test_a_number_that_is_not_proven_gets_no_code_of_a_login(person):
    phone = new_number()
    assert enrol(person, phone, current=person.password).status == 201
    code_of(person, phone)
    assert log_in(person).status == 201
    assert len(messages(phone, "SMS")) == 1


def test_only_its_owner_sees_a_number_and_of_it_the_ends(owner, admin):
    replies = [
        get("/auth/factors", token=owner.token),
        get("/auth/status", token=owner.token),
        get("/auth/events", token=owner.token),
    ]
    replies += [
        get(path, token=admin) for path in (f"/users/{owner.id}", f"/users/{owner.id}/events", f"/users?query={owner.email}")
    ]
    assert all(reply.status == 200 for reply in replies)
    assert owner.phone[3:-2] not in "".join(str(reply.json) for reply in replies)


# ---- an admin who changes an address ----


def change_email(user, admin, ask=call):
    address = f"admins-{secrets.token_hex(6)}@example.com"
    reply = abacus.change_user(user, admin, ask=ask, email=address)
    assert reply.status == 200, reply
    return address


def test_an_admin_who_changes_an_address_does_not_get_its_codes(admin):
    """They go to the address of before, also after a further change, until the user has proven another place."""
    owner = ByEmail()
    before = owner.email
    taken = [change_email(owner, admin) for _ in range(2)]
    reply = post("/auth/session", {"email": taken[1], "password": owner.password})
    assert reply.json["data"]["sent"] is True
    assert sql("SELECT mtan_email FROM factor_settings WHERE user_id = {}", owner.id) == before
    assert respond(reply.json["data"]["challenge"], owner.code()).status == 201
    assert not any(messages(address, "Your code") for address in taken)
    owner.email, pinned = taken[1], before
    headers = {"X-Confirmation": ""}
    challenge = begin(owner, "add_factor", method="mtan").json["data"]["challenge"]
    headers["X-Confirmation"] = answer(challenge, owner.recovery_codes[0], "recovery").json["data"]["confirmation"]
    factor = post("/auth/factors", {"method": "mtan"}, token=owner.token, headers=headers).json["data"]["id"]
    reply = post(f"/auth/factors/{factor}", {"code": owner.newest()[0]}, token=owner.token)
    assert reply.status == 200 and mtan_of(reply.json["data"]["access_token"])[1] == "a…@example.com"
    assert pinned != owner.email


def test_codes_that_are_activated_while_an_admin_changes_the_address_do_not_go_to_it(person, admin):
    """The change has seen the user without them, because both wait for the user's row; in two processes, because the statements
    of one may share a connection, and so would the confirmation of the change."""
    before = person.email
    person.token = session_of(person)["access_token"]
    body = {"method": "mtan", "current": person.password}
    factor = post("/auth/factors", body, token=person.token).json["data"]["id"]
    code, _ = ByEmail.newest(person)
    with Daemon("users") as users, ThreadPoolExecutor() as threads:
        with abacus.Transaction("users", f"SELECT FROM users WHERE id = {person.id} FOR NO KEY UPDATE") as row:
            activated = threads.submit(post, f"/auth/factors/{factor}", {"code": code}, token=person.token)
            eventually(lambda: row.waiting() == 1, message="the activation waits")
            changed = threads.submit(change_email, person, admin, users.call)
            eventually(lambda: changed.done() or row.waiting() == 2, message="the change waits too")
            assert not changed.done(), changed.result()
        assert activated.result().status == 200
        person.email = changed.result()
    challenge = challenge_of(person)
    code, _ = ByEmail.newest(SimpleNamespace(id=person.id, email=before))
    assert respond(challenge, code).status == 201
    assert not messages(person.email, "Your code")


def test_a_number_is_enrolled_in_place_of_an_address_that_an_admin_has_changed(person, admin):
    """The enrolment of the address was pinned to it, and a number has no address."""
    person.token = session_of(person)["access_token"]
    assert post("/auth/factors", {"method": "mtan", "current": person.password}, token=person.token).status == 201
    change_email(person, admin)
    phone = new_number()
    reply = enrol(person, phone, current=person.password)
    assert reply.status == 201, reply
    path = f"/auth/factors/{reply.json['data']['id']}"
    assert post(path, {"code": code_of(person, phone)[0]}, token=person.token).status == 200


def test_an_address_that_the_user_changes_gets_the_codes():
    owner = ByEmail()
    address = f"mine-{secrets.token_hex(6)}@example.com"
    headers = confirmation(owner, "change_account", email=address)
    assert call("PATCH", "/auth/account", {"email": address}, token=owner.token, headers=headers).status == 200
    owner.email = address
    assert respond(challenge_of(owner), owner.code()).status == 201
