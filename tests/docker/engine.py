"""Docker and Compose, for the tests of the containers. COMPOSE_FILE (paths with : between) and COMPOSE_PROJECT_NAME say which system is up."""

import json
import os
import pathlib
import subprocess

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
FILES = os.environ.get("COMPOSE_FILE", "").split(":")
KIND = FILES[0].rsplit("-", 1)[-1].removesuffix(".yml")


def run(*command, **options):
    """Its end, whatever that is: returncode, and out, which is both streams."""
    done = subprocess.run(
        [str(word) for word in command],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        cwd=ROOT,
        timeout=options.pop("timeout", 180),
        **options,
    )
    done.out = done.stdout
    return done


def docker(*arguments, **options):
    done = run("docker", *arguments, **options)
    assert done.returncode == 0, done.out
    return done.out.strip()


def compose(*arguments, **options):
    done = run("docker-compose", *arguments, **options)
    assert done.returncode == 0, done.out
    return done.out.strip()


def containers(service=None):
    """What `docker inspect` tells of each that runs."""
    ids = compose("ps", "-q", *([service] if service else [])).split()
    return [one for one in json.loads(docker("inspect", *ids)) if one["State"]["Running"]] if ids else []


def service_of(container):
    return container["Config"]["Labels"]["com.docker.compose.service"]
