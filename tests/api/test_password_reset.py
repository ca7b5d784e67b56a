"""Forgotten passwords: a link by email, read from the files that mailer writes, and what it can and can not do."""

import re
import secrets
from concurrent.futures import ThreadPoolExecutor

import pytest

import abacus
from abacus import Person, call, confirmed_by_password, eventually, fail, get, messages, post, psql

LINK_INVALID = fail("link_invalid", "This link is not valid any more. Please ask for a new one.")
CHANGED = {"status": "success", "message": "Password changed. Please log in again."}
NOTED = {"status": "success", "message": "If an account has this address, a message with a link is on its way to it."}
MOVED = "The address of your account was changed"
LINKS_MAX = 3
NEW, OTHER = "nine wooden beads", "eleven iron nails"
PASSWORDS = NEW, OTHER, "four paper boats", "twelve glass doors"


@pytest.fixture(scope="module", autouse=True)
def ended():
    """The user of a link that has ended an hour ago."""
    abacus.native("the messages of mailer")
    person = Person()
    row = f"{person.id}, '{person.email}', now() - interval '1 hour'"
    psql("users", f"INSERT INTO password_resets (user_id, email, expires_at) VALUES ({row})")
    return person


def tokens(address):
    """Of the links in the messages to the address."""
    found = []
    for message in messages(address, "Choose a new password"):
        plain, html = (part.get_content() for part in message.iter_parts())
        (link,) = re.findall(r"http\S+/reset#([\w-]+)", plain)
        assert f'/reset#{link}"' in html
        found.append(link)
    return found


def forget(address):
    return post("/auth/password/forgot", {"email": address})


def token_for(person):
    before = len(tokens(person.email))
    reply = forget(person.email)
    assert (reply.status, reply.json) == (202, NOTED)
    return eventually(lambda: tokens(person.email)[before:], message="a link arrives")[0]


def reset(token, password):
    return post("/auth/password/reset", {"token": token, "password": password})


def is_refused(reply):
    return (reply.status, reply.json) == (400, LINK_INVALID)


def links(person):
    return int(psql("users", f"SELECT count(*) FROM password_resets WHERE user_id = {person.id}"))


def wait_until_looked():
    """users has looked for the accounts of all addresses, and has written the messages."""
    eventually(lambda: psql("users", "SELECT count(*) FROM forgotten_passwords") == "0")


def test_a_link_sets_a_new_password_once_and_ends_all_sessions(person):
    session = post("/auth/session", {"email": person.email, "password": person.password}).json
    token = token_for(person)
    assert get("/auth/password/reset").status == 405  # as a program that opens every link
    reply = reset(token, NEW)
    assert (reply.status, reply.json) == (200, CHANGED)
    assert [get("/auth/status", token=old).status for old in (person.token, session["access_token"])] == [401, 401]
    assert post("/auth/session/refresh", {"refresh_token": session["refresh_token"]}).status == 401
    assert post("/auth/login", {"email": person.email, "password": person.password}).status == 404
    abacus.log_in(person.email, NEW)
    assert is_refused(reset(token, OTHER))
    abacus.log_in(person.email, NEW)
    eventually(lambda: messages(person.email, "Your password was changed"))


def test_the_reply_is_the_same_for_every_address_and_only_accounts_get_a_message(person):
    stranger = f"{secrets.token_hex(8)}@example.com"
    replies = [forget(address) for address in (person.email, stranger, person.email.upper(), person.email)]
    assert [(reply.status, reply.json) for reply in replies] == [(202, NOTED)] * 4
    eventually(lambda: tokens(person.email))
    wait_until_looked()
    assert psql("users", f"SELECT count(*) FROM outbox WHERE recipient = '{stranger}'") == "0" and not tokens(stranger)


def test_a_request_does_not_wait_while_users_looks_for_the_account_of_the_same_address(person):
    """Its row is held for as long as that takes, and it takes longer when there is an account."""
    row = f"INSERT INTO forgotten_passwords (email, asked_s) VALUES ('{person.email}', 0)"
    with abacus.Transaction("users", row):
        assert forget(person.email).status == 202
    assert eventually(lambda: tokens(person.email))


def test_however_often_it_is_asked_for_an_account_has_three_links_and_all_are_good_until_one_is_used(person):
    for count in range(1, LINKS_MAX + 1):
        forget(person.email)
        eventually(lambda count=count: links(person) == count)
    for _ in range(2):
        assert forget(person.email).json == NOTED
        wait_until_looked()
    found = eventually(lambda: len(tokens(person.email)) == LINKS_MAX and tokens(person.email))
    assert links(person) == LINKS_MAX and len(set(found)) == LINKS_MAX
    assert reset(found[0], NEW).status == 200
    assert [is_refused(reset(token, OTHER)) for token in found] == [True] * LINKS_MAX


