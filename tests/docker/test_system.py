"""What must work in each of the three systems, whatever its black-box tests say."""

import json
import os
import time
import urllib.request

import pytest

from engine import KIND, ROOT, compose, containers, docker, run

PORT = int(os.environ["PORT"])


def manage(*arguments, service="users", **options):
    return run("docker-compose", "exec", "-T", service, "manage", *arguments, **options)


@pytest.mark.parametrize(
    "command, expected",
    [(["routes"], "/auth/login"), (["db", "current"], "0001_users"), (["db", "upgrade"], ""), (["--help"], "recreate_db")],
)
def test_manage_runs_inside_the_container(command, expected):
    done = manage(*command)
    assert done.returncode == 0 and expected in done.out, done.out


def test_health_counts_every_replica_once():
    for _ in range(50):
        with urllib.request.urlopen(f"http://127.0.0.1:{PORT}/api/healthcheck") as reply:
            data = json.load(reply)["data"]
        if data["summary"].startswith("All"):
            break
        time.sleep(0.2)
    replicas = 2 if KIND == "prod" else 1
    assert sorted(one["instance"] for one in data["services"]) == sorted(
        f"{name}-{n + 1}" for name in ("users", "values", "worker", "healthcheck") for n in range(replicas)
    )
    assert data["summary"].startswith("All"), data["summary"]


@pytest.mark.skipif(KIND == "dev", reason="what development answers is taken from its sources")
def test_production_s_database_is_not_destroyed_by_mistake():
    done = manage("seed_db")
    assert done.returncode == 1 and "development" in done.out
    if KIND == "prod":
        done = manage("recreate_db")
        assert done.returncode == 1 and "--yes-destroy" in done.out


@pytest.mark.skipif(KIND != "dev", reason="development alone")
@pytest.mark.parametrize("command", [["recreate_db"], ["seed_db"], ["test"]])
def test_development_has_commands_of_its_own(command):
    done = manage(*command, timeout=600)
    assert done.returncode == 0, done.out[-3000:]


@pytest.mark.skipif(KIND != "dev", reason="development alone")
def test_manage_shell_is_psql():
    done = manage("shell", input="SELECT 40 + 2;\n")
    assert done.returncode == 0 and "42" in done.out


@pytest.mark.skipif(KIND != "dev", reason="development alone")
def test_a_changed_source_is_compiled_and_runs():
    source = ROOT / "services/users/main.c"
    before = source.read_bytes()
    started = containers("users")[0]["State"]["StartedAt"]
    count = docker("logs", containers("users")[0]["Id"]).count('"msg":"started"')
    try:
        source.write_bytes(before + b"\n")
        for _ in range(300):
            if docker("logs", containers("users")[0]["Id"]).count('"msg":"started"') > count:
                break
            time.sleep(0.2)
        assert docker("logs", containers("users")[0]["Id"]).count('"msg":"started"') > count
        assert containers("users")[0]["State"]["StartedAt"] == started
    finally:
        source.write_bytes(before)
    for _ in range(100):
        if compose("ps", "users").count("healthy"):
            break
        time.sleep(0.2)
