"""Whatever Redis answers, and however: no daemon crashes, spins or floods its log, a client gets a status of the table
libcommon/redis/errors.c, no job becomes a dead letter, nothing acknowledged is lost, and all is well 2 s after Redis is."""

import contextlib
import itertools
import time

import pytest
import redis_commands

import system
from abacus import IS_CLUSTER, eventually
from peer_proxy import Fault
from system import SEED, Driven, Peered, User, in_parallel, judge, redis_says

WORDS = {  # Redis's text, and the status of a call that gets it
    "OOM": ("command not allowed when used memory > 'maxmemory'.", 503),
    "READONLY": ("You can't write against a read only replica.", 503),
    "NOPERM": ("this user has no permissions to run the 'evalsha' command", 503),
    "MISCONF": ("Redis is configured to save RDB snapshots, but it's currently unable to persist to disk.", 503),
    "LOADING": ("Redis is loading the dataset in memory", 503),
    "BUSY": ("Redis is busy running a script. You can only call SCRIPT KILL or SHUTDOWN NOSAVE.", 503),
    "CLUSTERDOWN": ("The cluster is down", 503),
    "MOVED": ("3999 127.0.0.1:6381", 503),
    "ASK": ("3999 127.0.0.1:6381", 503),
    "MASTERDOWN": ("Link with MASTER is down and replica-serve-stale-data is set to 'no'.", 503),
    "TRYAGAIN": ("Multiple keys request during rehashing of slot", 503),
    "NOREPLICAS": ("Not enough good replicas to write.", 503),
    "NOAUTH": ("Authentication required.", 503),
    "WRONGPASS": ("invalid username-password pair or user is disabled.", 503),
    "MAXCLIENTS": ("max number of clients reached", 503),
    "NOSCRIPT": ("No matching script. Please use EVAL.", 503),
    "WRONGTYPE": ("Operation against a key holding the wrong kind of value", 500),
    "BUSYGROUP": ("Consumer Group name already exists", 500),
    "NOGROUP": ("No such key 'jobs' or consumer group 'workers' in XREADGROUP with GROUP option", 500),
    "UNBLOCKED": ("client unblocked via CLIENT UNBLOCK", 500),
    "ERR": ("unknown command 'EVALSHA'", 500),
}
ERRORS = {word: Fault(word, f"-{word} {text}\r\n".encode(), executes=False) for word, (text, _) in WORDS.items()}

