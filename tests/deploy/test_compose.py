"""scripts/compose, and what the Compose files and the recipes must have for every generation of Compose and of the engine.
Nothing here needs an engine."""

import re
import shutil
import socket

import pytest

from harness import ROOT, run

CONFIG_1 = """services:
  nginx:
    ports:
    - 127.0.0.1:{nginx}:8080/tcp
  users:
    image: x
    ports:
    - 127.0.0.1:{users}:5001/tcp
version: '3.9'
"""
CONFIG_2 = """name: abacus
services:
  nginx:
    ports:
      - mode: ingress
        host_ip: 127.0.0.1
        target: 8080
        published: "{nginx}"
        protocol: tcp
  users:
    image: x
    ports:
      - mode: ingress
        target: 5001
        published: "{users}"
        protocol: tcp
"""


class Fake:
    """A PATH with a `docker` and, unless plugin, a `docker-compose` that record how they are called."""

    def __init__(self, folder, plugin=False):
        self.folder, self.calls = folder, folder / "calls"
        (folder / "bin").mkdir()
        for name in "sh sed awk tr grep cat head timeout dirname".split():
            (folder / "bin" / name).symlink_to(run("which", name).stdout.strip())
        called = f'echo "${{PROJECT:-}}" >{folder}/volumes; echo "${{COMPOSE_PROJECT_NAME:-}} ${{0##*/}} $*" >>{self.calls}'
        config = f'case "$*" in *config) cat {folder}/config ;; esac'
        self.program("docker", f'{called}; case "$1" in image | pull) false ;; compose) {config} ;; esac')
        if not plugin:
            self.program("docker-compose", f"{called}; {config}")
        (folder / "config").write_text("services:\n")

    def program(self, name, does):
        (self.folder / "bin" / name).write_text(f"#!/bin/sh\n{does}\n")
        (self.folder / "bin" / name).chmod(0o755)

    def compose(self, *arguments, ok=True, **variables):
        self.calls.write_text("")
        plain = dict.fromkeys(("COMPOSE_FILE", "COMPOSE_PROJECT_NAME", "PROJECT", "DOCKER_HOST", "BASE"), "")
        return run(ROOT / "scripts/compose", *arguments, ok=ok, **{**plain, "PATH": f"{self.folder}/bin", **variables})

    def last(self):
        return self.calls.read_text().splitlines()[-1]

    def volumes_begin_with(self):
        return (self.folder / "volumes").read_text().strip()


@pytest.fixture
def fake(tmp_path):
    return Fake(tmp_path)


@pytest.mark.parametrize("plugin, program", [(False, "docker-compose"), (True, "docker compose")])
def test_the_command_of_either_generation_is_found(tmp_path, plugin, program):
    fake = Fake(tmp_path, plugin)
    fake.compose("ps", "-q")
    assert fake.last() == f"abacus-dev {program} ps -q"


def test_the_tests_of_the_compose_files_are_content_with_the_plugin(tmp_path):
    """As on a machine with Docker's own packages, which have no docker-compose."""
    fake = Fake(tmp_path, plugin=True)
    for name in "rm wc sort uniq id".split():
        (fake.folder / "bin" / name).symlink_to(shutil.which(name))
    # Each file has volumes of its own, five in all.
    chosen = 'case "$*" in *-dev.yml*) set -- a b c ;; *-stage.yml*) set -- d e ;; *) set -- ;; esac'
    fake.program("docker", f'echo "$*" >>{fake.calls}; {chosen}; echo volumes:; for name; do echo "    name: $name"; done')
    run(
        "sh",
        "-c",
        ". tests/docker/steps.sh && compose_accepts",
        PATH=f"{fake.folder}/bin",
        out=str(tmp_path / "out"),
        RUN_DIR=str(tmp_path),
    )
    assert fake.calls.read_text().count(" config\n") == 3


def test_without_either_the_package_that_brings_one_is_named(tmp_path):
    fake = Fake(tmp_path, plugin=True)
    fake.program("docker", "false")
    done = fake.compose("ps", ok=False)
    assert done.returncode == 1 and "scripts/install-packages docker" in done.stdout and done.stdout.count("\n") == 1


