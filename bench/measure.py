#!/usr/bin/python3
"""Measures what one request costs, compared with nginx's own `return 200` in the same run.

usage: bench/run [CASE...]          measures our services (`make bench`), or only the cases of these names
       bench/run --peers [PEER...]  measures our services beside the servers of bench/peers, or only beside these

Each daemon runs as one process without other load, and gets the requests directly. Requests per second show what a client sees
on this machine, and so does the time within which 99 of 100 requests are answered; requests per second of the server's own CPU
time show the cost, and hardly depend on the machine's other load. All are medians over rounds in which every case has its turn,
so that a slow moment affects all of them.
Variables: SECONDS_EACH (2), ROUNDS (5), CONNECTIONS (64), BUILD (build)."""

import json
import os
import pathlib
import re
import statistics
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable
from typing import NamedTuple

from peers import peers

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent
RUN_DIR = ROOT / ".run-bench"
SECONDS = int(os.environ.get("SECONDS_EACH", "2"))
ROUNDS = int(os.environ.get("ROUNDS", "5"))
JOBS = 200_000
CONNECTIONS = os.environ.get("CONNECTIONS", "64")
ENVIRONMENT = {
    **os.environ,
    "RUN_DIR": str(RUN_DIR),
    "PORT": "18090",
    "PORT_OFFSET": "11000",
    "INSTANCES": "1",
    "APP_ENV": "development",
    "BUILD": os.environ.get("BUILD", "build"),
    "WORKER_BATCH": "256",
    "VALUES_RATE": "1000000",  # counted, and never reached
    "VALUES_BURST": "1000000",
    "VALUES_PENDING_MAX": "1000000",
}
USERS, VALUES, NGINX = "http://127.0.0.1:16001", "http://127.0.0.1:16002", "http://127.0.0.1:18099"
TICKS = os.sysconf("SC_CLK_TCK")


def stack(*arguments, **options):
    done = subprocess.run(["scripts/stack", *arguments], cwd=ROOT, env=ENVIRONMENT, capture_output=True, text=True, **options)
    if done.returncode:
        sys.exit(done.stdout + done.stderr)
    return done.stdout


def service_pids(name):
    """The supervising parent, and the one process that serves."""
    parent = int((RUN_DIR / "service" / name / "supervise" / "pid").read_text())
    return [parent, *map(int, pathlib.Path(f"/proc/{parent}/task/{parent}/children").read_text().split())]


def serving_pid(name):
    return service_pids(name)[-1]


def cpu_s(pid):
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def memory_mib(pids, what):
    """Rss counts a shared page once for each process, Pss divides it among them."""
    texts = [pathlib.Path(f"/proc/{pid}/smaps_rollup").read_text() for pid in pids]
    return sum(int(re.search(rf"^{what}:\s+(\d+)", text, re.M)[1]) for text in texts) / 1024


def wait_until_idle(pids):
    """Until they use no CPU time for two seconds: a password hash takes 19 MiB, and keeps them for a second."""
    spent = -1.0
    while (now := sum(map(cpu_s, pids))) != spent:
        spent = now
        time.sleep(2)


def log_in(users):
    body = json.dumps({"email": "user@abacus.test", "password": "abacus-user-dev"}).encode()
    request = urllib.request.Request(f"{users}/auth/login", body, {"Content-Type": "application/json"})
    return json.load(urllib.request.urlopen(request))["auth_token"]


def fill_current(values, token):
    """Makes twenty values, which /values/current then lists."""
    for index in range(20):
        body = json.dumps({"index": index}).encode()
        headers = {"Content-Type": "application/json", "Authorization": f"Bearer {token}"}
        urllib.request.urlopen(urllib.request.Request(f"{values}/values", body, headers)).read()


class Target(NamedTuple):
    """A server to measure. pids() are the processes whose CPU time counts, by the part of the system that a case belongs to."""

    name: str
    urls: dict[str, str]
    pids: Callable[[str], list[int]]
    token: str = ""


def own_target(name, urls, pids):
    """Our services, with a token of theirs and twenty values. pids: the serving process of each."""
    token = log_in(urls["users"])
    fill_current(urls["values"], token)
    return Target(name, urls, lambda part: [pids[part]], token)


class Case(NamedTuple):
    name: str
    part: str  # whose URL and processes: users, values or nginx
    path: str
    script: str = "get.lua"
    needs_token: bool = False


NGINX_CASE = Case("nginx return 200", "nginx", "/")
CASES = [
    Case("ping", "users", "/users/ping"),
    Case("user by id", "users", "/users/1", needs_token=True),
    Case("values/current, 20", "values", "/values/current?limit=20"),
    Case("submit", "values", "/values", "submit.lua", needs_token=True),
]


class Nginx:
    """One worker that replies by itself; its access log has the format of the nginx in front of the services."""

    def __enter__(self):
        folder = RUN_DIR / "nginx-alone"
        folder.mkdir(exist_ok=True)
        config = (HERE / "nginx.conf").read_text().replace("${RUN}", str(folder))
        (folder / "nginx.conf").write_text(config)
        self.process = subprocess.Popen(["/usr/sbin/nginx", "-c", str(folder / "nginx.conf"), "-e", "stderr"])
        while len(peers.family(self.process.pid)) < 2:
            time.sleep(0.01)
        return Target("nginx", {"nginx": NGINX}, lambda _: peers.family(self.process.pid)[1:])

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait()


class Load(NamedTuple):
    per_s: float
    per_cpu_s: float
    p99_ms: float


