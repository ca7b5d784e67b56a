"""EMAIL_VERIFICATION: links that prove that a user has an email address, and a change of the address that waits for its link.
By default it is off, and the stack's daemons have it so."""

import re
import secrets
from concurrent.futures import ThreadPoolExecutor

import pytest
from test_password_reset import reset, token_for
from test_statements import statements

import abacus
from abacus import Daemon, Person, call, eventually, fail, get, messages, post
from tokens import base64url, from_base64url

SUBJECT = "Confirm your email address"
INVALID = fail("link_invalid", "This link is not valid any more. Please ask for a new one.")
UNVERIFIED = fail("email_unverified", "Please open the link that was sent to your email address.")
WAITS = {"status": "success", "message": "Please open the link that was sent to your email address."}
LEGACY = {"status_code": 401, "error": "Bad Request", "description": "Email address not confirmed"}
LINKS = 5  # to one user in an hour


@pytest.fixture(autouse=True)
def with_messages():
    abacus.native("the messages of mailer")


@pytest.fixture(scope="module", params=["optional", "required"])
def each(request):
    with Daemon("users", EMAIL_VERIFICATION=request.param) as daemon:
        yield daemon


@pytest.fixture(scope="module")
def optional():
    with Daemon("users", EMAIL_VERIFICATION="optional") as daemon:
        yield daemon


@pytest.fixture(scope="module")
def required():
    with Daemon("users", EMAIL_VERIFICATION="required") as daemon:
        yield daemon


def sql(text, *values):
    return abacus.psql("users", text.format(*values))


def said(reply):
    return reply.status, reply.json


def new_address():
    return f"new-{secrets.token_hex(6)}@example.com"


def someone():
    word = secrets.token_hex(6)
    return {"username": f"someone-{word}", "email": f"{word}@example.com", "password": f"brass beads {word}"}


def tokens(address, count=1):
    """Of the links that were sent to the address, the oldest first, once there are as many."""

    def found():
        texts = [message.get_body(["plain"]).get_content() for message in messages(address, SUBJECT)]
        return len(texts) >= count and [re.search(r"/verify#([\w-]+)", text)[1] for text in texts]

    return eventually(found, 20, message=f"{count} links were sent to {address}")


def token_of(address, count=1):
    return tokens(address, count)[-1]


def verify(token):
    return post("/auth/email/verify", {"token": token})


def is_verified(email):
    return sql("SELECT email_verified_at IS NOT NULL FROM users WHERE email = '{}'", email) == "t"


def change(daemon, person, email, **more):
    body = {"email": email, "current": person.password, **more}
    return daemon.call("PATCH", "/auth/account", body, token=person.token)


def email_of(person):
    return get("/auth/status", token=person.token).json["data"]["email"]


# ---- registering and logging in ----


def test_by_default_no_link_is_sent_and_a_change_of_the_address_counts_at_once(person):
    email = new_address()
    reply = call("PATCH", "/auth/account", {"email": email, "current": person.password}, token=person.token)
    assert (reply.status, reply.json["data"]["email"]) == (200, email)
    assert sql("SELECT count(*) FROM email_links WHERE user_id = {}", person.id) == "0"


def test_where_it_is_optional_a_link_is_sent_and_the_account_works_without(optional):
    user = someone()
    reply = optional.call("POST", "/auth/register", user)
    assert (reply.status, get("/auth/status", token=reply.json["auth_token"]).status) == (201, 200)
    assert optional.call("POST", "/auth/login", user).status == 200
    assert not is_verified(user["email"])
    assert verify(token_of(user["email"])).status == 200
    assert is_verified(user["email"])


def test_where_it_is_required_no_login_succeeds_before_the_link_was_used(required):
    user = someone()
    assert said(required.call("POST", "/auth/register", user)) == (202, WAITS)
    by_name = {"username": user["username"], "password": user["password"]}
    by_email = {"email": user["email"], "password": user["password"]}
    assert said(required.call("POST", "/auth/login", by_email)) == (403, UNVERIFIED)
    assert said(required.call("POST", "/auth/session", by_email)) == (403, UNVERIFIED)
    assert said(required.call("POST", "/auth", by_name)) == (401, LEGACY)
    statuses = sorted(verify(token).status for token in tokens(user["email"], 4))
    assert statuses == [200, 400, 400, 400], "one link is good, whichever message came last"
    assert required.call("POST", "/auth/login", by_email).status == 200
    assert required.call("POST", "/auth/session", by_email).status == 201
    assert required.call("POST", "/auth", by_name).status == 200


