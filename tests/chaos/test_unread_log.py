"""The log is not read, because a collector hangs. The daemon goes on as if it were read, and reports later what is missing."""

import contextlib
import json
import os
import signal
import subprocess
import threading

import pytest

from abacus import RUN_DIR, Daemon, eventually
from harness import KeepAlive

REQUESTS = 2000
HANG_S = 3
BAD_USAGE, BAD_CONFIGURATION = 64, 78  # of sysexits.h
SLACK_S = 8 if os.environ.get("SANITIZED") else 2


def full_pipe():
    """Both ends of a full pipe."""
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    with contextlib.suppress(BlockingIOError):
        while True:
            os.write(writer, b" " * 4095 + b"\n")
    os.set_blocking(writer, True)
    return reader, writer


@contextlib.contextmanager
def daemon_with_an_unread_log(name):
    """(the daemon, the end that its log can be read from)"""
    reader, writer = full_pipe()
    daemon = Daemon(name, HANG_SECONDS=HANG_S)
    try:
        daemon.start(stdout=writer)
        os.close(writer)
        eventually(daemon.is_ready, message=f"{name} is ready although its log is not read")
        yield daemon, reader
    finally:
        daemon.end()
        os.close(reader)


def lines_until_the_end(reader):
    """A thread that reads all that was and will be written, and the list of its lines."""
    lines = []

    def read():
        with open(reader, closefd=False) as log:
            lines.extend(line for line in log if line.strip())

    thread = threading.Thread(target=read)
    thread.start()
    return thread, lines


@pytest.mark.parametrize("name", ["users", "values", "worker", "mailer", "healthcheck"])
@pytest.mark.parametrize("arguments,code", [([], BAD_CONFIGURATION), (["--check"], BAD_CONFIGURATION), (["--no"], BAD_USAGE)])
def test_a_daemon_that_can_not_start_ends_although_what_it_says_is_not_read(name, arguments, code):
    reader, writer = full_pipe()
    try:
        daemon = [RUN_DIR / "bin" / name, *arguments]
        ended = subprocess.run(daemon, env={"APP_ENV": "none"}, stdout=writer, stderr=writer, timeout=SLACK_S)
    finally:
        os.close(reader)
        os.close(writer)
    assert ended.returncode == code


def test_a_daemon_whose_log_is_not_read_serves_and_its_stopped_process_is_replaced():
    with daemon_with_an_unread_log("users") as (daemon, reader):
        ask = KeepAlive(daemon.port, "GET", "/users/ping")
        for _ in range(REQUESTS):
            ask(0)
        assert daemon.metric("log_lines_dropped_total") > 0
        (stopped,) = daemon.serving
        os.kill(stopped, signal.SIGSTOP)
        eventually(lambda: stopped not in daemon.serving and daemon.is_ready(), HANG_S + SLACK_S, message="it is replaced")
        thread, lines = lines_until_the_end(reader)
        assert daemon.terminate(30) == 0
        thread.join(30)
    events = [json.loads(line)["msg"] for line in lines]
    assert "a serving process hangs" in events
    assert "stopped" in events
