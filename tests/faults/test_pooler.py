"""PgBouncer in transaction mode between the daemons and Postgres, with POSTGRES_PREPARE=false: each transaction runs on
a connection of its own. The main path of every route works through it, and no request of a crowd is answered with an error."""

import os
import pathlib
import shutil
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
import walks
from walks import Client, Walker

import system
from abacus import eventually, superuser
from harness import Server, free_port, unless_root
from system import POSTGRES_PORT, Peered, secret

PGBOUNCER = shutil.which("pgbouncer", path="/usr/sbin:/usr/bin:/usr/local/bin")
SERVER_CONNECTIONS = 3  # of each database, for all connections of its daemon
LIMIT_MS = 60_000  # of a command and of a statement, which waits for a connection too: a busy machine breaks no promise here
CROWD, CROWD_S = 24, 3  # users of each service at once, and how long
# A server connection per transaction, and small reads, so that a daemon's packets of one moment do not reach it as one.
INI = """
[databases]
* = host=127.0.0.1 port={postgres}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {port}
unix_socket_dir =
auth_type = plain
auth_file = {folder}/users
pool_mode = transaction
default_pool_size = {connections}
server_lifetime = 0
pkt_buf = 512
sbuf_loopcnt = 1
"""


class Pooler:
    """It refuses to run as root."""

    def __init__(self):
        self.port = free_port()

    def __enter__(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="pgbouncer-"))
        ini = INI.format(postgres=POSTGRES_PORT, port=self.port, folder=self.folder, connections=SERVER_CONNECTIONS)
        (self.folder / "ini").write_text(ini)
        with open(self.folder / "users", "x", opener=lambda path, flags: os.open(path, flags, 0o600)) as users:
            users.writelines(f'"{name}" "{secret(name)}"\n' for name in ("users", "values"))
        if os.geteuid() == 0:
            self.folder.chmod(0o755)
            shutil.chown(self.folder / "users", "nobody")
        self.server = Server(self.folder / "log", *unless_root("nobody", "nogroup"), PGBOUNCER, self.folder / "ini")
        try:
            self.server.wait_for_port(self.port)
        except BaseException:
            shutil.rmtree(self.folder)
            raise
        return self

    def __exit__(self, *_):
        self.server.stop()
        shutil.rmtree(self.folder)


class Pooled(Client):
    def __init__(self, peered, database=None):
        super().__init__(peered.name, peered.call, database)
        self.peered = peered

    def reply_to(self, route, ask):
        reply = ask()
        assert reply.status < 500, f"{route}: {reply}\n{self.peered.daemon.log.read_text()[-3000:]}"
        return reply


@pytest.fixture(scope="module")
def world():
    """users and values, each behind the pooler, and a worker."""
    if not PGBOUNCER:
        pytest.skip("needs pgbouncer (scripts/install-packages test)")
    system.make_databases()
    limits = {"POSTGRES_QUERY_TIMEOUT_MS": LIMIT_MS, "REDIS_COMMAND_TIMEOUT_MS": LIMIT_MS, "REPAIR_SECONDS": 1}
    with Pooler() as pooler:

        def pooled(name, **environment):
            url = system.postgres_url(name, pooler.port)
            return Peered(name, DATABASE_URL=url, POSTGRES_PREPARE="false", **limits, **environment)

        with pooled("users", PUBLIC_URL=walks.ORIGIN, MTAN_TEST_CODES=walks.codes_known(0), LOGIN_ATTEMPTS_MAX=1000) as users:
            system.revocations_are_published()
            with pooled("values") as values, Peered("worker", REDIS_COMMAND_TIMEOUT_MS=LIMIT_MS):
                eventually(lambda: users.is_ready() and values.is_ready(), 30)
                yield Pooled(users, system.USERS_DATABASE), Pooled(values)


def test_the_main_path_of_every_route_of_users_works(world):
    call, _ = world
    for walk in walks.OF_USERS:
        walk(call)
    assert walks.routes(call.name) - call.seen == set()


def test_the_main_path_of_every_route_of_values_works(world):
    users, call = world
    walks.walk_values(call, Walker(users, "walter").token)
    assert walks.routes(call.name) - call.seen == {("GET", "/values/live")}, "which asks Postgres nothing"


def lines_about_postgres(log, begin):
    """What the daemon has logged from there on of statements that failed and connections that were lost."""
    lines = log.read_bytes()[begin:].decode().splitlines()
    return [line for line in lines if "a statement failed" in line or "postgres" in line]


def submits_and_reads(values, token, until):
    """The ids of what it submitted, each acknowledged."""
    ids = []
    while time.monotonic() < until:
        ids.append(values("POST", "/values", body={"index": len(ids)}, token=token)["id"])
        values("GET", "/values/all")
        listed = values("GET", "/values", token=token)["data"]["values"]
        assert ids[-1] in {value["id"] for value in listed}
    return set(ids)


def logs_in_and_reads(users, user, until):
    while time.monotonic() < until:
        user.logs_in()
        assert users("GET", "/user", token=user.token)["data"]["username"] == user.name
        users("GET", "/auth/sessions", token=user.token)


def test_a_crowd_of_readers_and_writers_loses_nothing(world):
    """Reads share transactions, and writes have one each: none is split over two connections of the pooler."""
    users, values = world
    crowd = [Walker(users, f"crowd-{number}") for number in range(CROWD)]
    logs = [client.peered.daemon.log for client in world]
    begins = [log.stat().st_size for log in logs]
    until = time.monotonic() + CROWD_S
    with ThreadPoolExecutor(2 * CROWD) as threads:
        submissions = [threads.submit(submits_and_reads, values, user.token, until) for user in crowd]
        logins = [threads.submit(logs_in_and_reads, users, user, until) for user in crowd]
    submitted = set.union(*(done.result() for done in submissions))
    for done in logins:
        done.result()
    assert submitted <= set(superuser('SELECT id FROM "values"', "faults_values").split())
    assert [lines_about_postgres(log, begin) for log, begin in zip(logs, begins, strict=True)] == [[], []]
