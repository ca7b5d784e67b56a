"""What the images are made with and begin with, as far as it shows without an engine: the scripts are run here."""

import os
import signal
import subprocess
import tarfile

import pytest

from delivery import ROOT, Server, eventually, free_port, need, run


def played(folder, programs):
    """A PATH on which these programs come first: name, and what it does."""
    (folder / "bin").mkdir()
    for name, does in programs.items():
        (folder / "bin" / name).write_text(f"#!/bin/sh\n{does}\n")
        (folder / "bin" / name).chmod(0o755)
    return f"{folder}/bin:{os.environ['PATH']}"


def redis(folder, port, **variables):
    """services/redis/entrypoint with a folder and a port of this machine."""
    need("redis-server", "redis-cli")
    path = played(folder, {"redis-server": f'PATH=${{PATH#*:}} exec redis-server "$@" --dir {folder} --port {port}'})
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


def test_redis_that_is_full_refuses_and_keeps_what_it_has(tmp_path):
    port = free_port()
    server = redis(tmp_path, port, REDIS_MAXMEMORY="3mb")
    try:
        said = redis_cli(port, stdin="".join(f"SET key{n} {'x' * 1000}\n" for n in range(5000))).splitlines()
        assert said[0] == "OK" and said[-1].startswith("OOM"), said[-1]
        assert int(redis_cli(port, "DBSIZE")) == said.count("OK") > 0
    finally:
        server.stop()


def test_redis_has_a_limit_that_leaves_it_room_in_its_container(tmp_path):
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
def test_installing_packages_leaves_nothing_that_keeps_services_from_starting(tmp_path, signals, code):
    """In a folder of its own, with an apt-get that takes as long as it is let. Whoever runs the tests may ignore a signal; no shell could trap it then."""
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
        PATH=played(tmp_path, programs),
        TMPDIR=str(tmp_path),
    )
    eventually(begun.exists, "apt-get runs")
    assert policy.read_text() == "#!/bin/sh\nexit 101\n" and os.access(policy, os.X_OK)
    for one in signals:
        server.process.send_signal(one)
    (tmp_path / "enough").touch()
    assert server.process.wait(10) == code, server.log.read_text()
    assert not policy.exists()


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
            "deb http://debian.example/debian trixie main\ndeb https://somebody:hidden@debian.example/debian-security trixie main",
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
    """With a debootstrap that makes what the script asks for, and a docker that takes it."""
    text = (ROOT / "scripts/offline-base-images").read_text()
    (tmp_path / "script").write_text(text.replace(" /etc/apt/sources.list", f" {tmp_path}/sources.list"))
    (tmp_path / "sources.list").write_text(sources + "\n")
    (tmp_path / "settings").write_text(settings + "\n")
    programs = {
        "docker": f'case $1 in import) echo "$*" >{tmp_path}/import && cat >{tmp_path}/image.tar ;; *) false ;; esac',
        "debootstrap": f'echo "$4" >{tmp_path}/from; mkdir -p "$3/etc/apt/apt.conf.d" "$3/etc/apt/sources.list.d" "$3/etc/dpkg/dpkg.cfg.d"',
        "apt-config": f"cat {tmp_path}/settings",
        "id": "echo 0",
    }
    done = run("sh", tmp_path / "script", ok=is_made, PATH=played(tmp_path, programs), BASE="base:test")
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
    image = tarfile.open(tmp_path / "image.tar")
    assert (
        "URIs: http://debian.example/debian-security"
        in image.extractfile("./etc/apt/sources.list.d/debian.sources").read().decode()
    )
    assert image.extractfile("./etc/apt/apt.conf.d/90sources").read().decode() == settings + "\n"
