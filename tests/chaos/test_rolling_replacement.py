"""A rolling replacement of the version before decision 0016, which kept all results in Redis, by this one: users, then values,
then worker, as docs/operations.md has it. Both versions run side by side on one Postgres and one
Redis, in databases that this file has to itself, while clients submit, read and listen. The earlier version is built from this
repository's history; EARLIER names another of its commits."""

import collections
import contextlib
import json
import os
import random
import socket
import threading

import pytest

import abacus
import calculations
from abacus import RUN_DIR, Daemon, eventually, superuser
from harness import ROOT, Load, UnexpectedAnswerError, run
from websocket import CLOSE, PING, PONG, TEXT, WebSocket

EARLIER = os.environ.get("EARLIER", "42a146716373f721d0edc99c24da2945261f1f60")
FOLDER = ROOT / "build/earlier" / EARLIER
REDIS_DATABASE = 7
PASSWORD = "nine wooden beads"
PATIENT = {  # because no process is to lose its connections on a busy machine: that announces a result again
    "REDIS_COMMAND_TIMEOUT_MS": 60_000,
    "POSTGRES_QUERY_TIMEOUT_MS": 60_000,
    "HTTP_DEADLINE_MS": 60_000,
    "HANG_SECONDS": 60,
}
REQUEST_S = 60
THREADS = 4
PAUSE_S = 0.05  # of each between two submissions
SUBMISSIONS = 20  # in each step
# Of up to 1,000 digits, and of more, which Redis keeps by themselves. All are of the small lane, because the earlier worker
# does not know the other.
SHORT, LONG = range(300, 4700), range(5_000, 12_000)
LARGE = 900_000


# ---- the two versions ----


def build_earlier():
    found = run("git", "cat-file", "-e", f"{EARLIER}^{{commit}}", ok=False)
    if found.returncode:
        pytest.skip(f"needs the history of this repository (git fetch --unshallow): {found.stdout.strip()}")
    FOLDER.mkdir(parents=True, exist_ok=True)
    run("sh", "-c", 'git archive "$1" Makefile libcommon services | tar -x -C "$2"', "sh", EARLIER, FOLDER)
    programs = [f"build/bin/{name}" for name in ("users", "users-manage", "values", "values-manage", "worker")]
    run("make", "-s", "-j2", "BUILD=build", "OPTIMIZE=-O0", "SANITIZE=", *programs, cwd=FOLDER)


def url_of(name):
    start, _ = (RUN_DIR / "secrets" / f"{name}.url").read_text().strip().rsplit("/", 1)
    return f"{start}/{database_of(name)}"


def database_of(name):
    return REDIS_DATABASE if name == "redis" else f"rolling_{name}"


class Version:
    """bin: the folder of its programs; sources: that of its services, with their migrations."""

    def __init__(self, bin, sources):
        self.bin, self.sources = bin, sources

    def daemon(self, name, **environment):
        urls = {"REDIS_URL": url_of("redis"), "REDIS_URL_FILE": None, "DATABASE_URL_FILE": None}
        urls |= {"DATABASE_URL": url_of(name)} if name != "worker" else {}
        cheap = {"ARGON2_MEMORY_KIB": 64, "ARGON2_PASSES": 1} if name == "users" else {}
        return Daemon(name, folder=self.bin, **urls, **cheap, **PATIENT, VALUES_RATE=0, REPAIR_SECONDS=1, **environment)

    def manage(self, name, *arguments):
        return run(
            self.bin / f"{name}-manage", *arguments, APP_ENV="testing", DATABASE_URL=url_of(name), REDIS_URL=url_of("redis"),
            SECRET_KEY_FILE=str(RUN_DIR / "secrets/SECRET_KEY"), MIGRATIONS_DIR=str(self.migrations(name)),
        ).stdout  # fmt: skip

    def migrations(self, name):
        return self.sources / name / "migrations"


@contextlib.contextmanager
def databases():
    abacus.redis_cli("-n", str(REDIS_DATABASE), "FLUSHDB")
    for name in ("users", "values"):
        superuser(f"DROP DATABASE IF EXISTS {database_of(name)} WITH (FORCE)")
        superuser(f"CREATE DATABASE {database_of(name)} OWNER {name}")
    try:
        yield
    finally:
        for name in ("users", "values"):
            superuser(f"DROP DATABASE {database_of(name)} WITH (FORCE)")
        abacus.redis_cli("-n", str(REDIS_DATABASE), "FLUSHDB")


# ---- clients ----


