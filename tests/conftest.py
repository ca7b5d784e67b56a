import sys

import pytest

sys.path.insert(0, __file__.rsplit("/", 1)[0])
sys.set_int_max_str_digits(0) if hasattr(sys, "set_int_max_str_digits") else None

import abacus  # noqa: E402


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
