"""A daemon that knows a peer by name, while its name server answers late, wrongly or not at all: it neither crashes nor spins,
answers meanwhile, and finds its peer within 2 s after the name server answers again, and the time to notice that none
comes."""

import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

import abacus
import system
from abacus import call, eventually
from name_server import NXDOMAIN, REFUSED, SERVFAIL, TRUNCATED, Answer, Named, NameServer, needs_a_file_system_of_its_own
from system import Peered, User

HERE = Answer(("127.0.0.1",))
LOOK_UP_S = 3  # HTTP_CLIENT_RESOLVE_TIMEOUT_MS
ANSWERS_S = 2.5  # what answers meanwhile has its time, and what waits for the look-up has not
CONNECT_S = 1  # REDIS_CONNECT_TIMEOUT_MS and POSTGRES_CONNECT_TIMEOUT_MS of Peered
DEAD = tuple(f"127.0.0.{number}" for number in range(2, 9))  # nothing listens on these
QUESTION = b"\x06redis-\x04test\x00\x00\x01\x00\x01"

FINDS = {  # answers with which Redis is found all the same
    "late": Answer(HERE.addresses, late_s=0.3),
    "the first address is dead": Answer((DEAD[0], "127.0.0.1")),
    "seven addresses are dead": Answer((*DEAD, "127.0.0.1")),
    "the same address many times": Answer(("127.0.0.1",) * 24),
    "two families, and one is dead": Answer(("127.0.0.1", "::1")),
    "only A is answered": Answer(HERE.addresses, answers_only_a=True),
}
FINDS_NOT = {
    "lost": Answer(is_lost=True),
    "later than the time limit": Answer(HERE.addresses, late_s=CONNECT_S + 0.5),
    "SERVFAIL": Answer(code=SERVFAIL),
    "NXDOMAIN": Answer(code=NXDOMAIN),
    "REFUSED": Answer(code=REFUSED),
    "no address": Answer(),
    "all addresses are dead": Answer(DEAD),
    "truncated": Answer(flags=TRUNCATED),
    "another question's id": Answer(HERE.addresses, has_other_id=True),
    "an empty datagram": Answer(raw=b"", is_bare=True),
    "a few bytes": Answer(raw=b"\x81\x80\x00"),
    "garbage": Answer(raw=bytes(range(256)) * 2),
    "counts that are not true": Answer(raw=b"\x81\x80\x00\x01\xff\xff\xff\xff\xff\xff" + QUESTION),
    "a name that points to itself": Answer(
        raw=b"\x81\x80\x00\x01\x00\x01\x00\x00\x00\x00\xc0\x0c\x00\x01\x00\x01" + b"\xc0\x1c" * 40
    ),
}


OF_THE_RESOLVER = {  # which both share, so these are tried with Redis alone
    "truncated", "another question's id", "an empty datagram", "a few bytes", "garbage", "counts that are not true",
    "a name that points to itself",
}  # fmt: skip


class World:
    """A daemon that knows its peer by name, the name server, and the proxy before the peer."""

    def __init__(self, name, server):
        self.server, self.peered = server, Peered(name)
        self.proxy = self.peered.redis if name == "worker" else self.peered.postgres
        url = "REDIS_URL" if name == "worker" else "DATABASE_URL"
        by_name = {url: self.peered.chosen[url].replace("@127.0.0.1:", "@peer.test:")}
        self.peered.daemon = Named(name, server, **(self.peered.chosen | by_name))

    def find_again(self, answer):
        """The daemon loses its peer while its name server gives that answer."""
        self.server.answer, asked = answer, self.server.asked
        self.proxy.cut_all()
        eventually(lambda: self.server.asked > asked, message="the name is looked up again")

    def is_lost(self):
        """Whether the daemon has no connection to its peer. Cuts a connection that an older answer led to and that was still
        under way when find_again() cut the others: nothing else would end it."""
        self.proxy.cut_all()
        return not self.peered.is_ready()


def world(name):
    needs_a_file_system_of_its_own()
    server = NameServer(HERE)
    try:
        found = World(name, server)
        with found.peered:
            yield found
    finally:
        server.close()


@pytest.fixture(scope="module")
def redis():
    yield from world("worker")  # it needs nothing but Redis


