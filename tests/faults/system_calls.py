"""A daemon whose system calls fail as a test says, through preload/fail.c, and what must hold after each fault."""

import contextlib
import errno
import functools
import http.client
import io
import json
import mmap
import os
import pathlib
import re
import socket
import struct
import subprocess
import threading
import time

import abacus
from harness import ROOT, eventually

SHORT = -1  # instead of an errno: one byte is read or written
EAI_AGAIN, EAI_FAIL, EAI_MEMORY, EAI_SYSTEM = -3, -4, -10, -11

# In the order of `enum kind` in preload/fail.c: name, the errors that the kernel may answer with. Every error is tried by hand
# (FAULTS=all); CI takes the first of each.
KINDS = {
    "accept": "ECONNABORTED EMFILE EPERM ENFILE ENOBUFS ENOMEM EPROTO EINTR",
    "socket": "EMFILE ENFILE ENOBUFS ENOMEM EACCES",
    "connect": "EADDRNOTAVAIL ECONNREFUSED ENETUNREACH EPERM ETIMEDOUT EAGAIN",
    "bind": "EADDRINUSE EACCES EADDRNOTAVAIL",
    "listen": "EADDRINUSE",
    "set option": "ENOBUFS EINVAL ENOPROTOOPT",
    "get option": "ENOBUFS EINVAL",
    "receive": "ECONNRESET SHORT EINTR ETIMEDOUT EIO ENOBUFS",
    "send": "EPIPE SHORT ENOBUFS ECONNRESET EINTR EAGAIN EIO ENOSPC",
    "shutdown": "ENOTCONN",
    "epoll create": "EMFILE ENFILE ENOMEM",
    "epoll change": "ENOSPC ENOMEM",
    "epoll wait": "EINTR",
    "poll": "EINTR ENOMEM",
    "descriptor": "EMFILE ENFILE ENOMEM",
    "open": "EMFILE EACCES ENFILE ENOENT EIO",
    "fork": "EAGAIN ENOMEM",
    "thread": "EAGAIN",
    "random": "EINTR ENOSYS EPERM",
    "clock": "EPERM",
    "map": "ENOMEM EAGAIN",
    "stat": "EIO",
    "limit": "EPERM",
    "name": "EAI_AGAIN EAI_MEMORY EAI_FAIL",
}
KIND_NAMES = list(KINDS)
CONTROL = struct.Struct("=iiiiiiii96s")
FOREVER = 2**31 - 1
LIMIT_S = 4 * (4 if os.environ.get("SANITIZED") else 1)  # until it answers again: 2 s, and as long for a busy machine
LINES_MAX = 150  # of one fault, its requests' access log included
BINARIES = ROOT / os.environ.get("BUILD", "build") / "bin"
PRELOAD = ROOT / os.environ.get("BUILD", "build") / "tests/faults/preload/fail.so"


def error_number(name):
    return globals()[name] if name in globals() else getattr(errno, name)


TRANSIENT = {"ECONNABORTED", "EINTR", "EPROTO"}  # of one call; they do not last
LASTING = {"clock"}  # kinds that fail always or never


def errors_of(kind, lasting):
    names = [] if kind in LASTING and not lasting else KINDS[kind].split()
    names = [name for name in names if not (lasting and name in TRANSIENT)]
    return names if os.environ.get("FAULTS") == "all" else names[:1]


class BrokenPromiseError(AssertionError):
    """What must hold after a fault did not hold."""


def is_alive(pid):
    try:
        return pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] not in "ZX"
    except OSError:
        return False


class Control:
    """The file that the daemon's processes map (struct control)."""

    def __init__(self, path):
        self.path = path
        path.write_bytes(bytes(CONTROL.size))
        with open(path, "r+b") as file:
            self.memory = mmap.mmap(file.fileno(), CONTROL.size)

    def word(self, number):
        return struct.unpack_from("=i", self.memory, 4 * number)[0]

    def set_word(self, number, value):
        struct.pack_into("=i", self.memory, 4 * number, value)

    def arm(self, kind, error, first, last):
        self.disarm()
        CONTROL.pack_into(self.memory, 0, 0, KIND_NAMES.index(kind), error_number(error), first, last, 0, 0, 0, b"")
        self.set_word(0, 1)

    def disarm(self):
        self.set_word(0, 0)

    def cut(self, port):
        """Shuts down the daemon's connections to that port, as soon as its loop waits, if the fault lets it."""
        self.set_word(7, port)
        eventually(lambda: self.word(7) == 0 or self.failed, 5, 0.002, "the connections are cut")

    @property
    def seen(self):
        return self.word(5)

    @property
    def failed(self):
        return self.word(6)

    @property
    def where(self):
        return CONTROL.unpack_from(self.memory)[8].split(b"\0")[0].decode(errors="replace")


