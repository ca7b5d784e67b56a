import os
import sys
import time

import pytest

sys.path.insert(0, __file__.rsplit("/", 1)[0])
sys.set_int_max_str_digits(0) if hasattr(sys, "set_int_max_str_digits") else None

import abacus  # noqa: E402


class Progress:
    """Prints a line for each file whose tests have ended, because all of a folder take minutes."""

    def __init__(self, descriptor):
        self.out = os.fdopen(descriptor, "w", closefd=False)
        self.clear = "\033[K" if self.out.isatty() else ""
        self.file, self.start, self.count, self.failed = None, 0, 0, 0

    def pytest_runtest_logstart(self, nodeid):
        if (file := nodeid.split("::")[0]) != self.file:
            self.pytest_sessionfinish()
            self.file, self.start, self.count, self.failed = file, time.monotonic(), 0, 0
        self.count += 1

    def pytest_runtest_logreport(self, report):
        self.failed += report.failed

    def pytest_sessionfinish(self):
        if self.file:
            failed = f", {self.failed} FAILED" if self.failed else ""
            seconds = time.monotonic() - self.start
            tests = "1 test" if self.count == 1 else f"{self.count} tests"
            print(f"{self.clear}        {self.file}: {tests}{failed}, {seconds:.0f} s", file=self.out, flush=True)


def pytest_configure(config):
    if descriptor := os.environ.pop("PROGRESS_FD", None):
        config.pluginmanager.register(Progress(int(descriptor)))


@pytest.fixture(scope="session")
def admin():
    return abacus.log_in(*abacus.ADMIN)


@pytest.fixture
def person():
    return abacus.Person()


@pytest.fixture(scope="session")
def reader():
    """One user for all tests that only need a token."""
    return abacus.Person()
