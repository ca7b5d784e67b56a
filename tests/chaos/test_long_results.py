"""Results of more than 1,000 digits are a cache in Redis, which expires and may be evicted; and what a worker does with results
that a full Redis does not take."""

import contextlib
import time
from concurrent.futures import ThreadPoolExecutor

from test_backlog import fresh_indexes, row, states

import abacus
import calculations
from abacus import WORKERS, Daemon, Person, eventually, get, messages, post, result, stopped, submit
from websocket import WebSocket

READERS = 6


def read(index, token):
    return get(f"/api/values/fibonacci/{index}", token=token, headers={"Accept": "text/plain"})


def make_long(reader):
    """A result that is done, and its digits."""
    (index,) = fresh_indexes(1, 20_000, 60_000)
    assert submit(index, reader.token).status == 200
    digits = result(index, reader.token)
    eventually(lambda: row(index) == "done")
    return index, digits


def test_a_long_result_expires_and_a_read_does_not_renew_it(reader):
    index, _ = make_long(reader)
    abacus.redis_cli("EXPIRE", f"result:fibonacci:{index}", "1000")
    assert read(index, reader.token).status == 200
    assert 0 < int(abacus.redis_cli("TTL", f"result:fibonacci:{index}")) <= 1000


def test_a_result_that_was_evicted_is_calculated_again_and_the_request_gets_it(reader):
    index, digits = make_long(reader)
    before = row(index, "state, calculated_at")
    with WebSocket(reader.token) as live:
        live.expect_ready()
        abacus.redis_cli("DEL", f"result:fibonacci:{index}")
        reply = read(index, reader.token)
        assert (reply.status, reply.text) == (200, digits)
        (last,) = fresh_indexes(1, 300, 4700)
        submit(last, reader.token)
        seen = []
        while last not in seen:
            seen.append(live.next_message().get("index"))
    assert index not in seen, "it was announced a second time"
    assert row(index, "state, calculated_at") == before


def test_a_result_is_kept_for_as_long_as_its_worker_was_told_and_is_read_after_that_too(reader):
    """By a worker of a run with a short time, then by those of the stack, which keep it for a day."""
    kept, _ = make_long(reader)
    (index,) = fresh_indexes(1, 20_000, 60_000)
    key = f"result:fibonacci:{index}"
    with stopped(*WORKERS), Daemon("worker", RESULT_CACHE_SECONDS=1, WORKER_NAME=f"short-{index}"):
        submit(index, reader.token)
        eventually(lambda: row(index) == "done", 20)
        eventually(lambda: abacus.redis_cli("EXISTS", key) == "0", 10, message="its time is over")
        assert int(abacus.redis_cli("TTL", f"result:fibonacci:{kept}")) > 80_000, "the others keep theirs"
    assert result(index, reader.token) == str(calculations.fibonacci(index))
    assert int(abacus.redis_cli("TTL", key)) > 80_000


def test_many_readers_of_an_evicted_result_cause_one_calculation_and_wait_for_no_longer_than_a_request_may(reader):
    index, digits = make_long(reader)
    with stopped(*WORKERS):
        abacus.redis_cli("DEL", f"result:fibonacci:{index}")
        began = time.monotonic()
        with ThreadPoolExecutor(READERS) as readers:
            replies = list(readers.map(lambda _: read(index, reader.token), range(READERS)))
        assert {(reply.status, reply.headers["Retry-After"]) for reply in replies} == {(202, "1")}
        assert time.monotonic() - began < 10
        assert int(abacus.redis_cli("LLEN", "{jobs}:asked")) <= 1
    assert result(index, reader.token) == digits


# ---- a full Redis ----


@contextlib.contextmanager
def full_redis(most="1"):
    limit = abacus.redis_cli("CONFIG", "GET", "maxmemory").split()[-1]
    abacus.redis_cli("CONFIG", "SET", "maxmemory", most)
    try:
        yield
    finally:
        abacus.redis_cli("CONFIG", "SET", "maxmemory", limit)


FILL = """
for i = 1, 20 do redis.call('SET', 'result:filler:' .. ARGV[1] .. ':' .. i, string.rep('7', 100000), 'EX', 1000) end
return 1"""
KEYS_THAT_EXPIRE = """
local found = {}
for _, key in ipairs(redis.call('KEYS', ARGV[1])) do
    if redis.call('TTL', key) >= 0 then found[#found + 1] = key end
end
return found"""


def info(name):
    return next(int(line.split(":")[1]) for line in abacus.redis_cli("INFO").splitlines() if line.startswith(name + ":"))


def keys_that_expire(pattern):
    return abacus.redis_cli("EVAL", KEYS_THAT_EXPIRE, "0", pattern).splitlines()


def log_in_wrongly(person):
    return post("/auth/login", {"email": person.email, "password": "wrong wrong"}).status


def test_a_client_that_turns_the_whole_cache_over_evicts_no_counter_of_failed_logins():
    person = Person()
    assert [log_in_wrongly(person) for _ in range(11)] == [404] * 10 + [429]
    try:
        with full_redis(str(info("used_memory") + (8 << 20))):
            before = info("evicted_keys")
            rounds = iter(range(1000))
            eventually(
                lambda: abacus.redis_cli("EVAL", FILL, "0", str(next(rounds))) and info("evicted_keys") > before + 500,
                60,
                every_s=0,
                message="the cache was turned over",
            )
            assert log_in_wrongly(person) == 429
    finally:
        abacus.redis_cli("DEL", *keys_that_expire("result:filler:*"))


def test_nothing_expires_but_the_cache_and_what_may_be_lost_with_it(reader):
    person = Person()
    make_long(reader)
    log_in_wrongly(person)
    post("/auth/password/forgot", {"email": person.email})
    eventually(lambda: messages(person.email, "Choose a new password"), message="a message is sent, and counted")
    cache = ("result:", "{jobs}:asked", "results:")  # the last is of the version before 0016, and in Postgres by then
    counted_again = ("{jobs}:backlog", "{jobs}:counting")
    assert [key for key in keys_that_expire("*") if not key.startswith(cache + counted_again)] == []


def says_that_redis_is_full(name):
    with contextlib.suppress(OSError):
        port = abacus.ADMIN_PORTS["worker"] + (abacus.SECOND_INSTANCE if name.endswith("-2") else 0)
        return "redis is full" in get("/readyz", port=port, timeout=2).text
    return False


def test_a_worker_keeps_what_a_full_redis_does_not_store_and_says_so():
    person = Person()
    indexes = fresh_indexes(40, 300, 4700) + fresh_indexes(10, 20_000, 60_000)
    for name in WORKERS:
        abacus.stop(name)
    try:
        for index in indexes:
            assert submit(index, person.token).status == 200
        with full_redis():
            for name in WORKERS:
                abacus.sv("up", name)
            eventually(lambda: any(map(says_that_redis_is_full, WORKERS)), 30, message="a worker says that Redis is full")
            (late,) = fresh_indexes(1, 300, 4700)
            assert submit(late, person.token).status == 200
            time.sleep(7)  # for longer than two leases
            assert states("fibonacci", indexes) == ["pending"] * len(indexes)
    finally:
        for name in WORKERS:
            abacus.start(name)
    indexes.append(late)
    eventually(lambda: states("fibonacci", indexes) == ["done"] * len(indexes), 60, message="all are done")
    assert abacus.redis_cli("HLEN", "{jobs}:dead") == "0"
    eventually(abacus.all_ready, 30, message="every daemon is ready again")
