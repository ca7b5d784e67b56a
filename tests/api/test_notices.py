"""Notices: what happened to an account, live on the WebSocket of its user, beside the message by mail."""

import json
import re
from datetime import UTC, datetime, timedelta

import pytest
from test_factors import Owner as AppOwner
from test_factors import ask_for_factors, confirmation, session_of, sql
from test_live import publish
from test_passkeys import Owner as PasskeyOwner
from test_passkeys import passkey_login
from test_password_reset import reset, token_for
from test_sessions import refresh, refreshed

import abacus
from abacus import Person, call, eventually, post
from websocket import CLOSE, PING, PONG, TEXT, WebSocket, listen

TRIES = 10  # a connection that the change ends is closed up to 250 ms after it, which on a busy machine may come first


def next_notice(live, before=None):
    """Skips everything else, and notices of the kind `before`."""
    while True:
        message = live.next_message()
        if message["event"] == "notice" and message["notice"] != before:
            return message


def kinds_before_the_close(live):
    found = []
    opcode, payload = live.next_frame()
    while opcode != CLOSE:
        if opcode == TEXT and b'"notice"' in payload:
            found += re.findall(r'"notice":"(\w+)"', payload.decode())
        opcode, payload = live.next_frame()
    return found


def log_in_elsewhere(person):
    reply = post("/auth/session", {"email": person.email, "password": person.password}, headers={"User-Agent": "another one"})
    assert reply.status == 201, reply


def write(person, template, attempt=0):
    """A message to the user in the outbox, as a statement of users writes it; attempt: those that were made already."""
    values = f"'{template}', '{person.email}', '{{\"user\": {person.id}}}', {attempt}"
    sql("INSERT INTO outbox (template, recipient, parameters, attempt) VALUES ({})", values)


def change_email(person):
    body = {"email": f"new-{person.email}", "current": person.password}
    assert call("PATCH", "/auth/account", body, token=person.token).status == 200


def use_a_token_twice(person):
    first = session_of(person)
    refreshed(refreshed(first["refresh_token"])["refresh_token"])
    assert refresh(first["refresh_token"]).json["code"] == "session_reused"


def use_a_copied_passkey(person):
    assert passkey_login(person, count=5).status == 201
    assert passkey_login(person, count=5).status == 401


STAYS = {
    "new_device": (Person, log_in_elsewhere),
    "email_changed": (Person, change_email),
    "session_reused": (Person, use_a_token_twice),
    "passkey_copied": (PasskeyOwner, use_a_copied_passkey),
}


@pytest.mark.parametrize("kind", STAYS)
def test_what_happened_to_an_account_arrives_on_its_users_connection(kind):
    make, act = STAYS[kind]
    if make is PasskeyOwner:
        abacus.native("the origin of PUBLIC_URL")
    person = make()
    with listen(person.token) as live:
        act(person)
        message = next_notice(live, before="factor_added")  # which made the owner of a passkey, and may arrive late
    at = message.pop("at")
    assert message == {"event": "notice", "notice": kind}
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", at)
    assert abs(datetime.fromisoformat(at.replace("Z", "+00:00")) - datetime.now(UTC)) < timedelta(minutes=1)


def change_password(person):
    body = {"current": person.password, "new": "nine-wooden-beads"}
    assert call("PUT", "/auth/password", body, token=person.token).status == 200


def add_an_app(owner):
    owner.add_app(headers=confirmation(owner, "add_factor", method="totp"))


def remove_an_app(owner):
    headers = confirmation(owner, "remove_factor", id=owner.factor)
    assert call("DELETE", f"/auth/factors/{owner.factor}", token=owner.token, headers=headers).status == 200


def replace_recovery_codes(owner):
    headers = confirmation(owner, "replace_recovery_codes")
    assert post("/auth/recovery-codes", {}, token=owner.token, headers=headers).status == 200


def prove_the_address_by_a_reset(owner):
    assert reset(token_for(owner), "nine-wooden-beads").status == 200


ENDS_SESSIONS = {
    "password_changed": (Person, change_password),
    "factor_added": (AppOwner, add_an_app),
    "factor_removed": (AppOwner, remove_an_app),
    "factor_asked": (AppOwner, lambda owner: ask_for_factors(owner, "sensitive")),
    "factors_reset": (AppOwner, prove_the_address_by_a_reset),
    "recovery_codes_replaced": (AppOwner, replace_recovery_codes),
}


