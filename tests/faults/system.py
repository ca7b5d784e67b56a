"""A system of its own for the tests in this folder: daemons on databases of their own in the stack's Postgres and Redis, each
behind proxies of its own, so that what one daemon's peers do affects no other.

Each daemon runs without a supervising parent, so that a crash ends it and is seen."""

import contextlib
import hmac
import os
import pathlib
import random
import re
import secrets
import socket
import struct
import subprocess
import threading
import time
import uuid
from concurrent.futures import ThreadPoolExecutor

import abacus
from abacus import Daemon, call, eventually, superuser
from harness import ROOT, Stopwatch, run
from postgres_proxy import PostgresProxy
from redis_proxy import RedisProxy
from tokens import base64url

SEED = int(os.environ.get("SEED", random.randrange(1 << 30)))
POSTGRES_PORT = 5435 + abacus.OFFSET
REDIS_DATABASE = 9
USERS_DATABASE = "faults_users"
ANOTHER_DATABASE = 8  # for daemons that what happens to the others must not disturb
RECOVERS_S = 2 * (3 if os.environ.get("SANITIZED") else 1)
NO_TARGET = "users=http://127.0.0.1:1"  # of healthcheck, which must have one
TICKS = os.sysconf("SC_CLK_TCK")
FAULTS_PER_COMMAND = os.environ.get("FAULTS_PER_COMMAND", "2")  # chosen by the seed; all: every one
COMMAND_MS = 400  # time limit of a command, short because many tests wait for it
SETTLED_S = COMMAND_MS / 1000 + 1  # within this a statement has ended: postgres_settled_ms()


def secret(name):
    return (abacus.RUN_DIR / "secrets" / name).read_text().strip()


class Redis:
    """A client of the real Redis, for the test's own questions."""

    def __init__(self, database=REDIS_DATABASE, port=None):
        its_port, number = abacus.redis_database(database)
        port = port or its_port
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=20)
        self.replies = self.socket.makefile("rb")
        self.lock = threading.Lock()
        self("AUTH", secret("redis"))
        self("SELECT", number)

    def __call__(self, *words):
        words = [str(word).encode() for word in words]
        with self.lock:
            self.socket.sendall(b"*%d\r\n" % len(words) + b"".join(b"$%d\r\n%s\r\n" % (len(word), word) for word in words))
            return self.read()

    def read(self):
        line = self.replies.readline()
        kind, rest = line[:1], line[1:-2]
        assert kind != b"-", rest
        if kind == b"*":
            return [self.read() for _ in range(int(rest))]
        if kind == b"$":
            return None if rest == b"-1" else self.replies.read(int(rest) + 2)[:-2].decode()
        return int(rest) if kind == b":" else rest.decode()


def make_pending(index):
    """A calculation that Redis does not know of until refill adds it."""
    superuser(f"INSERT INTO calculations (kind, index) VALUES ('fibonacci', {index})", "faults_values")
    return index


def make_submission_alone(index):
    """An old one whose calculation is missing until refill adds it."""
    columns = "(kind, index, submitted_at) VALUES"
    superuser(f"INSERT INTO \"values\" {columns} ('fibonacci', {index}, now() - interval '1 minute')", "faults_values")


def make_submission(email, index, state):
    """Of this user, as values stores it; its calculation may be pending or failed. Returns its id."""
    user_id = superuser(f"SELECT id FROM users WHERE email = '{email}'", USERS_DATABASE).strip()
    calculation = f"INSERT INTO calculations (kind, index, state) VALUES ('fibonacci', {index}, '{state}')"
    submission = f"INSERT INTO \"values\" (user_id, kind, index) VALUES ({user_id}, 'fibonacci', {index}) RETURNING id"
    return superuser(f"WITH made AS ({calculation}) {submission}", "faults_values").split()[0]


def all_are_done(indexes):
    wanted = set(indexes)
    sql = "SELECT index FROM calculations WHERE kind = 'fibonacci' AND state = 'done'"
    done = lambda: {int(index) for index in superuser(sql, "faults_values").split()}  # noqa: E731
    eventually(lambda: done() >= wanted, 30, message="every submission has its result")


def signed(purpose, number, user_id):
    """libcommon/auth/signed_id.h"""
    body = number.bytes + struct.pack("!q", user_id)
    signature = hmac.digest(secret("SECRET_KEY").encode(), purpose.encode() + body, "sha256")
    return base64url(body + signature)


