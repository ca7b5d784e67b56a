"""The wall clock of Postgres alone jumps, forwards and back. By it sessions, challenges, links, messages and windows are dated,
and removed when they have ended; the daemons' own clocks go on as always."""

import contextlib
import os
import pathlib
import re
import shutil
import tempfile
import time
import uuid

import pytest

import system
from abacus import eventually, messages, superuser
from clock import HOUR_S, JUMPS, Clock
from harness import Server, free_port, run, unless_root
from system import Peered, User

DAY_S = 86400
FAR_JUMPS = [HOUR_S, DAY_S, 0, -HOUR_S, -DAY_S, 0]  # for what holds however far the clock jumps
SLOWER = 3 if os.environ.get("SANITIZED") else 1
WITHIN_S = 4 * SLOWER
LIFETIME_S = 1800
OWNER, CODE = "codes", "1001"  # the user whose code by message is known
PROGRAMS = max(pathlib.Path("/usr/lib/postgresql").glob("*/bin"))
SETTINGS = ("listen_addresses=127.0.0.1", "unix_socket_directories=", "fsync=off", "jit=off", "shared_buffers=16MB")


class Postgres:
    """A server of its own, which takes any password. It refuses to run as root."""

    def __enter__(self):
        self.folder, self.port = pathlib.Path(tempfile.mkdtemp(prefix="postgres-clock-")), free_port()
        self.clock = Clock(self.folder / "ahead")
        user, data = unless_root("postgres", "postgres"), self.folder / "data"
        if user:
            shutil.chown(self.folder, "postgres")
        run(
            *user,
            PROGRAMS / "initdb",
            "-N",
            "-D",
            data,
            "-U",
            "postgres",
            "--auth=trust",
            "--encoding=UTF8",
            "--locale=C.UTF-8",
            cwd="/",
        )
        chosen = [word for setting in (*SETTINGS, f"port={self.port}") for word in ("-c", setting)]
        command = [*user, PROGRAMS / "postgres", "-D", data, *chosen]
        self.server = Server(self.folder / "log", *command, **self.clock.environment).wait_for_port(self.port)
        eventually(lambda: self("CREATE ROLE users LOGIN; CREATE ROLE values LOGIN") == "", not_yet=AssertionError)
        return self

    def __exit__(self, *_):
        self.server.process.send_signal(2)  # at once, and not when every client has disconnected
        self.server.process.wait(20)
        shutil.rmtree(self.folder)

    def __call__(self, sql, database="postgres"):
        return superuser(sql, database, self.port)


ENDED = {  # rows that ended long ago; users removes sessions and challenges with the one, links with the other
    "revoked_tokens": "(jti, user_id, expires_at) VALUES (gen_random_uuid(), 0, '2001-01-01')",
    "outbox": "(template, recipient, parameters, expires_at) VALUES ('', '', '{}', '2001-01-01')",
}