def milliseconds(text):
    """A time as wrk prints it: 519.00us, 1.79ms, 1.02s."""
    number, unit = re.fullmatch(r"([\d.]+)(us|ms|s)", text).groups()
    return float(number) * {"us": 0.001, "ms": 1, "s": 1000}[unit]


def load(target, case):
    url, pids = target.urls[case.part] + case.path, target.pids(case.part)
    command = ["wrk", "-t1", "-c", CONNECTIONS, "-d", f"{SECONDS}s", "--latency", "-s", str(HERE / case.script), url]
    environment = {**os.environ, "TOKEN": target.token if case.needs_token else ""}
    before, start = sum(map(cpu_s, pids)), time.monotonic()
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=True)
    spent, took = sum(map(cpu_s, pids)) - before, time.monotonic() - start
    requests = int(re.search(r"(\d+) requests in", done.stdout)[1])
    bad = re.search(r"Non-2xx or 3xx responses: (\d+)|Socket errors: (.*)", done.stdout)
    if bad:
        sys.exit(f"{url}: {bad[0]}")
    p99 = re.search(r"^ +99% +(\S+)", done.stdout, re.M)[1]  # not the percentage of another line, such as 85.99%
    return Load(requests / took, requests / max(spent, 1 / TICKS), milliseconds(p99))


def measure(runs):
    """The medians of each (target, case), over rounds in which each has its turn."""
    seen = {run: [] for run in runs}
    for _ in range(ROUNDS):
        for run, (target, case) in runs.items():
            seen[run].append(load(target, case))
    return {run: Load(*map(statistics.median, zip(*results, strict=True))) for run, results in seen.items()}


def worker_jobs():
    """Jobs per CPU-second of a worker that finds many small ones waiting."""
    subprocess.run(["sv", "-w", "15", "force-stop", str(RUN_DIR / "service/worker")], check=True, capture_output=True)
    commands = "".join(f"XADD jobs * kind fibonacci index {n % 300} request_id bench\n" for n in range(JOBS))
    stack("redis-cli", "--pipe", input=commands)
    subprocess.run(["sv", "start", str(RUN_DIR / "service/worker")], check=True, capture_output=True)
    start = time.monotonic()
    while int(stack("redis-cli", "XLEN", "jobs")):
        time.sleep(0.05)
    took = time.monotonic() - start
    return JOBS / took, JOBS / cpu_s(serving_pid("worker"))


def start():
    """The stack from nothing, as a target."""
    if subprocess.run(["scripts/stack", "down"], cwd=ROOT, env=ENVIRONMENT, capture_output=True).returncode == 0:
        subprocess.run(["rm", "-rf", os.path.realpath(RUN_DIR), str(RUN_DIR)], check=True)
    stack("up")
    pids = {name: serving_pid(name) for name in ("users", "values")}
    return own_target("abacus", {"users": USERS, "values": VALUES}, pids)


def print_own(names):
    ours = start()
    services = ("users", "values", "worker")
    wait_until_idle([pid for name in services for pid in service_pids(name)])
    memory = {what: {name: memory_mib(service_pids(name), what) for name in services} for what in ("Rss", "Pss")}
    with Nginx() as nginx:
        runs = {NGINX_CASE.name: (nginx, NGINX_CASE)}
        runs.update({case.name: (ours, case) for case in CASES if not names or case.name in names})
        medians = measure(runs)
    if not names or "worker" in names:
        rounds = [worker_jobs() for _ in range(3)]
        medians["worker, small jobs"] = Load(*map(statistics.median, zip(*rounds, strict=True)), None)
    print(f"{'':20}{'per second':>12}{'per CPU-second':>16}{'of nginx':>10}{'p99, ms':>10}")
    for name, (rate, per_cpu, p99) in medians.items():
        of_nginx = per_cpu / medians[NGINX_CASE.name].per_cpu_s
        print(f"{name:20}{rate:12,.0f}{per_cpu:16,.0f}{of_nginx:10.2f}" + ("" if p99 is None else f"{p99:10.2f}"))
    print("\nmemory after start, each with its supervising parent, MiB:")
    for what, of in memory.items():
        print(f"  {what}: {', '.join(f'{name} {mib:.1f}' for name, mib in of.items())}; together {sum(of.values()):.1f}")


def print_peers(names):
    ours = start()
    with peers.running(RUN_DIR, names or peers.NAMES) as others:
        targets = [ours, *(Target(name, {"users": url, "values": url}, pids, ours.token) for name, url, pids in others)]
        for target in targets[1:]:
            peers.check_replies(target.urls, ours.urls, ours.token, CASES)
        medians = measure({(target.name, case.name): (target, case) for target in targets for case in CASES})
    print("requests per CPU-second, and how many times that ours are:")
    print(f"{'':20}" + "".join(f"{target.name:>18}" for target in targets))
    for case in CASES:
        ours_per_cpu = medians[ours.name, case.name].per_cpu_s
        cells = [medians[target.name, case.name].per_cpu_s for target in targets]
        print(f"{case.name:20}" + "".join(f"{cell:10,.0f} ({ours_per_cpu / cell:4.1f})" for cell in cells))


def main():
    try:
        if sys.argv[1:2] == ["--peers"]:
            print_peers(sys.argv[2:])
        else:
            print_own(sys.argv[1:])
    finally:
        subprocess.run(["scripts/stack", "down"], cwd=ROOT, env=ENVIRONMENT, capture_output=True)


if __name__ == "__main__":
    main()