def give_address(user, email, database=USERS_DATABASE):
    """Makes this the address of the user, and deletes the account that had it."""
    superuser(f"DELETE FROM users WHERE email = '{email}'", database)
    superuser(f"UPDATE users SET email = '{email}' WHERE email = '{user.email}'", database)
    user.email = email


def make_reset_token(email, database=USERS_DATABASE):
    """As in the link that mailer sends to the address."""
    columns, number = "(id, user_id, email, expires_at)", uuid.uuid4()
    owner = f"SELECT '{number}', id, email, now() + interval '1 hour' FROM users WHERE email = '{email}'"
    user_id = superuser(f"INSERT INTO password_resets {columns} {owner} RETURNING user_id", database).split()[0]
    return signed("abacus reset token 1:", number, int(user_id))


def make_email_token(email, database=USERS_DATABASE):
    """As in the link that confirms the address."""
    row = "id, gen_random_uuid(), email, tokens_dead_until_ms, now() + interval '1 hour'"
    owner = f"SELECT {row} FROM users WHERE email = '{email}'"
    fresh = "DO UPDATE SET id = excluded.id, generation = excluded.generation, expires_at = excluded.expires_at, sent = 0"
    sql = f"INSERT INTO email_links (user_id, id, email, generation, expires_at) {owner} ON CONFLICT (user_id) {fresh}"
    user_id, number = superuser(f"{sql} RETURNING user_id || ' ' || id", database).split()[:2]
    return signed("abacus address token 1:", uuid.UUID(number), int(user_id))


def make_admin(email, database=USERS_DATABASE):
    """Without links that are good, so that another one can be sent. Returns the id."""
    own = f"(SELECT id FROM users WHERE email = '{email}')"
    superuser(f"DELETE FROM password_resets WHERE user_id = {own}", database)
    return superuser(f"UPDATE users SET admin = true WHERE id = {own} RETURNING id", database).split()[0]


def give_codes_by_message(user, database=USERS_DATABASE):
    columns, row = "(id, user_id, method, secret, activated_at)", "gen_random_uuid(), id, 'mtan', '', now()"
    owner = f"FROM users WHERE email = '{user.email}'"
    superuser(f"INSERT INTO factor_settings (user_id) SELECT id {owner}", database)
    superuser(f"INSERT INTO factors {columns} SELECT {row} {owner}", database)


def forget_tries():
    """Those that are limited for each user."""
    superuser("UPDATE factor_settings SET tries = 0", USERS_DATABASE)


def add_mail_report(database=REDIS_DATABASE):
    """As mailer does, about a message that users does not know."""
    fields = ("id", uuid.uuid4(), "attempt", 1, "result", "deferred")
    redis_says("XADD", "{mail}:reports", "*", *fields, database=database)


def add_message(left_s=3600, number=None, redis=None, **fields):
    """As users does for mailer; its id. Each address and domain gets but one, so that no limit defers it."""
    number, deadline_ms = number or str(uuid.uuid4()), int((time.time() + left_s) * 1000)
    fields = {"id": number, "attempt": 1, "deadline": deadline_ms, "template": "password_changed", "values": "{}"} | fields
    fields = {"to": f"ada@{number}.example.com"} | fields
    (redis or redis_says)("XADD", "{mail}:messages", "*", *(word for field in fields.items() for word in field))
    return number


def notices(address, folder):
    """How many say that its user's password was changed, of those that a mailer has written there."""
    head = f"To: <{address}>\r\nSubject: Your password was changed\r\n".encode()
    return sum(head in file.read_bytes() for file in folder.glob("*.eml"))


def changes_password(user, users):
    """To the same one, which a notice reports to the user."""
    token = users.call("POST", "/auth/login", user.credentials).json["auth_token"]
    return users.call("PUT", "/auth/password", {"current": user.password, "new": user.password}, token=token).status


def redis_url(port, database=REDIS_DATABASE):
    return f"redis://:{secret('redis')}@127.0.0.1:{port}/{abacus.redis_database(database)[1]}"


def postgres_url(name, port, database=None):
    return f"postgres://{name}:{secret(name)}@127.0.0.1:{port}/{database or 'faults_' + name}"


def some(chooser, faults):
    return faults if FAULTS_PER_COMMAND == "all" else chooser.sample(faults, int(FAULTS_PER_COMMAND))


