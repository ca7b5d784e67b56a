"""What test.sh says before it runs anything, and while it runs."""

import os
import re
import subprocess
import sys

import pytest

from harness import ROOT


def run(*arguments):
    command = ["sh", str(ROOT / "test.sh"), *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=240, cwd="/")


def commands():
    """Those that test.sh accepts."""
    accepted = re.search(r"^(server \|.*)\) ;;$", (ROOT / "test.sh").read_text(), re.MULTILINE)
    return accepted[1].split(" | ")


@pytest.mark.parametrize("arguments", [["--help"], ["-h"], ["help"], ["server", "--help"]])
def test_help_lists_every_command(arguments):
    shown = run(*arguments)
    assert (shown.returncode, shown.stderr) == (0, "")
    assert len(commands()) > 10
    for command in commands():
        assert re.search(rf"^  {command}\b", shown.stdout, re.MULTILINE), command


@pytest.mark.parametrize(
    "arguments, says",
    [
        ([], "usage: sh test.sh COMMAND"),
        (["serve"], "test.sh: there is no command serve\n"),
        (["client", "--olny", "x"], "test.sh: there is no option --olny; see sh test.sh --help\n"),
    ],
)
def test_what_test_sh_does_not_know_is_refused_before_anything_runs(arguments, says):
    refused = run(*arguments)
    assert (refused.returncode, refused.stdout) == (64, "")
    assert says in refused.stderr


def test_a_step_that_does_not_exist_is_refused_with_those_that_do():
    refused = run("client", "--only", "no such step")
    assert (refused.returncode, refused.stdout) == (64, "")
    first, *steps = refused.stderr.splitlines()
    assert first == 'test.sh: no step of client has "no such step" in its name; these are the steps:'
    assert steps and steps == run("client", "--only").stdout.splitlines()


def test_a_test_that_does_not_exist_is_refused_too():
    refused = run("server", "--only", "test_without_a_definition")
    assert refused.returncode == 64
    assert refused.stderr.startswith(
        'test.sh: no step of server, and no test in tests/, has "test_without_a_definition" in its name;'
    )


def test_each_file_of_tests_is_a_line_of_progress_as_it_ends(tmp_path):
    (tmp_path / "test_one.py").write_text("def test_first(): pass\ndef test_second(): assert False\n")
    (tmp_path / "test_two.py").write_text("def test_third(): pass\n")
    with (tmp_path / "progress").open("w") as progress:
        subprocess.run(
            [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "conftest", "."],
            env=os.environ | {"PROGRESS_FD": str(progress.fileno()), "PYTHONPATH": str(ROOT / "tests")},
            pass_fds=[progress.fileno()],
            cwd=tmp_path,
            stdout=subprocess.DEVNULL,
            timeout=60,
        )
    lines = (tmp_path / "progress").read_text().splitlines()
    assert [re.sub(r"\d+ s$", "N s", line.strip()) for line in lines] == [
        "test_one.py: 2 tests, 1 FAILED, N s",
        "test_two.py: 1 test, N s",
    ]
