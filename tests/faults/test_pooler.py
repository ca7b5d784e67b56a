"""PgBouncer in transaction mode between the daemons and Postgres, with POSTGRES_PREPARE=false: each transaction runs on
a connection of its own. The main path of every route works through it, and no request of a crowd is answered with an error."""

import os
import pathlib
import shutil
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from authenticator import Browser

import abacus
import system
from abacus import eventually, superuser, totp
from harness import Server, free_port
from system import POSTGRES_PORT, Peered, secret

PGBOUNCER = shutil.which("pgbouncer", path="/usr/sbin:/usr/bin:/usr/local/bin")
SERVER_CONNECTIONS = 3  # of each database, for all connections of its daemon
LIMIT_MS = 10_000  # of a command and of a statement, which waits for a connection too
ORIGIN = "https://abacus.example"
CROWD, CROWD_S = 24, 3  # users of each service at once, and how long
CODE, CODES_OWNER = "1001", "pooled-codes-owner"
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
        command = [PGBOUNCER, self.folder / "ini"]
        if os.geteuid() == 0:
            self.folder.chmod(0o755)
            shutil.chown(self.folder / "users", "nobody")
            command = ["setpriv", "--reuid", "nobody", "--regid", "nogroup", "--clear-groups", *command]
        self.server = Server(self.folder / "log", *command)
        try:
            self.server.wait_for_port(self.port)
        except BaseException:
            shutil.rmtree(self.folder)
            raise
        return self

    def __exit__(self, *_):
        self.server.stop()
        shutil.rmtree(self.folder)


class Client:
    """Calls routes, which must answer as expected, and notes them."""

    def __init__(self, peered):
        self.peered, self.seen = peered, set()

    def __call__(self, method, route, *segments, status=200, body=None, token=None, headers=None):
        path = route.replace("{id}", "{}").replace("{kind}/{index}", "fibonacci/{}").format(*segments)
        reply = self.peered.call(method, path, body, token=token, headers=headers)
        assert reply.status == status, f"{method} {path}: {reply}\n{self.peered.daemon.log.read_text()[-3000:]}"
        self.seen.add((method, route))
        return reply.json

    def routes(self):
        lines = system.manage(self.peered.name, "routes").stdout.splitlines()
        return {tuple(line.split()[:2]) for line in lines}


class Walker:
    """A user with a token, and what users asks of one."""

    def __init__(self, call, word):
        self.call, self.email, self.password, self.proof = call, f"{word}@example.com", f"brass beads {word}", None
        self.name = f"pooled-{word}"
        self.token = call("POST", "/auth/register", status=201, body=self.credentials | {"username": self.name})["auth_token"]

    @property
    def credentials(self):
        return {"email": self.email, "password": self.password}

    def logs_in(self):
        self.token = self.call("POST", "/auth/login", body=self.credentials)["auth_token"]

    def begins_session(self):
        session = self.call("POST", "/auth/session", status=201, body=self.credentials)
        self.token = session["access_token"]
        return session

    def confirms(self, action, **parameters):
        """By the password, or by what the user has."""
        body = {"action": action, "parameters": parameters}
        begun = self.call("POST", "/auth/confirmations", status=201, body=body, token=self.token)["data"]
        answer = self.proof() if self.proof else {"method": "password", "password": self.password}
        answered = self.call("POST", "/auth/challenge/{id}", begun["challenge"], body=answer)
        return {"X-Confirmation": answered["data"]["confirmation"]}


@pytest.fixture(scope="module")
def world():
    """users and values, each behind the pooler, and a worker."""
    if not PGBOUNCER:
        pytest.skip("needs pgbouncer (scripts/install-packages test)")
    system.make_databases()
    codes = f"{CODES_OWNER}@example.com:{CODE}"
    limits = {"POSTGRES_QUERY_TIMEOUT_MS": LIMIT_MS, "REDIS_COMMAND_TIMEOUT_MS": LIMIT_MS, "REPAIR_SECONDS": 1}
    with Pooler() as pooler:

        def pooled(name, **environment):
            url = system.postgres_url(name, pooler.port)
            return Peered(name, DATABASE_URL=url, POSTGRES_PREPARE="false", **limits, **environment)

        with pooled("users", PUBLIC_URL=ORIGIN, MTAN_TEST_CODES=codes, LOGIN_ATTEMPTS_MAX=1000) as users:
            system.revocations_are_published()
            with pooled("values") as values, Peered("worker", REDIS_COMMAND_TIMEOUT_MS=LIMIT_MS):
                eventually(lambda: users.is_ready() and values.is_ready(), 30)
                yield Client(users), Client(values)


def walk_tokens(call):
    ada = Walker(call, "ada")
    call("GET", "/users/ping")
    for method in ("GET", "POST"):
        ada.logs_in()
        call(method, "/auth/logout", token=ada.token)
    ada.token = call("POST", "/auth", body={"username": ada.name, "password": ada.password})["access_token"]
    call("GET", "/auth/status", token=ada.token)
    call("GET", "/user", token=ada.token)
    call("PUT", "/auth/password", body={"current": ada.password, "new": "another pass phrase"}, token=ada.token)
    ada.password = "another pass phrase"
    call("POST", "/auth/password/forgot", status=202, body={"email": ada.email})
    body = {"token": system.make_reset_token(ada.email), "password": ada.password}
    call("POST", "/auth/password/reset", body=body)
    ada.logs_in()
    call("POST", "/auth/email", status=202, token=ada.token)
    call("POST", "/auth/email/verify", body={"token": system.make_email_token(ada.email)})
    call(
        "PATCH",
        "/auth/account",
        body={"username": "pooled-ada-2"},
        headers=ada.confirms("change_account", username="pooled-ada-2"),
        token=ada.token,
    )
    call("GET", "/auth/events", token=ada.token)
    call("DELETE", "/auth/account", body={"current": ada.password}, token=ada.token)