def manage(name, *arguments, ok=True, redis_port=None, postgres_port=POSTGRES_PORT, **environment):
    """A command of `manage` on the databases of this folder's tests."""
    redis_port = redis_port or abacus.redis_database(REDIS_DATABASE)[0]
    return run(
        abacus.RUN_DIR / "bin" / f"{name}-manage", *arguments, ok=ok,
        APP_ENV="testing", DATABASE_URL=postgres_url(name, postgres_port), REDIS_URL=redis_url(redis_port),
        HEALTHCHECK_TARGETS=NO_TARGET,
        SECRET_KEY_FILE=str(abacus.RUN_DIR / "secrets/SECRET_KEY"), **environment,
    )  # fmt: skip


def make_databases(postgres_port=POSTGRES_PORT):
    for database in (REDIS_DATABASE, ANOTHER_DATABASE):
        Redis(database=database)("FLUSHDB")
    for name in ("users", "values"):
        superuser(f"DROP DATABASE IF EXISTS faults_{name} WITH (FORCE)", port=postgres_port)
        superuser(f"CREATE DATABASE faults_{name} OWNER {name}", port=postgres_port)
        migrations = str(ROOT / "services" / name / "migrations")
        manage(name, "db", "upgrade", postgres_port=postgres_port, MIGRATIONS_DIR=migrations)