@pytest.mark.parametrize(
    "arguments, variables, project",
    [
        ([], {}, "abacus-dev"),
        (["-f", "docker-compose-stage.yml"], {}, "abacus-stage"),
        (["-f", "docker-compose-prod.yml", "-f", "deploy/certificates/docker-compose.yml"], {}, "abacus-prod"),
        ([], {"COMPOSE_FILE": "docker-compose-stage.yml:other.yml"}, "abacus-stage"),
        ([], {"PROJECT": "second"}, "second"),
        ([], {"COMPOSE_PROJECT_NAME": "abacus", "PROJECT": "second"}, "abacus"),
        (["-p", "third"], {"COMPOSE_PROJECT_NAME": "abacus"}, "third"),
        (["-fdocker-compose-stage.yml"], {}, "abacus-stage"),
        (["--file=docker-compose-prod.yml"], {}, "abacus-prod"),
        (["-pthird"], {}, "third"),
        (["--project-name=third"], {}, "third"),
    ],
)
def test_each_file_has_a_project_of_its_own_and_volumes_of_that_name(fake, arguments, variables, project):
    fake.compose(*arguments, "down", **variables)
    assert fake.last() == " ".join([project, "docker-compose", *arguments, "down"])
    assert fake.volumes_begin_with() == project


def test_options_of_a_command_are_not_taken_for_the_project(fake):
    for command in (["logs", "-f", "users"], ["logs", "-fn5"], ["run", "-p80:80", "nginx"], ["exec", "users", "ls", "-fp"]):
        fake.compose(*command)
        assert fake.last() == " ".join(["abacus-dev docker-compose", *command])


@pytest.mark.parametrize("config", [CONFIG_1, CONFIG_2], ids=["Compose 1", "Compose 2"])
def test_ports_that_are_taken_are_named_before_anything_starts(fake, config):
    with socket.create_server(("127.0.0.1", 0)) as one, socket.create_server(("0.0.0.0", 0)) as other:
        nginx, users = one.getsockname()[1], other.getsockname()[1]
        (fake.folder / "config").write_text(config.format(nginx=nginx, users=users))
        done = fake.compose("up", "-d", "--no-build", ok=False)
        assert done.returncode == 1
        assert done.stdout.splitlines() == [
            f"compose: port {nginx} of nginx is in use by another program; set PORT to another port",
            f"compose: port {users} of users is in use by another program; set USERS_PORT to another port",
            "compose: nothing was started",
        ]
        assert not any(" up " in call for call in fake.calls.read_text().splitlines())
        fake.compose("up", "-d", "--no-build", "client")
        assert fake.last().endswith("docker-compose up -d --no-build client")


def test_a_port_of_the_projects_own_container_is_not_taken(fake):
    with socket.create_server(("127.0.0.1", 0)) as one:
        port = one.getsockname()[1]
        (fake.folder / "config").write_text(CONFIG_1.format(nginx=port, users=port))
        own = "label=com.docker.compose.project=abacus-dev"
        fake.program("docker", f'case "$*" in "ps -q --filter {own} --filter publish={port}") echo 0123 ;; esac')
        fake.compose("up", "-d", "--no-build")
    assert fake.last().endswith("docker-compose up -d --no-build")


@pytest.mark.parametrize("arguments, starts", [(["up", "-d", "--build"], False), (["build"], False), (["up", "-d"], True)])
def test_a_base_image_that_cannot_be_had_is_named_with_the_script_that_makes_it(fake, arguments, starts):
    done = fake.compose(*arguments, ok=starts)
    assert "debian:trixie-slim@sha256:" in done.stdout and "scripts/offline-base-images makes it" in done.stdout
    assert "scripts/update-base-images pins" in done.stdout
    assert fake.last().startswith("abacus-dev docker-compose up") == starts


def test_each_build_gets_the_pinned_base_image_and_labels_of_its_origin(fake):
    fake.program("docker-compose", f'echo "$BASE $REVISION" >>{fake.calls}')
    given = {"REVISION": "0123abcd", "CREATED": "2026-01-01T00:00:00+00:00"}
    pinned = fake_pin("debian:trixie-slim")
    for arguments in ["up", "-d"], ["build"]:
        fake.compose(*arguments, ok=arguments[0] == "up", **given)
    assert fake.calls.read_text().splitlines()[-1] != f"{pinned} 0123abcd", "a build without a base image was started"
    fake.program("docker", "true")
    fake.compose("build", **given)
    assert fake.last() == f"{pinned} 0123abcd"
    fake.compose("build", BASE="mine:1", **given)
    assert fake.last() == "mine:1 0123abcd"


def fake_pin(name):
    (line,) = [line for line in (ROOT / "scripts/base-images").read_text().splitlines() if line.startswith(name + " ")]
    return line.replace(" ", "@")


@pytest.mark.parametrize("kind", ["dev", "stage", "prod"])
def test_every_build_of_compose_is_given_the_same_arguments(kind):
    text = (ROOT / f"docker-compose-{kind}.yml").read_text()
    assert text.count("build: {context") == text.count(", args: *arguments}") > 6
    assert set(re.findall(r"\$\{(BASE|VERSION|REVISION|CREATED|SOURCE):-", text)) == set(ARGUMENTS)


