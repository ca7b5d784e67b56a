"""deploy/ecs/release_check.py, which decides on ECS whether new tasks get requests, passes on the system that is tested."""

import sys

import abacus
from harness import ROOT, run


def test_the_check_of_a_release_passes():
    services = [] if abacus.PUBLISHED else ["users", "values", "healthcheck"]  # a native run need not have the pages
    url = f"http://127.0.0.1:{abacus.PORTS['nginx']}"
    assert run(sys.executable, ROOT / "deploy/ecs/release_check.py", url, *services).stdout == ""
