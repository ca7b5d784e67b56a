"""Postgres keeps what is known, Redis only what is under way: what waits, what finished and is not written yet, and what the
version before left in Redis."""

import contextlib
import random
import subprocess
import time

import pytest

import abacus
from abacus import WORKERS, Daemon, Person, eventually, get, result, stopped, submit
from websocket import WebSocket

VALUES = ("values", "values-2")[: abacus.INSTANCES]


@contextlib.contextmanager
def locked_for_writing(table):
    """While Postgres lets others read the table."""
    with subprocess.Popen(
        ["sh", abacus.ROOT / "scripts/stack", "psql", "values", "-q"], stdin=subprocess.PIPE, text=True
    ) as postgres:
        postgres.stdin.write(f"BEGIN; LOCK TABLE {table} IN EXCLUSIVE MODE;\n")
        postgres.stdin.flush()
        held = f"SELECT count(*) FROM pg_locks WHERE mode = 'ExclusiveLock' AND relation = '{table}'::regclass AND granted"
        eventually(lambda: abacus.psql("values", held) == "1", message="it is locked")
        yield
        postgres.stdin.close()


def fresh_indexes(count, low, high):
    """Of fibonacci, never submitted on this stack."""
    seen = {int(row) for row in abacus.psql("values", "SELECT index FROM calculations WHERE kind = 'fibonacci'").split()}
    return random.sample([index for index in range(low, high) if index not in seen], count)


def short(count=1):
    """Their results have at most 1,000 digits."""
    return fresh_indexes(count, 300, 4700)


def row(index, columns="state"):
    return abacus.psql("values", f"SELECT {columns} FROM calculations WHERE kind = 'fibonacci' AND index = {index}")


def states(kind, indexes):
    """Of each calculation that Postgres has."""
    wanted = f"kind = '{kind}' AND index IN ({','.join(map(str, indexes))})"
    return abacus.psql("values", f"SELECT state FROM calculations WHERE {wanted}").split()


def states_of(token, port=None):
    return [value["state"] for value in get("/values?limit=200", token=token, port=port).json["data"]["values"]]


def test_what_is_known_is_answered_while_redis_is_away():
    person = Person()
    done, late = short(2)
    assert submit(done, person.token).status == 200
    digits = result(done, person.token)
    eventually(lambda: row(done) == "done")
    with stopped("redis"):
        assert submit(late, person.token).status == 200
        assert submit(done, person.token).json["state"] == "done"
        assert get(f"/api/values/fibonacci/{done}", token=person.token).json["data"]["result"] == digits
        values = get("/api/values", token=person.token).json["data"]["values"]
        assert [(value["index"], value["state"]) for value in values] == [(done, "done"), (late, "pending"), (done, "done")]
        assert get(f"/api/values/current?after={done - 1}&limit=1").json == {str(done): digits}
    assert result(late, person.token)


def test_a_new_process_answers_what_is_known_while_redis_is_away(reader):
    (index,) = short()
    submit(index, reader.token)
    digits = result(index, reader.token)
    eventually(lambda: row(index) == "done")
    with Daemon("values") as values, stopped("redis"):
        reply = values.call("GET", f"/values/fibonacci/{index}", token=reader.token)
        assert reply.json["data"]["result"] == digits


def test_a_result_that_was_announced_is_done_for_every_process_from_then_on():
    """Asked at once, so that some questions fall between Redis and Postgres."""
    person, count = Person(), 150
    indexes = short(count)
    with WebSocket(person.token) as live, Daemon("values") as other:
        live.expect_ready()
        seen = 0
        for index in indexes:
            assert submit(index, person.token).status == 200
            while True:
                message = live.next_message()
                if message.get("index") == index:
                    break
            for port in (abacus.PORTS["values"], other.port):
                assert states_of(person.token, port)[0] == "done"
            seen += 1
    assert seen == count