ARGUMENTS = ["BASE", "VERSION", "REVISION", "CREATED", "SOURCE"]


def test_plain_compose_finds_development_by_itself():
    assert "COMPOSE_FILE=docker-compose-dev.yml" in (ROOT / ".env").read_text().splitlines()


def test_no_two_compose_files_share_a_volume():
    """Compose 1.29 takes every file of a folder for one project, whose volumes are the same unless they have names."""
    names = []
    for kind in "dev", "stage", "prod":
        found = re.search(r"^volumes:\n((?:  .*\n)*)", (ROOT / f"docker-compose-{kind}.yml").read_text() + "\n", re.MULTILINE)
        for line in found[1].splitlines() if found else []:
            name = re.fullmatch(r'  \w+: \{name: "\$\{PROJECT:-(abacus-\w+)\}(_\w+)"\}', line)
            assert name and name[1] == f"abacus-{kind}", f"docker-compose-{kind}.yml: {line}"
            names.append(name[1] + name[2])
    assert len(names) == len(set(names)) == 5


RECIPES = sorted(
    path for pattern in ("services/*/Dockerfile-*", "deploy/certificates/Dockerfile") for path in ROOT.glob(pattern)
)


@pytest.mark.parametrize("path", RECIPES, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_every_recipe_can_be_built_without_buildkit(path):
    """Compose 1.29 uses the classic builder unless two variables are set, and so does a client without docker-buildx."""
    text = path.read_text()
    lacking = r"^(COPY|ADD)\b.*--(chmod|link|parents|exclude)|^RUN\b.*--(mount|network|security)|<<|^# *syntax"
    assert not re.search(lacking, text, re.MULTILINE)


@pytest.mark.parametrize("path", RECIPES, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_every_recipe_labels_its_image_with_its_origin(path):
    text = path.read_text()
    for argument in ARGUMENTS[1:]:
        assert f'org.opencontainers.image.{argument.lower()}="${{{argument}}}"' in text


def test_every_port_variable_of_development_is_documented():
    text = (ROOT / "docker-compose-dev.yml").read_text()
    documented = (ROOT / "docs/operations.md").read_text()
    variables = re.findall(r"\$\{(\w*PORT):-", text)
    assert len(variables) == 8 and [name for name in variables if f"`{name}`" not in documented] == []


@pytest.mark.parametrize("found", [True, False])
def test_programs_of_dockers_own_packages_are_not_installed_again(tmp_path, found):
    """Docker's own packages have docker-buildx and docker-compose as plugins of its client; Debian's collide with them."""
    (tmp_path / "install-packages").write_text((ROOT / "scripts/install-packages").read_text())
    (tmp_path / "packages").write_text("engine  docker-compose:docker-compose docker-buildx?:docker-buildx\n")
    (tmp_path / "bin").mkdir()
    for name, does in {"dpkg-query": "false", "id": "echo 1000", "sudo": "false"}.items():
        (tmp_path / "bin" / name).write_text(f"#!/bin/sh\n{does}\n")
        (tmp_path / "bin" / name).chmod(0o755)
    for name in "sh sed dirname cat".split():
        (tmp_path / "bin" / name).symlink_to(run("which", name).stdout.strip())
    plugins = tmp_path / ".docker/cli-plugins"
    plugins.mkdir(parents=True)
    for name in ["docker-compose", "docker-buildx"] if found else []:
        (plugins / name).write_text("#!/bin/sh\n")
        (plugins / name).chmod(0o755)
    done = run("sh", tmp_path / "install-packages", "engine", ok=found, PATH=f"{tmp_path}/bin", HOME=str(tmp_path))
    assert found or "installing: docker-compose" in done.stdout


@pytest.mark.parametrize("kind", ["stage", "prod"])
def test_a_file_of_leaked_passwords_is_mounted_where_its_variable_says_and_none_without(kind):
    """A variable alone would name a file that no container has, and users would not start."""
    file = ROOT / f"docker-compose-{kind}.yml"
    services = file.read_text().split("\nservices:\n")[1].split("\nnetworks:")[0]
    names = [service for service in re.split(r"\n(?=  \w)", services) if re.search(r"environment: [&*]users\b", service)]
    assert len(names) == 2, "users, and users-migrate, whose manage reads the same variables"
    path = "${PASSWORD_DENYLIST:-/run/no-denylist}"
    assert f"volumes: &denylist\n      - ${{PASSWORD_DENYLIST:-/dev/null}}:{path}:ro\n" in names[0]
    assert "      PASSWORD_DENYLIST:" in names[0] and "    volumes: *denylist\n" in names[1]