@pytest.fixture(scope="module")
def postgres():
    system.make_databases()
    yield from world("users")


@pytest.fixture(params=["redis", "postgres"])
def named(request):
    return request.getfixturevalue(request.param)


@pytest.mark.parametrize("what", FINDS)
def test_the_peer_is_found_although_the_answer_is(named, what):
    with named.peered.bounded(what):
        named.find_again(FINDS[what])
        named.peered.recovers(what, named.peered.is_ready, system.RECOVERS_S + CONNECT_S)


def is_found_again(named, what):
    with named.peered.bounded(what):
        named.find_again(FINDS_NOT[what])
        eventually(named.is_lost, message="the peer is not found")
        asked = named.server.asked
        eventually(lambda: named.server.asked > asked, message="the name is looked up again")
        named.server.answer = HERE
        named.peered.recovers(what, named.peered.is_ready, system.RECOVERS_S + CONNECT_S)


@pytest.mark.parametrize("what", FINDS_NOT)
def test_redis_is_found_again_after_the_answer_was(redis, what):
    is_found_again(redis, what)


@pytest.mark.parametrize("what", [what for what in FINDS_NOT if what not in OF_THE_RESOLVER])
def test_postgres_is_found_again_after_the_answer_was(postgres, what):
    is_found_again(postgres, what)


def test_a_changed_address_is_followed(named):
    with named.peered.bounded("a changed address"):
        for addresses in ((DEAD[0],), HERE.addresses, (DEAD[1],), HERE.addresses):
            named.find_again(Answer(addresses))
            is_there = named.peered.is_ready if addresses == HERE.addresses else named.is_lost
            eventually(is_there, message=f"the peer is at {addresses}")


def test_while_the_name_of_postgres_is_looked_up_requests_are_answered(postgres):
    postgres.find_again(Answer(is_lost=True))
    eventually(postgres.is_lost, message="Postgres is not found")
    asked = postgres.server.asked
    while postgres.server.asked < asked + 4:
        assert postgres.peered.call("GET", "/users/ping", timeout=3).status == 200
    postgres.server.answer = HERE
    eventually(postgres.peered.is_ready, message="Postgres is found again")


class Called:
    """A peer that counts its connections, and ends each."""

    def __init__(self):
        self.calls, self.listener = 0, socket.create_server(("127.0.0.1", 0))
        self.address = f"peer.test:{self.listener.getsockname()[1]}"
        threading.Thread(target=self.run, daemon=True).start()

    def run(self):
        while True:
            try:
                self.listener.accept()[0].close()
            except OSError:
                return
            self.calls += 1


class Mailer:
    """It knows its server and its gateway by name. On a database without a users, which would take its reports."""

    DATABASE = system.ANOTHER_DATABASE

    def __init__(self, server):
        self.server, self.smtp, self.gateway = server, Called(), Called()
        chosen = {
            "REDIS_URL": system.redis_url(abacus.redis_database(self.DATABASE)[0], self.DATABASE),
            "REDIS_URL_FILE": None,
            "HANG_SECONDS": 0,
        }
        chosen |= {"SMTP_URL": f"smtp://{self.smtp.address}", "SMS_URL": f"http://{self.gateway.address}"}
        limits = {"SMTP_SECONDS": 2, "SMS_SECONDS": 2, "DRAIN_SECONDS": 1}
        self.daemon = Named("mailer", server, **chosen, **limits)

    def add_messages(self):
        """One for its server, and one for its gateway."""
        sms = {"channel": "sms", "template": "code", "priority": "code", "to": "+4915112345678"}
        return [system.add_message(redis=self.redis), system.add_message(redis=self.redis, **sms)]

    def redis(self, *words):
        return system.redis_says(*words, database=self.DATABASE)

    def reports(self, messages):
        """What became of each; none while one is missing."""
        entries = [
            dict(zip(fields[::2], fields[1::2], strict=True)) for _, fields in self.redis("XRANGE", "{mail}:reports", "-", "+")
        ]
        results = {entry["id"]: entry["result"] for entry in entries}
        return all(message in results for message in messages) and [results[message] for message in messages]

    def answers(self):
        return call("GET", "/readyz", port=self.daemon.admin_port, timeout=ANSWERS_S).status == 200