@functools.cache
def preloaded(binary):
    """LD_PRELOAD: the sanitizers' runtime must come before every other library."""
    linked = subprocess.run(["ldd", binary], capture_output=True, text=True, check=True).stdout
    runtimes = re.findall(r"(/\S*lib[alu]\w*san\.so\S*)", linked)
    return " ".join([*runtimes, str(PRELOAD)])


class Subject(abacus.Daemon):
    """The daemon that the faults hit. Its log is a pipe that is read in between. The ports stay the
    same from one start to the next."""

    def __init__(self, name, folder, ports, **environment):
        self.control = Control(folder / f"{name}-{ports[0]}.control")
        super().__init__(
            name,
            PORT=ports[0],
            ADMIN_PORT=ports[1],
            LD_PRELOAD=preloaded(BINARIES / name),
            FAULTS_CONTROL=self.control.path,
            HTTP_DEADLINE_MS=1500 * LIMIT_S // 4,
            DRAIN_SECONDS=2,
            HANG_SECONDS=LIMIT_S * 3 // 4,
            ARGON2_MEMORY_KIB=64,
            ARGON2_PASSES=1,
            POSTGRES_QUERY_TIMEOUT_MS=2000,
            **environment,
        )
        self.port, self.admin_port = ports
        self.reader, self.text, self.pids = None, b"", set()

    def launch(self):
        self.close_log()
        self.reader, writer = os.pipe()
        os.set_blocking(self.reader, False)
        self.text = b""
        self.process = subprocess.Popen([BINARIES / self.name], env=self.environment, stdout=writer, stderr=writer)
        os.close(writer)
        return self

    def close_log(self):
        if self.reader is not None:
            os.close(self.reader)
        self.reader = None

    def is_running(self):
        return self.process is not None and self.process.poll() is None

    def end(self):
        """Ends it without grace. The next one gets the ports of this one, so every process is waited for."""
        if self.process:
            left = abacus.children(self.pid)
            self.process.kill()
            self.process.wait()
            eventually(lambda: not any(is_alive(pid) for pid in left), 10, 0.001, "its processes have ended")
        self.close_log()

    def log_so_far(self):
        try:
            while part := os.read(self.reader, 1 << 16):
                self.text += part
        except BlockingIOError:
            pass
        return self.text.decode(errors="replace")

    # ---- what it uses ----

    def processes(self):
        return [self.pid, *abacus.children(self.pid)]

    def descriptors(self):
        count = 0
        for pid in self.processes():
            with contextlib.suppress(OSError):
                count += len(os.listdir(f"/proc/{pid}/fd"))
        return count

    def cpu_s(self):
        total = 0
        for pid in self.processes():
            for task in pathlib.Path(f"/proc/{pid}/task").glob("*/schedstat"):
                with contextlib.suppress(OSError, IndexError):
                    total += int(task.read_text().split()[0])
        return total / 1e9

    # ---- requests ----

    def answers(self):
        with impatient(1):
            return ask(self.admin_port, "GET", "/readyz").status == 200

    def wait_until_it_answers(self):
        """Seconds that it took."""
        start = time.monotonic()
        while not self.answers():
            if not self.is_running():
                raise BrokenPromiseError(f"it ended with {self.process.returncode}\n{self.log_so_far()}")
            if time.monotonic() - start > LIMIT_S:
                raise BrokenPromiseError(f"no answer for {LIMIT_S} s\n{self.log_so_far()}")
            time.sleep(0.01)
        return time.monotonic() - start


# ---- HTTP, as little of it as needed ----

PATIENCE_S = 1 + LIMIT_S
patience = threading.local()  # seconds: while calls fail for good, no answer is expected from every request


def is_patient():
    return not getattr(patience, "seconds", None)


@contextlib.contextmanager
def impatient(seconds):
    patience.seconds = seconds
    yield
    patience.seconds = None


