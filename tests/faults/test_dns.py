"""A daemon that knows Redis or Postgres by name, while its name server answers late, wrongly or not at all: it neither crashes
nor spins, and finds its peer within 2 s after the name server answers again, and the time to notice that none
comes."""

import pytest

import system
from abacus import eventually
from name_server import NXDOMAIN, REFUSED, SERVFAIL, TRUNCATED, Answer, Named, NameServer, needs_a_file_system_of_its_own
from system import Peered

HERE = Answer(("127.0.0.1",))
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
