"""The system under test, seen from outside: HTTP through nginx or straight to a daemon, raw sockets, and the stack's own
commands. It uses only Python's standard library, so that tests share no code, and no bug, with what they test.

The variables of scripts/stack (RUN_DIR PORT PORT_OFFSET INSTANCES) say where the system runs. For a system in containers
PUBLISHED lists the reachable ports (nginx=8080,users=5001); there, a test is skipped with a reason when it needs something
that only a native run has: another port, a process, a file, a database."""

import base64
import contextlib
import email
import email.policy
import functools
import hashlib
import hmac
import http.client
import itertools
import json
import os
import pathlib
import secrets
import signal
import socket
import struct
import subprocess
import time
import unittest

from harness import ROOT, elsewhere, eventually, free_port, reserve, run

PORT = int(os.environ.get("PORT", "8080"))
OFFSET = int(os.environ.get("PORT_OFFSET", "0"))
INSTANCES = int(os.environ.get("INSTANCES", "1"))
RUN_DIR = (ROOT / os.environ.get("RUN_DIR", ".run")).resolve()
PUBLISHED = os.environ.get("PUBLISHED")
IS_CLUSTER = os.environ.get("REDIS_CLUSTER") == "1"


def native(what):
    """Skips the test in containers, because only a native run has `what`."""
    if PUBLISHED:
        raise unittest.SkipTest(elsewhere(f"natively, because it needs {what}"))


def single_redis(what):
    """Skips the test on a Redis in cluster mode, because that has no `what`."""
    if IS_CLUSTER:
        raise unittest.SkipTest(elsewhere(f"on a single Redis, because it needs {what}"))


class NativePath:
    """In containers, in place of a folder of a native run: using it skips the test."""

    def __getattr__(self, _):
        native("the files of a native run")

    def __truediv__(self, _):
        native("the files of a native run")


class PublishedPorts(dict):
    """Using the port of a service that publishes none skips the test."""

    def __getitem__(self, name):
        return self.get(name) or native(f"the port of {name}")


PORTS = {"nginx": PORT, "users": 5001 + OFFSET, "values": 5002 + OFFSET, "healthcheck": 5003 + OFFSET}
ADMIN_PORTS = {
    "users": 9001 + OFFSET,
    "values": 9002 + OFFSET,
    "healthcheck": 9003 + OFFSET,
    "worker": 9004 + OFFSET,
    "mailer": 9005 + OFFSET,
}
SECOND_INSTANCE = 100
if PUBLISHED:
    PORTS = PublishedPorts(
        dict.fromkeys(PORTS) | {name: int(port) for name, port in (pair.split("=") for pair in PUBLISHED.split(","))}
    )
    ADMIN_PORTS = PublishedPorts(dict.fromkeys(ADMIN_PORTS))
    RUN_DIR = NativePath()
else:
    for own in (5000 + OFFSET, 5435 + OFFSET, 6390 + OFFSET, 6391 + OFFSET, *PORTS.values(), *ADMIN_PORTS.values()):
        reserve(own)  # because a daemon of the stack leaves its own for a moment too
        reserve(own + SECOND_INSTANCE)

WORKERS = ("worker", "worker-2")[:INSTANCES]

ADMIN = ("admin@abacus.test", "abacus-admin-dev")
USER = ("user@abacus.test", "abacus-user-dev")

REQUEST_ID = "test-request"

EXCHANGES = os.environ.get("EXCHANGES")


class Reply:
    def __init__(self, status, headers, body):
        self.status, self.headers, self.body = status, headers, body

    @property
    def json(self):
        return json.loads(self.body)

    @property
    def text(self):
        return self.body.decode()

    def __repr__(self):
        return f"{self.status} {self.body[:300]!r}"


