"""How much may be submitted, and by whom. Each test runs daemons of its own with low limits; they share the stack's Redis, as
instances do."""

import contextlib
import itertools
import secrets
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

import abacus
from abacus import Daemon, fail

BURST = 20
BUCKETS = "submission_buckets"
SLOW = {"VALUES_RATE": 1, "VALUES_BURST": BURST}
TOO_MANY = fail("too_many_submissions", f"Too many submissions: 1 a second may come, and {BURST} at once.")
TOKEN_MISSING = (403, fail("token_missing", "Provide a valid auth token."))


@contextlib.contextmanager
def two_instances(**environment):
    with Daemon("values", PROCESSES=2, **environment) as first, Daemon("values", PROCESSES=2, **environment) as second:
        yield first, second


def attack(submit, connections=10, each=10):
    """Submits from many connections at once. Returns the replies, and how many the limit allows in the time that it took."""
    start = time.monotonic()
    with ThreadPoolExecutor(connections) as pool:
        replies = list(pool.map(submit, range(connections * each)))
    return replies, BURST + int(time.monotonic() - start) + 1


def taken(replies):
    assert {reply.status for reply in replies} <= {200, 429}
    return sum(reply.status == 200 for reply in replies)


def some_network():
    return f"2001:db8:{secrets.randbelow(1 << 16):x}:{secrets.randbelow(1 << 16):x}"


def some_address():
    return some_network() + "::1"


def forget(bucket):
    abacus.redis_cli("ZREM", BUCKETS, bucket)


# ---- the rate ----


def test_a_user_gets_no_more_from_ten_connections_to_four_processes_of_two_instances(person):
    with two_instances(**SLOW) as instances:
        replies, most = attack(lambda n: instances[n % 2].call("POST", "/values", {"index": n}, token=person.token))
    assert BURST <= taken(replies) <= most


def test_users_do_not_share_a_limit(person, reader):
    forget(f"user:{reader.id}")
    with Daemon("values", **SLOW) as values:
        attack(lambda n: values.call("POST", "/values", {"index": n}, token=person.token))
        assert values.call("POST", "/values", {"index": 7}, token=reader.token).status == 200


def test_what_is_over_the_limit_is_429_and_not_stored(person):
    with Daemon("values", **SLOW) as values:
        replies, _ = attack(lambda n: values.call("POST", "/values", {"index": n}, token=person.token))
        refused = [reply for reply in replies if reply.status == 429]
        assert len(values.call("GET", "/values?limit=200", token=person.token).json["data"]["values"]) == taken(replies)
        assert values.metric("values_refused_total", 'limit="rate"') == len(refused)
    for reply in refused:
        assert reply.json == TOO_MANY
        assert (reply.headers["Retry-After"], reply.headers["RateLimit-Remaining"]) == ("1", "0")


def test_every_answer_says_what_is_left(person):
    with Daemon("values", **SLOW) as values:
        seen = [values.call("POST", "/values", {"index": 7}, token=person.token).headers for _ in range(3)]
    assert [headers["RateLimit-Limit"] for headers in seen] == [str(BURST)] * 3
    assert (seen[0]["RateLimit-Remaining"], seen[0]["RateLimit-Reset"]) == (str(BURST - 1), "1")
    assert all(1 <= int(headers["RateLimit-Reset"]) <= count for count, headers in enumerate(seen, 1))


def test_what_is_refused_does_not_put_off_what_comes_next(person):
    with Daemon("values", **SLOW) as values:
        for status in (429, 200):
            abacus.eventually(
                lambda status=status: values.call("POST", "/values", {"index": 7}, token=person.token).status == status
            )


def test_a_retry_counts_as_a_submission(person):
    with Daemon("values", **SLOW) as values:
        assert values.call("POST", "/values", {"index": 7}, token=person.token).status == 200
        replies, most = attack(lambda _: values.call("POST", "/values/fibonacci/7/retry", token=person.token))
    assert BURST - 1 <= taken(replies) <= most
    assert [reply.json for reply in replies if reply.status == 429] == [TOO_MANY] * (len(replies) - taken(replies))


