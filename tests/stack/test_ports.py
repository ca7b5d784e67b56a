"""Two runs of tests side by side on one machine."""

import subprocess
import sys

import harness

PORTS = 300  # of each run: with a choice by chance alone, sixteen of them would be those of the other one


def run_of_tests(script):
    """A process that prints ports, and keeps them until its standard input ends."""
    command = [sys.executable, "-c", f"from harness import *; {script}; input()"]
    return subprocess.Popen(command, cwd=harness.ROOT / "tests", stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def printed_by(run):
    return [int(word) for word in run.stdout.readline().split()]


def end(run):
    run.communicate("\n", timeout=20)
    assert run.returncode == 0


def test_no_port_is_given_to_two_runs_that_choose_at_once():
    choose = f"print(*(free_port() for _ in range({PORTS})), flush=True)"
    runs = [run_of_tests(choose) for _ in range(2)]
    given = [port for run in runs for port in printed_by(run)]
    for run in runs:
        end(run)
    assert len(given) == len(set(given)) == 2 * PORTS


def test_a_port_is_free_again_when_the_run_that_had_it_has_ended():
    run = run_of_tests("print(free_port(), flush=True)")
    (port,) = printed_by(run)
    assert not harness.reserve(port)
    end(run)
    assert harness.reserve(port)
