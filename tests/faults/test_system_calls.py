"""System calls of a daemon fail: all of one kind for good, then the Nth once, at its start, during a request of each route,
during a job, while it connects again, while it drains. N goes up to a run in which nothing failed, because then every call was
reached, or to N_MAX.

FAULTS=all tries every error of each kind instead of the first, and goes further. FAULTS_KINDS=send,open tries these kinds."""

import concurrent.futures
import contextlib
import itertools
import json
import os
import secrets
import signal
import threading
import time
import uuid

import pytest
import system_calls
from system_calls import (
    FOREVER,
    LIMIT_S,
    NO_ANSWER,
    BrokenPromiseError,
    Redis,
    Subject,
    ask,
    crash_of,
    ended_for_a_reason,
    exchange,
    head,
)

from harness import eventually
from websocket import TEXT, frame

DAEMONS = ("users", "values", "worker", "mailer", "healthcheck")
EVERYTHING = os.environ.get("FAULTS") == "all"
AT_ONCE = 6  # daemons, because most of the time they wait
N_MAX = 400 if EVERYTHING else 24
HELD_S = 0.3  # how long a fault for good lasts after the requests
IDLE_CPU = 0.5  # share of a processor that a daemon may use while a fault lasts and it has no request
CPU_S_MAX = 2  # of one fault, requests included
DESCRIPTORS_S = 10
FIRST_PORT = 24000 + os.getpid() % 1000
REPORT = []  # (daemon, phase, kind, error, seconds to recover)


@pytest.fixture(scope="module", autouse=True)
def report(tmp_path_factory):
    yield
    rows = {}
    for _, phase, kind, _, seconds in REPORT:
        count, slowest = rows.get((phase, kind), (0, 0))
        rows[phase, kind] = (count + 1, max(slowest, seconds))
    lines = [f"{phase:12}{kind:14}{count:6}{slowest:8.2f}" for (phase, kind), (count, slowest) in sorted(rows.items())]
    text = f"{'phase':12}{'kind':14}{'faults':>6}{'slowest':>8}\n" + "\n".join(lines) + f"\n{len(REPORT)} faults\n"
    (system_calls.abacus.RUN_DIR / "system-calls.txt").write_text(text)


# ---- what the daemon is asked meanwhile ----


def member(reply, *path):
    """What the JSON of an answer has there; None if a fault took it."""
    try:
        found = json.loads(reply[1])
        for name in path:
            found = found[name]
    except (ValueError, KeyError, TypeError):
        return None
    return found


class Users:
    """One request of each route of users."""

    def __init__(self, admin):
        self.admin = admin

    def __call__(self, subject):
        port, word = subject.port, secrets.token_hex(6)
        person = {"username": f"fault-{word}", "email": f"{word}@example.com", "password": f"brass beads {word}"}
        yield ask(port, "GET", "/users/ping")
        yield ask(port, "POST", "/auth/register", person)
        yield (login := ask(port, "POST", "/auth/login", {name: person[name] for name in ("email", "password")}))
        yield (status := ask(port, "GET", "/auth/status", token=member(login, "auth_token")))
        yield from self.as_user(port, member(login, "auth_token"), person["password"])
        yield from self.as_admin(port, member(status, "data", "id") or 0)
        yield ask(port, "POST", "/auth", {"email": "nobody@example.com", "password": word})
        yield ask(subject.admin_port, "GET", "/metrics")

    def as_user(self, port, token, password):
        yield ask(port, "GET", "/user", token=token)
        yield ask(port, "PUT", "/auth/password", {"current": password, "new": password * 2}, token=token)
        yield ask(port, "GET", "/auth/logout", token=token)
        yield ask(port, "POST", "/auth/logout", token=token)

    def as_admin(self, port, number):
        word = secrets.token_hex(6)
        added = {"username": f"fault-{word}", "email": f"{word}@example.com", "password": f"brass beads {word}"}
        yield ask(port, "GET", "/users?limit=2", token=self.admin)
        yield ask(port, "POST", "/users", added, token=self.admin)
        yield ask(port, "GET", f"/users/{number}", token=self.admin)
        yield ask(port, "PATCH", f"/users/{number}", {"active": True}, token=self.admin)
        yield ask(port, "DELETE", f"/users/{number}", token=self.admin)


