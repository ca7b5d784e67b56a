"""What the tests of delivery have in common: commands, servers that are started for them, waiting."""

import os
import pathlib
import shutil
import socket
import subprocess
import time

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
ACCOUNT, REGION = "123456789012", "eu-central-1"


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def need(*programs):
    for program in programs:
        if not shutil.which(program, path=os.environ["PATH"] + ":/usr/sbin"):
            pytest.skip(f"{program} is not installed")


def run(*command, ok=True, cwd=ROOT, **variables):
    """The finished command, its two outputs as one text in stdout. A failure is shown whole."""
    done = subprocess.run([str(part) for part in command], cwd=cwd, env={**os.environ, **variables}, text=True,
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=300)
    assert not ok or done.returncode == 0, f"{command}: {done.returncode}\n{done.stdout}"
    return done


def eventually(check, what, seconds=30):
    limit = time.monotonic() + seconds
    while True:
        try:
            found = check()
        except OSError:
            found = None
        if found:
            return found
        assert time.monotonic() < limit, f"not within {seconds} s: {what}"
        time.sleep(0.05)


def listens(port):
    with socket.create_connection(("127.0.0.1", port), timeout=1):
        return True


class Server:
    """A program in the foreground whose output goes to a file; ended with the test."""

    def __init__(self, log, *command, **variables):
        self.log = log
        with open(log, "w") as out:
            self.process = subprocess.Popen([str(part) for part in command], cwd=log.parent, env={**os.environ, **variables},
                                            stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.STDOUT)

    def wait_for_port(self, port):
        def answers():
            assert self.process.poll() is None, self.log.read_text()
            return listens(port)

        eventually(answers, f"port {port}: {self.log.read_text()}", 60)
        return self

    def stop(self):
        self.process.terminate()
        self.process.wait(20)