SHAPES = {  # replies that are well formed, and that no command of ours has
    "an integer": b":7\r\n",
    "a negative integer": b":-1\r\n",
    "nil": b"$-1\r\n",
    "a nil array": b"*-1\r\n",
    "an empty array": b"*0\r\n",
    "an empty text": b"$0\r\n\r\n",
    "a status": b"+OK\r\n",
    "a text with NUL": b"$5\r\na\0b c\r\n",
    "an array of nil": b"*2\r\n$-1\r\n$-1\r\n",
    "an array of integers": b"*3\r\n:1\r\n:2\r\n:3\r\n",
    "a nested array": b"*1\r\n*2\r\n$4\r\njobs\r\n*1\r\n*2\r\n:1\r\n*0\r\n",
    "an entry without fields": b"*1\r\n*2\r\n$4\r\njobs\r\n*1\r\n*2\r\n$3\r\n1-1\r\n*-1\r\n",
    "an array with an error": b"*2\r\n:1\r\n-ERR inside\r\n",
}
BROKEN = {  # bytes that are no reply, or none that ends
    "a huge text": b"$2147483647\r\nabc",
    "an endless text": b"$99999999999999999999\r\nabc",
    "a huge array": b"*2147483647\r\n:1\r\n",
    "an endless array": b"*99999999999999999999\r\n",
    "a text of negative length": b"$-2\r\n",
    "an array of negative length": b"*-7\r\n",
    "an integer that is none": b":seven\r\n",
    "an array that is nested deeply": b"*1\r\n" * 200 + b":1\r\n",
    "a line without an end": b"+" + b"x" * 70_000,
    "garbage": b"\x16\x03\x01\x00\xff\x00\r\n\r\n",
    "HTTP": b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n",
}
TIMING = [
    Fault("late", late_s=system.COMMAND_MS / 1000 / 4),
    Fault("too late", late_s=system.COMMAND_MS / 1000 * 1.5),
    Fault("twice", times=2),
    Fault("a hundred times", times=100),
    Fault("cut", cut=True),
    Fault("never", is_mute=True),
    Fault("the connection ends behind it", ends=True),
    Fault("the connection ends instead of it", b"", ends=True),
]
FAULTS = [
    *ERRORS.values(),
    *(Fault(name, answer) for name, answer in (SHAPES | BROKEN).items()),
    *TIMING,
]
# How long it takes to notice that no answer comes: the time limit of a command, and of a blocking read the time that it blocks,
# or the time between two pings of a subscriber.
NOTICED_S = {"too late": system.COMMAND_MS / 1000 + 0.3, "never": system.COMMAND_MS / 1000 + 0.3}
LONG_INDEX = 20_000  # of 4,180 digits, so that the whole decimal is in Redis alone
BLOCKING_S = {"XREADGROUP": 1, "XREAD": 1, "BLPOP": 1, "message": 1, "SUBSCRIBE": 1}
ENDS_S = system.RECOVERS_S + system.COMMAND_MS / 1000 + 1  # a read that blocks is ended, or its second is over
NO_CHANNEL = "only a connection with a channel sends it, and this daemon has none"
UNTRIED = {
    "mailer": {
        "SUBSCRIBE": NO_CHANNEL,
        "limit_undo": "is sent when an SMTP server or a gateway takes nothing, and its answer is not read; users sends it too",
    },
    "worker": {"SUBSCRIBE": NO_CHANNEL},
    "healthcheck": {"SUBSCRIBE": NO_CHANNEL},
}  # with the reasons
UNTRIED_ON_A_CLUSTER = {"SELECT": "it has one database", "legacy": "it has no legacy results", "EXPIRE": "the same"}
# What a call may be answered with when Redis's answer to it was not an error of the table: as if nothing was, that this is our
# own fault, that Redis is away, that it took too long, that a limit is reached (a number from limit_count).
ANSWERS = {200, 429, 500, 503, 504}


def dead_letters():
    """How many there are, after that of an entry which Redis made up, and which names no calculation (an entry without fields),
    was removed."""
    redis_says("HDEL", "{jobs}:dead", "fibonacci:-1")
    return redis_says("HLEN", "{jobs}:dead")


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    """A logout waits for the followers of the revocations. So users is disturbed on a database where the follower is left
    alone, and the others on one where users is."""
    print(f"SEED={SEED}")
    system.make_databases()
    another = {"database": system.ANOTHER_DATABASE, "REPAIR_SECONDS": 1}
    with contextlib.ExitStack() as started:
        start = lambda *arguments, **options: started.enter_context(Peered(*arguments, **options))  # noqa: E731
        users, quiet_users = start("users", LOGIN_ATTEMPTS_MAX=1000000, **another), start("users", REPAIR_SECONDS=1)
        system.revocations_are_published()
        system.revocations_are_published(system.ANOTHER_DATABASE)
        quiet_values, values = start("values", **another), start("values", REPAIR_SECONDS=1)
        worker, healthcheck = start("worker", LEASE_SECONDS=1, MAX_DELIVERIES=2), start("healthcheck")
        folder = tmp_path_factory.mktemp("mail")
        mailer = start("mailer", MAIL_DIR=folder)
        yield {
            "users": Users(users, quiet_values),
            "values": Values(values, quiet_users),
            "worker": Worker(worker),
            "healthcheck": Healthcheck(healthcheck),
            "mailer": Mailer(mailer, folder),
        }


