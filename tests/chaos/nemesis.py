"""What disturbs the system during a chaos run: a schedule of faults, which the seed alone decides, and how each is injected.

A fault that lasts (`seconds`) ends by itself. Faults overlap. One whose process is just not there, because of another fault,
waits for it for a moment, and is recorded as skipped when it does not come."""

import contextlib
import dataclasses
import os
import pathlib
import random
import re
import shutil
import signal
import subprocess
import threading
import time

import abacus
from abacus import eventually

DAEMONS = ("users", "values", "worker", "mailer", "healthcheck")
DATABASES = ("users", "values")
QUIET_START_S = 2
PAUSE_S = (0.2, 3.5)
LASTS_S = (1, 12)
TARGET_WAIT_S = 5
UNDO_WAIT_S = 60

# kind of fault -> (what it can hit, whether it lasts, how often it comes in each round of the schedule)
FAULTS = {
    "kill serving": (DAEMONS, False, 4),
    "kill parent": (DAEMONS, False, 2),
    "stop serving": (DAEMONS, True, 3),
    "stop parent": (DAEMONS, True, 1),
    "replace": (DAEMONS, False, 2),
    "leave log unread": (DAEMONS, True, 1),
    "kill": (("redis", "postgres"), False, 2),
    "stop": (("redis", "postgres"), True, 2),
    "restart": (("redis", "postgres"), False, 1),
    "cut": (("redis", "postgres"), False, 2),
    "stall": (("redis", "postgres"), True, 2),
    "refuse": (("redis", "postgres"), True, 1),
    "kill clients": (("redis",), False, 1),
    "empty": (("redis",), False, 2),
    "lose data": (("redis",), False, 1),
    "fill": (("redis",), True, 1),
    "terminate backends": (DATABASES, False, 1),
    "kill backend": (DATABASES, False, 1),
    "make read-only": (("postgres",), True, 1),
    "reload": (("nginx",), False, 1),
    "kill worker": (("nginx",), False, 1),
    "kill master": (("nginx",), False, 1),
}


@dataclasses.dataclass(frozen=True)
class Fault:
    number: int
    at_s: float
    kind: str
    target: str
    process: int  # of those that serve; a kind that hits one takes it modulo their number
    seconds: float


def schedule(seed, seconds, instances):
    """All faults of a run. Kinds are dealt like cards, so that a short run has many kinds and a long one has each often."""
    chance = random.Random(f"nemesis {seed}")
    deck, faults, at_s = [], [], QUIET_START_S
    while at_s < seconds:
        if not deck:
            deck = [kind for kind, (_, _, often) in FAULTS.items() for _ in range(often)]
            chance.shuffle(deck)
        fault = deal(deck.pop(), len(faults), at_s, chance, instances)
        faults.append(fault)
        at_s = round(at_s + chance.uniform(*PAUSE_S), 3)
    return faults


def deal(kind, number, at_s, chance, instances):
    targets, lasts, _ = FAULTS[kind]
    target = chance.choice(targets)
    if targets is DAEMONS and instances > 1 and kind != "replace":
        target += chance.choice(("", "-2"))
    seconds = round(chance.uniform(*LASTS_S), 3) if lasts else 0
    return Fault(number, at_s, kind, target, chance.randrange(64), seconds)


class SkippedError(Exception):
    """What the fault should hit was not there."""


def found(check, what):
    try:
        return eventually(check, TARGET_WAIT_S, not_yet=(OSError, ValueError))
    except AssertionError:
        raise SkippedError(f"{what} is not there") from None


def send(pids, number):
    """A process that has ended meanwhile does not matter."""
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, number)


def descendants(pid):
    return [pid, *(each for child in abacus.children(pid) for each in descendants(child))]


def postgres_program(name):
    return str(max(pathlib.Path("/usr/lib/postgresql").glob(f"*/bin/{name}")))


def administer(sql):
    """As Postgres's superuser, whose password is one of the stack's secrets."""
    port = str(5435 + abacus.OFFSET)
    command = [postgres_program("psql"), "-h", "127.0.0.1", "-p", port, "-U", "postgres", "-d", "postgres", "-qAtX"]
    environment = {**os.environ, "PGPASSFILE": str(abacus.RUN_DIR / "secrets/pgpass"), "PGCONNECT_TIMEOUT": "5"}
    done = subprocess.run(
        [*command, "-v", "ON_ERROR_STOP=1"], env=environment, input=sql, text=True, capture_output=True, timeout=30
    )
    if done.returncode != 0:
        raise SkippedError(done.stderr.strip())
    return done.stdout.strip()


def administer_each(statements):
    """Not in one transaction, as psql would send what it gets in one piece: ALTER SYSTEM refuses to run in one."""
    administer(statements.replace("; ", ";\n"))


def until_done(act):
    """Repeats what ends a fault until it succeeds, because the database may be away by another fault."""

    def try_to():
        act()
        return True

    eventually(
        try_to, UNDO_WAIT_S, 0.3, f"the end of a fault: {act}", (SkippedError, AssertionError, subprocess.SubprocessError)
    )


