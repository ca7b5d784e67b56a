"""Passkeys (WebAuthn): as a second factor, to confirm a sensitive action, and to log in without a name and a password. The
second half tries what an attacker would; docs/security.md lists it."""

import secrets
import uuid
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import pytest
from authenticator import ES256, PRESENT, RS256, VERIFIED, Browser, Passkey, cbor
from test_factors import (
    ENDED,
    NO_FACTOR,
    UNCONFIRMED,
    WRONG,
    begin,
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
from abacus import Daemon, Person, call, eventually, fail, get, messages, post
from tokens import base64url, claims_of, from_base64url

ORIGIN = f"http://localhost:{abacus.PORTS['nginx']}"  # PUBLIC_URL of the stack
HOST = f"http://127.0.0.1:{abacus.PORTS['nginx']}"  # which call() sends
FAILED = fail("login_failed", "Login failed.")
NOT_OFFERED = fail("passkeys_not_offered", "This server does not offer passkeys.")
browser = Browser(ORIGIN)


def enrol(person, name=None, send=post, **body):
    body = {"method": "passkey", "current": person.password, **({} if name is None else {"name": name}), **body}
    return send("/auth/factors", body, token=person.token)


def activate(person, factor, credential):
    return post(f"/auth/factors/{factor}", {"credential": credential}, token=person.token)


class Owner(Person):
    """A user with one passkey, and a token of a session."""

    def __init__(self, algorithm=ES256, counts=True, **options):
        super().__init__()
        self.token = session_of(self)["access_token"]
        enrolled = enrol(self).json["data"]
        self.factor = enrolled["id"]
        self.passkey, credential = browser.create(enrolled["public_key"], Passkey(algorithm, counts=counts, **options))
        reply = activate(self, self.factor, credential)
        assert reply.status == 200, reply
        self.token = reply.json["data"]["access_token"]
        self.recovery_codes = reply.json["data"]["recovery_codes"]

    def challenge(self, send=post):
        """Of a login: {challenge, passkey, …}."""
        reply = log_in(self, send=send)
        assert (reply.status, reply.json["code"]) == (401, "second_factor_required"), reply
        return reply.json["data"]


@pytest.fixture(scope="module", autouse=True)
def stack_of_the_origin():
    abacus.native("the origin of PUBLIC_URL")


@pytest.fixture(scope="module")
def owner():
    return Owner()


@pytest.fixture
def fresh():
    return Owner()


@pytest.fixture(scope="module")
def without_passkeys():
    with Daemon("users") as daemon:
        yield daemon


def answer(challenge, assertion, send=post, **options):
    return send(f"/auth/challenge/{challenge}", {"method": "passkey", "assertion": assertion}, **options)


def begin_login(send=post, **options):
    reply = send("/auth/passkey", **options)
    assert reply.status == 201, reply
    return reply.json["data"]


def finish_login(begun, assertion, headers=None, send=post, **flags):
    return send(f"/auth/passkey/{begun['challenge']}", {"assertion": assertion, **flags}, headers=headers)


def passkey_login(owner, send=post, **changes):
    begun = begin_login(send)
    return finish_login(begun, browser.get(begun["public_key"], owner.passkey, **changes), send=send)


def second_factor(owner, send=post, **changes):
    challenge = owner.challenge(send)
    return answer(challenge["challenge"], browser.get(challenge["passkey"], owner.passkey, **changes), send)


# ---- making one, and using it ----


def test_a_user_makes_a_passkey_and_logs_in_with_it_beside_the_password(person):
    person.token = session_of(person)["access_token"]
    reply = enrol(person, name="the phone")
    enrolled = reply.json["data"]
    options = enrolled["public_key"]
    assert (reply.status, set(enrolled)) == (201, {"id", "method", "public_key", "expires_in"})
    assert (options["rp"]["id"], options["user"]["name"], options["attestation"]) == ("localhost", person.email, "none")
    assert options["authenticatorSelection"] == {
        "residentKey": "required", "requireResidentKey": True, "userVerification": "required",
    }  # fmt: skip
    assert [each["alg"] for each in options["pubKeyCredParams"]] == [ES256, RS256]
    assert options["excludeCredentials"] == []
    person.passkey, credential = browser.create(options)
    reply = activate(person, enrolled["id"], credential)
    assert reply.status == 200, reply
    assert len(set(reply.json["data"]["recovery_codes"])) == 10
    (factor,) = factors_of(reply.json["data"]["access_token"])["factors"]
    assert (factor["id"], factor["method"], factor["name"]) == (enrolled["id"], "passkey", "the phone")

    reply = log_in(person)
    data = reply.json["data"]
    assert (reply.json["code"], data["methods"]) == ("second_factor_required", ["passkey", "recovery"])
    assert data["passkey"]["allowCredentials"] == [{"type": "public-key", "id": base64url(person.passkey.id)}]
    reply = answer(data["challenge"], browser.get(data["passkey"], person.passkey))
    assert reply.status == 201, reply
    assert claims_of(reply.json["access_token"])["amr"] == ["pwd", "pop", "mfa"]


@pytest.mark.parametrize("algorithm,bits", [(RS256, 2048), (RS256, 4096)])
def test_keys_of_rsa_are_taken_too(algorithm, bits):
    assert passkey_login(Owner(algorithm, bits=bits)).status == 201


def test_a_passkey_logs_in_without_a_name_and_a_password_although_a_factor_is_asked_at_every_login(owner):
    begun = begin_login()
    assert begun["public_key"]["allowCredentials"] == []
    reply = finish_login(begun, browser.get(begun["public_key"], owner.passkey))
    assert reply.status == 201, reply
    claims = claims_of(reply.json["access_token"])
    assert (claims["sub"], claims["amr"]) == (str(owner.id), ["pop", "user", "mfa"])
    assert reply.json["session"]["remember"] is False
    refreshed = post("/auth/session/refresh", {"refresh_token": reply.json["refresh_token"]})
    assert claims_of(refreshed.json["access_token"])["amr"] == ["pop", "user", "mfa"]


def test_such_a_session_can_be_remembered_and_its_refresh_token_be_in_a_cookie(owner):
    begun = begin_login()
    assertion = browser.get(begun["public_key"], owner.passkey)
    reply = finish_login(begun, assertion, headers={"Origin": HOST}, remember=True, cookie=True)
    assert (reply.status, reply.json["session"]["remember"]) == (201, True)
    assert "refresh_token" not in reply.json
    assert "HttpOnly" in reply.headers["Set-Cookie"]


def test_a_passkey_without_a_counter_works_again_and_again():
    owner = Owner(counts=False)
    assert [passkey_login(owner).status for _ in range(3)] == [201, 201, 201]


def test_a_passkey_confirms_a_sensitive_action(fresh):
    name = new_name()
    begun = begin(fresh, "change_account", username=name).json["data"]
    assert begun["methods"] == ["passkey", "recovery"]
    reply = answer(begun["challenge"], browser.get(begun["passkey"], fresh.passkey))
    assert reply.status == 200, reply
    header = {"X-Confirmation": reply.json["data"]["confirmation"]}
    assert rename(fresh, header, name).status == 200


def test_a_second_passkey_excludes_the_first_and_is_of_the_same_handle(fresh):
    begun = begin(fresh, "add_factor", method="passkey").json["data"]
    confirmed = answer(begun["challenge"], browser.get(begun["passkey"], fresh.passkey)).json["data"]["confirmation"]
    reply = post("/auth/factors", {"method": "passkey"}, token=fresh.token, headers={"X-Confirmation": confirmed})
    options = reply.json["data"]["public_key"]
    assert options["excludeCredentials"] == [{"type": "public-key", "id": base64url(fresh.passkey.id)}]
    assert options["user"]["id"] == fresh.passkey.handle
    assert len(from_base64url(options["user"]["id"])) == 32, "random bytes, and not the id of the user"
    second, credential = browser.create(options)
    fresh.token = activate(fresh, reply.json["data"]["id"], credential).json["data"]["access_token"]
    assert len(fresh.challenge()["passkey"]["allowCredentials"]) == 2
    fresh.passkey = second
    assert passkey_login(fresh).status == 201


def test_attestation_of_any_format_and_extensions_are_passed(person):
    person.token = session_of(person)["access_token"]
    enrolled = enrol(person).json["data"]
    _, credential = browser.create(
        enrolled["public_key"], format="packed", statement={"alg": -7, "sig": b"?", "x5c": [b"??"]},
        rest=cbor({"credProtect": 2, "hmac-secret": True}),
    )  # fmt: skip
    assert activate(person, enrolled["id"], credential).status == 200


def test_a_removed_passkey_logs_in_no_longer(fresh):
    begun = begin(fresh, "remove_factor", id=fresh.factor).json["data"]
    confirmed = answer(begun["challenge"], browser.get(begun["passkey"], fresh.passkey)).json["data"]["confirmation"]
    reply = call("DELETE", f"/auth/factors/{fresh.factor}", token=fresh.token, headers={"X-Confirmation": confirmed})
    assert reply.status == 200, reply
    assert said(passkey_login(fresh)) == (401, FAILED)


@pytest.mark.parametrize("name", ["", " phone", "a\u202eb", "x" * 65, 7])
def test_a_name_that_can_not_be_read_is_refused(owner, name):
    reply = enrol(owner, name)
    assert (reply.status, [each["field"] for each in reply.json["errors"]]) == (400, ["name"])


def test_only_passkeys_have_a_name(owner):
    reply = post("/auth/factors", {"method": "totp", "name": "phone"}, token=owner.token)
    assert (reply.status, reply.json["errors"][0]["message"]) == (400, "is for passkeys only")


def test_without_a_public_url_no_passkeys_are_offered(without_passkeys, person, owner):
    reply = without_passkeys.call("POST", "/auth/passkey")
    assert said(reply) == (409, NOT_OFFERED)
    reply = without_passkeys.call("POST", f"/auth/passkey/{uuid.uuid4()}", {"assertion": {}})
    assert said(reply) == (409, NOT_OFFERED)
    body = {"method": "passkey", "current": person.password}
    assert said(without_passkeys.call("POST", "/auth/factors", body, token=person.token)) == (409, NOT_OFFERED)
    reply = without_passkeys.call("POST", "/auth/session", {"email": owner.email, "password": owner.password})
    assert reply.json["code"] == "second_factor_required"
    assert "passkey" not in reply.json["data"]


def test_passkeys_of_a_former_host_are_no_good_at_another_one_and_are_again_when_the_host_is_back(fresh):
    """The recovery codes go on, and another passkey can be added there."""
    moved = Browser("https://moved.example")
    with Daemon("users", PUBLIC_URL=moved.origin) as daemon:
        send = lambda path, body=None, **options: daemon.call("POST", path, body, **options)  # noqa: E731

        def uses(browser, **changes):
            begun = send("/auth/passkey").json["data"]
            assert begun["public_key"]["rpId"] == "moved.example"
            assertion = browser.get(begun["public_key"], fresh.passkey, **changes)
            return send(f"/auth/passkey/{begun['challenge']}", {"assertion": assertion})

        assert said(uses(browser, rp_id="localhost")) == said(uses(moved, rp_id="localhost")) == (401, FAILED)
        data = log_in(fresh, send=send).json["data"]
        assert (data["methods"], data["passkey"]["rpId"]) == (["passkey", "recovery"], "moved.example")
        body = {"method": "recovery", "code": fresh.recovery_codes[0]}
        reply = send(f"/auth/challenge/{data['challenge']}", body)
        assert reply.status == 201, reply
        token = reply.json["access_token"]
        begun = send("/auth/confirmations", {"action": "add_factor", "parameters": {"method": "passkey"}}, token=token)
        body = {"method": "recovery", "code": fresh.recovery_codes[1]}
        confirmed = send(f"/auth/challenge/{begun.json['data']['challenge']}", body).json["data"]["confirmation"]
        enrolled = send("/auth/factors", {"method": "passkey"}, token=token, headers={"X-Confirmation": confirmed}).json["data"]
        second, credential = moved.create(enrolled["public_key"])
        assert send(f"/auth/factors/{enrolled['id']}", {"credential": credential}, token=token).status == 200
        begun = send("/auth/passkey").json["data"]
        assertion = moved.get(begun["public_key"], second)
        assert send(f"/auth/passkey/{begun['challenge']}", {"assertion": assertion}).status == 201
    assert passkey_login(fresh).status == 201


@pytest.mark.parametrize(
    "environment,url",
    [("testing", "abacus.example"), ("testing", "https://"), ("testing", "https://a:b@abacus.example"),
     ("testing", "https://abacus.example:0"), ("production", "http://abacus.example")],
)  # fmt: skip
def test_a_public_url_that_is_none_is_refused_at_the_start(environment, url):
    result = Daemon("users", APP_ENV=environment, PUBLIC_URL=url).run("--check")
    assert "PUBLIC_URL: must be " in result.stdout + result.stderr


def test_where_addresses_must_be_confirmed_a_passkey_waits_for_that_too(fresh):
    sql("UPDATE users SET email_verified_at = NULL WHERE id = {}", fresh.id)
    with Daemon("users", EMAIL_VERIFICATION="required", PUBLIC_URL=ORIGIN) as daemon:
        begun = daemon.call("POST", "/auth/passkey").json["data"]
        body = {"assertion": browser.get(begun["public_key"], fresh.passkey)}
        reply = daemon.call("POST", f"/auth/passkey/{begun['challenge']}", body)
    assert (reply.status, reply.json["code"]) == (403, "email_unverified")


# ---- attacks: on a passkey alone ----


OTHER_SITES = ["https://evil.example", ORIGIN.replace("http", "https"), f"{ORIGIN}.evil.example", "http://localhost", ""]


@pytest.mark.parametrize("origin", OTHER_SITES)
def test_a_passkey_that_another_origin_used_does_not_log_in(owner, origin):
    assert said(passkey_login(owner, client={"origin": origin})) == (401, FAILED)


@pytest.mark.parametrize(
    "changes",
    [
        {"rp_id": "evil.example"},
        {"flags": PRESENT},
        {"flags": VERIFIED},
        {"client": {"type": "webauthn.create"}},
        {"client": {"crossOrigin": True}},
        {"client": {"topOrigin": "https://evil.example"}},
        {"client": {"tokenBinding": {"status": "present", "id": "AA"}}},
        {"client": {"challenge": "AAAA"}},
        {"userHandle": base64url(b"another user")},
        {"userHandle": None},
        {"signer": Passkey()},
        {"signature": base64url(b"\x30\x06\x02\x01\x01\x02\x01\x01")},
        {"authenticatorData": base64url(bytes(36))},
        {"clientDataJSON": base64url(b"{}")},
        {"clientDataJSON": "!"},
        {"clientDataJSON": base64url(b"x" * 5000)},
        {"signature": base64url(b"x" * 600)},
        {"signature": None},
    ],
    ids=lambda changes: " ".join(changes) + " " + "".join(map(str, changes.values()))[:30],
)
def test_what_is_not_as_the_authenticator_has_to_say_it_does_not_log_in(owner, changes):
    assert said(passkey_login(owner, **changes)) == (401, FAILED)


def test_an_unknown_passkey_gets_the_same_answer_as_a_wrong_signature():
    assert said(passkey_login(Stranger())) == (401, FAILED)


class Stranger:
    passkey = Passkey(handle=base64url(b"no one"))


def test_a_passkey_of_an_inactive_user_does_not_log_in(fresh):
    sql("UPDATE users SET active = false WHERE id = {}", fresh.id)
    assert said(passkey_login(fresh)) == (401, FAILED)


@pytest.mark.parametrize("counts", [True, False])
def test_an_assertion_that_is_replayed_does_not_log_in_and_is_no_copy(counts):
    owner = Owner(counts=counts)
    begun = begin_login()
    assertion = browser.get(begun["public_key"], owner.passkey)
    assert finish_login(begun, assertion).status == 201
    assert said(finish_login(begun, assertion)) == (401, ENDED)
    assert sql("SELECT count(*) FROM events WHERE user_id = {} AND event = 'passkey_copied'", owner.id) == "0"


def test_an_answer_that_is_sent_several_times_at_once_is_accepted_once_and_is_no_copy():
    """By a client that was impatient, and not by a copy of the passkey."""
    owner = Owner(counts=True)
    data = begin(owner, "delete_account").json["data"]
    assertion = browser.get(data["passkey"], owner.passkey)
    with ThreadPoolExecutor(5) as threads:
        statuses = sorted(reply.status for reply in threads.map(lambda _: answer(data["challenge"], assertion), range(5)))
    assert statuses == [200] + [401] * 4
    assert sql("SELECT count(*) FROM events WHERE user_id = {} AND event = 'passkey_copied'", owner.id) == "0"


def test_of_an_assertion_that_is_sent_twenty_times_at_once_one_logs_in():
    owner = Owner(counts=False)
    begun = begin_login()
    assertion = browser.get(begun["public_key"], owner.passkey)
    with ThreadPoolExecutor(20) as threads:
        statuses = sorted(reply.status for reply in threads.map(lambda _: finish_login(begun, assertion), range(20)))
    assert statuses == [201] + [401] * 19


def test_an_assertion_for_another_challenge_does_not_log_in(owner):
    first, second = begin_login(), begin_login()
    assertion = browser.get(first["public_key"], owner.passkey)
    assert said(finish_login(second, assertion)) == (401, FAILED)


def test_an_old_challenge_does_not_log_in(owner):
    begun = begin_login()
    old = uuid.UUID(begun["challenge"]).int - (301_000 << 80)
    begun["challenge"] = str(uuid.UUID(int=old))
    assert said(finish_login(begun, browser.get(begun["public_key"], owner.passkey))) == (401, ENDED)
    begun["challenge"] = str(uuid.UUID(int=old + (602_000 << 80)))
    assert said(finish_login(begun, browser.get(begun["public_key"], owner.passkey))) == (401, ENDED)
    begun["challenge"] = "none"
    assert said(finish_login(begun, browser.get(begun["public_key"], owner.passkey))) == (401, ENDED)


def test_a_challenge_of_another_client_does_not_log_in(owner):
    begun = begin_login(headers={"User-Agent": "the one that began"})
    assertion = browser.get(begun["public_key"], owner.passkey)
    assert said(finish_login(begun, assertion, headers={"User-Agent": "another"})) == (401, FAILED)


def test_a_challenge_whose_time_was_changed_does_not_log_in(owner):
    begun = begin_login()
    begun["challenge"] = str(uuid.UUID(int=uuid.UUID(begun["challenge"]).int + (1000 << 80)))
    assert said(finish_login(begun, browser.get(begun["public_key"], owner.passkey))) == (401, FAILED)


def test_a_passkey_whose_counter_does_not_grow_is_refused_and_its_user_is_notified_once(fresh):
    assert passkey_login(fresh, count=5).status == 201
    for count in (5, 4, 0):
        assert said(passkey_login(fresh, count=count)) == (401, FAILED)
    assert said(second_factor(fresh, count=5)) == (401, WRONG)
    eventually(lambda: messages(fresh.email, "A passkey of yours may have been copied"), 20)
    assert sql("SELECT count(*) FROM events WHERE user_id = {} AND event = 'passkey_copied'", fresh.id) == "1"
    assert len(messages(fresh.email, "A passkey of yours may have been copied")) == 1
    events = get("/auth/events", token=fresh.token).json["data"]["events"]
    assert "passkey_copied" in [each["event"] for each in events]
    assert passkey_login(fresh, count=6).status == 201, "the counter of a refused use does not count"


@pytest.mark.parametrize("use", [passkey_login, second_factor])
def test_of_two_uses_at_once_with_one_count_the_second_is_refused_and_its_user_is_notified(fresh, use):
    """Both have read the count of before when the first one stores its own; in two processes, because the statements of one may
    share a connection."""
    row = abacus.Transaction("users", f"SELECT FROM factors WHERE id = '{fresh.factor}' FOR UPDATE")
    with Daemon("users", PUBLIC_URL=ORIGIN) as users, ThreadPoolExecutor() as pool, row:
        uses = [pool.submit(use, fresh, send, count=5) for send in (post, partial(users.call, "POST"))]
        eventually(lambda: row.waiting() == 2, message="both wait to store the count")
        copies = "SELECT count(*) FROM events WHERE user_id = {} AND event = 'passkey_copied'"
        assert sql(copies, fresh.id) == "0"
    assert sorted(each.result().status for each in uses) == [201, 401]
    assert sql(copies, fresh.id) == "1"
    eventually(lambda: len(messages(fresh.email, "A passkey of yours may have been copied")) == 1)


def test_a_cookie_is_not_set_for_another_site(owner):
    begun = begin_login()
    assertion = browser.get(begun["public_key"], owner.passkey)
    reply = finish_login(begun, assertion, headers={"Origin": "https://evil.example"}, cookie=True)
    assert (reply.status, reply.json["code"]) == (403, "origin_refused")


@pytest.mark.parametrize("body", [{}, {"assertion": "text"}, {"assertion": {}, "remember": 1}])
def test_a_login_that_is_no_login_is_refused(body):
    assert post(f"/auth/passkey/{begin_login()['challenge']}", body).status == 400


# ---- attacks: on a passkey as a second factor ----


def test_a_passkey_of_another_user_answers_no_challenge(owner, fresh):
    challenge = fresh.challenge()
    assertion = browser.get(challenge["passkey"], owner.passkey)
    assert said(answer(challenge["challenge"], assertion)) == (401, WRONG)


def test_an_assertion_for_the_challenge_of_another_user_is_refused(owner, fresh):
    theirs = owner.challenge()
    mine = fresh.challenge()
    assert said(answer(mine["challenge"], browser.get(theirs["passkey"], fresh.passkey))) == (401, WRONG)


def test_an_answered_challenge_is_over(fresh):
    challenge = fresh.challenge()
    assertion = browser.get(challenge["passkey"], fresh.passkey)
    assert answer(challenge["challenge"], assertion).status == 201
    assert said(answer(challenge["challenge"], assertion)) == (401, ENDED)


@pytest.mark.parametrize("changes", [{"client": {"origin": "https://evil.example"}}, {"flags": PRESENT}, {"signer": Passkey()}])
def test_what_logs_in_alone_no_more_is_no_second_factor_either(fresh, changes):
    assert said(second_factor(fresh, **changes)) == (401, WRONG)


def test_the_sixth_try_is_refused(fresh):
    challenge = fresh.challenge()
    for _ in range(5):
        wrong = browser.get(challenge["passkey"], fresh.passkey, signer=Stranger.passkey)
        assert said(answer(challenge["challenge"], wrong)) == (401, WRONG)
    right = browser.get(challenge["passkey"], fresh.passkey)
    assert said(answer(challenge["challenge"], right)) == (401, ENDED)


def test_an_assertion_of_a_login_confirms_no_action(fresh):
    login = begin_login()
    challenge = begin(fresh, "delete_account").json["data"]
    assertion = browser.get(login["public_key"], fresh.passkey)
    assert said(answer(challenge["challenge"], assertion)) == (401, WRONG)


def test_a_passkey_confirms_no_other_action_and_no_other_parameters(fresh):
    name = new_name()
    begun = begin(fresh, "change_account", username=name).json["data"]
    other = begin(fresh, "change_account", username=new_name()).json["data"]
    assertion = browser.get(begun["passkey"], fresh.passkey)
    assert said(answer(other["challenge"], assertion)) == (401, WRONG), "the signature is over the parameters"
    confirmed = answer(begun["challenge"], browser.get(begun["passkey"], fresh.passkey)).json["data"]["confirmation"]
    assert said(rename(fresh, {"X-Confirmation": confirmed}, new_name())) == (403, UNCONFIRMED)
    assert rename(fresh, {"X-Confirmation": confirmed}, name).status == 200


def test_an_assertion_has_to_be_an_object(fresh):
    challenge = fresh.challenge()
    reply = answer(challenge["challenge"], "text")
    assert (reply.status, reply.json["errors"][0]["field"]) == (400, "assertion")


# ---- attacks: on making one ----


def truncated(options):
    passkey = Passkey()
    whole = browser.create(options, passkey)[1]["response"]["attestationObject"]
    return {"attestation": from_base64url(whole)[:-20], "passkey": passkey}


@pytest.mark.parametrize(
    "changes",
    [
        {"client": {"origin": "https://evil.example"}},
        {"client": {"type": "webauthn.get"}},
        {"client": {"challenge": "AAAA"}},
        {"rp_id": "evil.example"},
        {"flags": PRESENT},
        {"cose": {1: 2, 3: -8, -1: 6, -2: bytes(32)}},
        {"cose": {1: 2, 3: ES256, -1: 1, -2: bytes(32)}},
        {"passkey": Passkey(RS256, bits=1024)},
        {"attestation": b""},
        {"attestation": cbor({"fmt": "none", "attStmt": {}})},
        {"attestation": b"\xbf\xff"},
        {"attestation": b"\x9b" + b"\xff" * 8},
        {"attestation": b"\x81" * 10000},
        {"attestation": bytes(20000)},
        truncated,
    ],
    ids=lambda changes: str(changes)[:40],
)
def test_what_is_no_passkey_for_this_enrolment_is_refused(person, changes):
    person.token = session_of(person)["access_token"]
    enrolled = enrol(person).json["data"]
    changes = changes(enrolled["public_key"]) if callable(changes) else changes
    reply = activate(person, enrolled["id"], browser.create(enrolled["public_key"], **changes)[1])
    assert (reply.status, [each["field"] for each in reply.json["errors"]]) == (400, ["credential"])
    assert factors_of(person.token)["factors"] == []


def test_a_passkey_for_the_enrolment_of_another_user_is_refused(person):
    other = Person()
    for each in (person, other):
        each.token = session_of(each)["access_token"]
    theirs, mine = enrol(other).json["data"], enrol(person).json["data"]
    reply = activate(person, mine["id"], browser.create(theirs["public_key"])[1])
    assert reply.status == 400
    assert said(activate(person, theirs["id"], browser.create(theirs["public_key"])[1])) == (404, NO_FACTOR)


def test_a_passkey_of_another_account_can_not_be_enrolled_again(owner, person):
    person.token = session_of(person)["access_token"]
    enrolled = enrol(person).json["data"]
    copy = Passkey()
    copy.id = owner.passkey.id
    reply = activate(person, enrolled["id"], browser.create(enrolled["public_key"], copy)[1])
    assert (reply.status, reply.json["errors"][0]["message"]) == (400, "is a passkey of an account already")
    assert is_good(person.token)
    assert passkey_login(owner).status == 201


def test_a_passkey_needs_a_credential_and_not_a_code(person):
    person.token = session_of(person)["access_token"]
    factor = enrol(person).json["data"]["id"]
    reply = post(f"/auth/factors/{factor}", {"code": secrets.token_hex(3)}, token=person.token)
    assert (reply.status, reply.json["errors"][0]["field"]) == (400, "credential")