NO_ANSWER = abacus.Reply(0, {}, b"")


def head(method, path, token, body, headers):
    lines = [f"{method} {path} HTTP/1.1", "Host: localhost", f"Connection: {'Upgrade' if 'Upgrade' in headers else 'close'}"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    if token:
        lines.append(f"Authorization: Bearer {token}")
    if body is not None:
        lines += ["Content-Type: application/json", f"Content-Length: {len(body)}"]
    return "\r\n".join([*lines, "", ""]).encode()


def exchange(port, request, until=None):
    """All bytes until the peer closes, or until `until` is among them. A peer that is silent for longer hangs."""
    with socket.socket() as peer:
        peer.settimeout(PATIENCE_S if is_patient() else patience.seconds)
        received = b""
        try:
            peer.connect(("127.0.0.1", port))
            peer.sendall(request)
            while part := peer.recv(65536):
                received += part
                if until and until in received:
                    break
        except TimeoutError as error:
            if is_patient():
                raise BrokenPromiseError(
                    f"no answer to {request[:40]!r} within {PATIENCE_S} s, only {received[-200:]!r}"
                ) from error
        except OSError:
            pass
        return received


class Received(io.BytesIO):
    """Bytes of a connection that has ended, as http.client reads them."""

    def makefile(self, *_):
        return self


def ask(port, method, path, body=None, token=None, headers=None, more=b"", until=None):
    """The Reply; NO_ANSWER when the connection ended without one. more: what the client sends behind the request. until: how
    far it reads of an answer without an end."""
    body = json.dumps(body).encode() if body is not None else None
    answer = exchange(port, head(method, path, token, body, headers or {}) + (body or b"") + more, until)
    response = http.client.HTTPResponse(Received(answer))
    try:
        response.begin()
        return abacus.Reply(response.status, response.headers, b"" if until else response.read())
    except (http.client.HTTPException, ValueError):
        return NO_ANSWER


# ---- what it connects to ----


def postgres_port():
    return int(re.search(r":(\d+)/users", (abacus.RUN_DIR / "secrets/users.url").read_text())[1])


# ---- Redis, as little of it as needed ----


class Redis:
    """Commands on a database of the stack's Redis."""

    def __init__(self, database=0):
        password = (abacus.RUN_DIR / "secrets/redis").read_text().strip()
        self.port, number = abacus.redis_database(database) if database else (6390 + abacus.OFFSET, 0)
        self.url = f"redis://:{password}@127.0.0.1:{self.port}/{number}"
        self.file = socket.create_connection(("127.0.0.1", self.port)).makefile("rwb")
        self("AUTH", password)
        self("SELECT", number)

    def __call__(self, *words):
        parts = [str(word).encode() for word in words]
        self.file.write(b"*%d\r\n" % len(parts) + b"".join(b"$%d\r\n%s\r\n" % (len(part), part) for part in parts))
        self.file.flush()
        return self.reply()

    def reply(self):
        kind, rest = (line := self.file.readline())[:1], line[1:-2]
        if kind == b"-":
            raise RuntimeError(rest.decode())
        if kind == b"$":
            return None if rest == b"-1" else self.file.read(int(rest) + 2)[:-2].decode()
        if kind == b"*":
            return [self.reply() for _ in range(int(rest))]
        return int(rest) if kind == b":" else rest.decode()


# ---- what must hold ----

CRASHES = re.compile(
    r'AddressSanitizer|LeakSanitizer|runtime error:|Assertion|stack smashing|\[err\]|"msg":"a serving process hangs"'
    r'|"msg":"a serving process ended".*"signal":(?!0,)'
)


# A process that cannot go on says why (mem_die()) and is replaced.
GIVEN_UP = re.compile(
    "^(the event loop can not watch a descriptor|no event loop can be made|no thread can be started|the clock can not be read"
    "|a thread pool gets no eventfd.*|the kernel gives no random bytes)$",
    re.MULTILINE,
)


def crash_of(text):
    found = CRASHES.search(text)
    if found and "serving process ended" in found.group() and len(GIVEN_UP.findall(text)) >= text.count('"signal":6,'):
        return None
    return found and found.group()


def ended_for_a_reason(text):
    """The line that says why, of a daemon that ended."""
    return re.search(r'"level":"error"|^\w+: [A-Z_]+: ', text, re.MULTILINE) or GIVEN_UP.search(text)