def call(method, path, body=None, token=None, headers=None, to="nginx", port=None, timeout=20, is_recorded=None):
    """One request on a connection of its own. A dict or list as body is sent as JSON, bytes and str as they are. What another
    port answers is recorded as an answer of `to` only if is_recorded says so."""
    headers = {"X-Request-ID": REQUEST_ID, **(headers or {})}
    if isinstance(body, (dict, list)):
        body = json.dumps(body)
        headers.setdefault("Content-Type", "application/json")
    if isinstance(body, str):
        body = body.encode()
    if token is not None:
        headers["Authorization"] = f"Bearer {token}"
    connection = http.client.HTTPConnection("127.0.0.1", port or PORTS[to], timeout=timeout)
    try:
        connection.request(method, path, body, headers)
        response = connection.getresponse()
        reply = Reply(response.status, response.headers, response.read())
    finally:
        connection.close()
    if port is None or is_recorded:
        seen = {name.lower(): value for name, value in reply.headers.items()}
        record(to=to, method=method, path=path, status=reply.status, headers=seen, body=reply.body.decode(errors="replace"))
    return reply


def record(**fields):
    """Keeps an answer for services/swagger/tests/exchanges.js, which compares every one with the API's document."""
    if EXCHANGES:
        with open(EXCHANGES, "ab", buffering=0) as lines:  # a line is one write(), because threads record at once
            lines.write(json.dumps(fields).encode() + b"\n")


def get(path, **options):
    return call("GET", path, **options)


def post(path, body=None, **options):
    return call("POST", path, body, **options)


def fail(code, message, status="fail"):
    """The whole error envelope that answers a request of call()."""
    return {"status": status, "message": message, "code": code, "request_id": REQUEST_ID}


TAKEN_FIELDS = {"username": "is taken, or looks like one that is", "email": "belongs to another user"}


def taken(message, *fields):
    """The error envelope that says that another user has these fields."""
    errors = [{"field": field, "message": TAKEN_FIELDS[field]} for field in fields]
    return {**fail("user_exists", message), "errors": errors}


class Person:
    """A new user, registered by its constructor."""

    count = itertools.count()

    def __init__(self, **options):
        word = f"{secrets.token_hex(4)}{next(Person.count)}"
        self.username, self.email, self.password = f"person-{word}", f"{word}@example.com", f"brass beads {word}"
        reply = post("/auth/register", self.credentials, **options)
        assert reply.status == 201, reply
        self.token = reply.json["auth_token"]
        self.id = get("/auth/status", token=self.token, **options).json["data"]["id"]

    @property
    def credentials(self):
        return {"username": self.username, "email": self.email, "password": self.password}

    def login(self):
        return log_in(self.email, self.password)