def test_a_wrong_password_sends_no_link_and_is_told_nothing(required):
    user = someone()
    required.call("POST", "/auth/register", user)
    wrong = [
        required.call("POST", "/auth/session", {"email": email, "password": "wrong wrong"})
        for email in (user["email"], new_address())
    ]
    assert [(reply.status, reply.json["code"]) for reply in wrong] == [(401, "login_failed")] * 2
    links = "SELECT sent FROM email_links JOIN users ON users.id = user_id WHERE users.email = '{}'"
    assert sql(links, user["email"]) == "1"


def test_a_link_for_a_new_password_proves_the_address_too(required):
    user = someone()
    required.call("POST", "/auth/register", user)
    post("/auth/password/forgot", {"email": user["email"]})
    text = eventually(lambda: messages(user["email"], "Choose a new password"), 20)[0].get_body(["plain"]).get_content()
    body = {"token": re.search(r"/reset#([\w-]+)", text)[1], "password": f"seven wooden {user['username']}"}
    assert post("/auth/password/reset", body).status == 200
    login = {"email": user["email"], "password": body["password"]}
    assert required.call("POST", "/auth/login", login).status == 200


def test_the_users_that_an_operator_makes_need_no_link(required):
    for email, password in (abacus.ADMIN, abacus.USER):
        assert required.call("POST", "/auth/login", {"email": email, "password": password}).status == 200


def test_a_caller_asks_for_a_link(person):
    reply = post("/auth/email", token=person.token)
    assert said(reply) == (202, {"status": "success", "message": "A message with a link is on its way."})
    assert verify(token_of(person.email)).status == 200
    assert is_verified(person.email)


# ---- users of a run with another setting ----


def test_a_user_of_before_links_were_required_keeps_the_token_and_needs_a_link_to_log_in(required, person):
    assert required.call("GET", "/auth/status", token=person.token).status == 200
    assert said(required.call("POST", "/auth/login", person.credentials)) == (403, UNVERIFIED)
    assert verify(token_of(person.email)).status == 200
    assert required.call("POST", "/auth/login", person.credentials).status == 200


def test_a_user_whose_link_was_required_and_not_used_logs_in_when_none_is_required(required):
    user = someone()
    assert said(required.call("POST", "/auth/register", user)) == (202, WAITS)
    abacus.log_in(user["email"], user["password"])


def test_a_change_that_waits_for_its_link_ends_with_one_that_counts_at_once(optional, person):
    """Otherwise the address of before would replace it by the link of a run that sent one."""
    waiting, at_once = new_address(), new_address()
    change(optional, person, waiting)
    token = token_of(waiting)
    body = {"email": at_once, "current": person.password}
    assert call("PATCH", "/auth/account", body, token=person.token).status == 200
    assert said(verify(token)) == (400, INVALID)
    assert email_of(person) == at_once


# ---- changing the address ----


def test_a_change_waits_for_the_link_at_the_new_address_and_the_old_one_is_notified(each):
    person, email = Person(), new_address()
    reply = change(each, person, email, username=f"renamed-{secrets.token_hex(6)}")
    assert (reply.status, reply.json["message"]) == (202, "Please open the link that was sent to the new address.")
    assert (reply.json["data"]["email"], reply.json["data"]["username"][:8]) == (person.email, "renamed-")
    token = token_of(email)
    assert email_of(person) == person.email and messages(person.email, SUBJECT) == []
    assert verify(token).status == 200
    assert email_of(person) == email and is_verified(email)
    eventually(lambda: messages(person.email, "The address of your account was changed"), message="the old one is notified")
    assert said(verify(token)) == (400, INVALID), "a link works once"


def test_the_same_address_needs_no_link(optional, person):
    assert change(optional, person, person.email).status == 200
    assert sql("SELECT count(*) FROM email_links WHERE user_id = {}", person.id) == "0"


def test_a_changed_address_is_not_proven(person):
    post("/auth/email", token=person.token)
    assert verify(token_of(person.email)).status == 200
    email = new_address()
    call("PATCH", "/auth/account", {"email": email, "current": person.password}, token=person.token)
    assert not is_verified(email)


# ---- attacks ----


def test_a_later_change_voids_the_link_of_an_earlier_one(optional, person):
    """A mistyped address is another person's, who must not get the account with it."""
    mistyped, right = new_address(), new_address()
    change(optional, person, mistyped)
    change(optional, person, right)
    assert said(verify(token_of(mistyped))) == (400, INVALID)
    assert verify(token_of(right)).status == 200
    assert email_of(person) == right


@pytest.mark.parametrize("way", ["changed", "reset"])
def test_a_link_that_was_asked_for_before_the_password_was_changed_is_refused(optional, person, way):
    """Otherwise an attacker who had the password would get the account back by an address of the attacker's."""
    email = new_address()
    change(optional, person, email)
    token = token_of(email)
    if way == "changed":
        body = {"current": person.password, "new": f"nine wooden beads {person.username}"}
        assert call("PUT", "/auth/password", body, token=person.token).status == 200
    else:
        assert reset(token_for(person), f"nine wooden beads {person.username}").status == 200
    assert said(verify(token)) == (400, INVALID)
    assert sql("SELECT email FROM users WHERE id = {}", person.id) == person.email