def test_more_than_the_window_holds_is_calculated_in_turn_over_the_users():
    greedy, other = Person(), Person()
    indexes = fresh_indexes(202, 80_000, 90_000)
    with stopped(*VALUES, *WORKERS), Daemon("values", WINDOW_JOBS=8) as values:
        for index in indexes[:-1]:
            assert values.call("POST", "/values", {"index": index}, token=greedy.token).json["state"] == "pending"
        assert values.call("POST", "/values", {"index": indexes[-1]}, token=other.token).json["state"] == "pending"
        queued = int(abacus.redis_cli("XLEN", "{jobs}:large"))
        assert 1 <= queued <= 8
        backlog = lambda: get("/api/healthcheck").json["data"]["queue"]["backlog"]  # noqa: E731
        eventually(lambda: backlog() == len(indexes) - queued, 15, message="healthcheck reports what waits in Postgres")
        with Daemon("worker"):
            eventually(lambda: set(states_of(greedy.token, values.port)) == {"done"}, 60, message="all are calculated")
            eventually(lambda: row(indexes[-1]) == "done")
            assert states_of(other.token, values.port) == ["done"]
    of_them = f"kind = 'fibonacci' AND index IN ({','.join(map(str, indexes))})"
    earlier = abacus.psql(
        "values",
        f"SELECT count(*) FROM calculations WHERE {of_them} AND calculated_at < ("
        f"SELECT calculated_at FROM calculations WHERE kind = 'fibonacci' AND index = {indexes[-1]})",
    )
    print(f"{earlier} of 201 of the greedy user were calculated earlier")
    assert int(earlier) <= 2 * 8 + 2


def test_what_waited_is_calculated_after_flushall(reader):
    indexes = fresh_indexes(30, 90_000, 99_000)
    with stopped(*VALUES, *WORKERS), Daemon("values", WINDOW_JOBS=4) as values:
        for index in indexes:
            values.call("POST", "/values", {"index": index}, token=reader.token)
        abacus.redis_cli("FLUSHALL")
        with Daemon("worker"):
            eventually(lambda: {row(index) for index in indexes} == {"done"}, 60, 0.2, "all are calculated")


def test_what_is_done_is_not_calculated_again_after_flushall(reader):
    indexes = short(5)
    for index in indexes:
        submit(index, reader.token)
        result(index, reader.token)
    eventually(lambda: {row(index) for index in indexes} == {"done"})
    before = [row(index, "calculated_at") for index in indexes]
    abacus.redis_cli("FLUSHALL")
    with Daemon("values"):  # which refills at its start
        (late,) = short()
        submit(late, reader.token)
        assert result(late, reader.token)
    assert [row(index, "calculated_at") for index in indexes] == before
    assert abacus.redis_cli("XLEN", "jobs") == "0"


def test_a_result_is_shown_before_postgres_takes_it_and_written_when_it_does(reader):
    person = Person()
    (index,) = short()
    with stopped(*WORKERS):
        assert submit(index, person.token).status == 200
        with locked_for_writing("calculations"):
            with Daemon("worker"):
                digits = result(index, person.token)
            assert states_of(person.token, abacus.PORTS["values"]) == ["done"]
            assert get("/api/values", token=person.token).json["data"]["values"][0]["preview"] == digits
            assert row(index) == "pending"
        eventually(lambda: row(index, "state, digits") == f"done|{len(digits)}", 20, message="it is written")
    eventually(lambda: abacus.redis_cli("EXISTS", "{jobs}:window") == "0", message="and taken out of Redis")


def test_what_a_process_had_received_when_it_died_is_written_by_another(reader):
    """The test receives it as that process would, and never writes it."""
    (index,) = short()
    with stopped(*VALUES, *WORKERS):
        with Daemon("values") as values:
            values.call("POST", "/values", {"index": index}, token=reader.token)
        with Daemon("worker"):
            received = ("XREADGROUP", "GROUP", "values", "values", "COUNT", "10", "STREAMS", "{jobs}:finished", ">")
            eventually(lambda: abacus.redis_cli(*received), message="the test has received it")
        assert row(index) == "pending"
        with Daemon("values") as values:
            seen = values.call("GET", f"/values/fibonacci/{index}", token=reader.token).status
            assert seen == 200, "it is in Redis until another process takes it over"
            eventually(lambda: row(index) == "done", 30, message="and that writes it")