def test_a_payload_that_is_refused_counts_nothing(person):
    with Daemon("values", **SLOW) as values:
        for body in [{"index": -1}, {"index": 10**12}] * BURST:
            assert values.call("POST", "/values", body, token=person.token).status in (400, 422)
        assert values.call("POST", "/values", {"index": 7}, token=person.token).headers["RateLimit-Remaining"] == str(BURST - 1)


def test_no_limit_is_announced_where_there_is_none(person):
    with Daemon("values", VALUES_RATE=0, VALUES_BURST=1) as values:
        replies = [values.call("POST", "/values", {"index": 7}, token=person.token) for _ in range(10)]
    assert [(reply.status, reply.headers["RateLimit-Limit"]) for reply in replies] == [(200, None)] * 10


def test_a_process_that_cannot_count_in_redis_counts_alone(person):
    """Here the buckets are something else; the daemon does the same while Redis is away or full."""
    abacus.redis_cli("EVAL", "redis.call('DEL', KEYS[1]) return redis.call('RPUSH', KEYS[1], 'no bucket')", "1", BUCKETS)
    with Daemon("values", **SLOW) as values:
        replies, most = attack(lambda n: values.call("POST", "/values", {"index": n}, token=person.token))
    abacus.redis_cli("DEL", BUCKETS)
    assert BURST <= taken(replies) <= most


# ---- unfinished calculations; tests/chaos/test_pending_limit.py has the rest ----


def test_what_is_over_the_limit_of_unfinished_calculations_is_429(person):
    first = abacus.fresh_index()
    second = abacus.fresh_index(first + 1)
    with Daemon("values", VALUES_PENDING_MAX=1) as values, abacus.stopped(*abacus.WORKERS):
        assert values.call("POST", "/values", {"index": first}, token=person.token).status == 200
        reply = values.call("POST", "/values", {"index": second}, token=person.token)
    refusal = fail("too_many_pending", "Too many unfinished calculations: 1 may be pending. Please wait for some.")
    assert (reply.status, reply.json) == (429, refusal)
    assert int(reply.headers["Retry-After"]) > 0


# ---- without a token ----


def anonymous(values, index, address=None):
    return values.call("POST", "/values", {"index": index}, headers={"X-Forwarded-For": address} if address else None)


def test_small_indexes_may_be_submitted_without_a_token_in_every_environment():
    address = some_address()
    for environment in ("development", "testing", "staging", "production"):
        with Daemon("values", APP_ENV=environment) as values:
            reply = anonymous(values, 1000, address)
            assert (reply.status, reply.json["working"]) == (200, True), environment
            above = anonymous(values, 1001, address)
            assert (above.status, above.json) == TOKEN_MISSING, environment


def test_no_index_may_be_submitted_without_a_token_where_the_highest_one_is_0():
    with Daemon("values", VALUES_ANONYMOUS_MAX=0) as values:
        for index in (0, 1, 1000):
            reply = anonymous(values, index)
            assert (reply.status, reply.json) == TOKEN_MISSING


def test_only_the_kinds_limit_what_is_submitted_without_a_token_where_that_is_configured():
    with Daemon("values", VALUES_ANONYMOUS="true", VALUES_ANONYMOUS_MAX=0) as values:
        assert anonymous(values, 1001, some_address()).status == 200
        assert anonymous(values, 1_000_001, some_address()).status == 422


def test_a_token_that_is_refused_does_not_pass_as_none():
    with Daemon("values") as values:
        assert values.call("POST", "/values", {"index": 7}, token="not.a.token").status == 401
        assert values.call("GET", "/values/fibonacci/7", token="not.a.token").status == 401


def read(values, index, kind="fibonacci"):
    return values.call("GET", f"/values/{kind}/{index}")


def test_the_results_of_small_indexes_may_be_read_without_a_token():
    with Daemon("values") as values:
        assert anonymous(values, 1000, some_address()).status == 200
        reply = abacus.eventually(lambda: (r := read(values, 1000)).status == 200 and r)
        assert reply.json["data"]["digits"] == len(reply.json["data"]["result"]) == 209
        assert isinstance(reply.json["data"]["duration_us"], int)
        above = read(values, 1001)
        assert (above.status, above.json) == TOKEN_MISSING