@pytest.mark.parametrize("kind", ENDS_SESSIONS)
def test_a_connection_that_the_change_ends_gets_the_reason_before_it_is_closed(kind):
    make, act = ENDS_SESSIONS[kind]
    for _ in range(TRIES):
        person = make()
        with listen(person.token) as live:
            act(person)
            found = kinds_before_the_close(live)
        if kind in found:
            return
    pytest.fail(f"closed before the notice, {TRIES} times")


def test_each_connection_of_the_user_gets_a_notice_once(person):
    with listen(person.token) as first, listen(person.token, to="nginx") as second:
        write(person, "new_device")
        write(person, "email_changed")
        for live in (first, second):
            assert sorted(next_notice(live)["notice"] for _ in range(2)) == ["email_changed", "new_device"]


def test_a_message_that_mailer_tries_again_is_no_further_notice(person):
    with listen(person.token) as live:
        write(person, "password_changed", attempt=1)
        left = "SELECT count(*) FROM outbox WHERE recipient = '{}'"
        eventually(lambda: sql(left, person.email) == "0", message="it was sent")
        write(person, "new_device")
        assert next_notice(live)["notice"] == "new_device"


# ---- attacks ----


def test_another_user_and_a_connection_without_a_token_get_no_notice(person, reader):
    with listen(person.token) as live, listen(reader.token) as other, WebSocket() as anonymous:
        log_in_elsewhere(person)
        assert next_notice(live)["notice"] == "new_device"
        publish(f'{{"event":"marker","of":"{person.id}"}}')
        message = other.next_message()
        while message.get("of") != str(person.id):
            assert message["event"] != "notice"
            message = other.next_message()
        anonymous.send(PING, "nothing before this")
        assert anonymous.next_frame() == (PONG, b"nothing before this")


def test_a_notice_has_neither_a_code_nor_an_address(person):
    with listen(person.token) as live:
        call("PATCH", "/auth/account", {"email": f"new-{person.email}", "current": person.password}, token=person.token)
        opcode, payload = live.next_frame()
        while opcode != TEXT or b'"notice"' not in payload:
            opcode, payload = live.next_frame()
        assert b"@" not in payload and b"127.0.0.1" not in payload
        assert str(person.id) not in {str(member) for member in json.loads(payload).values()}


def test_once_its_session_has_ended_a_connection_is_closed_and_none_is_opened_for_notices(person):
    ended = session_of(person)
    with listen(ended["access_token"]) as live:
        assert call("DELETE", f"/auth/sessions/{ended['session']['id']}", token=person.token).status == 200
        log_in_elsewhere(person)
        assert set(kinds_before_the_close(live)) <= {"new_device"}, "until it is closed, which takes 250 ms at most"
    with WebSocket(ended["access_token"]) as again, listen(person.token) as own:
        write(person, "factor_added")
        eventually(lambda: next_notice(own)["notice"] == "factor_added")
        assert kinds_before_the_close(again) == []


NO_NOTICES = [
    "",
    "{",
    "[]",
    '{"user":%d}',
    '{"user":%d,"notice":"code","at_ms":1}',
    '{"user":"%d","notice":"new_device","at_ms":1}',
    '{"user":%d,"notice":"new_device","at_ms":1,"more":"' + "x" * 300 + '"}',
]


def test_what_is_no_notice_is_dropped_and_the_next_one_arrives(person):
    with listen(person.token) as live:
        for text in NO_NOTICES:
            abacus.redis_cli("PUBLISH", "notices", text.replace("%d", str(person.id)))
        write(person, "factor_added")
        assert next_notice(live)["notice"] == "factor_added"


def test_the_document_knows_each_kind():
    document = (abacus.ROOT / "services/swagger/openapi.yaml").read_text()
    listed = re.search(r"    LiveNotice:.*?notice: \{enum: \[([\w, ]+)\]", document, re.S)[1].split(", ")
    assert sorted(listed) == sorted([*STAYS, *ENDS_SESSIONS])
