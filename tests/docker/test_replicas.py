"""Under light load a replica is killed, and all are replaced, without a failed request."""

import itertools
import os

import pytest

from abacus import Person, call, eventually
from engine import KIND, compose, containers, docker
from harness import Load, UnexpectedAnswerError, elsewhere, run

pytestmark = pytest.mark.skipif(KIND != "prod", reason=elsewhere("only production runs replicas"))


def in_background(requests):
    """requests: (method, path, body, token), sent in turn, about a hundred per second."""
    turns = itertools.cycle(requests)

    def ask(_):
        method, path, body, token = next(turns)
        reply = call(method, path, body, token)
        if reply.status not in (200, 201):
            raise UnexpectedAnswerError(method, path, reply)

    return Load(ask, threads=4, every_s=0.03)


@pytest.fixture(scope="module")
def token():
    return Person().token


def reads(token):
    return [
        ("GET", "/users/ping", None, None),
        ("GET", "/auth/status", None, token),
        ("GET", "/api/values/kinds", None, None),
        ("GET", "/api/values/current?limit=10", None, token),
        ("GET", "/", None, None),
    ]


def wait_until_healthy(service, count):
    def all_are():
        found = containers(service)
        return len(found) == count and all(one["State"]["Health"]["Status"] == "healthy" for one in found)

    eventually(all_are, 60, 0.2, f"{count} healthy containers of {service}")


@pytest.mark.parametrize("service", ["users", "values"])
def test_no_read_fails_when_a_replica_is_killed(service, token):
    assert len(containers(service)) == 2
    with in_background(reads(token)) as load:
        load.wait_for(100)
        docker("kill", containers(service)[0]["Id"])
        load.wait_for(500)
    compose("up", "-d", "--no-build", "--no-recreate", "--no-deps", service)
    assert load.failed == []
    wait_until_healthy(service, 2)


@pytest.mark.parametrize("service", ["users", "values"])
def test_no_read_fails_while_a_killed_process_is_restarted(service, token):
    victim = containers(service)[0]
    with in_background(reads(token)) as load:
        load.wait_for(100)
        os.kill(victim["State"]["Pid"], 9)
        load.wait_for(500)
    assert load.failed == []
    wait_until_healthy(service, 2)


def test_no_request_fails_while_all_replicas_are_replaced(token):
    before = {one["Id"] for service in ("users", "values") for one in containers(service)}
    everything = [*reads(token), ("POST", "/api/values", {"index": 30}, token)]
    with in_background(everything) as load:
        load.wait_for(100)
        run("scripts/rolling-replace", "users", "values")
        load.wait_for(200)
    after = {one["Id"] for service in ("users", "values") for one in containers(service)}
    assert load.failed == []
    assert len(after) == 4 and not before & after
