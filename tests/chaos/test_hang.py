"""A daemon that hangs instead of ending: requests are still served, and its supervising parent replaces it."""

import os
import signal
import time

import pytest

import abacus
from abacus import eventually
from load import requests_in_background

HANG_S = int(os.environ.get("HANG_SECONDS", "10"))
SLACK_S = 8 if os.environ.get("SANITIZED") else 1  # for a busy machine
READ_S = 2  # nginx waits this long for an answer to a GET, then asks another instance

two_instances = pytest.mark.skipif(abacus.INSTANCES < 2, reason="needs two instances of each daemon (INSTANCES=2)")


@pytest.fixture(autouse=True)
def all_is_well_afterwards():
    yield
    eventually(abacus.all_ready, 30, message="every daemon is ready again")


def wait_until_replaced(name, before, limit_s):
    eventually(
        lambda: abacus.serving_pid(name) not in (None, before) and abacus.is_ready(name), limit_s, 0.02, f"{name} is replaced"
    )


@two_instances
@pytest.mark.parametrize(
    "name, path", [("users", "/users/ping"), ("values", "/api/values/current"), ("healthcheck", "/api/healthcheck")]
)
def test_gets_succeed_while_one_of_two_instances_hangs_and_it_is_replaced(name, path):
    with requests_in_background("GET", path, every_s=0.02) as load:
        load.wait_for(50)
        start = time.monotonic()
        stopped = abacus.kill_serving(name, signal.SIGSTOP)
        assert not abacus.is_ready(name), "a hanging process does not answer /readyz"
        wait_until_replaced(name, stopped, HANG_S + SLACK_S)
        took_s = time.monotonic() - start
        load.wait_for(50)
    print(f"{name} was replaced after {took_s:.1f} s; {load.done} requests, the slowest {load.slowest_s:.2f} s")
    assert load.failed == []
    assert took_s < HANG_S + SLACK_S
    assert load.slowest_s < READ_S + SLACK_S


def test_a_stopped_parent_does_not_disturb_its_serving_process():
    names = ["users", "values", "worker"]
    before = [(abacus.service_pid(name), abacus.serving_pid(name)) for name in names]
    try:
        for name in names:
            abacus.kill(name, signal.SIGSTOP)
        end = time.monotonic() + 2
        while time.monotonic() < end:
            assert all(abacus.is_ready(name) for name in names)
    finally:
        for parent, _ in before:
            os.kill(parent, signal.SIGCONT)
    assert [(abacus.service_pid(name), abacus.serving_pid(name)) for name in names] == before


def test_a_hanging_process_ends_when_its_parent_is_killed():
    stopped = abacus.kill_serving("users", signal.SIGSTOP)
    abacus.kill("users")
    wait_until_replaced("users", stopped, 2 + SLACK_S)
    eventually(lambda: not os.path.exists(f"/proc/{stopped}"), 2, message="the hanging process is gone")
