"""scripts/lint/workflows, which lints the pipelines of GitHub."""

import re

from harness import ROOT, run


def test_an_action_that_is_not_named_by_its_commit_is_a_finding(tmp_path):
    path = tmp_path / "x.yml"
    text = (ROOT / ".github/workflows/tests.yml").read_text()
    path.write_text(
        re.sub(r"actions/checkout@\w+ # v\S+", "actions/checkout@v7", text).replace("matrix.release }}", "matrix.no }}")
    )
    done = run("scripts/lint/workflows", path, ok=False)
    assert done.returncode == 1
    assert "name the action by its commit" in done.stdout and 'property "no" is not defined' in done.stdout
