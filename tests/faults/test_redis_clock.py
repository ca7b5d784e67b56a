"""The wall clock of Redis alone jumps by an hour, forwards and back. Redis counts leases, limits and expiries by it, and ends
blocked reads by it; the daemons' own clocks go on as always."""

import contextlib
import os
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

import system
from abacus import eventually
from clock import HOUR_S, JUMPS, Clock
from harness import Server, free_port
from system import Peered, User, make_pending

SLOWER = 3 if os.environ.get("SANITIZED") else 1
WITHIN_S = 4 * SLOWER
ATTEMPTS, WINDOW_S = 3, 2
RATE, BURST = 10, 20
WORKERS = 2


class World:
    def __init__(self, clock, port, users, values, workers, mail):
        self.clock, self.port, self.users, self.values, self.workers, self.mail = clock, port, users, values, workers, mail
        self.redis = system.Redis(port=port)

    def new_token(self):
        return User(self.users).token

    def submit(self, kind, index, token):
        return self.values.call("POST", "/values", {"index": index, "kind": kind}, token=token).status

    def has_result(self, kind, index, token):
        return self.values.call("GET", f"/values/{kind}/{index}", token=token).status == 200

    def calculates(self, kind, index):
        """By a new user, whose submissions no limit has counted yet."""
        token = self.new_token()
        assert self.submit(kind, index, token) == 200
        eventually(lambda: self.has_result(kind, index, token), WITHIN_S, message=f"the result of {kind} {index}")

    def dead_letters(self):
        return self.redis("HLEN", "{jobs}:dead")

    def log_out(self, token):
        return self.users.call("POST", "/auth/logout", token=token).status

    def decides_on(self, token, values=None):
        return self.status(token, values) != 503

    def status(self, token, values=None):
        return (values or self.values).call("GET", "/values", token=token).status


@contextlib.contextmanager
def redis_with(clock, folder):
    """A Redis of its own. One entry in each node of a stream, so that trimming removes exactly what it may."""
    port, settings = free_port(), folder / "redis.conf"
    settings.touch(0o600)
    settings.write_text(
        f'bind 127.0.0.1\nport {port}\nrequirepass {system.secret("redis")}\nsave ""\nstream-node-max-entries 1\n'
    )
    redis = Server(folder / "redis.log", "redis-server", settings, **clock.environment).wait_for_port(port)
    try:
        yield port
    finally:
        redis.stop()


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    system.make_databases()
    folder = tmp_path_factory.mktemp("redis-clock")
    clock = Clock(folder / "ahead")
    with contextlib.ExitStack() as running:
        port = running.enter_context(redis_with(clock, folder))
        start = lambda name, **chosen: running.enter_context(Peered(name, redis_port=port, **chosen))  # noqa: E731
        users = start("users", REPAIR_SECONDS=1, LOGIN_ATTEMPTS_MAX=ATTEMPTS, LOGIN_ATTEMPTS_WINDOW_SECONDS=WINDOW_S)
        values = start("values", REPAIR_SECONDS=1, VALUES_RATE=RATE, VALUES_BURST=BURST)
        workers = [start("worker", LEASE_SECONDS=1, INSTANCE=f"faults-worker-{n}") for n in range(WORKERS)]
        mail = tmp_path_factory.mktemp("mail")
        start("mailer", MAIL_DIR=mail)
        yield World(clock, port, users, values, workers, mail)


@pytest.fixture(autouse=True)
def right_clock(world):
    yield
    world.clock.set(0)


def test_redis_has_the_clock_that_is_set_and_the_daemons_have_their_own(world):
    """Otherwise the other tests would prove nothing."""
    for ahead_s in JUMPS:
        world.clock.set(ahead_s)
        assert abs(int(world.redis("TIME")[0]) - time.time() - ahead_s) < 5
        date = world.users.call("GET", "/users/ping").headers["Date"]
        assert abs(time.mktime(time.strptime(date, "%a, %d %b %Y %H:%M:%S GMT")) - time.mktime(time.gmtime())) < 5


def test_jobs_are_calculated_soon_whatever_the_clock_of_redis_does(world):
    for number, ahead_s in enumerate(JUMPS):
        with contextlib.ExitStack() as bounded:
            for worker in world.workers:
                bounded.enter_context(worker.bounded(f"the clock is {ahead_s} s ahead"))
            world.clock.set(ahead_s)
            world.calculates("lucas", 100 + number)
    assert world.dead_letters() == 0