@pytest.fixture
def mailer():
    needs_a_file_system_of_its_own()
    server = NameServer(HERE)
    try:
        mailer = Mailer(server)
        mailer.redis("DEL", "{mail}:messages", "{mail}:reports", "{mail}:sms")
        with mailer.daemon:
            yield mailer
    finally:
        server.close()


SILENT = [Answer(is_lost=True), Answer(HERE.addresses, late_s=LOOK_UP_S + 0.5)]
while_silent = pytest.mark.parametrize("answer", SILENT, ids=["lost", "late"])


@pytest.fixture(scope="module")
def values(postgres):
    """Without Redis, so that it asks users about each token. It knows users by name."""
    server, peered = NameServer(HERE), Peered("values")
    by_name = {"USERS_URL": f"http://peer.test:{postgres.peered.daemon.port}"}
    peered.daemon = Named("values", server, **(peered.chosen | by_name))
    try:
        with peered:
            peered.redis.go_away()
            yield server, peered
    finally:
        server.close()


@while_silent
def test_values_answers_while_users_is_looked_up_and_finds_it_afterwards(values, postgres, answer):
    server, peered = values
    token = User(postgres.peered).token
    lists = lambda: peered.call("GET", "/values", token=token).status  # noqa: E731
    asked = server.asked
    eventually(lambda: lists() == 200 and server.asked > asked, message="its copy has ended, and users is found")
    server.answer = answer
    with ThreadPoolExecutor(1) as pool:
        listed = pool.submit(lists)
        while not listed.done():
            call("GET", "/readyz", port=peered.daemon.admin_port, timeout=ANSWERS_S)
    assert listed.result() == 503
    server.answer = HERE
    peered.recovers("users is not looked up", lambda: lists() == 200, system.RECOVERS_S + CONNECT_S)


@while_silent
def test_healthcheck_answers_while_a_target_is_looked_up_and_keeps_what_it_has_found(postgres, answer):
    server, peered = NameServer(answer), Peered("healthcheck", HEALTHCHECK_TIMEOUT_MS=10000)
    by_name = {"HEALTHCHECK_TARGETS": f"users=http://peer.test:{postgres.peered.daemon.admin_port}"}
    peered.daemon = Named("healthcheck", server, **(peered.chosen | by_name))
    shown = lambda: {one["status"] for one in peered.call("GET", "/healthcheck", timeout=ANSWERS_S).json["data"]["services"]}  # noqa: E731
    try:
        with peered:
            eventually(lambda: shown() == {"down"}, message="users is not found")
            server.answer = HERE
            peered.recovers("users is not looked up", lambda: shown() == {"up"}, LOOK_UP_S + system.RECOVERS_S)
            server.answer, asked = answer, server.asked
            while server.asked < asked + 4:
                assert shown() == {"up"}
    finally:
        server.close()


@while_silent
def test_mailer_answers_while_its_server_and_its_gateway_are_looked_up_and_finds_them_afterwards(mailer, answer):
    mailer.server.answer, begun = answer, time.monotonic()
    messages = mailer.add_messages()
    while not mailer.reports(messages):
        assert mailer.answers()
        assert time.monotonic() - begun < LOOK_UP_S + system.RECOVERS_S
    assert mailer.reports(messages) == ["deferred"] * 2
    mailer.server.answer = HERE
    mailer.add_messages()
    eventually(lambda: (mailer.smtp.calls, mailer.gateway.calls) == (1, 1), message="both are found, and no late answer counts")
    assert mailer.answers()


def test_mailer_ends_within_its_drain_limit_while_its_server_and_its_gateway_are_looked_up(mailer):
    mailer.server.answer, asked = Answer(is_lost=True), mailer.server.asked
    mailer.add_messages()
    eventually(lambda: mailer.server.asked >= asked + 4, message="an address of either family of both is asked for")
    begun = time.monotonic()
    assert mailer.daemon.terminate(30) == 1, "work was in flight"
    assert time.monotonic() - begun < 1 + system.RECOVERS_S
    assert b"Sanitizer" not in mailer.daemon.log.read_bytes()
