"""What users publishes later, because Redis was away: nothing that waits holds up the rest, or the end of the process."""

import contextlib
import time

import pytest

import system
from abacus import eventually
from peer_proxy import Fault
from postgres_proxy import error
from system import Peered, User, redis_says
from tokens import claims_of

REFUSED = Fault("refused", error("XX000"), executes=False)


@pytest.fixture
def users():
    system.make_databases()
    with Peered("users") as peered:
        yield peered


class Session(User):
    """Of a user who logs out of it, which Postgres must confirm before it is published."""

    def __init__(self, users):
        super().__init__(users)
        begun = users.call("POST", "/auth/session", self.credentials)
        assert begun.status == 201, begun
        self.token = begun.json["access_token"]
        self.revoked = claims_of(self.token)["sid"]

    def ends(self, users):
        return users.call("DELETE", "/auth/session", token=self.token).status


class Token(User):
    """Of a user who logs out, which is published as it is."""

    def __init__(self, users):
        super().__init__(users)
        self.revoked = claims_of(self.token)["jti"]

    def ends(self, users):
        return users.call("GET", "/auth/logout", token=self.token).status


def is_published(user):
    return user.revoked in str(redis_says("XRANGE", "revocations", "-", "+"))


def wait_for_redis(users, *leavers):
    """Each of them ends its session or token while Redis is away, in this order."""
    users.redis.go_away()
    eventually(lambda: not users.is_ready(), message="users sees that Redis is away")
    assert [leaver.ends(users) for leaver in leavers] == [503] * len(leavers)
    assert not any(is_published(leaver) for leaver in leavers)


def test_a_logout_is_published_while_postgres_is_away_and_a_session_waits_for_it(users):
    session, token = Session(users), Token(users)
    wait_for_redis(users, session, token)
    users.postgres.go_away()
    time.sleep(system.SETTLED_S)  # the session is due
    users.redis.come_back()
    eventually(lambda: is_published(token), message="the logout is published")
    assert not is_published(session)
    users.postgres.come_back()
    eventually(lambda: is_published(session), message="the end of the session is published")


def test_a_logout_is_published_although_postgres_refuses_to_say_whether_a_session_was_ended(users):
    session, token = Session(users), Token(users)
    wait_for_redis(users, session, token)
    users.postgres.arm(REFUSED, "revoked_tokens", most=None)  # so that it is not published with all others
    refused = users.postgres.arm_also(REFUSED, "token_revocation", most=None)
    time.sleep(system.SETTLED_S)  # the session is due
    users.redis.come_back()
    eventually(lambda: is_published(token) and refused.applied, message="the logout is published")
    assert not is_published(session)
    users.postgres.lift()
    eventually(lambda: is_published(session), message="the end of the session is published")


def test_users_ends_in_time_while_postgres_is_away_and_a_session_waits_for_it():
    system.make_databases()
    with contextlib.closing(Peered("users")) as users, users.daemon as daemon:
        session = Session(users)
        wait_for_redis(users, session)
        users.postgres.go_away()
        connections = users.redis.commands["SCRIPT"]
        users.redis.come_back()
        eventually(lambda: users.redis.commands["SCRIPT"] > connections, message="users is connected to Redis again")
        start = time.monotonic()
        assert daemon.terminate(30) == 0, users.death()
        assert time.monotonic() - start < system.RECOVERS_S
    assert not is_published(session)
    with Peered("users"):
        eventually(lambda: is_published(session), message="the next start publishes it")
