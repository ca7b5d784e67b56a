"""deploy/ecs/release_check.py, which decides on ECS whether new tasks get requests, passes on the system that is tested."""

import os
import sys

import abacus
from harness import ROOT, run


def test_the_check_of_a_release_passes():
    # A native run need not have the pages, and in development the client's is Vite's, with its sources.
    has_pages = abacus.PUBLISHED and os.environ.get("APP_ENV") != "testing"
    services = [] if has_pages else ["users", "values", "healthcheck"]
    url = f"http://127.0.0.1:{abacus.PORTS['nginx']}"
    assert run(sys.executable, ROOT / "deploy/ecs/release_check.py", url, *services).stdout == ""