class World:
    def __init__(self, postgres, running, mail):
        self.sql, self.clock, self.mail = postgres, postgres.clock, mail
        lives = {"REPAIR_SECONDS": 1, "TOKEN_LIFETIME_SECONDS": LIFETIME_S}
        self.users = running.enter_context(self.peered(
            "users", **lives, SESSIONS_PRUNE_SECONDS=1, SESSION_IDLE_SECONDS=LIFETIME_S, MAIL_LEASE_SECONDS=3,
            MTAN_TEST_CODES=f"{OWNER}@example.com:{CODE}",
        ))  # fmt: skip
        system.revocations_are_published()
        self.values = running.enter_context(self.peered("values", **lives))
        self.daemons = [self.users, self.values, running.enter_context(self.peered("worker", LEASE_SECONDS=1))]

    def peered(self, name, **chosen):
        return Peered(name, postgres_port=self.sql.port, **chosen)

    def mailer(self):
        return self.peered("mailer", MAIL_DIR=self.mail, SMTP_SECONDS=1)

    def of_users(self, sql):
        return self.sql(sql, system.USERS_DATABASE)

    def ask(self, method, path, body=None, status=200, **options):
        reply = self.users.call(method, path, body, **options)
        assert reply.status == status, f"{method} {path}: {reply}"
        return reply.json

    def begins_session(self, user):
        return self.ask("POST", "/auth/session", user.credentials, 201)

    def statuses(self, token):
        """What users and values say of a token."""
        return [
            self.users.call("GET", "/auth/status", token=token).status,
            self.values.call("GET", "/values", token=token).status,
        ]

    def prunes(self, table):
        """users has removed what it believes to have ended."""
        self.of_users(f"INSERT INTO {table} {ENDED[table]}")
        left = f"SELECT count(*) FROM {table} WHERE expires_at = '2001-01-01'"
        eventually(lambda: self.of_users(left) == "0", message=f"users removes a row of {table}")

    def jumps(self, jumps):
        """Sets the clock and goes on in the loop's body; no daemon may spin or end meanwhile."""
        for ahead_s in jumps:
            with contextlib.ExitStack() as bounded:
                for daemon in self.daemons:
                    bounded.enter_context(daemon.bounded(f"Postgres's clock is {ahead_s} s ahead"))
                self.clock.set(ahead_s)
                yield ahead_s

    def mails(self, address, subject):
        return messages(address, subject, self.mail)


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    mail = tmp_path_factory.mktemp("mail")
    with Postgres() as postgres, contextlib.ExitStack() as running:
        system.make_databases(postgres.port)
        yield World(postgres, running, mail)


@pytest.fixture(autouse=True)
def right_clock(world):
    yield
    world.clock.set(0)


def test_postgres_has_the_clock_that_is_set_and_the_daemons_have_their_own(world):
    """Otherwise the other tests would prove nothing."""
    for ahead_s in JUMPS:
        world.clock.set(ahead_s)
        assert abs(float(world.of_users("SELECT extract(epoch FROM clock_timestamp())")) - time.time() - ahead_s) < 5
        date = world.users.call("GET", "/users/ping").headers["Date"]
        assert abs(time.mktime(time.strptime(date, "%a, %d %b %Y %H:%M:%S GMT")) - time.mktime(time.gmtime())) < 5


def dead_tokens(world):
    """A token for each way to die."""
    logged_out, changed, deleted = User(world.users), User(world.users), User(world.users)
    session, other = world.begins_session(logged_out), world.begins_session(logged_out)
    world.ask("POST", "/auth/logout", token=logged_out.token)
    world.ask("DELETE", f"/auth/sessions/{other['session']['id']}", token=session["access_token"])
    world.ask("DELETE", "/auth/session", token=session["access_token"])
    world.ask("PUT", "/auth/password", {"current": changed.password, "new": changed.password}, token=changed.token)
    world.ask("DELETE", "/auth/account", {"current": deleted.password}, token=deleted.token)
    return [logged_out.token, session["access_token"], other["access_token"], changed.token, deleted.token]


def test_a_dead_token_stays_dead_however_far_the_clock_of_postgres_jumps(world):
    """What values knows of it is what Postgres has kept, because it starts when Redis has lost everything."""
    living, dead = User(world.users).token, dead_tokens(world)
    for _ in world.jumps(FAR_JUMPS):
        dead += dead_tokens(world)
        world.prunes("revoked_tokens")
        assert {world.users.call("GET", "/auth/status", token=token).status for token in dead} == {401}
    system.redis_says("DEL", "revocations", "{revocations}:complete")
    system.revocations_are_published()
    with world.peered("values", INSTANCE="faults-values-2", TOKEN_LIFETIME_SECONDS=LIFETIME_S) as values:
        eventually(lambda: values.call("GET", "/values", token=living).status == 200, message="values trusts its copy")
        assert [values.call("GET", "/values", token=token).status for token in dead] == [401] * len(dead)