def register(users, name):
    person = {"username": name, "email": f"{name}@example.com", "password": PASSWORD}
    reply = abacus.post("/auth/register", person, port=users.port, timeout=REQUEST_S)
    assert reply.status == 201, reply
    return reply.json["auth_token"]


def log_in(users, name):
    reply = abacus.post(
        "/auth/login", {"email": f"{name}@example.com", "password": PASSWORD}, port=users.port, timeout=REQUEST_S
    )
    assert reply.status == 200, reply
    return reply.json["auth_token"]


def accepts(daemon, token):
    path = "/auth/status" if daemon.name == "users" else "/values"
    status = abacus.get(path, token=token, port=daemon.port, timeout=REQUEST_S).status
    assert status in (200, 401), status
    return status == 200


class Submissions:
    """For Load: each submits what is new, or now and then what was submitted before, to one of the values processes."""

    def __init__(self, token):
        self.token, self.to, self.asked, self.acknowledged = token, [], set(), set()
        self.new = [*random.sample(LONG, 100), *SHORT]
        random.shuffle(self.new)

    def __call__(self, number):
        index = random.choice(list(self.acknowledged)) if self.acknowledged and random.random() < 0.3 else self.new.pop()
        self.submit(random.choice(self.to), index)

    def submit(self, values, index):
        self.asked.add(index)
        reply = abacus.post("/values", {"index": index}, token=self.token, port=values.port, timeout=REQUEST_S)
        if reply.status != 200:
            raise UnexpectedAnswerError(f"{reply} of {values.log}")
        self.acknowledged.add(index)


class Listener:
    """Counts what a live connection is sent. known: what may have been announced before it listened."""

    def __init__(self, values, submissions):
        self.seen, self.submissions = collections.Counter(), submissions
        self.socket = WebSocket(submissions.token, port=values.port).expect_ready()
        self.known = set(submissions.asked)
        self.thread = threading.Thread(target=self.listen)
        self.thread.start()

    def listen(self):
        with contextlib.suppress(EOFError, OSError):
            opcode, payload = self.socket.next_frame()
            while opcode != CLOSE:
                if opcode == TEXT:
                    self.count(json.loads(payload))
                elif opcode == PING:
                    self.socket.send(PONG, payload)
                opcode, payload = self.socket.next_frame()

    def count(self, message):
        if message["event"] == "value":
            self.seen[message["index"]] += 1

    def __enter__(self):
        return self

    def __exit__(self, *_):
        with contextlib.suppress(OSError):
            self.socket.socket.shutdown(socket.SHUT_RDWR)
        self.thread.join()
        self.socket.leave()

    def wait_for_all(self):
        """That were submitted since then and until now."""
        new = self.submissions.acknowledged - self.known
        eventually(lambda: new <= set(self.seen), 60, message="a live connection was sent each result")

    def heard_twice(self):
        return {index: count for index, count in self.seen.items() if count > 1}


def read(values, token, index):
    """All digits, as soon as they are there."""
    path, headers = f"/values/fibonacci/{index}", {"Accept": "text/plain"}

    def done():
        reply = abacus.get(path, token=token, headers=headers, port=values.port, timeout=REQUEST_S)
        assert reply.status in (200, 202), reply
        return reply.status == 200 and reply

    return eventually(done, 60, message=f"{values.log}: the result of {index}").text


def wrong(values, token, indexes):
    """Those of which this process has another result than the right one."""
    return [index for index in sorted(indexes) if read(values, token, index) != calculations.digits_of("fibonacci", index)]


# ---- the replacement ----


def jobs_done(worker):
    return worker.metric("worker_jobs_total", 'result="done"')


