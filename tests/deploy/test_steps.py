"""What test.sh counts."""

import os

from harness import ROOT, run


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