class Users(Driven):
    def __init__(self, peered, follower):
        super().__init__(peered)
        self.user, self.follower, self.dead = User(peered), follower, []

    def logs_in(self):
        reply = self.peered.call("POST", "/auth/login", self.user.credentials)
        if reply.status == 200:
            self.user.token = reply.json["auth_token"]
        return [reply]

    def logs_out(self):
        logged_in = self.logs_in()
        reply = self.peered.call("POST", "/auth/logout", token=self.user.token)
        if logged_in[0].status == 200:
            self.dead.append(self.user.token)
        return [*logged_in, reply]

    def fails_to_log_in(self):
        reply = self.peered.call("POST", "/auth/login", {"email": self.user.email, "password": "wrong-password"})
        assert reply.status in (404, 503, 504), reply
        return []

    def changes_password(self):
        """Which is passed on to mailer by this process, because it has written the message."""
        self.logs_in()
        body = {"current": self.user.password, "new": self.user.password}
        return [self.peered.call("PUT", "/auth/password", body, token=self.user.token)]

    def causes_a_notice(self):
        """Until it is this daemon that publishes it: both daemons claim messages from one database."""
        replies, published = [], self.proxy.commands["PUBLISH"]
        for _ in range(8):
            replies += self.changes_password()
            with contextlib.suppress(AssertionError):
                eventually(lambda: self.proxy.commands["PUBLISH"] > published, 1, message="a notice is published")
                break
        return replies

    def reads_a_report(self):
        system.add_mail_report(self.peered.database)
        return []

    def is_left_alone(self):
        return []

    def publishes_again(self):
        redis_says("DEL", "{revocations}:complete", database=self.peered.database)
        return self.reconnects()

    def triggers(self):
        return super().triggers() | {
            "SCRIPT": self.reconnects,
            "SUBSCRIBE": self.reconnects,
            "message": self.logs_out,  # the follower announces that it knows of it
            "limit_count": self.logs_in,
            "limit_undo": self.logs_in,
            "revocations_publish": self.logs_out,
            "revocations_sweep": self.is_left_alone,
            "revocations_republish_begin": self.reconnects,
            "revocations_republish_end": self.publishes_again,
            "SET": self.publishes_again,
            "PUBLISH": self.causes_a_notice,
            "XADD": self.changes_password,
            "read_reports": self.is_left_alone,
            "XDEL": self.reads_a_report,
        }

    def drive(self):
        return self.logs_out() + self.fails_to_log_in()

    def is_well(self):
        return self.peered.is_ready() and [reply.status for reply in self.logs_out()] == [200, 200]


class Mailer(Driven):
    def __init__(self, peered, folder):
        super().__init__(peered)
        self.folder = folder

    def is_asked(self):
        system.add_message()
        return []

    def is_left_alone(self):
        return []

    def triggers(self):
        return super().triggers() | {
            "SCRIPT": self.reconnects,
            "XREAD": self.is_left_alone,
            "take": self.is_asked,
            "limit_count": self.is_asked,
            "XADD": self.is_asked,
        }

    def drive(self):
        return self.is_asked()

    def has_sent(self, number):
        return list(self.folder.glob(f"*-{number}.eml"))

    def is_well(self):
        number = system.add_message()
        eventually(lambda: self.has_sent(number), 0.5, message="a message is sent")
        return self.peered.is_ready()