def test_no_more_than_ten_thousand_addresses_wait_and_the_reply_does_not_say_so(person):
    """Those are of a second to come, so that users does not look for their accounts yet."""
    rows = "SELECT 'waits-' || i, 4102444800 FROM generate_series(1, 10000) i"
    waiting = f"SELECT count(*) FROM forgotten_passwords WHERE email = '{person.email}'"
    psql("users", f"INSERT INTO forgotten_passwords (email, asked_s) {rows}")
    try:
        assert (forget(person.email).json, psql("users", waiting)) == (NOTED, "0")
    finally:
        psql("users", "DELETE FROM forgotten_passwords WHERE email LIKE 'waits-%'")
    assert token_for(person)


@pytest.mark.parametrize("own", ["username", "email"])
def test_a_password_that_is_easy_to_guess_is_refused_with_the_reason_and_spends_no_link(person, own):
    token = token_for(person)
    reply = reset(token, getattr(person, own))
    reason = "is too easy to guess: it contains the username or the email address"
    assert (reply.status, reply.json["code"]) == (400, "invalid_payload")
    assert reply.json["errors"] == [{"field": "password", "message": reason}]
    assert post("/auth/login", {"email": person.email, "password": person.password}).status == 200
    assert reset(token, NEW).status == 200


def test_a_link_ends_when_its_user_has_another_address_than_it_was_sent_to(person):
    """Even one that users was making while the address was changed, so that the change could not delete it."""
    token = token_for(person)
    psql("users", f"UPDATE users SET email = 'other-{person.email}' WHERE id = {person.id}")
    assert is_refused(reset(token, NEW))
    psql("users", f"UPDATE users SET email = '{person.email}' WHERE id = {person.id}")
    assert reset(token, NEW).status == 200


def change(person, admin, **fields):
    """By the user, unless there is an admin."""
    if admin:
        return abacus.change_user(person, admin, **fields)
    return call("PATCH", "/auth/account", {"current": person.password, **fields}, token=person.token)


@pytest.mark.parametrize("by_admin", [False, True])
def test_another_email_ends_all_links_and_is_reported_to_the_address_of_before(person, admin, by_admin):
    token = token_for(person)
    other = f"other-{person.email}"
    assert change(person, by_admin and admin, email=other).status == 200
    assert links(person) == 0 and is_refused(reset(token, NEW))
    (message,) = eventually(lambda: messages(person.email, MOVED))
    assert all(other not in part.get_content() for part in message.iter_parts())
    assert not messages(other, MOVED)


@pytest.mark.parametrize("by_admin", [False, True])
def test_a_link_that_is_made_while_the_email_is_changed_is_refused(person, admin, by_admin):
    """The change waits for the user's row, so it began before there was the link, which it does not see."""
    token = token_for(person)
    columns, row = "id, user_id, email, expires_at", "format('(%L, %s, %L, %L)', id, user_id, email, expires_at)"
    row = psql("users", f"DELETE FROM password_resets WHERE user_id = {person.id} RETURNING {row}")
    with ThreadPoolExecutor() as threads:
        with abacus.Transaction("users", f"SELECT FROM users WHERE id = {person.id} FOR NO KEY UPDATE") as locked:
            late = threads.submit(change, person, by_admin and admin, email=f"other-{person.email}")
            eventually(lambda: locked.waiting() == 1, message="the change waits")
            psql("users", f"INSERT INTO password_resets ({columns}) VALUES {row}")
        assert late.result().status == 200
    assert links(person) == 1 and is_refused(reset(token, NEW))


@pytest.mark.parametrize("by_admin", [False, True])
def test_a_change_that_leaves_the_email_ends_no_link_and_is_not_reported(person, admin, by_admin):
    token = token_for(person)
    word = secrets.token_hex(6)
    assert change(person, by_admin and admin, email=person.email, username=f"renamed-{word}").status == 200
    assert change(person, by_admin and admin, email=Person().email).status == 409
    assert reset(token, NEW).status == 200
    eventually(lambda: messages(person.email, "Your password was changed"))
    assert not messages(person.email, MOVED)


def test_a_link_of_a_deleted_user_is_refused(person, admin):
    token = token_for(person)
    assert call("DELETE", f"/users/{person.id}", token=admin).status == 200
    assert is_refused(reset(token, NEW)) and links(person) == 0


def test_of_two_resets_with_one_link_at_once_one_succeeds(person):
    token = token_for(person)
    with ThreadPoolExecutor(4) as pool:
        replies = list(pool.map(lambda password: reset(token, password), PASSWORDS))
    (won,) = [number for number, reply in enumerate(replies) if reply.status == 200]
    assert sum(map(is_refused, replies)) == 3
    abacus.log_in(person.email, PASSWORDS[won])


def test_a_link_ends_after_its_time_and_when_the_password_is_changed(person):
    old, current = token_for(person), token_for(person)
    psql("users", f"UPDATE password_resets SET expires_at = now() WHERE user_id = {person.id} AND id <> ALL (SELECT id FROM "
         f"password_resets WHERE user_id = {person.id} ORDER BY expires_at DESC LIMIT 1)")  # fmt: skip
    assert is_refused(reset(old, OTHER))
    change = {"current": person.password, "new": NEW}
    assert call("PUT", "/auth/password", change, token=person.token).status == 200
    assert is_refused(reset(current, OTHER))
    abacus.log_in(person.email, NEW)