class Peered:
    """A daemon behind proxies of its own."""

    def __init__(self, name, database=REDIS_DATABASE, redis_port=None, postgres_port=POSTGRES_PORT, **environment):
        self.name, self.database = name, database
        self.redis = RedisProxy(redis_port or abacus.redis_database(database)[0])
        self.postgres = PostgresProxy(postgres_port)
        urls = {"REDIS_URL": redis_url(self.redis.port, database), "REDIS_URL_FILE": None}
        if name in ("users", "values"):
            urls |= {"DATABASE_URL": postgres_url(name, self.postgres.port), "DATABASE_URL_FILE": None}
        if name == "healthcheck":
            url = postgres_url("healthcheck", self.postgres.port, "postgres")
            urls |= {"HEALTHCHECK_POSTGRES": url, "HEALTHCHECK_INTERVAL": "0.2", "HEALTHCHECK_TIMEOUT_MS": COMMAND_MS}
            urls |= {"HEALTHCHECK_TARGETS": NO_TARGET}
        limits = {"REDIS_COMMAND_TIMEOUT_MS": COMMAND_MS, "POSTGRES_QUERY_TIMEOUT_MS": COMMAND_MS}
        limits |= {"REDIS_CONNECT_TIMEOUT_MS": 1000, "POSTGRES_CONNECT_TIMEOUT_MS": 1000}
        chosen = (
            {
                "HANG_SECONDS": 0,
                "INSTANCE": f"faults-{name}",
                "VALUES_BURST": 1000000,
                "ARGON2_MEMORY_KIB": 64,
                "ARGON2_PASSES": 1,
            }
            | urls
            | limits
        )
        self.chosen, self.asked = chosen | environment, 0
        self.daemon = Daemon(name, **self.chosen)

    def __enter__(self):
        try:
            self.daemon.__enter__()
        except BaseException:
            self.close()
            raise
        return self

    def close(self):
        self.redis.close()
        self.postgres.close()

    def __exit__(self, *_):
        for proxy in (self.redis, self.postgres):
            proxy.lift()
        try:
            assert self.daemon.process.poll() is None, self.death()
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.daemon.terminate(30)
            assert self.daemon.process.returncode == 0, self.death()
        finally:
            self.daemon.process.kill()
            self.close()

    def death(self):
        return f"{self.name} ended with {self.daemon.process.returncode}: {self.daemon.log.read_text()[-6000:]}"

    def call(self, method, path, body=None, **options):
        self.asked += 1
        return call(method, path, body, port=self.daemon.port, **options)

    def is_ready(self):
        assert self.daemon.process.poll() is None, self.death()
        return self.daemon.is_ready()

    def effort(self):
        """CPU seconds, lines of log."""
        fields = pathlib.Path(f"/proc/{self.daemon.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / TICKS, self.daemon.log.read_bytes().count(b"\n")

    @contextlib.contextmanager
    def bounded(self, what):
        """Fails if the daemon spins, floods its log or dies meanwhile."""
        assert self.daemon.process.poll() is None, self.death()
        (cpu_s, lines), start, asked = self.effort(), time.monotonic(), self.asked
        yield
        took_s = time.monotonic() - start
        assert self.daemon.process.poll() is None, f"{what}: {self.death()}"
        spent_s, written = self.effort()[0] - cpu_s, self.effort()[1] - lines
        assert spent_s < 0.5 + took_s / 4, f"{what}: {self.name} used {spent_s:.2f} s of CPU in {took_s:.2f} s"
        most = 100 + 60 * took_s + 2 * (self.asked - asked)
        assert written < most, f"{what}: {self.name} wrote {written} lines in {took_s:.2f} s, more than {most:.0f}"

    def recovers(self, what, is_well, limit_s=RECOVERS_S):
        """Lifts every fault, and returns how long it takes until is_well()."""
        self.redis.lift()
        self.postgres.lift()
        watch = Stopwatch()
        eventually(is_well, 30, message=f"{self.name} recovers from: {what}", not_yet=(OSError, AssertionError))
        took_s = watch.read()
        assert took_s < limit_s, f"{self.name} took {took_s:.2f} s to recover from: {what}"
        return took_s


local = threading.local()


def redis_says(*words, database=REDIS_DATABASE):
    if not hasattr(local, f"redis{database}"):
        setattr(local, f"redis{database}", Redis(database=database))
    return getattr(local, f"redis{database}")(*words)


def revocations_are_published(database=REDIS_DATABASE):
    are_published = lambda: redis_says("EXISTS", "{revocations}:complete", database=database)  # noqa: E731
    eventually(are_published, message="the revocations are published")


class Driven:
    """A daemon with what makes it send each command, and how to see that it is well. Each function returns what its
    clients got."""

    def __init__(self, peered):
        self.peered, self.proxy, self.name = peered, peered.redis, peered.name
        self.random = random.Random(f"{SEED} {self.name}")

    def reconnects(self):
        self.proxy.cut_all()
        return []

    ENDINGS = ()  # commands that only a daemon sends that ends
    HANDSHAKE = ("AUTH CLIENT PING" if abacus.IS_CLUSTER else "AUTH SELECT CLIENT PING").split()  # 0 needs no SELECT

    def triggers(self):
        """By the command; what stands behind a space says which use of it."""
        return dict.fromkeys(self.HANDSHAKE, self.reconnects)


class User:
    """Registered at a users daemon."""

    def __init__(self, users, word=None):
        word = word or secrets.token_hex(6)
        self.name, self.email, self.password = f"person-{word}", f"{word}@example.com", f"brass beads {word}"
        reply = users.call("POST", "/auth/register", {"username": self.name, "email": self.email, "password": self.password})
        assert reply.status == 201, reply
        self.token = reply.json["auth_token"]

    @property
    def credentials(self):
        return {"email": self.email, "password": self.password}


def in_parallel(world, run):
    """run(driven) for each daemon at once; returns what it returned, by name."""
    for driven in world.values():
        eventually(driven.is_well, 30, message=f"{driven.name} is well before", not_yet=(OSError, AssertionError))
    with ThreadPoolExecutor(len(world)) as pool:
        futures = {name: pool.submit(run, driven) for name, driven in world.items()}
    if failed := [future.exception() for future in futures.values() if future.exception()]:
        raise ExceptionGroup("; ".join(str(each) for each in failed), failed)
    return {name: future.result() for name, future in futures.items()}


def judge(what, replies, statuses):
    for reply in replies:
        assert reply.status in statuses, f"{what}: {reply}"
        assert reply.status != 503 or reply.headers["Retry-After"], f"{what}: {reply.headers}"


def untried(world, sent):
    """What each daemon of `sent` sends, and nothing here makes it send while it is answered wrongly."""
    tried = {name: {key.partition(" ")[0] for key in (*world[name].triggers(), *world[name].ENDINGS)} for name in sent}
    return {name: names - tried[name] for name, names in sent.items()}


def provoke(rule, what, trigger, statuses):
    """Asks until the daemon has sent what the rule waits for: it may refuse a request before it sends anything, when its lease
    on the revocations has just run out."""
    for _ in range(4):
        judge(what, trigger(), statuses)
        if rule.has_applied.wait(5):
            return
    raise AssertionError(f"{what}: it was not sent")


def metrics(peered):
    return call("GET", "/metrics", port=peered.daemon.admin_port).body


def table(file):
    """{word: (status, …)} of libcommon's tables of errors, to see that the tests know every line of them."""
    return set(re.findall(r'^\t\{"(\w+)", STATUS', (ROOT / "libcommon" / file).read_text(), re.MULTILINE))
