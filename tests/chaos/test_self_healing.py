"""Under light load every process is killed in turn, and one of each daemon stopped: everything recovers by itself. A table at
the end of the output says how long each recovery took."""

import contextlib
import os
import pathlib
import signal
import subprocess
import threading
import time

import pytest

import abacus
from abacus import eventually, get
from harness import listens
from load import RECOVERIES, requests_in_background

SLOWER = 4 if os.environ.get("SANITIZED") else 1
OTHER_PROCESSES = 500
HANG_S = int(os.environ.get("HANG_SECONDS", "10"))

DAEMONS = [
    name + second
    for second in ("", "-2")[: abacus.INSTANCES]
    for name in ("users", "values", "worker", "mailer", "healthcheck")
]


@pytest.fixture(scope="module", autouse=True)
def load(reader):
    """The requests that run meanwhile: reads and submissions."""
    with (
        requests_in_background("GET", "/users/ping", threads=2, every_s=0.05) as reads,
        requests_in_background("POST", "/api/values", reader.token, {"index": 7}, threads=1, every_s=0.05) as submissions,
    ):
        yield lambda: len(reads.failed) + len(submissions.failed)


@pytest.fixture(autouse=True)
def all_is_well_before():
    eventually(lambda: abacus.all_ready() and is_served(), 60, message="all is well")


def is_served():
    try:
        return get("/users/ping", timeout=2).status == 200 and get("/api/values/current", timeout=2).status == 200
    except OSError:
        return False


def recover(what, act, is_well, limit_s, load):
    """Runs act(), and measures the time until is_well()."""
    failed, start = load(), time.monotonic()
    act()
    eventually(is_well, 60, 0.01, f"well again after: {what}")
    took_s = time.monotonic() - start
    RECOVERIES.append((what, took_s, load() - failed))
    assert took_s < limit_s * SLOWER


def daemon_is_back(name, before):
    is_another = abacus.serving_pid(name) not in (None, before)
    return is_another and abacus.is_ready(name.removesuffix("-2"), second=name.endswith("-2"))


def need(name):
    if not abacus.service_dir(name).exists():
        pytest.skip(f"there is no service {name} in this stack")


@pytest.mark.parametrize("name", DAEMONS)
def test_a_killed_serving_process_is_replaced(name, load):
    need(name)
    before = abacus.serving_pid(name)
    recover(f"{name}: serving process killed", lambda: abacus.kill_serving(name), lambda: daemon_is_back(name, before), 2, load)


@pytest.mark.parametrize("kill", [abacus.kill_serving, abacus.kill])
def test_healthcheck_reports_a_killed_process_as_an_event(kill):
    need("healthcheck")
    since = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime())
    kill("users")

    def events():
        shown = get("/api/healthcheck/events").json["data"]["events"]
        return [event for event in shown if event["instance"] == "users-1" and event["at"] >= since]

    eventually(events, 10, message="there is an event")


@pytest.mark.parametrize("name", DAEMONS)
def test_a_killed_parent_is_restarted_with_its_serving_process(name, load):
    need(name)
    before = abacus.serving_pid(name)
    recover(f"{name}: supervising parent killed", lambda: abacus.kill(name), lambda: daemon_is_back(name, before), 2, load)


def test_stopped_serving_processes_are_replaced(load):
    """One of each daemon at the same time, because each is replaced only after HANG_SECONDS."""
    names = [name for name in DAEMONS[:5] if abacus.service_dir(name).exists()]
    before = {name: abacus.serving_pid(name) for name in names}
    took_s, failed, start = {}, load(), time.monotonic()
    for name in names:
        abacus.kill_serving(name, signal.SIGSTOP)

    def all_are_back():
        for name in names:
            if name not in took_s and daemon_is_back(name, before[name]):
                took_s[name] = time.monotonic() - start
        return len(took_s) == len(names)

    eventually(all_are_back, 60, 0.01, f"all of {names} are replaced")
    RECOVERIES.append((f"{' '.join(names)}: serving processes stopped", max(took_s.values()), load() - failed))
    assert all(each < (HANG_S + 1) * SLOWER for each in took_s.values()), took_s


def nginx_workers():
    return set(abacus.children(abacus.service_pid("nginx")))


def test_a_killed_worker_of_nginx_is_replaced(load):
    before = nginx_workers()
    killed = before.copy().pop()
    is_well = lambda: killed not in nginx_workers() and len(nginx_workers()) == len(before) and is_served()  # noqa: E731
    recover("nginx: worker killed", lambda: os.kill(killed, signal.SIGKILL), is_well, 2, load)


def test_a_killed_master_of_nginx_is_restarted_and_has_all_connections(load):
    master, workers = abacus.service_pid("nginx"), nginx_workers()
    is_well = lambda: abacus.service_pid("nginx") not in (None, master) and len(nginx_workers()) == len(workers) and is_served()  # noqa: E731
    recover("nginx: master killed", lambda: abacus.kill("nginx"), is_well, 4, load)
    eventually(lambda: not any(is_running(pid) for pid in workers), 20, message="the remaining workers have ended")


def nginx_is_replaced(master):
    pid = abacus.service_pid("nginx")
    return pid not in (None, master) and pathlib.Path(f"/proc/{pid}/comm").read_text() == "nginx\n" and nginx_workers()


def longest_refusal_s(until):
    """Connects again and again until until(), and for a second more, because connections may still be refused then."""
    longest, last, end = 0, time.monotonic(), None
    while end is None or time.monotonic() < end:
        with contextlib.suppress(OSError):
            listens(abacus.PORT)
            last = time.monotonic()
        longest = max(longest, time.monotonic() - last)
        if end is None and until():
            end = time.monotonic() + 1
    return longest


def test_nginx_is_back_at_once_however_many_processes_the_machine_runs():
    """The run script of the next master looks for the remaining workers among all of them."""
    others = [subprocess.Popen(["sleep", "120"]) for _ in range(OTHER_PROCESSES)]
    try:
        master = abacus.kill("nginx")
        refused_s = longest_refusal_s(until=lambda: nginx_is_replaced(master))
    finally:
        for process in others:
            process.kill()
            process.wait()
    print(f"nginx refused connections for {refused_s * 1000:.0f} ms")
    assert refused_s < 0.5 * SLOWER


def is_running(pid):
    try:
        with open(f"/proc/{pid}/stat") as stat:
            return stat.read().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


@pytest.mark.parametrize("name, limit_s", [("redis", 10), ("postgres", 20)])
def test_a_killed_database_is_restarted_and_the_daemons_recover(name, limit_s, load):
    before = abacus.service_pid(name)
    was_away = threading.Event()

    def is_well():
        if not abacus.all_ready():
            was_away.set()
            return False
        return was_away.is_set() and abacus.service_pid(name) not in (None, before) and is_served()

    recover(f"{name}: killed", lambda: abacus.kill(name), is_well, limit_s, load)
