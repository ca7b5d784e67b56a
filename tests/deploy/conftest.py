"""Fixtures: real servers on this machine in place of the cloud's. Where a program is missing, the fixture skips its tests
with the program's name, which `sh test.sh deploy` prints."""

import json
import os
import urllib.request

import pytest

from delivery import ACCOUNT, REGION, need
from harness import ROOT, Server, free_port, run


@pytest.fixture(scope="session")
def aws(tmp_path_factory):
    """Variables that send every aws command to a moto server on this machine."""
    need("aws", "moto_server")
    port = free_port()
    server = Server(
        tmp_path_factory.mktemp("moto") / "log",
        "moto_server",
        "-H",
        "127.0.0.1",
        "-p",
        port,
        MOTO_ECS_SERVICE_RUNNING="2",
        MOTO_ACCOUNT_ID=ACCOUNT,
        AWS_EC2_METADATA_DISABLED="true",
    ).wait_for_port(port)
    yield {
        "AWS_ENDPOINT_URL": f"http://127.0.0.1:{port}",
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_REGION": REGION,
        "AWS_DEFAULT_REGION": REGION,
        "AWS_ACCOUNT_ID": ACCOUNT,
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_PAGER": "",
        "AWS_MAX_ATTEMPTS": "1",
        "NO_PROXY": "127.0.0.1",
        "no_proxy": "127.0.0.1",
    }
    server.stop()


@pytest.fixture(scope="session")
def template(aws, tmp_path_factory):
    """The template as CloudFormation gets it, without the merge keys of YAML."""
    run("aws", "s3", "mb", "s3://abacus-templates", **aws)
    path = tmp_path_factory.mktemp("template") / "abacus.json"
    run(
        "aws",
        "cloudformation",
        "package",
        "--template-file",
        ROOT / "deploy/ecs/abacus.yaml",
        "--s3-bucket",
        "abacus-templates",
        "--use-json",
        "--output-template-file",
        path,
        **aws,
    )
    return path, json.loads(path.read_text())


@pytest.fixture
def aws_emptied(aws):
    """moto, emptied of what other tests made."""
    request = urllib.request.Request(aws["AWS_ENDPOINT_URL"] + "/moto-api/reset", method="POST")
    urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=20).read()
    return aws


@pytest.fixture(scope="session")
def engine():
    """Variables with which `docker` reaches the engine; test.sh has started one where none ran."""
    need("docker")
    host = os.environ.get("DOCKER_HOST", "unix:///var/run/docker.sock")
    if run("docker", "version", ok=False, DOCKER_HOST=host).returncode:
        pytest.skip(f"no Docker engine answers at {host}; DOCKER_HOST names another")
    return {"DOCKER_HOST": host, "DOCKER_BUILDKIT": "0"}
