"""A failover while the old primary still answers, as a read-only replica: a proxy in front of each server leads new connections
to the new primary, and leaves those that exist where they are, as a name does that now has another address. For at most 2 s
clients get 503; then everything is on the new one."""

import contextlib
import itertools
import json
import time

import pytest

import system
from abacus import eventually, superuser
from harness import Load, Server, UnexpectedAnswerError, free_port, stalls
from system import Peered, User, judge

PAUSE_S = 0.005  # between two requests
PATIENT = {"REDIS_COMMAND_TIMEOUT_MS": 2000, "POSTGRES_QUERY_TIMEOUT_MS": 5000}  # as without these tests
FOLLOWED = ("master_link_status:up", "master_sync_in_progress:0")


class Redis:
    """A server of its own, and a client for the test's questions."""

    def __init__(self, folder, number):
        self.port, password = free_port(), system.secret("redis")
        settings = folder / f"{number}.conf"
        settings.touch(0o600)
        settings.write_text(
            f"bind 127.0.0.1\nport {self.port}\nrequirepass {password}\nmasterauth {password}\n"
            'save ""\nrepl-diskless-sync-delay 0\n'
        )
        self.server = Server(folder / f"{number}.log", "redis-server", settings).wait_for_port(self.port)
        self.ask = system.Redis(port=self.port)

    def follow(self, other):
        self.ask("REPLICAOF", "127.0.0.1", other.port)
        eventually(lambda: all(line in self.ask("INFO", "replication") for line in FOLLOWED), 30, message="it is a replica")

    def clients(self):
        """Of daemons: neither the other server nor the test's own."""
        own = f"id={self.ask('CLIENT', 'ID')} "
        listed = "".join(self.ask("CLIENT", "LIST", "TYPE", kind) for kind in ("normal", "pubsub"))
        return [line for line in listed.splitlines() if not line.startswith(own)]


class World:
    def __init__(self, users, values, worker, mailer, healthcheck):
        self.users, self.values, self.healthcheck = users, values, healthcheck
        self.daemons = (users, values, worker, mailer, healthcheck)
        self.user, self.indexes, self.acknowledged = User(users), itertools.count(1), []

    def ask(self, daemon, method, path, body=None, token=None):
        reply = daemon.call(method, path, body, token=token)
        judge(f"{method} {path}", [reply], {200, 503, 504})
        if reply.status != 200:
            raise UnexpectedAnswerError(reply)
        return reply

    def submit(self, _):
        index = next(self.indexes)
        self.ask(self.values, "POST", "/values", {"index": index}, self.user.token)
        self.acknowledged.append(index)

    def log_in_and_out(self, _):
        """A logout waits until the leases of the followers are over that confirmed on the old primary."""
        token = self.ask(self.users, "POST", "/auth/login", self.user.credentials).json["auth_token"]
        self.ask(self.users, "POST", "/auth/logout", token=token)

    def shown(self, name):
        """What the dashboard says of Redis or Postgres."""
        server = self.healthcheck.call("GET", "/healthcheck").json["data"][name]
        return server["status"], server["role"]

    def is_seen_as_primary(self, name):
        eventually(lambda: self.shown(name) == ("up", "primary"), 10, message=f"healthcheck has left the old {name}")

    def fails_over(self, move):
        """move: makes the old primary a read-only one, and leads new connections to the new one."""
        with Load(self.submit, 1, PAUSE_S) as submitting, Load(self.log_in_and_out, 1, PAUSE_S) as logging_in:
            for load in (submitting, logging_in):
                load.wait_for(20)
                assert load.failed == []
            move()
            start, stalled_s = time.monotonic(), stalls().total_s
            eventually(lambda: time.monotonic() - start > 2 * system.RECOVERS_S, 30)
            for load in (submitting, logging_in):
                load.wait_for(20)
        failed = sorted(submitting.failed + logging_in.failed)
        print(f"{len(failed)} requests of {submitting.done + logging_in.done} were refused: {failed}")
        assert failed and failed[-1][0] - start < system.RECOVERS_S + stalls().total_s - stalled_s
        assert all(daemon.is_ready() for daemon in self.daemons)
        system.all_are_done(self.acknowledged)


@pytest.fixture(scope="module")
def servers(tmp_path_factory):
    folder, both = tmp_path_factory.mktemp("failover"), []
    try:
        for number in range(2):
            both.append(Redis(folder, number))
        both[1].follow(both[0])
        yield both
    finally:
        for each in both:
            each.server.stop()


@pytest.fixture(scope="module")
def world(servers, tmp_path_factory):
    system.make_databases()
    with contextlib.ExitStack() as running:
        start = lambda name, **chosen: running.enter_context(  # noqa: E731
            Peered(name, redis_port=servers[0].port, **(PATIENT | chosen))
        )
        yield World(
            start("users", REPAIR_SECONDS=1),
            start("values", REPAIR_SECONDS=1),
            start("worker", LEASE_SECONDS=1),
            start("mailer", MAIL_DIR=tmp_path_factory.mktemp("mail")),
            start("healthcheck"),
        )


def test_when_redis_fails_over_and_the_old_primary_answers_as_a_replica_everything_is_soon_on_the_new_one(world, servers):
    old, new = servers

    def move():
        for daemon in world.daemons:
            daemon.redis.server_port = new.port
        new.ask("REPLICAOF", "NO", "ONE")
        old.ask("REPLICAOF", "127.0.0.1", new.port)

    assert old.clients() and not new.clients()
    world.fails_over(move)
    eventually(lambda: not old.clients(), 10, message="no daemon is connected to the old one")
    assert new.clients()
    world.is_seen_as_primary("redis")


def test_a_replica_that_is_meant_to_be_watched_stays_degraded_while_its_connection_is_replaced(servers):
    replica = next(each for each in servers if each.ask("ROLE")[0] == "slave")
    before, seen = {line.split()[0] for line in replica.clients()}, set()
    with Peered("healthcheck", redis_port=replica.port, **PATIENT) as healthcheck:

        def is_replaced_twice():
            seen.update(line.split()[0] for line in replica.clients())
            return len(seen - before) > 2

        eventually(is_replaced_twice, 30, message="its connection is replaced again and again")
        lines = [json.loads(line) for line in healthcheck.daemon.log.read_text().splitlines()]
    changes = [line["status"] for line in lines if line["msg"] == "health changed" and line["of"] == "redis"]
    assert changes[-1:] == ["degraded"] and changes.count("degraded") == 1
    assert not any("redis is not reachable" in line["msg"] for line in lines)


@contextlib.contextmanager
def read_only_but_for_new_connections():
    """A role's setting counts from the next connection on, the server's for those that exist too."""
    databases = {"users": "faults_users", "values": "faults_values", "healthcheck": "postgres"}
    roles = [f"ALTER ROLE {name} IN DATABASE {database}" for name, database in databases.items()]
    for role in roles:
        superuser(f"{role} SET default_transaction_read_only = off")
    superuser("ALTER SYSTEM SET default_transaction_read_only = on")
    superuser("SELECT pg_reload_conf()")
    try:
        yield
    finally:
        superuser("ALTER SYSTEM RESET default_transaction_read_only")
        superuser("SELECT pg_reload_conf()")
        for role in roles:
            superuser(f"{role} RESET default_transaction_read_only")


def test_when_postgres_fails_over_and_the_old_primary_answers_read_only_everything_is_soon_on_the_new_one(world):
    with contextlib.ExitStack() as failed_over:
        world.fails_over(lambda: failed_over.enter_context(read_only_but_for_new_connections()))
        world.is_seen_as_primary("postgres")
