"""Servers to compare with: each implements the calls that bench/run measures, on the same Postgres and Redis.

Each is one process that serves (Go's runtime has one processor: GOMAXPROCS=1). It checks the token's signature and expiry,
runs the SQL of statements.json and libcommon/jobs/add.lua, and writes one JSON line for each request.
`scripts/install-packages peers` installs what they need."""

import contextlib
import json
import os
import pathlib
import subprocess
import sys
import time
import urllib.error
import urllib.request

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
NAMES = ["go", "express", "fastify", "flask"]
FIRST_PORT = 18101


def family(pid):
    """The process and all its descendants, parents first."""
    children = [
        int(child) for path in pathlib.Path(f"/proc/{pid}/task").glob("*/children") for child in path.read_text().split()
    ]
    return [pid, *(one for child in children for one in family(child))]


def go(run_dir):
    program = run_dir / "peer-go"
    environment = {**os.environ, "GO111MODULE": "off", "GOPATH": "/usr/share/gocode", "GOCACHE": str(run_dir / "go-cache")}
    subprocess.run(["go", "build", "-o", program, HERE / "go/peer.go"], env=environment, check=True)
    return [program]


def node(name):
    if not (HERE / "node/node_modules").exists():
        subprocess.run(["npm", "ci"], cwd=HERE / "node", check=True, stdout=subprocess.DEVNULL)
    return ["node", HERE / f"node/{name}.js"]


def command_of(name, run_dir, port):
    if name == "go":
        return go(run_dir)
    if name in ("express", "fastify"):
        return node(name)
    if name == "flask":
        options = ["--chdir", HERE / "flask", "--worker-class", "gthread", "--workers", "1", "--threads", "8"]
        return ["gunicorn", *options, "--keep-alive", "60", "--log-level", "warning", "--bind", f"127.0.0.1:{port}", "peer:app"]
    return sys.exit(f"bench: there is no peer {name}; there are: {', '.join(NAMES)}")


def environment_of(name, run_dir, port):
    secret = {file: (run_dir / "secrets" / file).read_text() for file in ("SECRET_KEY", "users.url", "values.url", "redis.url")}
    return {
        **os.environ,
        "NODE_ENV": "production",
        "GOMAXPROCS": "1",
        "PEER_PORT": str(port),
        "PEER_SECRET": secret["SECRET_KEY"],
        "PEER_USERS_URL": secret["users.url"],
        "PEER_VALUES_URL": secret["values.url"],
        "PEER_REDIS_URL": secret["redis.url"],
        "PEER_STATEMENTS": str(HERE / "statements.json"),
        "PEER_ADD_LUA": str(ROOT / "libcommon/jobs/add.lua"),
        "PEER_LOG": str(run_dir / f"peer-{name}.log"),
    }


def fetch(url, token, body=None):
    headers = {"Content-Type": "application/json", "Authorization": f"Bearer {token}"}
    with urllib.request.urlopen(urllib.request.Request(url, body, headers), timeout=5) as reply:
        return json.load(reply)


def wait_for(name, process, url):
    for _ in range(200):
        if process.poll() is not None:
            break
        with contextlib.suppress(urllib.error.URLError):
            return fetch(f"{url}/users/ping", "")
        time.sleep(0.05)
    return sys.exit(f"bench: the peer {name} did not start; the lines above may say why")


@contextlib.contextmanager
def running(run_dir, names):
    """Starts them, and yields (name, URL, function that returns its process ids) of each."""
    processes, found = [], []
    try:
        for port, name in enumerate(names, FIRST_PORT):
            command = command_of(name, run_dir, port)
            process = subprocess.Popen(list(map(str, command)), env=environment_of(name, run_dir, port))
            processes.append(process)
            wait_for(name, process, f"http://127.0.0.1:{port}")
            found.append((name, f"http://127.0.0.1:{port}", lambda _, pid=process.pid: family(pid)))
        yield found
    finally:
        for process in processes:
            process.terminate()
        for process in processes:
            process.wait()


def check_replies(theirs, ours, token, cases):
    """Ends the run unless a peer replies to each case as ours do; only the ids of new values differ."""
    for case in cases:
        body = b'{"index":7}' if case.script == "submit.lua" else None
        replies = [fetch(urls[case.part] + case.path, token, body) for urls in (theirs, ours)]
        if body:
            replies = [{**reply, "id": None} for reply in replies]
        if replies[0] != replies[1]:
            sys.exit(f"bench: {theirs[case.part]}{case.path} replies {replies[0]}, ours {replies[1]}")