class Values:
    """One request of each route of values."""

    def __init__(self, admin):
        self.admin = admin

    def __call__(self, subject):
        port, token = subject.port, self.admin
        yield ask(port, "POST", "/values", {"kind": "fibonacci", "index": secrets.randbelow(300)}, token=token)
        yield ask(port, "GET", "/values", token=token)
        yield ask(port, "GET", "/values/all")
        yield ask(port, "GET", "/values/current")
        yield ask(port, "GET", "/values/kinds")
        yield ask(port, "GET", "/values/fibonacci/7", token=token)
        upgrade = ["Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Version: 13", f"Sec-WebSocket-Key: {'A' * 22}=="]
        answer = exchange(port, head("GET", "/values/live", None, None, upgrade) + frame(TEXT, token), until=b'"ready"')
        yield (int(answer[9:12]), answer) if answer.startswith(b"HTTP/1.1 ") else NO_ANSWER
        yield ask(subject.admin_port, "GET", "/metrics")


class Healthcheck:
    """One request of each route of healthcheck."""

    def __init__(self, admin):
        pass

    def __call__(self, subject):
        for path in (
            "/healthcheck",
            "/healthcheck/history?service=users",
            "/healthcheck/events",
            "/status",
            "/status/",
            "/status/app.js",
        ):
            yield ask(subject.port, "GET", path)
        answer = exchange(subject.port, head("GET", "/status/stream", None, None), until=b"data:")
        yield (int(answer[9:12]), answer) if answer.startswith(b"HTTP/1.1 ") else NO_ANSWER
        yield ask(subject.admin_port, "GET", "/metrics")


class Worker:
    """A small job and a large one, which runs on the thread pool. Their results arrive whatever failed."""

    indices = itertools.count(20_001)

    def __init__(self, admin):
        self.by_subject = {}

    def queue(self, redis, kind, index):
        redis("XADD", "jobs", "*", "kind", kind, "index", index, "request_id", "fault")

    def __call__(self, subject):
        redis = self.by_subject.setdefault(subject, Redis(subject.database))
        index = next(self.indices)
        for number in (index % 90, index):
            redis("HDEL", "{jobs}:window", f"fibonacci:{number}")
            self.queue(redis, "fibonacci", number)
        yield ask(subject.admin_port, "GET", "/metrics")
        for number in (index % 90, index):
            yield self.wait_for(redis, number)

    def wait_for(self, redis, number):
        limit_s = 10 if system_calls.is_patient() else 0.1
        with contextlib.suppress(() if system_calls.is_patient() else AssertionError):
            noted = ("HGET", "{jobs}:window", f"fibonacci:{number}")  # "=" and an id: it is finished
            eventually(lambda: "=" in str(redis(*noted)), limit_s, 0.002, f"the result of {number}")
        return 200, b""


class Mailer:
    """A message, which becomes a file. It is passed on again and again, as users does, because a fault may lose an attempt."""

    def __init__(self, admin):
        self.by_subject = {}

    def __call__(self, subject):
        redis = self.by_subject.setdefault(subject, Redis(subject.database))
        yield ask(subject.admin_port, "GET", "/metrics")
        limit_s = 10 if system_calls.is_patient() else 0.1
        with contextlib.suppress(() if system_calls.is_patient() else AssertionError):
            eventually(lambda: self.sends(redis, subject.folder), limit_s, message="a message is sent", not_yet=AssertionError)
        yield 200, b""

    def sends(self, redis, folder):
        name, deadline_ms = uuid.uuid4(), int((time.time() + 3600) * 1000)
        fields = ("id", name, "attempt", 1, "deadline", deadline_ms, "template", "password_changed")
        redis("XADD", "{mail}:messages", "*", *fields, "to", f"ada@{name}.example.com", "values", "{}")
        limit_s = 1 if system_calls.is_patient() else 0.1
        return eventually(lambda: list(folder.glob(f"*-{name}.eml")), limit_s, 0.002)


