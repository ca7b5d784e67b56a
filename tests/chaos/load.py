"""Requests through nginx while a test disturbs the system, and what was measured meanwhile."""

import abacus
from harness import KeepAlive, Load

RECOVERIES = []  # (what was disturbed, seconds until all was well again, requests that failed meanwhile): printed at the end


def requests_in_background(method, path, token=None, body=None, **options):
    return Load(KeepAlive(abacus.PORT, method, path, body, token), **options)
