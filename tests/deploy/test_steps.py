"""What test.sh counts, lists and refuses."""

import os
import pathlib
import shutil
import subprocess

import pytest

from harness import ROOT, eventually, run

COMMANDS = "server quick client e2e docker deploy rest all analysis cluster arm64 debian13 coverage fuzz simulate chaos".split()


def test_help_lists_every_command():
    done = run("sh", "test.sh", "--help")
    assert [line.split()[0] for line in done.stdout.splitlines() if line.startswith("  ")] == COMMANDS
    for arguments, last in (([], ""), (["servers"], "test.sh: there is no command servers\n")):
        refused = run("sh", "test.sh", *arguments, ok=False)
        assert refused.returncode == 64 and refused.stdout == done.stdout + last


def test_only_without_a_name_lists_the_steps():
    listed = run("sh", "test.sh", "server", "--only").stdout.splitlines()
    assert listed[0] == "  build gcc"
    assert {"  lint format", "  lint clang-tidy", "  plain http/test_router", "  sanitized no report"} <= set(listed)
    assert "  docker stage tests/api" in run("sh", "test.sh", "docker", "--only").stdout.splitlines()


@pytest.mark.parametrize("command", ["client", "server"])
def test_a_name_that_nothing_has_is_refused_at_once_with_the_steps_that_there_are(command):
    refused = run("sh", "test.sh", command, "--only", "flux capacitor", ok=False, timeout=60)
    first, *listed = refused.stdout.splitlines()
    assert refused.returncode == 64
    assert first.startswith(f"test.sh: no step of {command}") and '"flux capacitor"' in first
    assert listed == run("sh", "test.sh", command, "--only").stdout.splitlines()


def make_tree(folder, programs):
    """test.sh alone, and programs that do as is said."""
    for name, does in {"scripts/install-packages": "true", "scripts/stack": "true", **programs}.items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(f"#!/bin/sh\n{does}\n")
        (folder / name).chmod(0o755)
    (folder / "tests/docker").mkdir(parents=True, exist_ok=True)
    (folder / "test.sh").write_text((ROOT / "test.sh").read_text())


def test_a_skip_is_counted_and_strict_makes_it_a_failure(tmp_path):
    """With a clang-format of another version than the one that decides, in a tree without sources."""
    make_tree(tmp_path, {"clang-format": "echo clang-format version 99.1.0"})
    for strict, code, last in ("", 0, "0 passed, 0 failed, 1 skipped"), ("1", 1, "0 passed, 1 failed"):
        path = f"{tmp_path}:{os.environ['PATH']}"
        done = run("sh", "test.sh", "quick", "--only", "lint format", ok=False, cwd=tmp_path, PATH=path, STRICT=strict)
        assert done.returncode == code and done.stdout.splitlines()[-1] == last, done.stdout


def test_the_size_of_an_image_is_printed_after_its_own_step_alone(tmp_path):
    """The steps after it are not run, and read no output of another."""
    shutil.copytree(ROOT / "tests/docker", tmp_path / "tests/docker")
    programs = {"scripts/build-arguments": "true", "scripts/platforms": "echo linux/$(dpkg --print-architecture)"}
    make_tree(tmp_path, {**programs, "bin/docker": 'case "$*" in *Size*) echo 18000000 ;; esac'})
    variables = {"PATH": f"{tmp_path}/bin:{os.environ['PATH']}", "CA_BUNDLE": "", "NODE_EXTRA_CA_CERTS": ""}
    done = run("sh", "test.sh", "docker", "--only", "docker image worker prod", cwd=tmp_path, **variables)
    assert done.stdout.splitlines()[-1] == "1 passed, 0 failed" and done.stdout.count("18.0 MB") == 1, done.stdout


def test_what_runs_beside_the_tests_is_counted_with_them(tmp_path):
    """In a tree without sources, where nearly every step fails at once, those of `analysis` too; `cluster` ends for want of its
    build."""
    make_tree(tmp_path, {f"bin/{name}": "exit 1" for name in ("make", "node", "npm")})
    path = f"{tmp_path / 'bin'}:{os.environ['PATH']}"
    *lines, last = run("sh", "test.sh", "server", ok=False, cwd=tmp_path, PATH=path, timeout=120).stdout.splitlines()
    count = {word: sum(line.startswith(word) for line in lines) for word in ("ok  ", "FAILED  ", "skipped ")}
    assert last.split(", ")[:2] == [f"{count['ok  ']} passed", f"{count['FAILED  ']} failed"], last
    assert any(line.startswith("FAILED  build clang") for line in lines) and "FAILED  cluster ended early" in lines