def test_the_right_password_is_accepted_and_submissions_get_their_results_whatever_the_clock_of_postgres_does(world):
    for number, _ in enumerate(world.jumps(FAR_JUMPS)):
        user = User(world.users)
        assert world.statuses(user.token) == [200, 200]
        session = world.begins_session(user)
        session = world.ask("POST", "/auth/session/refresh", {"refresh_token": session["refresh_token"]})
        body = {"current": user.password, "new": user.password}
        world.ask("PUT", "/auth/password", body, token=session["access_token"])
        token, path = world.ask("POST", "/auth/login", user.credentials)["auth_token"], f"/values/lucas/{700 + number}"
        assert world.statuses(token) == [200, 200]
        submitted = {"kind": "lucas", "index": 700 + number}
        assert world.values.call("POST", "/values", submitted, token=token).status == 200
        eventually(lambda: world.values.call("GET", path, token=token).status == 200, WITHIN_S, message=f"the result of {path}")


def test_a_job_that_redis_lost_is_queued_again_whatever_the_clock_of_postgres_does(world):
    for number, _ in enumerate(world.jumps(JUMPS)):
        world.sql(f"INSERT INTO calculations (kind, index) VALUES ('fibonacci', {number})", "faults_values")
        done = f"SELECT count(*) FROM calculations WHERE kind = 'fibonacci' AND index = {number} AND state = 'done'"
        eventually(lambda: world.sql(done, "faults_values") == "1", 30, message="the job is done")


def owner_of_codes(world):
    """A user who is asked for a code by message at each login."""
    world.of_users(f"DELETE FROM users WHERE email = '{OWNER}@example.com'")
    owner = User(world.users, OWNER)
    of_owner = f"FROM users WHERE email = '{owner.email}'"
    world.of_users(f"INSERT INTO factor_settings (user_id) SELECT id {of_owner}")
    columns = "(id, user_id, method, secret, activated_at)"
    world.of_users(f"INSERT INTO factors {columns} SELECT gen_random_uuid(), id, 'mtan', '', '2001-01-01' {of_owner}")
    return owner


def challenge_of(world, owner):
    challenge = world.ask("POST", "/auth/session", owner.credentials, 401)["data"]["challenge"]
    world.ask("POST", f"/auth/challenge/{challenge}/code")
    return challenge


def answer(world, challenge):
    return world.users.call("POST", f"/auth/challenge/{challenge}", {"method": "mtan", "code": CODE}).status


def test_what_seemed_to_have_ended_is_good_again_when_the_clock_of_postgres_is_right_again(world):
    """A session, a challenge, a link, and a message that waits for mailer."""
    user, owner = User(world.users), owner_of_codes(world)
    session, challenge = world.begins_session(user), challenge_of(world, owner)
    world.of_users(f"INSERT INTO passkey_logins (challenge, expires_at) VALUES ('{uuid.uuid4()}', now() + interval '1 minute')")
    world.ask("POST", "/auth/password/forgot", {"email": user.email}, 202)
    eventually(lambda: world.of_users("SELECT count(*) FROM password_resets") == "1", message="the link is made")
    world.clock.set(DAY_S)
    world.prunes("revoked_tokens")
    world.prunes("outbox")
    world.clock.set(0)
    assert world.of_users("SELECT count(*) FROM passkey_logins") == "1"
    assert answer(world, challenge) == 201
    world.ask("POST", "/auth/session/refresh", {"refresh_token": session["refresh_token"]})
    with world.mailer():
        (mail,) = eventually(lambda: world.mails(user.email, "Choose a new password"), message="the message with the link")
    (link,) = re.findall(r"/reset#([\w-]+)", mail.get_body(("plain",)).get_content())
    world.ask("POST", "/auth/password/reset", {"token": link, "password": "nine wooden beads"})


def test_a_message_is_sent_soon_whatever_the_clock_of_postgres_does(world):
    with world.mailer():
        for _ in world.jumps(JUMPS):
            user = User(world.users)
            world.ask("PUT", "/auth/password", {"current": user.password, "new": user.password}, token=user.token)
            eventually(lambda user=user: world.mails(user.email, "Your password was changed"), WITHIN_S, message="the message")


def test_no_client_waits_for_longer_than_a_window_when_the_clock_of_postgres_is_set_back(world):
    owner = owner_of_codes(world)
    world.of_users("UPDATE factor_settings SET tries = 1000, tries_since = now(), mtans = 1000, mtans_since = now()")
    assert answer(world, challenge_of(world, owner)) == 429
    world.clock.set(-HOUR_S)
    assert answer(world, challenge_of(world, owner)) == 201