def test_a_change_that_an_earlier_password_has_confirmed_makes_no_link(person):
    """As when the password is changed between the check of the confirmation and the change."""
    (text,) = [text for text in statements("users") if "email_change_asked" in text]

    def run(password):
        values = f"{person.id}, NULL, '{new_address()}', '{password}', NULL, 3600, 5"
        return abacus.psql("users", f"PREPARE waits AS {text}; EXECUTE waits({values})")

    links = lambda: sql("SELECT count(*) FROM email_links WHERE user_id = {}", person.id)  # noqa: E731
    assert run("the hash of before") == "" and links() == "0"
    run(sql("SELECT password_hash FROM users WHERE id = {}", person.id))
    assert links() == "1"


def test_a_link_ends_when_the_user_gets_another_address_by_other_means(optional, person, admin):
    """Otherwise an attacker's address would become the user's after an admin has set the right one."""
    attackers, right = new_address(), new_address()
    change(optional, person, attackers)
    token = token_of(attackers)
    assert abacus.change_user(person, admin, email=right).status == 200
    assert said(verify(token)) == (400, INVALID)
    assert email_of(person) == right


def test_a_link_that_was_sent_to_the_address_of_before_is_refused(person):
    """Otherwise who reads the mailbox that a user has left would get the account back to it."""
    post("/auth/email", token=person.token)
    token, email = token_of(person.email), new_address()
    body = {"email": email, "current": person.password}
    assert call("PATCH", "/auth/account", body, token=person.token).status == 200
    assert said(verify(token)) == (400, INVALID)
    assert email_of(person) == email


def test_a_change_is_confirmed_by_the_password(optional, person):
    reply = optional.call("PATCH", "/auth/account", {"email": new_address()}, token=person.token)
    assert (reply.status, reply.json["errors"]) == (400, [{"field": "current", "message": "is not your password"}])


def test_an_address_that_another_user_has_is_asked_nothing_and_the_reply_is_the_same(optional, person):
    other, free = Person(), new_address()
    replies = [change(optional, person, email) for email in (other.email, free)]
    assert [(reply.status, reply.json["message"]) for reply in replies] == [(202, replies[0].json["message"])] * 2
    tokens(free)
    assert messages(other.email, SUBJECT) == []


def test_a_name_that_is_taken_does_not_say_whether_the_address_beside_it_is(optional, person):
    other = Person()
    for email in (other.email, new_address()):
        reply = change(optional, person, email, username=other.username)
        assert (reply.status, [error["field"] for error in reply.json["errors"]]) == (409, ["username"])


def test_an_address_that_another_user_got_meanwhile_is_refused(optional, person):
    email = new_address()
    change(optional, person, email)
    token = token_of(email)
    sql("UPDATE users SET email = '{}' WHERE id = {}", email, Person().id)
    assert said(verify(token)) == (400, INVALID)
    assert email_of(person) == person.email


def test_an_old_link_is_refused(person):
    post("/auth/email", token=person.token)
    token = token_of(person.email)
    sql("UPDATE email_links SET expires_at = now() WHERE user_id = {}", person.id)
    assert said(verify(token)) == (400, INVALID)


def test_a_link_is_good_for_half_an_hour(person):
    post("/auth/email", token=person.token)
    left = "SELECT expires_at BETWEEN now() + interval '29 minutes' AND now() + interval '30 minutes' FROM email_links"
    assert sql(left + " WHERE user_id = {}", person.id) == "t"
    message = eventually(lambda: messages(person.email, SUBJECT))[0]
    assert "within half an hour after it was asked for" in message.get_body(["plain"]).get_content()


def test_a_link_of_an_inactive_user_is_refused(person):
    post("/auth/email", token=person.token)
    token = token_of(person.email)
    sql("UPDATE users SET active = false WHERE id = {}", person.id)
    assert said(verify(token)) == (400, INVALID)


def test_of_many_uses_of_one_link_at_once_one_succeeds(person):
    post("/auth/email", token=person.token)
    token = token_of(person.email)
    with ThreadPoolExecutor(4) as pool:
        statuses = sorted(reply.status for reply in pool.map(lambda _: verify(token), range(4)))
    assert statuses == [200, 400, 400, 400]


def forgeries(token):
    raw = from_base64url(token)
    yield from ("", "x", token[:-1], token + "A", "A" * len(token))
    for at in (0, 16, 23, 24, len(raw) - 1):  # the link, the user, the signature
        changed = bytearray(raw)
        changed[at] ^= 1
        yield base64url(changed)


