"""scripts/stack.d: how the settings of the caller reach the daemons."""

import os
import subprocess

from harness import ROOT

PRINTS_EXPORTS = """
root=$PWD command=up
. scripts/stack.d/settings.sh
. scripts/stack.d/daemons.sh
daemon_environment mailer
"""


def sh(script, **environment):
    environment = {"PATH": os.environ["PATH"]} | environment
    return subprocess.run(
        ["sh", "-euc", script], cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True, check=True, timeout=20
    ).stdout


def test_a_setting_reaches_its_daemon_as_it_was_given(tmp_path):
    given = r"""smtp://some:it's\na \\ "$HOME" `id` \t\c@mail.test"""
    daemon = tmp_path / "bin" / "mailer"
    daemon.parent.mkdir()
    daemon.write_text("#!/bin/sh\necho '  SMTP_URL  where e-mail is sent'\n")
    daemon.chmod(0o755)
    exports = sh(PRINTS_EXPORTS, RUN_DIR=str(tmp_path), SMTP_URL=given)
    assert sh(exports + 'printf %s "$SMTP_URL"', HOME="/home") == given