def test_a_job_that_redis_lost_is_queued_again_whatever_the_clock_of_redis_does(world):
    lost = []
    for number, ahead_s in enumerate(JUMPS):
        world.clock.set(ahead_s)
        lost.append(make_pending(300 + number))
        system.all_are_done(lost)


def test_large_jobs_under_way_are_finished_whatever_the_clock_of_redis_does(world):
    tokens = [world.new_token() for _ in range(4)]
    jobs = range(90_000, 90_060)
    with ThreadPoolExecutor(4) as pool:
        assert set(pool.map(lambda index: world.submit("factorial", index, tokens[index % 4]), jobs)) == {200}
    for number, ahead_s in enumerate(JUMPS):
        world.clock.set(ahead_s)
        world.calculates("lucas", 200 + number)
    for index in jobs:
        eventually(lambda index=index: world.has_result("factorial", index, tokens[0]), 30, message=f"the result of {index}")
    assert world.dead_letters() == 0


def test_a_logout_is_answered_and_no_other_token_is_refused_whatever_the_clock_of_redis_does(world):
    living, dead = world.new_token(), []
    for ahead_s in JUMPS:
        dead.append(world.new_token())
        assert world.status(dead[-1]) == 200
        world.clock.set(ahead_s)
        eventually(lambda: world.log_out(dead[-1]) == 200, WITHIN_S, message=f"the logout, {ahead_s} s ahead")
        assert {world.status(token) for token in dead} <= {401, 503}
        eventually(lambda: world.decides_on(living), WITHIN_S, message="the token is decided on")
        assert {world.status(token) for token in dead} == {401}
        assert world.status(living) == 200


def test_a_values_process_that_starts_after_a_jump_knows_the_tokens_that_died_before_it(world):
    living, dead = world.new_token(), []
    for ahead_s in JUMPS:
        dead.append(world.new_token())
        world.clock.set(ahead_s)
        eventually(lambda: world.log_out(dead[-1]) == 200, WITHIN_S, message=f"the logout, {ahead_s} s ahead")
        with Peered("values", redis_port=world.port, INSTANCE="faults-values-2") as values:
            eventually(lambda: world.decides_on(living, values), WITHIN_S, message="the token is decided on")
            assert {world.status(token, values) for token in dead} == {401}
            assert world.status(living, values) == 200


def test_a_message_is_sent_soon_whatever_the_clock_of_redis_does(world):
    for ahead_s in JUMPS:
        user = User(world.users)
        world.clock.set(ahead_s)
        eventually(
            lambda user=user: system.changes_password(user, world.users) == 200, WITHIN_S, message="a change", not_yet=KeyError
        )
        is_sent = lambda user=user: system.notices(user.email, world.mail)  # noqa: E731
        eventually(is_sent, WITHIN_S, message=f"a notice is sent, {ahead_s} s ahead")


def test_failed_logins_are_refused_for_no_longer_than_their_window_whatever_the_clock_of_redis_does(world):
    user = User(world.users)
    wrong = {"email": user.email, "password": "wrong-password"}
    log_in = lambda body: world.users.call("POST", "/auth/login", body)  # noqa: E731
    for ahead_s in JUMPS:
        refused = eventually(lambda: (reply := log_in(wrong)).status == 429 and reply, message="the limit is reached")
        assert 0 < int(refused.headers["Retry-After"]) <= WINDOW_S
        world.clock.set(ahead_s)
        eventually(lambda: log_in(user.credentials).status == 200, WINDOW_S + WITHIN_S, message=f"a login, {ahead_s} s ahead")


def test_submissions_are_limited_for_no_longer_than_a_bucket_takes_to_fill_whatever_the_clock_of_redis_does(world):
    token = world.new_token()

    def is_empty():
        with ThreadPoolExecutor(8) as pool:
            return 429 in pool.map(lambda _: world.submit("lucas", 7, token), range(2 * BURST))

    for ahead_s in JUMPS:
        eventually(is_empty, message="the bucket is empty")
        world.clock.set(ahead_s)
        eventually(lambda: world.submit("lucas", 7, token) == 200, BURST / RATE + WITHIN_S, message="a token came back")


def test_a_decimal_that_was_asked_for_when_the_clock_of_redis_was_ahead_is_asked_for_again(world):
    """A worker took it from the list and died."""
    token, index = world.new_token(), 20_000
    world.calculates("lucas", index)
    world.clock.set(HOUR_S)
    world.redis("SET", f"{{jobs}}:asked:lucas:{index}", "1", "PX", 10_000)
    world.clock.set(0)
    world.redis("DEL", f"result:lucas:{index}")
    eventually(lambda: world.has_result("lucas", index, token), WITHIN_S, message="the decimal is calculated again")