def make_tree_with_engine(folder, run):
    make_tree(folder, {"scripts/offline-base-images": "true", "scripts/base-image": "echo debian:trixie-slim"})
    (folder / "tests/docker/steps.sh").write_text((ROOT / "tests/docker/steps.sh").read_text())
    (folder / "bin").mkdir()
    (folder / "bin/docker").write_text(f'#!/bin/sh\n[ "$1" != run ] || {{ cat >/dev/null; {run}; }}\n')
    (folder / "bin/docker").chmod(0o755)
    return f"{folder / 'bin'}:{os.environ['PATH']}"


def test_what_a_container_of_debian_13_counts_is_counted_and_leaves_no_file(tmp_path):
    path = make_tree_with_engine(tmp_path, "echo 57 passed, 1 failed")
    before = sorted(tmp_path.iterdir())
    done = run("sh", "test.sh", "debian13", "quick", ok=False, cwd=tmp_path, PATH=path, COUNTS="")
    assert done.stdout.splitlines()[-1] == "59 passed, 1 failed" and done.returncode == 1
    assert sorted(tmp_path.iterdir()) == before


@pytest.mark.parametrize("strict, code, last", [("", 0, "1 passed, 0 failed, 1 skipped"), ("1", 1, "1 passed, 1 failed")])
def test_tests_for_arm_that_were_skipped_are_counted_and_strict_makes_them_a_failure(tmp_path, strict, code, last):
    path = make_tree_with_engine(tmp_path, "true")
    skips = "import pytest\n\n\ndef test_x():\n    pytest.skip('there is no emulator')\n"
    (tmp_path / "tests/docker/test_arm64.py").write_text(skips)
    done = run("sh", "test.sh", "arm64", "--only", "arm64 daemons", ok=False, cwd=tmp_path, PATH=path, STRICT=strict)
    assert (done.returncode, done.stdout.splitlines()[-1]) == (code, last), done.stdout


def test_a_test_program_is_repeated_and_the_runs_that_failed_are_counted(tmp_path):
    """One whose second run of three fails."""
    program, source = "build/libcommon/tests/base/test_x", tmp_path / "libcommon/tests/base/test_x.c"
    (tmp_path / program).parent.mkdir(parents=True)
    make_tree(tmp_path, {"bin/make": "true", program: 'echo >>runs; [ "$(wc -l <runs)" != 2 ]'})
    source.parent.mkdir(parents=True)
    source.touch()
    path = f"{tmp_path / 'bin'}:{os.environ['PATH']}"
    done = run("sh", "test.sh", "server", "--only", "plain base/test_x", ok=False, cwd=tmp_path, PATH=path, REPEAT="3")
    first, *lines = done.stdout.splitlines()
    assert lines == ["run 2 failed", "1 of 3 runs failed", f"  {first}", "0 passed, 1 failed"]


def test_a_run_that_is_interrupted_ends_what_runs_beside_its_tests(tmp_path):
    hangs = "case $* in *fuzz-build) echo $$ >pid && exec sleep 300 ;; esac; exit 1"
    make_tree(tmp_path, {"bin/make": hangs, "bin/npm": "exit 1"})
    environment = {**os.environ, "PATH": f"{tmp_path / 'bin'}:{os.environ['PATH']}"}
    with subprocess.Popen(["sh", "test.sh", "server"], cwd=tmp_path, env=environment, stdout=subprocess.DEVNULL) as tests:
        pid = eventually(lambda: (tmp_path / "pid").exists() and (tmp_path / "pid").read_text().strip(), 60)
        assert pathlib.Path(f"/proc/{pid}").exists()
        tests.terminate()
        assert tests.wait(60) == 130
    assert not pathlib.Path(f"/proc/{pid}").exists()