def totp(secret, steps=0):
    """The code of an authenticator app (RFC 6238), of the step that is so many after this one. That of this step is good for
    30 s at least."""
    counter = struct.pack(">Q", int(time.time()) // 30 + steps)
    mac = hmac.new(base64.b32decode(secret), counter, hashlib.sha1).digest()
    at = mac[-1] & 15
    return f"{(int.from_bytes(mac[at : at + 4], 'big') & 0x7FFFFFFF) % 1_000_000:06}"


def log_in(email, password):
    reply = post("/auth/login", {"email": email, "password": password})
    assert reply.status == 200, reply
    return reply.json["auth_token"]


def confirmed_by_password(token, password, action, ask=call, **parameters):
    """The header that confirms an action of a user who has no second factor. ask: call(), or that of the Daemon to ask."""
    reply = ask("POST", "/auth/confirmations", {"action": action, "parameters": parameters}, token=token)
    assert reply.status == 201, reply
    path = f"/auth/challenge/{reply.json['data']['challenge']}"
    reply = ask("POST", path, {"method": "password", "password": password})
    assert reply.status == 200, reply
    return {"X-Confirmation": reply.json["data"]["confirmation"]}


def change_user(person, token, ask=call, **body):
    """By an admin who has no second factor, whose password confirms it."""
    headers = confirmed_by_password(token, ADMIN[1], "change_user", ask, id=str(person.id), **body)
    return ask("PATCH", f"/users/{person.id}", body, token=token, headers=headers)


def exchange(raw, to="nginx", port=None, timeout=20, until_closed=True):
    """Sends bytes as they are; returns everything received until the peer closes, or only the first bytes."""
    received = send_raw(raw, port or PORTS[to], timeout, until_closed)
    if (
        port is None and received.count(b"HTTP/1.1 ") == 1
    ):  # of two answers, the second cannot be assigned to a request from outside
        record(to=to, sent=raw.decode("latin-1"), received=received.decode("latin-1"))
    return received


def send_raw(raw, port, timeout, until_closed):
    with socket.create_connection(("127.0.0.1", port), timeout=timeout) as peer:
        peer.sendall(raw)
        received = b""
        while True:
            try:
                part = peer.recv(65536)
            except ConnectionResetError:
                return received
            if not part:
                return received
            received += part
            if not until_closed:
                return received


def stack(*arguments, **options):
    """Runs scripts/stack with the variables that the stack was started with."""
    native("scripts/stack")
    done = subprocess.run(
        ["sh", str(ROOT / "scripts/stack"), *arguments], capture_output=True, text=True, cwd=ROOT, timeout=120, **options
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def messages(address, subject, folder=None):
    """Those that mailer has written as files, the oldest first. folder: of a mailer that is not the stack's."""
    found = []
    for path in sorted((folder or RUN_DIR / "mail").glob("*.eml")):
        with contextlib.suppress(FileNotFoundError):  # mailer keeps the newest ones
            content = path.read_bytes()
            if f"\r\nTo: <{address}>\r\nSubject: {subject}\r\n".encode() in content:
                found.append(email.message_from_bytes(content, policy=email.policy.SMTP))
    return found


def redis_cli(*arguments):
    return stack("redis-cli", *arguments).strip()


def psql(database, sql):
    return stack("psql", database, "-qAt", "-c", sql).strip()


class Transaction:
    """One that has run the SQL and is open meanwhile; its end is commit(), or it is rolled back. It asks in its own session,
    because on a busy machine one psql for each question outlasts the time limit of the statement that waits for the lock."""

    def __init__(self, database, sql):
        native("scripts/stack")
        self.database, self.sql = database, sql

    def __enter__(self):
        self.process = subprocess.Popen(
            ["sh", str(ROOT / "scripts/stack"), "psql", self.database, "-qAt"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT,
        )  # fmt: skip
        self.run("BEGIN")
        self.run(self.sql)
        return self

    def __exit__(self, *_):
        self.process.communicate(timeout=30)

    def run(self, sql, question="'done'"):
        """Returns what SELECT question answers after it."""
        self.process.stdin.write(f"\\o /dev/null\n{sql};\n\\o\nSELECT {question};\n")
        self.process.stdin.flush()
        return self.process.stdout.readline().strip()

    def waiting(self, of="true"):
        """How many statements of the database wait for a lock."""
        held = f"datname = current_database() AND wait_event_type = 'Lock' AND {of}"
        return int(self.run("SELECT pg_stat_clear_snapshot()", f"count(*) FROM pg_stat_activity WHERE {held}"))

    def commit(self):
        assert self.run("COMMIT") == "done"


def leave_before_the_reply(users, method, path, body, row, meanwhile=lambda: None, **headers):
    """Sends the request to the Daemon, and disconnects while a statement of it waits for the row ("FROM … FOR …"). Returns what
    meanwhile() did before that."""
    text = json.dumps(body)
    headers = {"Host": "a", "X-Forwarded-For": "10.9.8.7", "Content-Type": "application/json", **headers}
    head = "".join(f"{name}: {value}\r\n" for name, value in {**headers, "Content-Length": len(text)}.items())
    left = users.metric("http_requests_total", 'code="499"')
    with Transaction("users", f"SELECT {row}") as held:
        with socket.create_connection(("127.0.0.1", users.port)) as client:
            client.sendall(f"{method} {path} HTTP/1.1\r\n{head}\r\n{text}".encode())
            eventually(lambda: held.waiting() > 0, message="it waits for the row")
            done = meanwhile()
        eventually(lambda: users.metric("http_requests_total", 'code="499"') == left + 1)
    return done


def superuser(sql, database="postgres", port=None):
    """As Postgres's superuser, straight to the server. port: of one that is not the stack's."""
    native("the superuser of a Postgres")
    return run(
        max(pathlib.Path("/usr/lib/postgresql").glob("*/bin/psql")),
        "-qAtX", "-v", "ON_ERROR_STOP=1", "-d", database, "-c", sql,
        PGHOST="127.0.0.1", PGPORT=str(port or 5435 + OFFSET), PGUSER="postgres",
        PGPASSWORD=(RUN_DIR / "secrets/postgres").read_text().strip(),
    ).stdout.strip()  # fmt: skip


def service_dir(name):
    native("a process under runit")
    return RUN_DIR / "service" / name


def service_pid(name):
    """The pid of the process that runit keeps, or None."""
    text = (service_dir(name) / "supervise" / "pid").read_text().strip()
    return int(text) if text else None


def children(pid):
    try:
        return [int(child) for child in pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except OSError:
        return []


def serving_pid(name):
    """The pid of a daemon's serving process: the child of runit's process, or that process if it supervises none. None
    meanwhile."""
    pid = service_pid(name)
    if os.environ.get("HANG_SECONDS") != "0":
        pid = next(iter(children(pid)), None)
    return pid


def kill(name, signal_number=signal.SIGKILL):
    """Signals the process that runit keeps: a daemon's supervising parent, nginx's master, Redis, Postgres."""
    pid = service_pid(name)
    os.kill(pid, signal_number)
    return pid


def kill_serving(name, signal_number=signal.SIGKILL):
    pid = eventually(lambda: serving_pid(name), 5, message=f"{name} has a serving process")
    os.kill(pid, signal_number)
    return pid


def is_ready(name, second=False):
    try:
        port = ADMIN_PORTS[name] + (SECOND_INSTANCE if second else 0)
        return get("/readyz", port=port, timeout=2).status == 200
    except OSError:
        return False


def all_ready():
    return all(is_ready(name, second) for name in ADMIN_PORTS for second in ([False, True] if INSTANCES > 1 else [False]))


@functools.cache
def fibonacci(index):
    """What the system should answer for an index: F(index + 1)."""
    previous, current = 0, 1
    for _ in range(index):
        previous, current = current, previous + current
    return current


def fresh_index(low=70_000, high=79_999):
    """One that was never submitted on this stack, not by earlier runs either."""
    seen = {int(row) for row in psql("values", "SELECT index FROM calculations").split()}
    return next(index for index in range(low, high) if index not in seen)


def submit(index, token, kind="fibonacci"):
    return post("/api/values", {"index": index, "kind": kind}, token=token)


def result(index, token=None, kind="fibonacci", limit_s=30):
    """All digits of the result, as soon as it is calculated."""

    def done():
        reply = get(f"/api/values/{kind}/{index}", token=token, headers={"Accept": "text/plain"})
        return reply if reply.status == 200 else None

    return eventually(done, limit_s, message=f"the result of {kind} {index}").text


def sv(command, name):
    """Does not use sv's own waiting, because that polls only every 0.4 s."""
    return subprocess.run(["sv", command, str(service_dir(name))], check=True, capture_output=True, text=True).stdout


def stop(name):
    """Stops a service through its supervisor and waits until it has ended."""
    sv("down", name)
    eventually(
        lambda: (said := sv("status", name)).startswith("down:") and "want up" not in said, 15, message=f"{name} has ended"
    )


@functools.cache
def redis_database(number):
    """The port and the number of a database that tests have to themselves. A cluster has one alone, so there another server
    stands for each."""
    return (int(run("tests/cluster_database", number).stdout), 0) if IS_CLUSTER else (6390 + OFFSET, number)


def cluster_is_up():
    """Until then it refuses commands."""
    with contextlib.suppress(AssertionError):
        return redis_cli("EXISTS", "jobs").isdigit()


def start(name):
    sv("up", name)
    base = name.removesuffix("-2")
    if base in ADMIN_PORTS:
        eventually(lambda: is_ready(base, second=name.endswith("-2")), message=f"{name} is ready")
    else:
        eventually(lambda: service_pid(name), 7, message=f"{name} runs")
    if name == "redis" and IS_CLUSTER:
        eventually(cluster_is_up, 15, message="the cluster is up")


@contextlib.contextmanager
def stopped(*names):
    """These services are, meanwhile."""
    for name in names:
        stop(name)
    try:
        yield
    finally:
        for name in names:
            start(name)
        eventually(all_ready, 30, message="every daemon is ready again")


def manage(service, *arguments):
    return stack("manage", service, *arguments)


class Daemon:
    """A daemon of its own beside those of the stack, on the stack's Postgres and Redis but on other ports. It gets the given
    variables; None removes a default. `with` waits until it is ready, and ends it, even when it is not ready in time. Its log
    is a file among the stack's logs; a test that fails prints its end. folder: of its program, if that is not the stack's."""

    count = itertools.count()
    ready_limit_s = 60

    def __init__(self, name, folder=None, **environment):
        native("a daemon beside the stack's")
        self.name, self.port, self.admin_port = name, free_port(), free_port()
        self.program = (folder or RUN_DIR / "bin") / name
        secrets_dir = RUN_DIR / "secrets"
        defaults = {
            "APP_ENV": "testing",
            "HTTP_HOST": "127.0.0.1",
            "PORT": self.port,
            "ADMIN_PORT": self.admin_port,
            "SECRET_KEY_FILE": secrets_dir / "SECRET_KEY",
            "REDIS_URL_FILE": secrets_dir / "redis.url",
            "DATABASE_URL_FILE": secrets_dir / f"{name}.url" if name in PORTS else None,
        }
        kept = {
            variable: os.environ[variable] for variable in ("PATH", "ASAN_OPTIONS", "UBSAN_OPTIONS") if variable in os.environ
        }
        chosen = {**defaults, **environment}
        self.environment = kept | {variable: str(value) for variable, value in chosen.items() if value is not None}
        self.log = RUN_DIR / "log" / f"test-{name}-{os.getpid()}-{next(Daemon.count)}" / "current"
        self.process = None

    def start(self, stdout=None):
        """stdout: where its log goes instead of into the file."""
        self.log.parent.mkdir(exist_ok=True)
        with open(self.log, "wb") as log:
            self.process = subprocess.Popen([self.program], env=self.environment, stdout=stdout or log, stderr=log)
        return self

    def run(self, *arguments):
        """Runs it to its end, for arguments that make it exit at once."""
        return subprocess.run([self.program, *arguments], env=self.environment, capture_output=True, text=True, timeout=30)

    def __enter__(self):
        self.start()
        ended_by_itself = lambda: self.process.poll() is not None  # noqa: E731
        try:
            eventually(lambda: self.is_ready() or ended_by_itself(), self.ready_limit_s, message=f"{self.name} is ready")
        except BaseException:
            self.print_log()
            self.kill()
            raise
        assert not ended_by_itself(), self.log.read_text()
        return self

    def __exit__(self, failure, *_):
        if failure:
            self.print_log()
        self.end()

    def end(self):
        self.process.terminate()
        try:
            self.process.wait(30)
        finally:
            self.kill()

    def print_log(self):
        print(f"the last lines of the log of {self.name}:")
        for line in self.log.read_text(errors="replace").splitlines()[-30:]:
            print(line[:400])

    def kill(self):
        """Its serving processes go with it."""
        self.process.kill()
        self.process.wait()

    @property
    def pid(self):
        return self.process.pid

    @property
    def serving(self):
        """The pids of the serving processes under the supervising parent."""
        return {int(pid) for pid in pathlib.Path(f"/proc/{self.pid}/task/{self.pid}/children").read_text().split()}

    def terminate(self, limit_s):
        """Sends SIGTERM and returns the exit code; fails if it does not exit within the limit."""
        self.process.terminate()
        return self.process.wait(limit_s)

    def is_ready(self):
        try:
            return get("/readyz", port=self.admin_port, timeout=5).status == 200
        except OSError:
            return False

    def metric(self, name, *labels):
        """The sum over all series of that name with all of those labels."""
        lines = get("/metrics", port=self.admin_port).text.splitlines()
        return sum(
            float(line.split()[-1])
            for line in lines
            if line.split("{")[0].split(" ")[0] == name and all(label in line for label in labels)
        )

    def call(self, method, path, body=None, **options):
        return call(method, path, body, to=self.name, port=self.port, is_recorded=True, **options)


def resident_bytes(pid):
    with open(f"/proc/{pid}/statm") as statm:
        return int(statm.read().split()[1]) * 4096
