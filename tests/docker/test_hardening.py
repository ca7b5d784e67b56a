"""Every container runs with as few rights and resources as it needs."""

import json

import pytest

from engine import KIND, containers, docker, run, service_of
from harness import elsewhere

DAEMONS = ["users", "values", "worker", "mailer", "healthcheck"]
# mailer has libcurl and what libcurl needs, of which it uses SMTP and TLS alone.
IMAGE_BYTES_MAX = dict.fromkeys(DAEMONS, 21_000_000) | {"mailer": 28_000_000}


@pytest.fixture(scope="module")
def running():
    found = containers()
    assert {service_of(one) for one in found} >= {*DAEMONS, "nginx", "client", "swagger"}
    return found


def those_that(running, wrong):
    return sorted({service_of(one) for one in running if wrong(one)})


def test_every_root_file_system_is_read_only(running):
    assert those_that(running, lambda one: not one["HostConfig"]["ReadonlyRootfs"]) == []


def test_no_process_runs_as_root(running):
    names = {}
    for one in running:
        lines = docker("top", one["Id"], "-eo", "pid,uid").splitlines()[1:]
        names[service_of(one)] = {line.split()[1] for line in lines}
    assert {service: uids for service, uids in names.items() if uids != {"65532"}} == {}


def test_a_container_has_no_capability_and_can_gain_none(running):
    assert those_that(running, lambda one: one["HostConfig"]["CapDrop"] != ["ALL"]) == []
    assert those_that(running, lambda one: "no-new-privileges:true" not in one["HostConfig"]["SecurityOpt"]) == []
    assert those_that(running, lambda one: one["HostConfig"]["Privileged"]) == []


def test_memory_and_processes_are_limited_and_stay_well_below_the_limits(running):
    assert those_that(running, lambda one: not one["HostConfig"]["Memory"]) == []
    assert those_that(running, lambda one: not one["HostConfig"]["PidsLimit"]) == []
    lines = docker("stats", "--no-stream", "--format", "{{.Name}} {{.MemPerc}}", *[one["Id"] for one in running]).splitlines()
    print("\n".join(lines))
    assert [line for line in lines if float(line.split()[1].rstrip("%")) > 90] == []


def test_logs_are_rotated_and_containers_restart(running):
    own = [one for one in running if not service_of(one).endswith(".test")]
    assert those_that(own, lambda one: one["HostConfig"]["LogConfig"]["Config"].get("max-size") != "10m") == []
    assert those_that(own, lambda one: one["HostConfig"]["RestartPolicy"]["Name"] != "unless-stopped") == []


def test_every_container_has_a_health_check(running):
    assert those_that(running, lambda one: one["State"]["Health"]["Status"] != "healthy") == []


@pytest.mark.skipif(KIND == "dev", reason=elsewhere("development publishes its services on this machine"))
def test_only_nginx_is_published(running):
    published = {service_of(one) for one in running if any(one["NetworkSettings"]["Ports"].values())}
    assert published == {"nginx"}


@pytest.mark.skipif(KIND == "dev", reason=elsewhere("development has compilers in its images"))
@pytest.mark.parametrize("service", DAEMONS)
def test_a_daemons_image_is_small_has_no_shell_and_is_labelled(running, service):
    one = next(one for one in running if service_of(one) == service)
    image = json.loads(docker("image", "inspect", one["Image"]))[0]
    assert image["Size"] <= IMAGE_BYTES_MAX[service]
    assert run("docker", "exec", one["Id"], "/bin/sh", "-c", "true", ok=False).returncode != 0
    labels = {
        name.rsplit(".", 1)[1]: text
        for name, text in image["Config"]["Labels"].items()
        if name.startswith("org.opencontainers.image.")
    }
    assert labels["title"] == f"abacus-{service}" and labels["licenses"] == "MIT"
    assert {"version", "revision", "created", "description", "source"} <= set(labels)
    assert image["Config"]["Healthcheck"]["Test"] == ["CMD", f"/bin/{service}", "--check-alive"]


@pytest.mark.skipif(KIND == "dev", reason=elsewhere("the secrets of development are public"))
def test_no_environment_contains_a_secret(running):
    def is_secret(variable):
        name, _, value = variable.partition("=")
        if name.endswith("_FILE") or name == "PASSWORD_DENYLIST":  # paths
            return False
        return "PASSWORD" in name or "SECRET" in name or ("_URL" in name and "@" in value)

    wrong = [
        variable
        for one in running
        for variable in one["Config"]["Env"]
        if not service_of(one).endswith(".test") and is_secret(variable)
    ]
    assert wrong == []


@pytest.mark.parametrize("service", DAEMONS)
def test_a_container_stops_cleanly_and_quickly(running, service):
    one = next(one for one in running if service_of(one) == service)
    docker("stop", one["Id"])
    stopped = json.loads(docker("inspect", one["Id"]))[0]["State"]
    docker("start", one["Id"])
    assert stopped["ExitCode"] == 0