def test_a_token_that_was_changed_or_is_of_another_kind_is_refused(person):
    post("/auth/email", token=person.token)
    token = token_of(person.email)
    for forged in forgeries(token):
        assert said(verify(forged)) == (400, INVALID), forged
    refresh = post("/auth/session", {"email": person.email, "password": person.password}).json["refresh_token"]
    assert said(verify(refresh)) == (400, INVALID)
    new = {"token": token, "password": f"seven wooden {person.username}"}
    assert said(post("/auth/password/reset", new)) == (400, INVALID), "nor does it set a password"
    assert verify(token).status == 200


def test_however_often_links_are_asked_for_a_user_is_sent_five_in_an_hour(required):
    """Refused logins, changes and requests count together."""
    person = Person()
    with ThreadPoolExecutor(8) as pool:
        replies = list(pool.map(lambda _: post("/auth/email", token=person.token), range(12)))
    assert sorted(reply.status for reply in replies) == [202] * LINKS + [429] * (12 - LINKS)
    assert all(int(reply.headers["Retry-After"]) > 0 for reply in replies if reply.status == 429)
    assert change(required, person, new_address()).status == 429
    body = {"email": person.email, "password": person.password}
    assert said(required.call("POST", "/auth/login", body)) == (403, UNVERIFIED)
    assert sql("SELECT sent FROM email_links WHERE user_id = {}", person.id) == str(LINKS)
    assert len(tokens(person.email, LINKS)) == LINKS


def test_the_messages_of_the_hour_are_counted_although_their_link_has_ended(person):
    (prune,) = [text for text in statements("users") if "password_resets" in text and text.startswith("WITH gone")]
    prune = prune.replace("$1", "extract(epoch FROM now())")
    post("/auth/email", token=person.token)
    rows = lambda: sql("SELECT count(*) FROM email_links WHERE user_id = {}", person.id)  # noqa: E731
    sql("UPDATE email_links SET expires_at = now() WHERE user_id = {}", person.id)
    abacus.psql("users", prune)
    assert rows() == "1"
    sql("UPDATE email_links SET expires_at = now() - interval '61 minutes' WHERE user_id = {}", person.id)
    abacus.psql("users", prune)
    assert rows() == "0"


def test_a_change_whose_link_is_not_sent_changes_no_name_either(optional):
    person, name = Person(), f"renamed-{secrets.token_hex(6)}"
    for _ in range(LINKS):
        assert change(optional, person, new_address()).status == 202
    sent = sql("SELECT id FROM email_links WHERE user_id = {}", person.id)
    assert change(optional, person, new_address(), username=name).status == 429
    assert sql("SELECT username FROM users WHERE id = {}", person.id) == person.username
    assert sql("SELECT count(*) FROM events WHERE user_id = {} AND event = 'username_changed'", person.id) == "0"
    assert sql("SELECT id FROM email_links WHERE user_id = {}", person.id) == sent, "the link before stays good"
    assert change(optional, person, person.email, username=name).status == 200, "the name alone needs no link"


def test_a_change_whose_name_is_taken_sends_no_link(optional, reader):
    person, email = Person(), new_address()
    assert change(optional, person, email, username=reader.username).status == 409
    assert sql("SELECT count(*) FROM email_links WHERE user_id = {}", person.id) == "0"
    assert sql("SELECT count(*) FROM outbox WHERE recipient = '{}'", email) == "0"


def test_many_users_do_not_flood_one_address(optional):
    """It is no user's; each of them claims it once."""
    email = new_address()
    for _ in range(LINKS + 2):
        assert change(optional, Person(), email).status == 202
    last = new_address()
    change(optional, Person(), last)
    tokens(last)
    assert len(tokens(email, LINKS)) == LINKS


def test_no_other_user_keeps_a_user_from_being_sent_a_link(required):
    """By having as many sent to the same address, before the user registers with it and after."""
    new = someone()

    def flood(attacker):
        assert [change(required, attacker, new["email"]).status for _ in range(LINKS)] == [202] * LINKS

    flood(Person())
    assert required.call("POST", "/auth/register", new).status == 202
    flood(Person())
    login = {"email": new["email"], "password": new["password"]}
    assert said(required.call("POST", "/auth/login", login)) == (403, UNVERIFIED)
    assert 200 in [verify(token).status for token in tokens(new["email"], LINKS + 2)], "the newest of the user's two"
    assert required.call("POST", "/auth/login", login).status == 200


def test_the_database_makes_no_link(person):
    post("/auth/email", token=person.token)
    token = token_of(person.email)
    row = sql("SELECT row_to_json(email_links) FROM email_links WHERE user_id = {}", person.id)
    assert token not in row and token[-43:] not in row