PASSES = {"users": Users, "values": Values, "worker": Worker, "mailer": Mailer, "healthcheck": Healthcheck}


# ---- one fault ----


class Case:
    """A kind of daemon, and as many of them as run at once."""

    def __init__(self, name, phase, folder, admin):
        self.name, self.phase, self.folder = name, phase, folder
        self.requests = PASSES[name](admin)
        self.mine, self.numbers, self.lock, self.subjects = threading.local(), itertools.count(), threading.Lock(), []
        self.problems = []

    def make_subject(self):
        with self.lock:
            number = next(self.numbers)
        ports = free_ports(number)
        environment, database = {}, 0
        if self.name == "worker":
            database = 8 + number % 8
            environment = {
                "REDIS_URL_FILE": None,
                "REDIS_URL": Redis(database).url,
                "LEASE_SECONDS": 1,
                "WORKER_NAME": f"fault-{number}",
            }
        if self.name == "mailer":
            database = 8 + number % 8
            environment = {"REDIS_URL_FILE": None, "REDIS_URL": Redis(database).url, "MAIL_DIR": self.mail_folder(number)}
        if self.name == "healthcheck":
            environment = {
                "HEALTHCHECK_TARGETS": f"users=http://127.0.0.1:{system_calls.abacus.ADMIN_PORTS['users']},"
                f"healthcheck=http://127.0.0.1:{ports[1]}",
                "HEALTHCHECK_INTERVAL": "0.5",
                "HEALTHCHECK_POSTGRES_FILE": system_calls.abacus.RUN_DIR / "secrets/healthcheck.url",
            }
        subject = Subject(self.name, self.folder, ports, **environment)
        subject.database, subject.folder = database, environment.get("MAIL_DIR")
        with self.lock:
            self.subjects.append(subject)
        return subject

    def mail_folder(self, number):
        folder = self.folder / f"mail-{number}"
        folder.mkdir()
        return folder

    def subject(self):
        """This thread's, not necessarily running."""
        if not hasattr(self.mine, "subject"):
            self.mine.subject = self.make_subject()
        return self.mine.subject

    def ready(self):
        """This thread's, running and ready."""
        subject = self.subject()
        if not subject.is_running():
            subject.control.disarm()
            subject.launch()
            eventually(subject.answers, 20, message="it is ready")
            self.run_requests(subject)
            subject.at_rest = None
        return subject

    def run_requests(self, subject):
        return [status for status, _ in self.requests(subject)]

    def try_requests(self, subject):
        """While calls fail for good: as many as there is time for."""
        end = time.monotonic() + HELD_S
        with system_calls.impatient(HELD_S / 3):
            for _ in self.requests(subject):
                if time.monotonic() > end:
                    return

    def close(self):
        for subject in self.subjects:
            subject.end()

    # ---- sweeping ----

    def sweep(self, kind, error, run, lasting):
        """For good, or once for N = 1, 2, …, until nothing failed."""
        for first, last in [(1, FOREVER)] if lasting else [(number, number) for number in range(1, N_MAX + 1)]:
            try:
                if not run(self, kind, error, first, last):
                    return
            except (AssertionError, OSError) as problem:
                subject = self.subject()
                times = "for good" if lasting else f"once, number {first}"
                what = f"{self.name}, {self.phase}: {kind} fails with {error} {times} ({subject.control.where})"
                with self.lock:
                    self.problems.append(f"==== {what}: {problem}")
                subject.end()
                if sum(f"{kind} fails" in text for text in self.problems) > 3:
                    return

    def sweep_all(self, run, kinds):
        with concurrent.futures.ThreadPoolExecutor(AT_ONCE) as pool:
            runs = [
                pool.submit(self.sweep, kind, error, run, lasting)
                for kind in kinds
                for lasting in (True, False)
                for error in system_calls.errors_of(kind, lasting)
                if wanted(kind)
            ]
            for done in runs:
                done.result()
        assert not self.problems, "\n".join(self.problems)

    def note(self, kind, error, seconds):
        with self.lock:
            REPORT.append((self.name, self.phase, kind, error, seconds))


