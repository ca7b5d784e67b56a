"""The scripts that build images and start in them, as far as they can be tested without an engine."""

import os
import signal
import subprocess
import tarfile

import pytest

from delivery import eventually, need
from harness import ROOT, Server, free_port, run


def path_with(folder, programs):
    """A PATH on which these programs come first; programs: their shell commands by name."""
    (folder / "bin").mkdir()
    for name, does in programs.items():
        (folder / "bin" / name).write_text(f"#!/bin/sh\n{does}\n")
        (folder / "bin" / name).chmod(0o755)
    return f"{folder}/bin:{os.environ['PATH']}"


def redis(folder, port, **variables):
    """services/redis/entrypoint on a port of this machine, with its data in the folder."""
    need("redis-server", "redis-cli")
    path = path_with(folder, {"redis-server": f'PATH=${{PATH#*:}} exec redis-server "$@" --dir {folder} --port {port}'})
    return Server(
        folder / "log",
        "sh",
        ROOT / "services/redis/entrypoint",
        PATH=path,
        TMPDIR=str(folder),
        REDIS_PASSWORD="secret",
        **variables,
    ).wait_for_port(port)


def redis_cli(port, *command, stdin=""):
    return subprocess.run(
        ["redis-cli", "-p", str(port), "-a", "secret", "--no-auth-warning", *command],
        input=stdin,
        text=True,
        stdout=subprocess.PIPE,
        timeout=20,
    ).stdout.strip()


def test_a_full_redis_refuses_writes_and_keeps_what_it_has(tmp_path):
    port = free_port()
    server = redis(tmp_path, port, REDIS_MAXMEMORY="3mb")
    try:
        said = redis_cli(port, stdin="".join(f"SET key{n} {'x' * 1000}\n" for n in range(5000))).splitlines()
        assert said[0] == "OK" and said[-1].startswith("OOM"), said[-1]
        assert int(redis_cli(port, "DBSIZE")) == said.count("OK") > 0
    finally:
        server.stop()


def test_the_memory_limit_of_redis_leaves_room_in_its_container(tmp_path):
    port = free_port()
    server = redis(tmp_path, port)
    try:
        limit = int(redis_cli(port, "CONFIG", "GET", "maxmemory").split()[-1])
    finally:
        server.stop()
    for kind in "dev", "stage":
        text = (ROOT / f"docker-compose-{kind}.yml").read_text().split("\n  redis:\n")[1]
        container = int(text.split("mem_limit: ")[1].split("m")[0]) << 20
        assert 0 < limit <= container * 2 / 3


@pytest.mark.parametrize(
    "signals, code",
    [([signal.SIGINT, signal.SIGTERM], 130), ([signal.SIGHUP], 130), ([], 0)],
    ids=["interrupted", "hung up", "to the end"],
)
def test_installing_packages_leaves_no_policy_that_keeps_services_from_starting(tmp_path, signals, code):
    """With an apt-get that blocks until it is told to end. The test resets signals, because a shell cannot trap one that its
    parent ignores."""
    policy, begun = tmp_path / "policy-rc.d", tmp_path / "begun"
    script = (ROOT / "scripts/install-packages").read_text()
    assert "policy=/usr/sbin/policy-rc.d\n" in script
    (tmp_path / "install-packages").write_text(script.replace("/usr/sbin/policy-rc.d", str(policy)))
    (tmp_path / "packages").write_text("some  a-package\n")
    programs = {
        "apt-get": f'touch {begun}; [ "$1" = update ] || while [ ! -e {tmp_path}/enough ]; do sleep 0.05; done',
        "dpkg-query": '[ "$1 $2" = "-W postgresql" ]',
        "sudo": 'exec "$@"',
    }
    server = Server(
        tmp_path / "log",
        "env",
        "--default-signal=HUP,INT,TERM",
        "sh",
        tmp_path / "install-packages",
        "some",
        PATH=path_with(tmp_path, programs),
        TMPDIR=str(tmp_path),
    )
    eventually(begun.exists, message="apt-get is running")
    assert policy.read_text() == "#!/bin/sh\nexit 101\n" and os.access(policy, os.X_OK)
    for one in signals:
        server.process.send_signal(one)
    (tmp_path / "enough").touch()
    assert server.process.wait(10) == code, server.log.read_text()
    assert not policy.exists()


IMAGE_FILES = ["sources.list.d/debian.sources", "apt.conf.d/90sources"]


@pytest.mark.parametrize(
    "sources, settings, is_made",
    [
        (
            "deb http://debian.example/debian trixie main\ndeb [arch=amd64] http://debian.example/debian-security trixie main",
            'Acquire::http::Proxy "http://proxy.example:3128";',
            True,
        ),
        ("Types: deb\nURIs: https://somebody:hidden@debian.example/debian\n", "", False),
        (
            "deb http://debian.example/debian trixie main\n"
            "deb https://somebody:hidden@debian.example/debian-security trixie main",
            "",
            False,
        ),
        (
            "deb http://debian.example/debian trixie main",
            'Acquire::https::Proxy "http://somebody:hidden@proxy.example:3128";',
            False,
        ),
    ],
)
def test_the_offline_base_has_the_machines_sources_but_no_password(tmp_path, sources, settings, is_made):
    """With a debootstrap that makes the folders, and a docker that keeps the image."""
    text = (ROOT / "scripts/offline-base-images").read_text()
    (tmp_path / "script").write_text(text.replace(" /etc/apt/sources.list", f" {tmp_path}/sources.list"))
    (tmp_path / "sources.list").write_text(sources + "\n")
    (tmp_path / "settings").write_text(settings + "\n")
    folders = "etc/apt/apt.conf.d etc/apt/sources.list.d etc/dpkg/dpkg.cfg.d usr/share/doc/base"
    documents = "usr/share/doc/base/copyright usr/share/doc/base/changelog"
    programs = {
        "docker": f'case $1 in import) echo "$*" >{tmp_path}/import && cat >{tmp_path}/image.tar ;; *) false ;; esac',
        "debootstrap": f'echo "$4" >{tmp_path}/from && mkdir -p "$3" && cd "$3" && mkdir -p {folders} && touch {documents}',
        "apt-config": f"cat {tmp_path}/settings",
        "id": "echo 0",
    }
    done = run("sh", tmp_path / "script", ok=is_made, PATH=path_with(tmp_path, programs), BASE="base:test")
    if not is_made:
        assert (
            done.returncode == 1
            and "use one without" in done.stdout
            and "hidden" not in done.stdout
            and done.stdout.count("\n") == 1
        )
        assert not (tmp_path / "from").exists() and not (tmp_path / "image.tar").exists()
        return
    assert (tmp_path / "from").read_text() == "http://debian.example/debian\n"
    assert "LABEL abacus.base=offline" in (tmp_path / "import").read_text()
    with tarfile.open(tmp_path / "image.tar") as image:
        written = {name: image.extractfile(f"./etc/apt/{name}").read().decode() for name in IMAGE_FILES}
        kept = [name for name in image.getnames() if name.startswith("./usr/share/doc/base/")]
    assert kept == ["./usr/share/doc/base/copyright"]  # licences ask for it
    assert "URIs: http://debian.example/debian-security" in written["sources.list.d/debian.sources"]
    assert written["apt.conf.d/90sources"] == settings + "\n"