class Nemesis:
    """Injects a schedule. proxy: stands between the daemons and their databases."""

    def __init__(self, faults, history, proxy):
        self.faults, self.history, self.proxy = faults, history, proxy
        self.threads = []
        self.dispatcher = threading.Thread(target=self.dispatch)

    def start(self):
        self.dispatcher.start()

    def join(self):
        for thread in [self.dispatcher, *self.threads]:
            thread.join()

    def dispatch(self):
        for fault in self.faults:
            time.sleep(max(0, fault.at_s - self.history.now()))
            self.launch(fault)

    def launch(self, fault):
        thread = threading.Thread(target=self.run, args=(fault,))
        thread.start()
        self.threads.append(thread)

    def run(self, fault):
        begin, outcome = self.history.now(), "done"
        try:
            self.inject(fault)
        except SkippedError as reason:
            outcome = f"skipped: {reason}"
        except Exception as error:  # the checker reports it: a run without faults must not pass for one with them
            outcome = f"broken: {error!r}"
        fields = {name: value for name, value in dataclasses.asdict(fault).items() if name != "at_s"}
        self.history.add("fault", begin=begin, end=self.history.now(), outcome=outcome, **fields)

    def inject(self, fault):
        getattr(self, fault.kind.replace(" ", "_").replace("-", "_"))(fault)

    # ---- daemons ----

    def serving(self, fault):
        """The pid of one serving process."""
        processes = found(lambda: abacus.children(abacus.service_pid(fault.target)), f"a serving process of {fault.target}")
        return processes[fault.process % len(processes)]

    def parent(self, fault):
        return found(lambda: abacus.service_pid(fault.target), fault.target)

    def pause(self, pids, fault):
        send(pids, signal.SIGSTOP)
        time.sleep(fault.seconds)
        send(pids, signal.SIGCONT)

    def kill_serving(self, fault):
        send([self.serving(fault)], signal.SIGKILL)

    def kill_parent(self, fault):
        send([self.parent(fault)], signal.SIGKILL)

    def stop_serving(self, fault):
        self.pause([self.serving(fault)], fault)

    def stop_parent(self, fault):
        self.pause([self.parent(fault)], fault)

    def replace(self, fault):
        """Each instance in turn, as scripts/rolling-replace does with containers."""
        for second in ("", "-2")[: abacus.INSTANCES]:
            name = fault.target + second
            before = found(lambda: abacus.service_pid(name), name)
            send([before], signal.SIGTERM)
            with contextlib.suppress(AssertionError):  # other faults may keep it from being ready
                eventually(lambda: abacus.service_pid(name) != before and abacus.is_ready(fault.target, bool(second)), 20, 0.2)

    def leave_log_unread(self, fault):
        logger = found(lambda: int((abacus.service_dir(fault.target) / "log/supervise/pid").read_text()), "the logger")
        self.pause([logger], fault)

    # ---- Redis and Postgres ----

    def kill(self, fault):
        send([self.parent(fault)], signal.SIGKILL)

    def stop(self, fault):
        self.pause(descendants(self.parent(fault)), fault)

    def restart(self, fault):
        send([self.parent(fault)], signal.SIGTERM if fault.target == "redis" else signal.SIGINT)

    def cut(self, fault):
        self.proxy.say("cut", fault.target)

    def stall(self, fault):
        self.proxy.say("stall", fault.target)
        time.sleep(fault.seconds)
        self.proxy.say("pass", fault.target)

    def refuse(self, fault):
        self.proxy.say("refuse", fault.target)
        time.sleep(fault.seconds)
        self.proxy.say("pass", fault.target)

    def redis(self, *command):
        try:
            return abacus.redis_cli(*command)
        except (AssertionError, subprocess.SubprocessError) as error:
            raise SkippedError(f"Redis: {error}") from None

    def kill_clients(self, _):
        self.redis("CLIENT", "KILL", "TYPE", "normal")
        self.redis("CLIENT", "KILL", "TYPE", "pubsub")

    def empty(self, _):
        self.redis("FLUSHALL")

    def lose_data(self, fault):
        """The file is removed while Redis runs, and the next Redis starts with nothing."""
        pid = self.parent(fault)
        shutil.rmtree(abacus.RUN_DIR / "redis/appendonlydir", ignore_errors=True)
        send([pid], signal.SIGKILL)

    def fill(self, fault):
        """The limit afterwards is the file's, because that of now may be of another such fault."""
        limit = re.search(r"^maxmemory (\S+)$", (abacus.RUN_DIR / "redis/redis.conf").read_text(), re.MULTILINE)[1]
        self.redis("CONFIG", "SET", "maxmemory", "1")
        time.sleep(fault.seconds)
        until_done(lambda: self.redis("CONFIG", "SET", "maxmemory", limit))

    def terminate_backends(self, fault):
        administer(f"SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE datname = '{fault.target}'")

    def kill_backend(self, fault):
        """After which Postgres ends all others too, and recovers."""
        sql = f"SELECT pid FROM pg_stat_activity WHERE datname = '{fault.target}' ORDER BY backend_start LIMIT 1"
        pids = [int(pid) for pid in administer(sql).split()]
        if not pids:
            raise SkippedError("no backend")
        send(pids, signal.SIGKILL)

    def make_read_only(self, fault):
        """Connections that exist become read-only too, by the reload."""
        setting = "ALTER SYSTEM SET default_transaction_read_only = {}; SELECT pg_reload_conf()"
        administer_each(setting.format("on"))
        time.sleep(fault.seconds)
        until_done(lambda: administer_each(setting.format("off")))

    # ---- nginx ----

    def reload(self, fault):
        send([self.parent(fault)], signal.SIGHUP)

    def kill_worker(self, fault):
        send([self.serving(fault)], signal.SIGKILL)

    def kill_master(self, fault):
        send([self.parent(fault)], signal.SIGKILL)
