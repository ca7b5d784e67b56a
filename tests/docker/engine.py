"""Docker and Compose. COMPOSE_FILE (paths separated by :) and PROJECT name the system that runs."""

import json
import os

from harness import run

FILES = os.environ.get("COMPOSE_FILE", "").split(":")
KIND = FILES[0].rsplit("-", 1)[-1].removesuffix(".yml")


def docker(*arguments, **options):
    return run("docker", *arguments, **options).stdout.strip()


def compose(*arguments, **options):
    return run("scripts/compose", *arguments, **options).stdout.strip()


def containers(service=None):
    """The `docker inspect` of every running container."""
    ids = compose("ps", "-q", *([service] if service else [])).split()
    return [one for one in json.loads(docker("inspect", *ids)) if one["State"]["Running"]] if ids else []


def service_of(container):
    return container["Config"]["Labels"]["com.docker.compose.service"]
