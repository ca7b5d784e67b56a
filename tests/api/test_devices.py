"""The first login of a browser or program that had not logged its user in before is reported by a message."""

import secrets

import pytest

import abacus
from abacus import Daemon, eventually, messages, post

SUBJECT = "A new device has logged in"


@pytest.fixture(autouse=True)
def with_messages():
    abacus.native("the messages of mailer")


def log_in(person, agent, path="/auth/session", name="email", status=201, **options):
    body = {name: getattr(person, name), "password": person.password}
    reply = post(path, {**body, **options}, headers={"User-Agent": agent})
    assert reply.status == status, reply
    return reply


def devices(person):
    return int(abacus.psql("users", f"SELECT count(*) FROM devices WHERE user_id = {person.id}"))


def knows_one(person):
    """Waits, because no reply waits until the device is noted."""
    eventually(lambda: devices(person) == 1, message="the device that registered is known, and no other one")


def notices(person, count):
    """The messages, once there are as many; one that was not to be sent would have been sent before the last."""
    return eventually(lambda: len(found := messages(person.email, SUBJECT)) >= count and found, message=f"{count} notices")


WAYS = {
    "a session": {"path": "/auth/session", "status": 201},
    "the older login": {"path": "/auth/login", "status": 200},
    "the oldest login": {"path": "/auth", "name": "username", "status": 200},
}


@pytest.mark.parametrize("way", WAYS)
def test_a_login_by_another_device_is_reported_once(person, way):
    log_in(person, "Firefox", **WAYS[way])
    log_in(person, "Firefox", **WAYS[way])
    log_in(person, "Safari", **WAYS[way])
    assert len(notices(person, 2)) == 2


def test_a_login_is_noted_although_its_reply_does_not_wait_for_that(person):
    """With a pooler the statement is not yet sent when the reply is."""
    logins = f"SELECT count(*) FROM events WHERE user_id = {person.id} AND event = 'login'"
    knows_one(person)
    with Daemon("users", POSTGRES_PREPARE="false") as users:
        for path, status in (("/auth/session", 201), ("/auth/login", 200)):
            login = {"email": person.email, "password": person.password}
            assert users.call("POST", path, login, headers={"User-Agent": path}).status == status
        assert len(notices(person, 2)) == 2
        eventually(lambda: abacus.psql("users", logins) == "2")


def test_a_device_is_reported_although_its_client_leaves_before_the_reply(person):
    knows_one(person)
    with Daemon("users") as users:
        login = {"email": person.email, "password": person.password}
        row = f"FROM users WHERE id = {person.id} FOR UPDATE"
        abacus.leave_before_the_reply(users, "POST", "/auth/session", login, row, **{"User-Agent": "a thief's"})
    assert len(notices(person, 1)) == 1


def test_a_login_by_the_device_that_registered_is_not_reported(person):
    person.login()
    knows_one(person)
    log_in(person, "another")
    assert len(notices(person, 1)) == 1


def test_the_notice_shows_the_address_and_nothing_that_the_device_chose(person):
    agent = f"call 555-{secrets.token_hex(4)} at once"
    log_in(person, agent)
    texts = [notices(person, 1)[0].get_body([kind]).get_content() for kind in ("plain", "html")]
    assert all("from the address 127.0.0.1" in text and agent[5:13] not in text for text in texts)


def test_the_browser_of_an_earlier_session_is_known_and_another_one_is_reported(person):
    """Also when no device is known, as after an upgrade from the version before."""
    knows_one(person)
    log_in(person, "Firefox")
    eventually(lambda: devices(person) == 2)
    times = "created_at = created_at - interval '1 hour', used_at = used_at - interval '1 hour'"
    of_person = f"WHERE user_id = {person.id}"
    abacus.psql("users", f"DELETE FROM devices {of_person}; UPDATE sessions SET {times} {of_person}")
    for agent, count in (("a stranger", 1), ("Firefox", 2)):
        log_in(person, agent)
        eventually(lambda count=count: devices(person) == count)
    reported = f"SELECT string_agg(user_agent, ', ' ORDER BY id) FROM events {of_person} AND event = 'new_device'"
    assert abacus.psql("users", reported) == "Firefox, a stranger"
    assert len(notices(person, 2)) == 2


def test_a_wrong_password_is_not_reported_and_makes_no_device_known(person):
    post("/auth/session", {"email": person.email, "password": "wrong wrong"}, headers={"User-Agent": "another"})
    knows_one(person)


def test_many_devices_are_reported_thrice_in_an_hour_and_fifty_are_known(person):
    """So an attacker with the password neither fills the mailbox nor the table."""
    knows_one(person)
    times = "created_at = now() - interval '1 day', used_at = now() - interval '1 day'"
    many = f"INSERT INTO devices (user_id, agent) SELECT {person.id}, 'device ' || i FROM generate_series(1, 60) i"
    abacus.psql("users", f"{many}; UPDATE devices SET {times} WHERE user_id = {person.id}")
    for number in range(5):
        log_in(person, f"agent {number}")
    eventually(lambda: devices(person) == 50)
    assert len(notices(person, 3)) == 3
