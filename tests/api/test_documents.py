"""docs/configuration.md names every variable that a daemon reads."""

import re
import subprocess

import pytest

import abacus

DAEMONS = sorted(path.name for path in (abacus.RUN_DIR / "bin").iterdir() if not path.name.endswith("-manage"))


def variables_of(daemon):
    text = subprocess.run(
        [abacus.RUN_DIR / "bin" / daemon, "--help"], capture_output=True, text=True, check=True, timeout=20
    ).stdout
    return set(re.findall(r"^  ([A-Z][A-Z0-9_]*) ", text, re.MULTILINE))


@pytest.mark.parametrize("daemon", DAEMONS)
def test_every_variable_of_the_help_is_documented(daemon):
    document = (abacus.ROOT / "docs/configuration.md").read_text()
    named = set(re.findall(r"`([A-Z][A-Z0-9_]*)`", document))
    variables = variables_of(daemon)
    assert len(variables) > 10
    assert variables - named == set()