def test_an_inactive_user_gets_no_link_and_uses_none(person, admin):
    token = token_for(person)
    assert call("PATCH", f"/users/{person.id}", {"active": False}, token=admin).status == 200
    assert is_refused(reset(token, NEW))
    forget(person.email)
    wait_until_looked()
    assert links(person) == 1
    assert call("PATCH", f"/users/{person.id}", {"active": True}, token=admin).status == 200
    assert reset(token, NEW).status == 200


# ---- links that admins send ----


def send_link(user_id, token, password=abacus.ADMIN[1]):
    headers = confirmed_by_password(token, password, "reset_user", id=str(user_id))
    return call("POST", f"/users/{user_id}/reset", token=token, headers=headers)


def test_a_link_that_an_admin_sends_ends_nothing_until_it_is_used(person, admin):
    reply = send_link(person.id, admin)
    sent = {"status": "success", "message": "A message with a link is on its way to the user."}
    assert (reply.status, reply.json) == (202, sent)
    (token,) = eventually(lambda: tokens(person.email), message="the link arrives")
    assert get("/auth/status", token=person.token).status == 200
    abacus.log_in(person.email, person.password)
    assert reset(token, NEW).status == 200
    assert get("/auth/status", token=person.token).status == 401
    abacus.log_in(person.email, NEW)


def test_only_admins_send_links_to_others(person):
    other = Person()
    for user_id in (other.id, person.id):
        reply = send_link(user_id, person.token, person.password)
        assert (reply.status, reply.json["code"]) == (401, "not_permitted")
        assert psql("users", f"SELECT count(*) FROM password_resets WHERE user_id = {user_id}") == "0"


def test_a_link_that_would_be_one_too_many_or_not_good_is_not_sent(person, admin):
    for _ in range(LINKS_MAX):
        assert send_link(person.id, admin).status == 202
    reply = send_link(person.id, admin)
    assert (reply.status, reply.json["code"], links(person)) == (409, "too_many_links", LINKS_MAX)
    other = Person()
    assert call("PATCH", f"/users/{other.id}", {"active": False}, token=admin).status == 200
    reply = send_link(other.id, admin)
    assert (reply.status, reply.json["code"], links(other)) == (409, "user_deactivated", 0)


def test_a_link_is_sent_to_no_user_who_does_not_exist(admin):
    for user_id, code in (("9223372036854775807", "user_not_found"), ("x", "user_id_invalid")):
        reply = send_link(user_id, admin)
        assert (reply.status, reply.json["code"]) == (404, code)


def test_a_token_of_another_user_or_kind_or_that_was_changed_is_refused(person):
    token, other = token_for(person), token_for(Person())
    refresh = post("/auth/session", {"email": person.email, "password": person.password}).json["refresh_token"]
    changed = [token[:number] + ("A" if token[number] != "A" else "B") + token[number + 1 :] for number in (0, 25, 40, 70)]
    mixed = token[:32] + other[32:]  # the id and the user of one, the signature of the other
    for wrong in [*changed, mixed, refresh, person.token, token[:-1], token + "A", ""]:
        assert is_refused(reset(wrong, NEW)), wrong
    assert reset(token, NEW).status == 200


def test_a_link_that_has_ended_is_removed(ended):
    eventually(lambda: links(ended) == 0)


def test_neither_logs_nor_the_databases_have_a_token(person):
    token = token_for(person)
    eventually(lambda: psql("users", f"SELECT count(*) FROM outbox WHERE recipient = '{person.email}'") == "0")
    stored = psql("users", "SELECT * FROM password_resets") + abacus.redis_cli("XRANGE", "{mail}:messages", "-", "+")
    logs = "".join(path.read_text(errors="replace") for path in (abacus.RUN_DIR / "log").glob("*/current"))
    assert reset(token, NEW).status == 200
    logs += "".join(path.read_text(errors="replace") for path in (abacus.RUN_DIR / "log").glob("*/current"))
    signature = token[32:-1]
    assert signature not in stored and signature not in logs


@pytest.mark.parametrize(
    "path, body, field",
    [
        ("/auth/password/forgot", {}, "email"),
        ("/auth/password/forgot", {"email": 7}, "email"),
        ("/auth/password/forgot", {"email": "ada"}, "email"),
        ("/auth/password/forgot", {"email": "ada@example.com\nBcc: eve@example.com"}, "email"),
        ("/auth/password/forgot", {"email": f"ada@{'x.' * 130}com"}, "email"),
        ("/auth/password/reset", {"password": NEW}, "token"),
        ("/auth/password/reset", {"token": "x", "password": "short"}, "password"),
        ("/auth/password/reset", {"token": "x"}, "password"),
    ],
)
def test_a_member_that_is_missing_or_wrong_is_named(path, body, field):
    reply = post(path, body)
    assert reply.status == 400 and [error["field"] for error in reply.json["errors"]] == [field], reply
