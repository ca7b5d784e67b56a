"""The log is not read, because a collector hangs. The daemon goes on as if it were read, and reports later what is missing."""

import contextlib
import json
import os
import signal
import threading

from abacus import Daemon, eventually
from harness import KeepAlive

REQUESTS = 2000
HANG_S = 3
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
        daemon.__exit__()
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
