#!/usr/bin/python3
"""usage: scripts/lint/rooms.py: holds every #include "..." against the layers of ARCHITECTURE.md.

Fails on an include that runs up, on a service that includes another service's header, on a _internal.h included from outside
its room (the room's tests may include it), on a test's header outside tests, and on a file that does not exist."""

import os
import re
import subprocess
import sys

# What the headers and sources of a room may include beside their own room. A service may include every room.
ROOMS = {
    "base": "",
    "trace": "base",
    "net": "base",
    "http": "base net trace",
    "websocket": "base http",
    "postgres": "base net trace",
    "redis": "base net trace",
    "auth": "base net http redis",
    "jobs": "base redis trace",
    "mail": "base redis",
    "webauthn": "base",
    "daemon": "base http net postgres redis trace",
}


def room(path):
    """services/users/store/mail.c: "services/users"; libcommon/http/reply.c and libcommon/tests/http/test_router.c: "http"."""
    parts = path.split("/")
    if parts[0] == "services":
        return "/".join(parts[:2])
    if parts[1] == "tests":
        return parts[2] if len(parts) > 3 else "base"  # the helpers that tests of every room share
    return parts[1]


def resolve(path, name):
    """The file that the compiler finds: beside the includer, in libcommon/, or in the service's folder. A fuzz target that has
    the name of a service is compiled with that service's folder."""
    service = "services/" + os.path.basename(path)[:-2] if path.startswith("fuzz/") else "/".join(path.split("/")[:2])
    for folder in (os.path.dirname(path), "libcommon", service):
        if os.path.isfile(found := os.path.normpath(os.path.join(folder, name))):
            return found
    return None


def fault(path, name):
    target = resolve(path, name)
    if target is None:
        return "does not exist"
    if not path.startswith(("libcommon/", "services/")):
        return None  # programs that test from outside
    if "/tests/" in target and "/tests/" not in path:
        return "is a test's"
    here, there = room(path), room(target)
    if here == there:
        return None
    if name.endswith("_internal.h"):
        return f"is internal to {there}"
    if there.startswith("services/"):
        return f"belongs to {there}"
    if "/tests/" in target:
        return None  # fixtures may be shared
    if there not in ROOMS or not (here in ROOMS or here.startswith("services/")):
        return "has a room that scripts/lint/rooms.py does not know"
    if here in ROOMS and there not in ROOMS[here].split():
        return f"is in {there}, which {here} may not include"
    return None


os.chdir(os.path.join(os.path.dirname(os.path.abspath(__file__)), "../.."))
files = subprocess.run(
    ["git", "ls-files", "-co", "--exclude-standard", "*.c", "*.h"], capture_output=True, text=True, check=True
).stdout.split()
faults = 0
for path in filter(os.path.exists, files):
    with open(path, encoding="utf-8") as source:
        for number, line in enumerate(source, 1):
            include = re.match(r'\s*#\s*include\s*"([^"]+)"', line)
            if include and (what := fault(path, include.group(1))):
                print(f'{path}:{number}: "{include.group(1)}" {what}')
                faults += 1
sys.exit(faults > 0)