class Values(Driven):
    ENDINGS = ("HDEL",)

    def __init__(self, peered, users):
        super().__init__(peered)
        self.user, self.indexes, self.acknowledged = User(users), itertools.count(1), []
        self.leaver = User(users)  # takes submissions back, which are not among the acknowledged

    def submits(self):
        index = next(self.indexes)
        reply = self.peered.call("POST", "/values", {"index": index}, token=self.user.token)
        if reply.status == 200:
            self.acknowledged.append(index)
        return [reply]

    def lists(self):
        return [self.peered.call("GET", "/values", token=self.user.token)]

    def reads(self, index):
        reply = self.peered.call("GET", f"/values/fibonacci/{index}", token=self.user.token)
        return [] if reply.status == 202 else [reply]

    def reads_what_is_pending(self):
        return self.reads(system.make_pending(next(self.indexes)))

    def reads_what_is_long(self):
        """It waits for a worker to calculate it again, as long as Redis does not have the decimal."""
        self.peered.call("POST", "/values", {"index": LONG_INDEX}, token=self.user.token)
        return self.reads(LONG_INDEX)

    def reads_what_redis_lost(self):
        """A worker calculates it again, unless it was asked to a moment ago."""
        replies = self.reads_what_is_long()
        for key in (f"result:fibonacci:{LONG_INDEX}", f"{{jobs}}:asked:fibonacci:{LONG_INDEX}"):
            redis_says("DEL", key)
        return replies + self.reads(LONG_INDEX)

    def takes_back(self):
        """Stored by the test, because a worker could be quicker than the client."""
        number = system.make_submission(self.leaver.email, next(self.indexes), "pending")
        return [self.peered.call("DELETE", f"/values/{number}", token=self.leaver.token)]

    def puts_back(self, state):
        index = next(self.indexes)
        system.make_submission(self.user.email, index, state)
        reply = self.peered.call("POST", f"/values/fibonacci/{index}/retry", token=self.user.token)
        if reply.status == 200:
            self.acknowledged.append(index)
        return [reply]

    def has_legacy_results(self):
        """Of something that no client asks for."""
        redis_says("HSET", "results:lucas", "0", "")
        return []

    def reads_what_may_be_legacy(self):
        return self.has_legacy_results() + self.reads_what_is_pending()

    def loses_its_group(self):
        redis_says("XGROUP", "DESTROY", "{jobs}:finished", "values")
        return []

    def is_left_alone(self):
        return []

    def hears_of_a_result(self):
        redis_says("PUBLISH", "live", '{"event":"value"}')
        return []

    def legacy_triggers(self):
        """The last ones, because from then on it has legacy results."""
        return {} if IS_CLUSTER else {"legacy": self.reads_what_may_be_legacy, "EXPIRE": self.has_legacy_results}

    def triggers(self):
        own = {
            "SCRIPT": self.reconnects,
            "SUBSCRIBE": self.reconnects,
            "revocations_follow": self.is_left_alone,
            "XREAD of what is new": self.is_left_alone,
            "XREAD of all": self.reconnects,
            "message": self.hears_of_a_result,
            "rate_take": self.submits,
            "add": self.submits,
            "look_up": self.reads_what_is_pending,
            "GET": self.reads_what_is_long,
            "ask_decimal": self.reads_what_redis_lost,
            "cancel": self.takes_back,
            "retry of what failed": lambda: self.puts_back("failed"),
            "retry of what is pending": lambda: self.puts_back("pending"),
            "XREADGROUP": self.submits,
            "XAUTOCLAIM": self.is_left_alone,
            "XGROUP": self.loses_its_group,
            "written": self.submits,
            "EXISTS": self.is_left_alone,
            "refill_begin": self.is_left_alone,
            "refill": self.reads_what_is_pending,
            "refill_end": self.is_left_alone,
            "SET": self.is_left_alone,
            "backlog": self.is_left_alone,
        }
        return super().triggers() | own | self.legacy_triggers()

    def starts_another(self):
        return Peered("values", database=system.ANOTHER_DATABASE, INSTANCE="faults-values-2")

    def gets_ready_to_end(self, peered):
        """It follows the revocations, since it is ready."""

    def drive(self):
        return self.submits() + self.lists() + self.reads_what_is_pending()

    def hears(self):
        before = self.proxy.commands["message"]
        self.hears_of_a_result()
        eventually(lambda: self.proxy.commands["message"] > before, 0.5, message="the daemon is subscribed")
        return True

    def is_well(self):
        replies = self.lists() + self.submits()
        return self.peered.is_ready() and [reply.status for reply in replies] == [200, 200] and self.hears()


