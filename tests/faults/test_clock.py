"""The wall clock of every daemon jumps by an hour, forwards and back: nothing stalls, no job is delivered twice, no message is
sent twice, a login is good at once, and no duration is negative. Durations and time limits use the monotonic clock, which does
not jump."""

import functools
import hashlib
import re
import time

import pytest

import system
from abacus import eventually
from clock import HOUR_S, JUMPS, Clock
from system import Peered, User

WINDOW_SPAN = 1 << 20  # SPAN in libcommon/redis/limit_count.lua
LIFETIME_S = 1800


class World:
    def __init__(self, clock, users, values, worker, healthcheck, mailer, mail):
        self.clock, self.users, self.values, self.worker, self.healthcheck = clock, users, values, worker, healthcheck
        self.daemons, self.mail = [users, values, worker, healthcheck, mailer], mail

    def logs_in(self, user):
        reply = self.users.call("POST", "/auth/login", user.credentials)
        assert reply.status == 200, reply
        return reply.json["auth_token"]

    def statuses(self, token):
        """What users and values say of a token."""
        return [
            self.users.call("GET", "/auth/status", token=token).status,
            self.values.call("GET", "/values", token=token).status,
        ]

    def notices(self, address):
        return system.notices(address, self.mail)

    def result(self, index, token):
        reply = self.values.call("POST", "/values", {"index": index, "kind": "lucas"}, token=token)
        assert reply.status == 200, reply
        path = f"/values/lucas/{index}"
        eventually(lambda: self.values.call("GET", path, token=token).status == 200, 5, message=f"the result of lucas {index}")


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    system.make_databases()
    clock, mail = Clock(tmp_path_factory.mktemp("clock") / "ahead"), tmp_path_factory.mktemp("mail")
    chosen = {**clock.environment, "TOKEN_LIFETIME_SECONDS": LIFETIME_S}
    with Peered("users", REPAIR_SECONDS=1, **chosen) as users:
        system.revocations_are_published()
        with (
            Peered("values", REPAIR_SECONDS=1, **chosen) as values,
            Peered("worker", LEASE_SECONDS=1, MAX_DELIVERIES=2, **clock.environment) as worker,
            Peered("healthcheck", **clock.environment) as healthcheck,
            Peered("mailer", MAIL_DIR=mail, SMTP_SECONDS=1, **clock.environment) as mailer,
        ):
            yield World(clock, users, values, worker, healthcheck, mailer, mail)


@pytest.fixture(autouse=True)
def right_clock(world):
    yield
    world.clock.set(0)


def test_the_daemons_have_the_clock_that_is_set(world):
    """Otherwise the other tests would prove nothing."""
    world.clock.set(HOUR_S)
    date = world.users.call("GET", "/users/ping").headers["Date"]
    ahead_s = time.mktime(time.strptime(date, "%a, %d %b %Y %H:%M:%S GMT")) - time.mktime(time.gmtime())
    assert HOUR_S - 5 < ahead_s < HOUR_S + 5


def test_a_token_lives_as_long_as_the_clock_says_and_not_before_it_was_issued(world):
    user = User(world.users)
    token = world.logs_in(user)
    assert world.statuses(token) == [200, 200]
    world.clock.set(HOUR_S)
    assert world.statuses(token) == [401, 401]
    of_the_future = world.logs_in(user)
    assert world.statuses(of_the_future) == [200, 200]
    world.clock.set(0)
    assert world.statuses(of_the_future) == [401, 401]
    assert world.statuses(token) == [200, 200]


def test_a_login_is_good_at_once_although_the_password_was_changed_when_the_clock_was_ahead(world):
    user = User(world.users)
    world.clock.set(HOUR_S)
    token = world.logs_in(user)
    body = {"current": user.password, "new": user.password}
    assert world.users.call("PUT", "/auth/password", body, token=token).status == 200
    world.clock.set(0)
    assert world.statuses(world.logs_in(user)) == [200, 200]