def wanted(kind):
    return kind in os.environ.get("FAULTS_KINDS", kind).split(",")


def free_ports(number):
    """Below those that the kernel gives to clients."""
    found = []
    candidate = FIRST_PORT + 20 * number
    while len(found) < 2:
        candidate += 1
        with contextlib.suppress(OSError), system_calls.socket.socket() as probe:
            probe.bind(("127.0.0.1", candidate))
            found.append(candidate)
    return found


def settled_descriptors(subject):
    """Their smallest number within a moment, as soon as that stays the same: connections come and go, and a daemon makes some
    only after it is ready."""
    before = None
    while True:
        seen = []
        for _ in range(20):
            seen.append(subject.descriptors())
            time.sleep(0.02)
        if min(seen) == before:
            return before
        before = min(seen)


@pytest.fixture
def case(request, tmp_path, admin):
    name, phase = request.param
    case = Case(name, phase, tmp_path, admin)
    yield case
    case.close()


def each(phase, names=DAEMONS):
    return pytest.mark.parametrize("case", [(name, phase) for name in names], indirect=True, ids=names)


# ---- what must hold ----


def check_log(subject, before):
    text = subject.log_so_far()[before:]
    crash = crash_of(text)
    if crash:
        raise BrokenPromiseError(f"{crash}\n{text[-6000:]}")
    lines = [line for line in text.splitlines() if not line.startswith("profiling:")]  # those are of `sh test.sh coverage`
    if len(lines) > system_calls.LINES_MAX:
        raise BrokenPromiseError(f"{len(lines)} log lines\n{text[:3000]}")


def check_descriptors(subject):
    """A parent that has logged has one more, which writes to the log."""
    try:
        eventually(lambda: subject.descriptors() <= subject.at_rest + 1, DESCRIPTORS_S, 0.01)
    except AssertionError:
        now = [os.readlink(f"/proc/{pid}/fd/{fd}") for pid in subject.processes() for fd in os.listdir(f"/proc/{pid}/fd")]
        raise BrokenPromiseError(f"{subject.descriptors()} descriptors instead of {subject.at_rest}: {sorted(now)}") from None


def hold_idle(subject):
    """While the fault lasts and nothing is asked, the daemon must rest."""
    before = subject.cpu_s(), subject.processes()
    time.sleep(HELD_S)
    used = subject.cpu_s() - before[0]
    if subject.processes() == before[1] and used > HELD_S * IDLE_CPU and not system_calls.GIVEN_UP.search(subject.log_so_far()):
        raise BrokenPromiseError(f"it used {used:.2f} s of CPU within {HELD_S} s\n{subject.log_so_far()[-2000:]}")


def disturb(case, kind, error, first, last, act):
    """Fails the calls while act(subject) runs; returns whether any was made."""
    subject = case.ready()
    subject.at_rest = subject.at_rest or settled_descriptors(subject)
    log, cpu, processes = len(subject.log_so_far()), subject.cpu_s(), subject.processes()
    subject.control.arm(kind, error, first, last)
    act(subject)
    if last == FOREVER and subject.control.failed:
        hold_idle(subject)
    subject.control.disarm()
    if not subject.control.failed:
        return False
    seconds = subject.wait_until_it_answers()
    check_log(subject, log)
    if subject.cpu_s() - cpu > CPU_S_MAX:
        raise BrokenPromiseError(f"{subject.cpu_s() - cpu:.2f} s of CPU")
    check_descriptors(subject)
    case.note(kind, error, seconds)
    if subject.processes() != processes:
        subject.end()  # because its parent would wait longer before it replaces the next
    return True