class Worker(Driven):
    ENDINGS = ("CLIENT", "present", "release")

    def __init__(self, peered):
        super().__init__(peered)
        self.indexes, self.long_indexes = itertools.count(1), itertools.count(LONG_INDEX)

    def queue(self, index=None, database=system.REDIS_DATABASE):
        """In one step, because the worker may finish the job before a second command."""
        index = index or next(self.indexes)
        add = "redis.call('XADD', KEYS[1], '*', 'kind', 'lucas', 'index', ARGV[1], 'request_id', 'test')"
        script = f"return redis.call('HSET', KEYS[2], 'lucas:' .. ARGV[1], {add})"
        redis_says("EVAL", script, 2, "jobs", "{jobs}:window", index, database=database)
        return index

    def has_finished(self, index):
        """As it is written, it is taken out of the window."""
        assert not redis_says("HEXISTS", "{jobs}:dead", f"lucas:{index}")
        return (redis_says("HGET", "{jobs}:window", f"lucas:{index}") or "=")[0] == "="

    def is_asked(self):
        self.queue()
        return []

    def is_left_alone(self):
        return []

    def is_asked_for_a_long_one(self):
        self.queue(next(self.long_indexes))
        return []

    def is_asked_for_a_decimal(self):
        """As values does for a reader."""
        redis_says("RPUSH", "{jobs}:asked", f"fibonacci:{LONG_INDEX} test")
        return []

    def gets_what_is_no_job(self):
        redis_says("XADD", "jobs", "*", "another", "program")
        return []

    def holds_a_job(self):
        """Because its result is refused; it renews the lease."""
        self.proxy.arm_also(ERRORS["OOM"], "finish", most=None)
        return self.is_asked()

    def loses_its_group(self):
        redis_says("XGROUP", "DESTROY", "jobs", "workers")
        return []

    def triggers(self):
        return super().triggers() | {
            "SCRIPT": self.reconnects,
            "XREADGROUP": self.is_asked,
            "XGROUP": self.loses_its_group,
            "finish": self.is_asked,
            "SET of a result": self.is_asked_for_a_long_one,
            "BLPOP": self.is_asked_for_a_decimal,
            "SET of a decimal": self.is_asked_for_a_decimal,
            "DEL": self.is_asked_for_a_decimal,
            "XCLAIM": self.holds_a_job,
            "bury": self.gets_what_is_no_job,
            "take_over": self.is_left_alone,
            "present": self.reconnects,
            "count": self.is_left_alone,
        }

    def starts_another(self):
        return Peered("worker", database=system.ANOTHER_DATABASE, INSTANCE="faults-worker-2")

    def gets_ready_to_end(self, peered):
        """It holds a job that it will hand back."""
        refused = peered.redis.arm_also(ERRORS["OOM"], "finish", most=None)
        self.queue(database=peered.database)
        eventually(lambda: refused.applied, message="the worker holds a job")

    def drive(self):
        return self.is_asked()

    def is_well(self):
        if not self.peered.is_ready():
            return False
        index = self.queue()
        eventually(lambda: self.has_finished(index), message=f"the result of lucas {index}")
        return True


class Healthcheck(Driven):
    def shows(self):
        reply = self.peered.call("GET", "/healthcheck")
        assert reply.status == 200, reply
        return reply.json["data"]["redis"]["status"]

    def looks(self):
        self.shows()
        return []

    def triggers(self):
        return super().triggers() | {"SCRIPT": self.reconnects, "INFO": self.looks, "count": self.looks}

    def drive(self):
        return self.looks()

    def is_well(self):
        return self.peered.is_ready() and self.shows() == "up"


def test_every_word_of_the_table_is_tried():
    assert system.table("redis/errors.c") <= set(WORDS)


def test_every_command_is_tried_or_has_a_reason(world):
    assert redis_commands.strays() == set()
    sent = {name: redis_commands.sent_by(name) for name in world}
    more = set(UNTRIED_ON_A_CLUSTER) if IS_CLUSTER else set()
    reasons = {name: set(UNTRIED.get(name, ())) | (names & more) for name, names in sent.items()}
    assert system.untried(world, sent) == reasons
    assert redis_commands.whole_scripts() <= set().union(*sent.values())


def test_every_command_may_be_answered_with_any_error_for_a_while(world):
    def refuse_everything(driven):
        slowest_s = 0
        for word, fault in ERRORS.items():
            what = f"everything is answered with {word}"
            with driven.peered.bounded(what):
                rule = driven.proxy.arm(fault, most=None)
                for _ in range(3):
                    judge(f"{driven.name}: {what}", driven.drive(), {200, WORDS[word][1], 503, 504})
                eventually(lambda: rule.applied >= 3, message=f"{driven.name} has sent commands: {what}")
                slowest_s = max(slowest_s, driven.peered.recovers(what, driven.is_well))
        return slowest_s

    print(in_parallel(world, refuse_everything))


def test_any_command_may_be_answered_in_any_way(world):
    def misbehave(driven):
        slowest_s, applied = 0, 0
        for name, trigger in driven.triggers().items():
            command = name.partition(" ")[0]
            for fault in system.some(driven.random, FAULTS):
                what = f"{driven.name}: {name} is answered so: {fault}"
                with driven.peered.bounded(what):
                    rule = driven.proxy.arm(fault, command)
                    statuses = ANSWERS if fault.name not in WORDS else {200, WORDS[fault.name][1], 503, 504}
                    system.provoke(rule, what, trigger, statuses)
                    noticed_s = NOTICED_S.get(fault.name, 0) and NOTICED_S[fault.name] + BLOCKING_S.get(command, 0)
                    slowest_s = max(slowest_s, driven.peered.recovers(what, driven.is_well, system.RECOVERS_S + noticed_s))
                    applied += rule.applied
        return slowest_s, applied

    print(in_parallel(world, misbehave))


