"""A daemon that knows Redis by name, while its name server answers late, wrongly or not at all: it neither crashes nor spins,
and finds Redis within 2 s after the name server answers again (and the time that it takes to notice that no answer comes)."""

import pytest

import system
from abacus import eventually
from name_server import NXDOMAIN, REFUSED, SERVFAIL, TRUNCATED, Answer, Named, NameServer, needs_a_file_system_of_its_own
from system import Peered

HERE = Answer(("127.0.0.1",))
CONNECT_S = 1  # REDIS_CONNECT_TIMEOUT_MS of Peered
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


@pytest.fixture(scope="module")
def named():
    """(a worker, its name server): a worker needs nothing but Redis."""
    needs_a_file_system_of_its_own()
    server = NameServer(HERE)
    peered = Peered("worker")
    url = f"redis://:{system.secret('redis')}@redis.test:{peered.redis.port}/{system.REDIS_DATABASE}"
    peered.daemon = Named("worker", server, **(peered.chosen | {"REDIS_URL": url}))
    with peered:
        yield peered, server
    server.close()


def find_again(peered, server, answer):
    """The worker loses Redis while its name server gives that answer."""
    server.answer, asked = answer, server.asked
    peered.redis.cut_all()
    eventually(lambda: server.asked > asked, message="the name is looked up again")


@pytest.mark.parametrize("what", FINDS)
def test_redis_is_found_although_the_answer_is(named, what):
    peered, server = named
    with peered.bounded(what):
        find_again(peered, server, FINDS[what])
        peered.recovers(what, peered.is_ready, system.RECOVERS_S + CONNECT_S)


@pytest.mark.parametrize("what", FINDS_NOT)
def test_redis_is_found_again_after_the_answer_was(named, what):
    peered, server = named
    with peered.bounded(what):
        find_again(peered, server, FINDS_NOT[what])
        eventually(lambda: not peered.is_ready(), message="Redis is not found")
        asked = server.asked
        eventually(lambda: server.asked > asked, message="the name is looked up again")
        server.answer = HERE
        peered.recovers(what, peered.is_ready, system.RECOVERS_S + CONNECT_S)


def test_a_changed_address_is_followed(named):
    peered, server = named
    with peered.bounded("a changed address"):
        for addresses in ((DEAD[0],), ("127.0.0.1",), (DEAD[1],), ("127.0.0.1",)):
            find_again(peered, server, Answer(addresses))
            eventually(lambda: peered.is_ready() == (addresses == ("127.0.0.1",)), message=f"Redis is at {addresses}")
