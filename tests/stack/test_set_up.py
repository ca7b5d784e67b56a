"""What a test has started ends with it, also when the start itself fails."""

import sys

import pytest

from abacus import Daemon
from harness import Server, free_port


class HurriedDaemon(Daemon):
    ready_limit_s = 0.5


def test_a_daemon_that_is_not_ready_in_time_is_ended():
    daemon = HurriedDaemon("worker", REDIS_URL=f"redis://127.0.0.1:{free_port()}/0", REDIS_URL_FILE=None)
    with pytest.raises(AssertionError, match="worker is ready"), daemon:
        pass
    assert daemon.process.poll() is not None


def test_a_server_that_does_not_listen_is_ended(tmp_path, monkeypatch):
    monkeypatch.setattr("harness.listens", lambda *_: sys.exit("interrupted"))
    server = Server(tmp_path / "log", "sleep", "60")
    with pytest.raises(SystemExit):
        server.wait_for_port(free_port())
    assert server.process.poll() is not None
