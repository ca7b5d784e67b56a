"""--check-alive, which decides on the replacement of a container: a daemon that was ready once stays alive without Redis, and
one that hangs does not."""

import os
import signal

import pytest

import abacus
from abacus import eventually, get

HANG_S = int(os.environ.get("HANG_SECONDS", "10"))


@pytest.fixture(autouse=True)
def all_is_well_afterwards():
    yield
    abacus.start("redis")
    eventually(abacus.all_ready, 30, message="every daemon is ready again")


def answer(daemon, check):
    return daemon.run(check).returncode


def test_without_redis_a_daemon_stays_alive_if_it_was_ready_before_and_a_new_one_waits_for_it():
    with abacus.Daemon("worker") as known:
        abacus.stop("redis")
        new = abacus.Daemon("worker").start()
        try:
            eventually(lambda: answer(known, "--check-ready") == 1, message="the loss is noticed")
            assert answer(known, "--check-alive") == 0
            eventually(lambda: get("/healthz", port=new.admin_port).status == 200, not_yet=OSError, message="the new one runs")
            assert answer(new, "--check-alive") == 1
            abacus.start("redis")
            eventually(lambda: answer(new, "--check-alive") == 0, 30, message="the new one is ready")
        finally:
            new.kill()


def test_a_daemon_is_not_alive_while_one_of_its_processes_hangs():
    with abacus.Daemon("users", PROCESSES=2, HANG_SECONDS=HANG_S) as users:
        assert answer(users, "--check-alive") == 0
        os.kill(min(users.serving), signal.SIGSTOP)
        eventually(lambda: answer(users, "--check-alive") == 1, HANG_S, message="it says that a process hangs")
        eventually(lambda: answer(users, "--check-alive") == 0, HANG_S + 20, message="that process is replaced")