class Replacement:
    """Each method replaces a part while clients go on, and notes what they see. The tests look at that afterwards."""

    def __init__(self, running):
        self.running = running
        self.wrong, self.heard_twice = {}, {}
        self.good, self.dead = {}, {}  # whether each process accepted a token

    def start(self, version, name):
        users = {"USERS_URL": f"http://127.0.0.1:{self.users.port}"} if name == "values" else {}
        return self.running.enter_context(version.daemon(name, **users))

    def stop(self, daemon):
        assert daemon.terminate(30) == 0, daemon.log

    def submit_to(self, *values):
        """Only to these from then on: what was on its way to others has been answered."""
        self.submissions.to = values
        self.load.wait_for(THREADS)

    def work(self, step, *values):
        """Submissions through these processes, whose results are read from each."""
        before = set(self.submissions.acknowledged)
        self.submit_to(*values)
        self.load.wait_for(SUBMISSIONS)
        new = self.submissions.acknowledged - before
        for one in values:
            self.wrong[step, one.log.parent.name] = wrong(one, self.token, new)

    def begin(self, version):
        for name in ("users", "values"):
            version.manage(name, "db", "upgrade")
        self.users = self.start(version, "users")
        self.token = register(self.users, "ann")
        self.values, self.worker = self.start(version, "values"), self.start(version, "worker")
        self.submissions = Submissions(self.token)
        self.submissions.to = (self.values,)
        self.load = self.running.enter_context(Load(self.submissions, THREADS, PAUSE_S))

    def replace_users(self, version, name):
        """Either takes the users and tokens of the other, and what one of them ended is dead for both."""
        users = (self.users, self.start(version, "users"))
        register(users[1], name)
        tokens = [log_in(one, person) for one in users for person in ("ann", name)]
        for one in (*users, self.values):
            self.good[one.log.parent.name] = [accepts(one, token) for token in tokens]
        dead = tokens[1:3]
        for one, token in zip(reversed(users), dead, strict=True):
            status = abacus.post("/auth/logout", token=token, port=one.port, timeout=REQUEST_S).status
            assert status in (200, 503), "503 while users has just started: the token is dead, but values may not have read it"
        eventually(lambda: not any(accepts(self.values, token) for token in dead), 30, message="values has read of the logouts")
        for one in users:
            self.dead[one.log.parent.name] = [accepts(one, token) for token in dead]
        self.stop(self.users)
        self.users, self.ended = users[1], dead

    def replace_values(self, version, step):
        both = self.values, self.start(version, "values")
        self.listener = self.running.enter_context(Listener(both[1], self.submissions))
        self.work(step, *both)
        self.dead[both[1].log.parent.name] = [accepts(both[1], token) for token in self.ended]
        self.submit_to(both[1])
        self.stop(both[0])
        self.values = both[1]

    def replace_worker(self, version, step):
        both = self.worker, self.start(version, "worker")
        before = [jobs_done(one) for one in both]
        self.work(step, self.values)
        eventually(
            lambda: all(jobs_done(one) > count for one, count in zip(both, before, strict=True)), 60, 0.5, "both calculate"
        )
        self.stop(both[0])
        self.worker = both[1]

    def end_listening(self):
        self.listener.wait_for_all()
        self.heard_twice = self.listener.heard_twice()

    def forward(self, earlier, now):
        self.begin(earlier)
        self.work("the earlier version", self.values)
        for name in ("users", "values"):
            now.manage(name, "db", "upgrade")
        self.work("the earlier version after the migrations", self.values)
        self.replace_users(now, "ben")
        self.work("users replaced", self.values)
        self.replace_values(now, "both versions of values")
        self.work("values replaced", self.values)
        self.submissions.submit(self.values, LARGE)  # which no worker takes before the next step
        self.replace_worker(now, "both versions of worker")
        self.work("all replaced", self.values)
        self.end_listening()
        self.wait_until_written()

    def wait_until_written(self):
        """To Postgres: what the earlier worker stored, too."""
        database = database_of("values")
        unwritten = "SELECT count(*) FROM calculations WHERE state <> 'done' AND first_submitted_at < "
        now = superuser("SELECT now()")
        eventually(lambda: superuser(f"{unwritten}'{now}'", database) == "0", 30, message="Postgres has each result")


@pytest.fixture(scope="module")
def story():
    abacus.native("an earlier version")
    abacus.single_redis("an earlier version, which never ran on a cluster")
    build_earlier()
    earlier = Version(FOLDER / "build/bin", FOLDER / "services")
    now = Version(RUN_DIR / "bin", ROOT / "services")
    with databases(), contextlib.ExitStack() as running:
        story = Replacement(running)
        story.forward(earlier, now)
        story.load.stop()
        asked = story.submissions.acknowledged
        story.wrong["at the end", story.values.log.parent.name] = wrong(story.values, story.token, asked)
        print(f"{len(asked)} calculations, {story.load.done} submissions")
        yield story


def test_no_submission_fails_while_one_version_replaces_the_other(story):
    assert story.load.done > 7 * SUBMISSIONS
    assert story.load.failed == []


def test_each_process_of_either_version_has_each_result_and_it_is_right(story):
    assert len(story.wrong) == 9
    assert {step: indexes for step, indexes in story.wrong.items() if indexes} == {}


def test_a_live_connection_is_sent_each_result_once(story):
    assert story.heard_twice == {}


def test_tokens_of_either_version_are_good_for_both(story):
    assert len(story.good) == 3
    assert all(all(accepted) for accepted in story.good.values())


def test_what_users_of_either_version_ended_is_dead_for_both(story):
    assert not any(any(accepted) for accepted in story.dead.values())