def ends(driven, fault, command, what):
    """The command is answered with the fault; returns how many seconds the daemon took, and whether it has sent the command."""
    with contextlib.closing(driven.starts_another()) as peered, peered.daemon as daemon:
        rule = peered.redis.arm(fault, command)
        driven.gets_ready_to_end(peered)
        start = time.monotonic()
        assert daemon.terminate(30) == 0, f"{what}: {peered.death()}"
        return time.monotonic() - start, rule.applied > 0


def test_a_daemon_ends_in_time_however_the_last_commands_are_answered(world):
    def all_end(driven):
        slowest_s, ended = 0, 0
        for command in driven.ENDINGS:
            for fault in system.some(driven.random, FAULTS):
                what = f"{driven.name}: {command} is answered so at its end: {fault}"
                for _ in range(3):  # a worker whose reads have just been answered has none to end by CLIENT
                    took_s, is_sent = ends(driven, fault, command, what)
                    assert took_s < ENDS_S, f"{what}: it took {took_s:.2f} s"
                    slowest_s, ended = max(slowest_s, took_s), ended + 1
                    if is_sent:
                        break
                assert is_sent, f"{what}: it was not sent"
        return slowest_s, ended

    print(in_parallel(world, all_end))


def test_a_result_that_cannot_be_stored_for_many_leases_is_stored_in_the_end(world):
    worker = world["worker"]
    for word in ("OOM", "WRONGTYPE"):
        what = f"finish is answered with {word} for many leases"
        with worker.peered.bounded(what):
            rule = worker.proxy.arm(ERRORS[word], "finish", most=None)
            index, takes_over = worker.queue(), worker.proxy.commands["take_over"]
            eventually(lambda: worker.proxy.commands["take_over"] > takes_over + 6, message="three leases are over")
            assert rule.applied > 1
            worker.peered.recovers(what, lambda: worker.has_finished(index))
        assert dead_letters() == 0


def test_a_mailer_that_sees_a_message_which_it_cannot_take_asks_with_pauses(world):
    """As when its two connections lead to two servers, during a failover."""
    mailer = world["mailer"]
    mailer.proxy.arm(Fault("another server has none", b"*2\r\n:1\r\n*0\r\n", executes=False), "take", most=None)
    takes, start, number = mailer.proxy.commands["take"], time.monotonic(), system.add_message()
    eventually(lambda: mailer.proxy.commands["take"] - takes > 5 and time.monotonic() - start > 2, message="it goes on asking")
    assert mailer.proxy.commands["take"] - takes < 10 + 4 * (time.monotonic() - start)
    mailer.peered.recovers("two servers", lambda: mailer.has_sent(number))


def test_an_operator_learns_that_one_of_many_dead_letters_could_not_be_put_back(world):
    proxy = world["values"].proxy
    assert dead_letters() == 0
    for index in range(5000, 5005):
        redis_says("HSET", "{jobs}:dead", f"lucas:{index}", "5 0 test")
    proxy.arm(ERRORS["OOM"], "retry")
    partly = system.manage("values", "jobs", "retry", "--all", ok=False, redis_port=proxy.port)
    proxy.lift()
    assert (partly.returncode, "manage: 1 could not be put back" in partly.stdout) == (1, True), partly.stdout
    assert dead_letters() == 1
    system.manage("values", "jobs", "retry", "--all", redis_port=proxy.port)
    assert dead_letters() == 0


def test_nothing_acknowledged_was_lost_and_nothing_is_a_dead_letter(world):
    values, users = world["values"], world["users"]
    system.all_are_done(values.acknowledged)
    assert dead_letters() == 0

    def is_dead(token):
        return users.follower.call("GET", "/values", token=token).status == 401

    eventually(lambda: all(is_dead(token) for token in users.dead), message="every token that was logged out is dead")