def test_a_failed_calculation_stays_failed_after_flushall_until_it_is_retried(reader):
    (index,) = short()
    abacus.psql("values", f"INSERT INTO calculations (kind, index, state) VALUES ('fibonacci', {index}, 'failed')")
    abacus.redis_cli("FLUSHALL")
    path = f"/api/values/fibonacci/{index}"
    assert get(path, token=reader.token).status == 409
    assert submit(index, reader.token).json["state"] == "failed"
    assert f"fibonacci:{index} - - -" in abacus.manage("values", "jobs", "dead")
    abacus.manage("values", "jobs", "retry", "fibonacci", str(index))
    assert result(index, reader.token)
    eventually(lambda: row(index) == "done")


def test_results_that_the_version_before_left_in_redis_are_read_and_written_to_postgres(reader):
    abacus.single_redis("results of the version before, which never ran on a cluster")
    indexes = fresh_indexes(600, 2_000_000_000, 2_000_100_000)
    with stopped(*VALUES):
        rows = ",".join(f"('fibonacci', {index})" for index in indexes)
        abacus.psql("values", f"INSERT INTO calculations (kind, index) VALUES {rows}")
        for at in range(0, len(indexes), 100):
            fields = [
                text for index in indexes[at : at + 100] for text in (str(index), f"4 17 1700000000123 {index % 9000 + 1000}")
            ]
            abacus.redis_cli("HSET", "results:fibonacci", *fields)
        with Daemon("values") as values:
            shown = values.call("GET", f"/values/current?after={min(indexes) - 1}&limit=1").json
            assert shown == {str(min(indexes)): str(min(indexes) % 9000 + 1000)}
    for index in (indexes[0], indexes[-1]):
        eventually(lambda index=index: row(index) == "done", 30, message="it is written")
        summary = f"4|{index % 9000 + 1000}|17|1700000000123"
        assert row(index, "digits, preview, duration_us, (extract(epoch FROM calculated_at) * 1000)::bigint") == summary
        assert result(index, reader.token) == str(index % 9000 + 1000)
    pending = f"SELECT count(*) FROM calculations WHERE state = 'pending' AND index >= {min(indexes)}"
    eventually(lambda: abacus.psql("values", pending) == "0", 30, message="all are written")
    eventually(lambda: int(abacus.redis_cli("TTL", "results:fibonacci")) > 0, 30, message="and expire in Redis")
    abacus.redis_cli("DEL", "results:fibonacci")


def test_a_job_that_the_worker_of_the_version_before_finishes_is_done(reader):
    """It stores the result in the old hash, and takes the job off the stream but not out of the window."""
    abacus.single_redis("a worker of the version before, which never ran on a cluster")
    (index,) = short()
    with stopped(*WORKERS):
        submit(index, reader.token)
        entry = eventually(lambda: abacus.redis_cli("HGET", "{jobs}:window", f"fibonacci:{index}"))
        abacus.redis_cli("HSET", "results:fibonacci", str(index), "4 17 1700000000123 4711")
        abacus.redis_cli("XDEL", "jobs", entry)
        assert result(index, reader.token) == "4711"
        eventually(lambda: row(index) == "done")
    abacus.redis_cli("DEL", "results:fibonacci")


def test_when_the_small_lane_is_lost_what_is_pending_is_calculated(reader):
    what_is_pending_is_calculated_after_a_loss(reader, "jobs", fresh_indexes(20, 6_000, 9_000))


@pytest.mark.parametrize("lost", ["{jobs}:large", "{jobs}:window", "{jobs}:finished", "{jobs}:load"])
def test_whichever_key_is_lost_what_is_pending_is_calculated(reader, lost):
    what_is_pending_is_calculated_after_a_loss(reader, lost, fresh_indexes(20, 60_000, 69_000))


def what_is_pending_is_calculated_after_a_loss(reader, lost, indexes):
    with stopped(*WORKERS):
        for index in indexes:
            submit(index, reader.token)
        abacus.redis_cli("DEL", lost)
    start = time.monotonic()
    eventually(lambda: {row(index) for index in indexes} == {"done"}, 60, 0.2, "all are calculated")
    print(f"20 jobs after {lost} was lost: {time.monotonic() - start:.1f} s")