def test_a_token_that_was_logged_out_stays_dead_whatever_the_clock_does(world):
    token = world.logs_in(User(world.users))
    assert world.users.call("POST", "/auth/logout", token=token).status == 200
    for ahead_s in JUMPS:
        world.clock.set(ahead_s)
        assert world.statuses(token) == [401, 401]


def test_what_is_published_again_while_the_clock_is_ahead_holds_when_it_is_set_back(world):
    user = User(world.users)
    token = world.logs_in(user)
    number = world.users.call("GET", "/auth/status", token=token).json["data"]["id"]
    body = {"current": user.password, "new": user.password}
    assert world.users.call("PUT", "/auth/password", body, token=token).status == 200
    world.clock.set(HOUR_S)
    system.redis_says("DEL", "revocations", "{revocations}:complete")
    eventually(lambda: system.redis_says("EXISTS", "{revocations}:complete"), message="everything was published again")
    entries = [
        dict(zip(fields[::2], fields[1::2], strict=True)) for _, fields in system.redis_says("XRANGE", "revocations", "-", "+")
    ]
    assert str(number) in {entry.get("user") for entry in entries}


def test_jobs_are_calculated_once_and_soon_whatever_the_clock_does(world):
    user = User(world.users)
    for number, ahead_s in enumerate(JUMPS * 2):
        for daemon in world.daemons:
            eventually(daemon.is_ready, message=f"{daemon.name} is ready")
        with world.worker.bounded(f"the clock is {ahead_s} s ahead"):
            world.clock.set(ahead_s)
            world.result(1000 + number, world.logs_in(user))
    done = functools.partial(world.worker.daemon.metric, "worker_jobs_total", 'result="done"')
    eventually(lambda: done() >= len(JUMPS * 2), message="the worker knows that the last result was stored")
    assert done() == len(JUMPS * 2)
    assert b"took over" not in world.worker.daemon.log.read_bytes()
    assert system.redis_says("HLEN", "{jobs}:dead") == 0


def test_a_message_is_sent_soon_and_no_attempt_whose_time_is_over_whatever_the_clock_does(world):
    for ahead_s in JUMPS:
        user = User(world.users)
        world.clock.set(ahead_s)
        assert system.changes_password(user, world.users) == 200
        eventually(lambda user=user: world.notices(user.email), 5, message=f"a notice is sent, {ahead_s} s ahead")
        number = system.add_message(left_s=-1)
        system.add_message(left_s=60, number=number, attempt=2)
        address = f"ada@{number}.example.com"
        eventually(lambda address=address: world.notices(address), 5, message=f"the next attempt is sent, {ahead_s} s ahead")
        assert (world.notices(user.email), world.notices(address)) == (1, 1)


def test_no_duration_is_negative(world):
    for ahead_s in JUMPS:
        world.clock.set(ahead_s)
        world.users.call("GET", "/users/ping")
        assert world.healthcheck.call("GET", "/healthcheck").status == 200
        assert not re.search(rb"^\w+_seconds\S* -", system.metrics(world.worker), re.MULTILINE)
    for daemon in world.daemons:
        assert not re.search(rb'"(duration_\w+|\w+_ms|\w+_s|\w+_us)":-', daemon.daemon.log.read_bytes())


def test_failed_logins_are_forgiven_at_the_end_of_their_window_although_it_began_when_the_clock_of_redis_was_ahead(world):
    user = User(world.users)
    wrong = {"email": user.email, "password": "wrong-password"}
    assert world.users.call("POST", "/auth/login", wrong).status == 404
    counter = hashlib.sha1(f"127.0.0.1:{user.email}".encode()).hexdigest()
    score = float(system.redis_says("ZSCORE", "login_attempts", counter))
    system.redis_says("ZADD", "login_attempts", score + HOUR_S * WINDOW_SPAN, counter)
    assert world.users.call("POST", "/auth/login", wrong).status == 404
    ends_s, attempts = divmod(float(system.redis_says("ZSCORE", "login_attempts", counter)), WINDOW_SPAN)
    assert (ends_s <= time.time() + 300, attempts) == (True, 2)
