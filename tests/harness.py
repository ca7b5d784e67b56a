"""What tests of every folder share: waiting with a limit, running commands, starting servers, requests in the background.
Python's standard library alone."""

import contextlib
import fcntl
import functools
import http.client
import json
import os
import pathlib
import random
import socket
import subprocess
import tempfile
import threading
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent


PORTS_TRIED_MAX = 100_000
reserved, reserving = set(), threading.Lock()


@functools.cache
def reservations():
    """The file in which a byte stands for each port. A lock on it lasts as long as this process, however that ends, and only as
    long as nothing else here opens and closes the file."""
    path = pathlib.Path(tempfile.gettempdir(), "abacus-test-ports")
    with contextlib.suppress(FileExistsError):
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL)
        os.fchmod(descriptor, 0o666)
        os.close(descriptor)
    return open(path, "r+b", buffering=0)


def reserve(port):
    """Whether the port is this process's from now on: no other test run on this machine gets it from free_port()."""
    try:
        fcntl.lockf(reservations(), fcntl.LOCK_EX | fcntl.LOCK_NB, 1, port)
    except (BlockingIOError, PermissionError):
        return False
    reserved.add(port)
    return True


def is_free(port):
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True


def free_port():
    """One that no other test gets, of this run or of one beside it, although its daemon leaves it for a moment or is not
    started yet: SO_REUSEPORT would let two daemons share it, and each would get half of its connections. Below the ports that
    the kernel gives to clients, so that no client takes it either."""
    first_of_clients = int(pathlib.Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])
    with reserving:
        for _ in range(PORTS_TRIED_MAX):
            port = random.randrange(first_of_clients * 5 // 6, first_of_clients)
            if port not in reserved and reserve(port) and is_free(port):
                return port
    raise AssertionError("no port is free")


def elsewhere(reason):
    """The reason of a skip that is meant: what the test looks at is not in this system, and another step runs the test. test.sh
    counts every other skip, and STRICT=1 makes it a failure."""
    return f"elsewhere: {reason}"


def has_ipv6():
    """Whether this machine has the address ::1."""
    addresses = pathlib.Path("/proc/net/if_inet6")
    return addresses.exists() and "00000000000000000000000000000001" in addresses.read_text()


def eventually(check, limit_s=20, every_s=0.02, message=None, not_yet=()):
    """Polls until check() is truthy and returns that; fails after the limit. not_yet: exceptions that count as not truthy."""
    end = time.monotonic() + limit_s
    while True:
        try:
            seen = check()
        except not_yet:
            seen = None
        if seen:
            return seen
        if time.monotonic() > end:
            raise AssertionError(f"not within {limit_s} s: {message or check}")
        time.sleep(every_s)


class Stalls(threading.Thread):
    """Notices when this process does not get to run: the machine is busy, or another thread holds the interpreter. A daemon
    that is asked from here seems to be late by as much."""

    TICK_S, NOTICED_S = 0.01, 0.02

    def __init__(self):
        super().__init__(daemon=True)
        self.total_s = 0

    def run(self):
        while True:
            start = time.monotonic()
            time.sleep(self.TICK_S)
            late_s = time.monotonic() - start - self.TICK_S
            if late_s > self.NOTICED_S:
                self.total_s += late_s


@functools.cache
def stalls():
    thread = Stalls()
    thread.start()
    return thread


class Stopwatch:
    """Seconds since it was made, without those in which this process did not get to run."""

    def __init__(self):
        self.start_s, self.stalled_s = time.monotonic(), stalls().total_s

    def read(self):
        return time.monotonic() - self.start_s - (stalls().total_s - self.stalled_s)


def unless_root(user, group):
    """What comes before a command that refuses to run as root, so that it runs as that user."""
    return ["setpriv", "--reuid", user, "--regid", group, "--clear-groups"] if os.geteuid() == 0 else []


def run(*command, ok=True, cwd=ROOT, stdin="", timeout=300, **variables):
    """The finished command, stdout and stderr as one text in `stdout`. With ok a failure fails the test and shows that text."""
    done = subprocess.run(
        [str(word) for word in command],
        cwd=cwd,
        env={**os.environ, **variables},
        text=True,
        input=stdin,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        timeout=timeout,
    )
    assert not ok or done.returncode == 0, f"{command}: {done.returncode}\n{done.stdout}"
    return done


def listens(port, address="127.0.0.1"):
    """Raises OSError while nothing listens there."""
    with socket.create_connection((address, port), timeout=1):
        return True


class Server:
    """A program in the foreground, started at once; its output goes to the file `log`."""

    def __init__(self, log, *command, **variables):
        self.log = log
        with open(log, "w") as out:
            self.process = subprocess.Popen(
                [str(word) for word in command],
                cwd=log.parent,
                env={**os.environ, **variables},
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
            )

    def wait_for_port(self, port, address="127.0.0.1"):
        def answers():
            assert self.process.poll() is None, self.log.read_text()
            return listens(port, address)

        try:
            eventually(answers, 60, message=f"{self.process.args[0]} listens on port {port}", not_yet=OSError)
        except BaseException:
            self.process.kill()
            self.process.wait()
            raise
        return self

    def stop(self):
        self.process.terminate()
        self.process.wait(20)


class UnexpectedAnswerError(Exception):
    """An answer came, but not the one that the client wanted."""


class Load:
    """Calls ask(number of the thread) again and again from a few threads until the block ends.

    done: how many answers came. failed: (when, what) of each ask() that raised an UnexpectedAnswerError, or an error of the
    network."""

    def __init__(self, ask, threads=4, every_s=0):
        self.ask, self.every_s, self.stopping = ask, every_s, threading.Event()
        self.done, self.failed, self.slowest_s, self.lock = 0, [], 0, threading.Lock()
        self.threads = [threading.Thread(target=self.run, args=(number,)) for number in range(threads)]

    def run(self, number):
        while not self.stopping.is_set():
            start, problem = time.monotonic(), None
            try:
                self.ask(number)
            except (UnexpectedAnswerError, OSError, http.client.HTTPException) as error:
                problem = error
            with self.lock:
                self.count(start, problem)
            self.stopping.wait(self.every_s)

    def count(self, start, problem):
        now = time.monotonic()
        self.slowest_s = max(self.slowest_s, now - start)
        if problem is None or isinstance(problem, UnexpectedAnswerError):
            self.done += 1
        if problem is not None:
            self.failed.append((now, repr(problem)))

    def wait_for(self, more):
        goal = self.done + more
        eventually(lambda: self.done >= goal, 60, message=f"{more} more requests")

    def stop(self):
        self.stopping.set()
        for thread in self.threads:
            thread.join()

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self.stop()


class KeepAlive:
    """For Load: the same request again and again, on one connection for each thread."""

    def __init__(self, port, method, path, body=None, token=None):
        self.port, self.method, self.path, self.mine = port, method, path, threading.local()
        self.body = json.dumps(body) if body else None
        self.headers = {"Content-Type": "application/json", **({"Authorization": f"Bearer {token}"} if token else {})}

    def __call__(self, _):
        if not hasattr(self.mine, "connection"):
            self.mine.connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        try:
            self.mine.connection.request(self.method, self.path, self.body, self.headers)
            reply = self.mine.connection.getresponse()
            reply.read()
        except (OSError, http.client.HTTPException):
            self.mine.connection.close()
            raise
        if reply.status != 200:
            raise UnexpectedAnswerError(reply.status)