def walk_sessions(call):
    bob = Walker(call, "bob")
    first, second = bob.begins_session(), bob.begins_session()
    second = call("POST", "/auth/session/refresh", body={"refresh_token": second["refresh_token"]})
    assert len(call("GET", "/auth/sessions", token=second["access_token"])["data"]["sessions"]) == 2
    call("DELETE", "/auth/sessions/{id}", first["session"]["id"], token=second["access_token"])
    bob.token = second["access_token"]
    bob.token = call("DELETE", "/auth/sessions", token=bob.token, headers=bob.confirms("end_other_sessions"))["data"][
        "access_token"
    ]
    call("DELETE", "/auth/session", token=bob.token)


def walk_factors(call):
    eve = Walker(call, "eve")
    eve.begins_session()
    enrolled = call("POST", "/auth/factors", status=201, body={"method": "totp", "current": eve.password}, token=eve.token)[
        "data"
    ]
    app = enrolled["id"]
    activated = call("POST", "/auth/factors/{id}", app, body={"code": totp(enrolled["secret"])}, token=eve.token)["data"]
    eve.token, codes = activated["access_token"], activated["recovery_codes"]
    eve.proof = lambda: {"method": "recovery", "code": codes.pop()}
    headers = eve.confirms("add_factor", method="passkey")
    enrolled = call("POST", "/auth/factors", status=201, body={"method": "passkey"}, token=eve.token, headers=headers)["data"]
    browser = Browser(ORIGIN)
    passkey, credential = browser.create(enrolled["public_key"])
    body = {"credential": credential}
    eve.token = call("POST", "/auth/factors/{id}", enrolled["id"], body=body, token=eve.token)["data"]["access_token"]
    begun = call("POST", "/auth/passkey", status=201)["data"]
    body = {"assertion": browser.get(begun["public_key"], passkey)}
    eve.token = call("POST", "/auth/passkey/{id}", begun["challenge"], status=201, body=body)["access_token"]
    assert len(call("GET", "/auth/factors", token=eve.token)["data"]["factors"]) == 2
    body = {"asked": "sensitive"}
    headers = eve.confirms("change_factors", **body)
    eve.token = call("PATCH", "/auth/factors", body=body, token=eve.token, headers=headers)["data"]["access_token"]
    headers = eve.confirms("replace_recovery_codes")
    reply = call("POST", "/auth/recovery-codes", body={}, token=eve.token, headers=headers)["data"]
    eve.token, codes[:] = reply["access_token"], reply["recovery_codes"]
    call("DELETE", "/auth/factors/{id}", app, token=eve.token, headers=eve.confirms("remove_factor", id=app))


def walk_codes_by_message(call):
    owner = Walker(call, CODES_OWNER)
    system.give_codes_by_message(owner)
    begun = call("POST", "/auth/session", status=401, body=owner.credentials)["data"]
    call("POST", "/auth/challenge/{id}/code", begun["challenge"])
    call("POST", "/auth/challenge/{id}", begun["challenge"], status=201, body={"method": "mtan", "code": CODE})


def walk_users(call):
    root = Walker(call, "root")
    system.make_admin(root.email)
    root.logs_in()
    body = {"username": "pooled-carol", "email": "carol@example.com", "password": "seven brass beads"}
    call("POST", "/users", status=201, body=body, token=root.token)
    found = call("GET", "/users", token=root.token)["data"]["users"]
    (carol,) = [user["id"] for user in found if user["username"] == "pooled-carol"]
    call("GET", "/users/{id}", carol, token=root.token)
    call("PATCH", "/users/{id}", carol, body={"username": "pooled-carol-2"}, token=root.token)
    call("GET", "/users/{id}/events", carol, token=root.token)
    call("POST", "/users/{id}/reset", carol, status=202, token=root.token, headers=root.confirms("reset_user", id=str(carol)))
    headers = root.confirms("end_user_sessions", id=str(carol))
    call("DELETE", "/users/{id}/sessions", carol, token=root.token, headers=headers)
    call("DELETE", "/users/{id}", carol, token=root.token)


def walk_values(call, token):
    call("GET", "/values/kinds")
    ids = [call("POST", "/values", body={"index": index}, token=token)["id"] for index in (10, 11)]
    assert len(call("GET", "/values", token=token)["data"]["values"]) == 2
    call("GET", "/values/all")
    call("GET", "/values/current")
    eventually(
        lambda: call("GET", "/values/{kind}/{index}", 10, token=token)["data"]["result"] == str(abacus.fibonacci(10)),
        20,
        not_yet=AssertionError,
    )
    call("POST", "/values/{kind}/{index}/retry", 10, token=token)
    call("DELETE", "/values/{id}", ids[0], token=token)
    call("DELETE", "/values", token=token)


def test_the_main_path_of_every_route_of_users_works(world):
    call, _ = world
    for walk in (walk_tokens, walk_sessions, walk_factors, walk_codes_by_message, walk_users):
        walk(call)
    assert call.routes() - call.seen == set()


def test_the_main_path_of_every_route_of_values_works(world):
    users, call = world
    walk_values(call, Walker(users, "walter").token)
    assert call.routes() - call.seen == {("GET", "/values/live")}, "which asks Postgres nothing"


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