def test_a_large_result_that_is_known_may_not_be_read_without_a_token(reader):
    with Daemon("values") as values:
        for _ in range(2):  # the second time it is one that the process remembers
            assert values.call("POST", "/values", {"index": 1001}, token=reader.token).status == 200
            abacus.eventually(lambda: values.call("GET", "/values/fibonacci/1001", token=reader.token).status == 200)
            reply = read(values, 1001)
            assert (reply.status, reply.json) == TOKEN_MISSING


def test_no_result_may_be_read_without_a_token_where_none_may_be_submitted():
    with Daemon("values", VALUES_ANONYMOUS_MAX=0) as values:
        for index in (0, 1, 1000):
            reply = read(values, index)
            assert (reply.status, reply.json) == TOKEN_MISSING


def test_a_result_that_a_stranger_submitted_under_a_higher_limit_is_for_users_alone_under_a_lower_one(reader):
    with Daemon("values", VALUES_ANONYMOUS_MAX=1000) as values:
        assert anonymous(values, 999, some_address()).status == 200
        abacus.eventually(lambda: read(values, 999).status == 200)
    with Daemon("values", VALUES_ANONYMOUS_MAX=998) as values:
        reply = read(values, 999)
        assert (reply.status, reply.json) == TOKEN_MISSING
        assert values.call("GET", "/values/fibonacci/999", token=reader.token).status == 200


def test_a_bucket_that_was_emptied_under_a_slow_rate_fills_up_at_the_rate_of_now(person):
    submit = lambda values: values.call("POST", "/values", {"index": 7}, token=person.token).status  # noqa: E731
    with Daemon("values", **SLOW) as values:
        start = time.monotonic()
        taken = list(itertools.islice(iter(lambda: submit(values), 429), 10 * BURST))
        assert set(taken) == {200} and BURST <= len(taken) <= BURST + int(time.monotonic() - start) + 1
    with Daemon("values", VALUES_RATE=1000, VALUES_BURST=BURST) as values:
        abacus.eventually(lambda: submit(values) == 200, 5, message="one of a thousand a second")


@pytest.mark.parametrize(
    "environment, expected",
    [
        ({}, 1000),
        ({"VALUES_ANONYMOUS_MAX": 0}, None),
        ({"VALUES_ANONYMOUS_MAX": 7}, 7),
        ({"VALUES_ANONYMOUS_MAX": 500_000_000}, 1_000_000),
        ({"VALUES_ANONYMOUS": "true"}, 1_000_000),
    ],
    ids=str,
)
def test_the_kinds_name_the_highest_index_without_a_token(environment, expected):
    with Daemon("values", **environment) as values:
        kinds = {kind["kind"]: kind for kind in values.call("GET", "/values/kinds").json["data"]["kinds"]}
    assert kinds["fibonacci"]["anonymous_limit"] == expected


def test_an_address_gets_no_more_from_ten_connections_to_four_processes_of_two_instances():
    address = some_address()
    with two_instances(**SLOW) as instances:
        replies, most = attack(lambda n: anonymous(instances[n % 2], n, address))
    assert BURST <= taken(replies) <= most


def test_the_addresses_of_a_64_network_share_a_limit():
    network = some_network()
    with Daemon("values", **SLOW) as values:
        replies, most = attack(lambda n: anonymous(values, n, f"{network}:{n:x}::{n:x}"))
        assert BURST <= taken(replies) <= most
        assert anonymous(values, 7, some_address()).status == 200


@pytest.mark.parametrize(
    "forged, proxies",
    [
        ("203.0.113.{n}", "192.0.2.0/24"),
        ("203.0.113.{n}, 198.51.100.9", "127.0.0.0/8"),
        ("10.0.0.{n}, 198.51.100.9", "127.0.0.0/8"),
    ],
    ids=["no proxy in between", "in front of what the proxy adds", "an address of the proxies' network"],
)
def test_a_forged_address_does_not_escape_the_limit(forged, proxies):
    for bucket in ("address:127.0.0.1", "address:198.51.100.9"):
        forget(bucket)
    with Daemon("values", TRUSTED_PROXIES=proxies, **SLOW) as values:
        replies, most = attack(lambda n: anonymous(values, n, forged.format(n=n)))
    assert BURST <= taken(replies) <= most