# ---- the phases ----

AT_START = list(system_calls.KINDS)
LATER = [kind for kind in AT_START if kind not in ("bind", "listen", "limit", "epoll create", "clock")]


def fail_at_start(case, kind, error, first, last):
    subject = case.subject()
    subject.control.arm(kind, error, first, last)
    subject.launch()
    try:
        eventually(lambda: subject.answers() or not subject.is_running(), LIMIT_S if last != FOREVER else HELD_S, 0.005)
    except AssertionError:
        if last != FOREVER:
            raise BrokenPromiseError(f"neither ready nor ended within {LIMIT_S} s\n{subject.log_so_far()}") from None
    if last == FOREVER and subject.is_running():
        hold_idle(subject)
    subject.control.disarm()
    start = time.monotonic()
    eventually(lambda: subject.answers() or not subject.is_running(), LIMIT_S, 0.005, "it answers or has ended")
    seconds = time.monotonic() - start
    check_log(subject, 0)
    if not subject.is_running():
        text = subject.log_so_far()
        if not ended_for_a_reason(text) or subject.process.returncode == 0:
            raise BrokenPromiseError(f"it ended with {subject.process.returncode} and no line that says why\n{text}")
    subject.end()
    if kind == "set option":
        del case.mine.subject  # without SO_REUSEADDR what it leaves in TIME_WAIT keeps the ports
    if subject.control.failed:
        case.note(kind, error, seconds)
    return subject.control.failed > 0


@each("start")
def test_a_fault_at_the_start_is_overcome_or_ends_the_daemon_with_a_line_that_says_why(case):
    case.sweep_all(fail_at_start, AT_START)


def fail_a_request(case, kind, error, first, last):
    return disturb(case, kind, error, first, last, case.try_requests if last == FOREVER else case.run_requests)


@each("request", ("users", "values", "healthcheck"))
def test_after_a_fault_during_a_request_the_daemon_answers_again(case):
    case.sweep_all(fail_a_request, LATER)
    assert all(100 < status < 500 for status in case.run_requests(case.ready()))


@each("message", ("mailer",))
def test_a_message_is_sent_although_a_system_call_failed(case):
    case.sweep_all(fail_a_request, LATER)


@each("job", ("worker",))
def test_a_job_is_done_although_a_system_call_failed(case):
    case.sweep_all(fail_a_request, LATER)


def fail_reconnecting(case, kind, error, first, last):
    def cut_and_wait(subject):
        subject.control.cut(Redis(subject.database).port)
        subject.control.cut(system_calls.postgres_port())
        end = time.monotonic() + 1
        while time.monotonic() < end and not subject.control.failed:
            if subject.answers():
                break
            time.sleep(0.01)

    return disturb(case, kind, error, first, last, cut_and_wait)


@each("reconnect", ("users", "values", "worker", "mailer"))
def test_after_a_fault_while_it_connects_again_the_daemon_answers_again(case):
    case.sweep_all(fail_reconnecting, LATER)


def fail_draining(case, kind, error, first, last):
    subject = case.ready()
    log = len(subject.log_so_far())
    subject.control.arm(kind, error, first, last)
    start = time.monotonic()
    subject.process.send_signal(signal.SIGTERM)
    try:
        subject.process.wait(2 + 2 + LIMIT_S)
    except system_calls.subprocess.TimeoutExpired:
        raise BrokenPromiseError(f"it did not end\n{subject.log_so_far()}") from None
    seconds = time.monotonic() - start
    check_log(subject, log)
    subject.close_log()
    subject.control.disarm()
    if subject.control.failed:
        case.note(kind, error, seconds)
    return subject.control.failed > 0


@each("drain")
def test_a_fault_while_draining_does_not_keep_the_daemon_from_ending(case):
    case.sweep_all(fail_draining, LATER)
