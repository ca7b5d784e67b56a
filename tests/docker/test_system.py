"""What must work in each of the three systems beside what tests/api checks."""

import pytest

from abacus import eventually, get
from engine import KIND, compose, containers, docker
from harness import ROOT, run

NEWEST_MIGRATION = max(path.name for path in ROOT.glob("services/users/migrations/*.up.sql")).removesuffix(".up.sql")


def manage(*arguments, service="users", **options):
    return run("scripts/compose", "exec", "-T", service, "manage", *arguments, ok=False, **options)


def expect(code, text, *arguments, **options):
    """A command that changes nothing is asked again, because `docker exec` can lose what it printed (moby/moby issue 27289)."""
    done = None

    def is_said():
        nonlocal done
        done = manage(*arguments, **options)
        return done.returncode != code or text in done.stdout

    eventually(is_said, message=f"manage {arguments} says {text}")
    assert done.returncode == code, done.stdout


@pytest.mark.parametrize(
    "command, expected",
    [
        (["routes"], "/auth/login"),
        (["db", "current"], NEWEST_MIGRATION),
        (["db", "upgrade"], ""),
        (["--help"], "recreate_db"),
    ],
)
def test_manage_runs_inside_the_container(command, expected):
    expect(0, expected, *command)


def test_health_counts_every_replica_once():
    def healthy():
        data = get("/api/healthcheck").json["data"]
        return data if data["summary"].startswith("All") else None

    data = eventually(healthy, message="everything is up")
    replicas = 2 if KIND == "prod" else 1
    assert sorted(one["instance"] for one in data["services"]) == sorted(
        f"{name}-{n + 1}" for name in ("users", "values", "worker", "mailer", "healthcheck") for n in range(replicas)
    )


@pytest.mark.skipif(KIND == "dev", reason="development may be destroyed")
def test_the_database_of_production_can_not_be_destroyed_by_mistake():
    expect(1, "development", "seed_db")
    expect(1, "--yes-destroy", "recreate_db")


@pytest.mark.skipif(KIND != "dev", reason="only for development")
@pytest.mark.parametrize("command", [["recreate_db", "--yes-destroy"], ["seed_db"], ["test"]])
def test_the_commands_of_development_work(command):
    done = manage(*command, timeout=600)
    assert done.returncode == 0, done.stdout[-3000:]


@pytest.mark.skipif(KIND != "dev", reason="only for development")
def test_manage_shell_is_psql():
    expect(0, "42", "shell", stdin="SELECT 40 + 2;\n")


@pytest.mark.skipif(KIND != "dev", reason="only for development")
def test_a_changed_source_is_compiled_and_runs():
    source = ROOT / "services/users/main.c"
    before = source.read_bytes()
    started = containers("users")[0]["State"]["StartedAt"]

    def times_started():
        return docker("logs", containers("users")[0]["Id"]).count('"msg":"started"')

    count = times_started()
    try:
        source.write_bytes(before + b"\n")
        eventually(lambda: times_started() > count, 120, 0.2, "the daemon was compiled and started anew")
        assert containers("users")[0]["State"]["StartedAt"] == started
    finally:
        source.write_bytes(before)
    eventually(lambda: "healthy" in compose("ps", "users"), 60, 0.2, "users is healthy again")
