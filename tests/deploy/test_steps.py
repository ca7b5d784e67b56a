"""What test.sh counts, lists and refuses."""

import os

import pytest

from harness import ROOT, run

COMMANDS = "server quick client e2e docker deploy all debian13 coverage fuzz simulate chaos".split()


def test_help_lists_every_command():
    done = run("sh", "test.sh", "--help")
    assert [line.split()[0] for line in done.stdout.splitlines() if line.startswith("  ")] == COMMANDS
    for arguments, last in (([], ""), (["servers"], "test.sh: there is no command servers\n")):
        refused = run("sh", "test.sh", *arguments, ok=False)
        assert refused.returncode == 64 and refused.stdout == done.stdout + last


def test_only_without_a_name_lists_the_steps():
    listed = run("sh", "test.sh", "server", "--only").stdout.splitlines()
    assert listed[0] == "  lint format" and "  plain http/test_router" in listed and "  sanitized no report" in listed
    assert "  docker stage tests/api" in run("sh", "test.sh", "docker", "--only").stdout.splitlines()


@pytest.mark.parametrize("command", ["client", "server"])
def test_a_name_that_nothing_has_is_refused_at_once_with_the_steps_that_there_are(command):
    refused = run("sh", "test.sh", command, "--only", "flux capacitor", ok=False, timeout=60)
    first, *listed = refused.stdout.splitlines()
    assert refused.returncode == 64
    assert first.startswith(f"test.sh: no step of {command}") and '"flux capacitor"' in first
    assert listed == run("sh", "test.sh", command, "--only").stdout.splitlines()


def test_a_skip_is_counted_and_strict_makes_it_a_failure(tmp_path):
    """With a clang-format of another version than the one that decides, in a tree without sources."""
    (tmp_path / "scripts").mkdir()
    (tmp_path / "tests/docker").mkdir(parents=True)
    version = "echo clang-format version 99.1.0"
    for name, does in {"scripts/install-packages": "true", "scripts/stack": "true", "clang-format": version}.items():
        (tmp_path / name).write_text(f"#!/bin/sh\n{does}\n")
        (tmp_path / name).chmod(0o755)
    (tmp_path / "test.sh").write_text((ROOT / "test.sh").read_text())
    for strict, code, last in ("", 0, "0 passed, 0 failed, 1 skipped"), ("1", 1, "0 passed, 1 failed"):
        path = f"{tmp_path}:{os.environ['PATH']}"
        done = run("sh", "test.sh", "quick", "--only", "lint format", ok=False, cwd=tmp_path, PATH=path, STRICT=strict)
        assert done.returncode == code and done.stdout.splitlines()[-1] == last, done.stdout
