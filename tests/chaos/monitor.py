"""Watches a system during a chaos run: when which instance is ready, which parents ended, and what is used and left."""

import contextlib
import os
import pathlib
import re
import threading

import abacus
from abacus import get

EVERY_S = 0.1
ANSWER_S = 2
LISTENS = "0A"
DAEMON_NAMES = [name + second for name in abacus.ADMIN_PORTS for second in ("", "-2")[: abacus.INSTANCES]]


class Monitor:
    """Records each change of readiness. `nginx` is ready when it passes on a request to users, and one to values that needs
    Postgres and Redis."""

    def __init__(self, history):
        self.history, self.stopping = history, threading.Event()
        self.states = dict.fromkeys([*DAEMON_NAMES, "nginx"], True)
        self.threads = [threading.Thread(target=self.watch, args=(name,)) for name in self.states]
        self.threads.append(threading.Thread(target=self.watch_parents))
        self.changed_at = 0

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self.stopping.set()
        for thread in self.threads:
            thread.join()

    def watch(self, name):
        while not self.stopping.wait(EVERY_S):
            is_ready = serves() if name == "nginx" else abacus.is_ready(name.removesuffix("-2"), name.endswith("-2"))
            if is_ready != self.states[name]:
                self.states[name], self.changed_at = is_ready, self.history.now()
                self.history.add("state", instance=name, at=self.changed_at, is_ready=is_ready)

    def watch_parents(self):
        """Records each that runit has begun again."""
        pids = {name: abacus.service_pid(name) for name in DAEMON_NAMES}
        while not self.stopping.wait(EVERY_S):
            for name, before in pids.items():
                pids[name] = abacus.service_pid(name) or before
                if pids[name] != before:
                    self.history.add("parent", instance=name, at=self.history.now())

    def has_been_well_since(self, at, seconds):
        """For `seconds`, of which all lie behind `at`."""
        return all(self.states.values()) and self.history.now() - max(at, self.changed_at) >= seconds


def serves():
    try:
        return all(get(path, timeout=ANSWER_S).status == 200 for path in ("/users/ping", "/api/values/current?limit=1"))
    except OSError:
        return False


# ---- what is used ----


def http_sockets():
    """The inodes of clients' connections, of which there are as many as there are clients."""
    ports = {port + shift for ports in (abacus.PORTS, abacus.ADMIN_PORTS) for port in ports.values() for shift in (0, 100)}
    found = set()
    for line in pathlib.Path("/proc/net/tcp").read_text().splitlines()[1:]:
        fields = line.split()
        if fields[3] != LISTENS and int(fields[1].split(":")[1], 16) in ports:
            found.add(f"socket:[{fields[9]}]")
    return found


def descriptors(pid, ignored):
    count = 0
    for link in pathlib.Path(f"/proc/{pid}/fd").iterdir():
        with contextlib.suppress(OSError):
            count += os.readlink(link) not in ignored
    return count


def use_of(name, ignored):
    """Of a parent and its serving processes together."""
    serving = abacus.children(abacus.service_pid(name))
    pids = [abacus.service_pid(name), *serving]
    return {
        "count": len(serving),
        "memory": sum(abacus.resident_bytes(pid) for pid in pids),
        "descriptors": sum(descriptors(pid, ignored) for pid in pids),
    }


def of_redis(section, name):
    return int(re.search(rf"{name}:(\d+)", abacus.redis_cli("INFO", section))[1])


def measure():
    ignored = http_sockets()
    backends = {
        name: int(
            abacus.psql(name, f"SELECT count(*) FROM pg_stat_activity WHERE datname = '{name}' AND pid <> pg_backend_pid()")
        )
        for name in ("users", "values")
    }
    return {
        "processes": {name: use_of(name, ignored) for name in DAEMON_NAMES},
        "redis": of_redis("memory", "used_memory"),
        "connections": {
            "redis": of_redis("clients", "connected_clients"),
            **{f"postgres, {name}": count for name, count in backends.items()},
        },
    }


# ---- what the databases have ----


def table(database, sql):
    return [row.split("|") for row in abacus.psql(database, sql).splitlines()]


def users():
    return [[int(number), email] for number, email in table("users", "SELECT id, email FROM users ORDER BY id")]


def named(names):
    """[[kind, index, …]] of names such as fibonacci:7"""
    return [[kind, int(index)] for kind, index in (name.split(":") for name in names)]


def dead_letters(began_unix_ms):
    """[[kind, index, deliveries, when]]"""
    lines = abacus.redis_cli("HGETALL", "{jobs}:dead").splitlines()
    found = []
    for name, letter in zip(lines[::2], lines[1::2], strict=True):
        deliveries, failed_ms, _ = (letter + " ").split(" ", 2)
        found.append([*named([name])[0], int(deliveries), (int(failed_ms) - began_unix_ms) / 1000])
    return found


def pending_on(lane):
    with contextlib.suppress(AssertionError):
        return int(abacus.redis_cli("XPENDING", lane, "workers").splitlines()[0] or 0)
    return 0


def pending():
    """Jobs that are delivered and not acknowledged; 0 while there is no group, because Redis was emptied."""
    return pending_on("jobs") + pending_on("{jobs}:large")


def left():
    return {
        "the stream of small jobs": int(abacus.redis_cli("XLEN", "jobs")),
        "the stream of large jobs": int(abacus.redis_cli("XLEN", "{jobs}:large")),
        "the window of jobs": int(abacus.redis_cli("HLEN", "{jobs}:window")),
        "the stream of what finished": int(abacus.redis_cli("XLEN", "{jobs}:finished")),
        "the stream of messages": int(abacus.redis_cli("XLEN", "{mail}:messages")),
        "the stream of reports about messages": int(abacus.redis_cli("XLEN", "{mail}:reports")),
        "the deliveries that are pending": pending(),
    }


def final(began_unix_ms, earlier_users):
    with contextlib.suppress(AssertionError):  # what is left then is reported
        abacus.eventually(
            lambda: not any(left().values()), 30, 0.5, "all that finished is in Postgres, and what waited is sent"
        )
    keys = abacus.redis_cli("--scan").splitlines()
    rows = table("values", 'SELECT id, user_id, kind, index FROM "values" ORDER BY id')
    return {
        "rows": [[value, int(user), kind, int(index)] for value, user, kind, index in rows],
        "calculations": [[kind, int(index)] for kind, index in table("values", "SELECT kind, index FROM calculations")],
        "users": [user for user in users() if user not in earlier_users],
        "results": [
            [kind, int(index)] for kind, index in table("values", "SELECT kind, index FROM calculations WHERE state = 'done'")
        ],
        "dead": dead_letters(began_unix_ms),
        "keys": [key for key in keys if not key.startswith("result:")],
        "left": left(),
    }
