"""What the images are made with and begin with, as far as it shows without an engine: the scripts are run here."""

import os
import signal
import subprocess

import pytest
from delivery import ROOT, Server, eventually, free_port, need


def redis(folder, port, **variables):
    """services/redis/entrypoint with a folder and a port of this machine."""
    need("redis-server", "redis-cli")
    (folder / "redis-server").write_text(f'#!/bin/sh\nPATH=${{PATH#*:}} exec redis-server "$@" --dir {folder} --port {port}\n')
    (folder / "redis-server").chmod(0o755)
    return Server(folder / "log", "sh", ROOT / "services/redis/entrypoint", PATH=f"{folder}:{os.environ['PATH']}", TMPDIR=str(folder),
                  REDIS_PASSWORD="secret", **variables).wait_for_port(port)


def redis_cli(port, *command, stdin=""):
    return subprocess.run(["redis-cli", "-p", str(port), "-a", "secret", "--no-auth-warning", *command], input=stdin, text=True,
                          stdout=subprocess.PIPE, timeout=20).stdout.strip()


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


@pytest.mark.parametrize("signals, code", [([signal.SIGINT, signal.SIGTERM], 130), ([signal.SIGHUP], 130), ([], 0)],
                         ids=["interrupted", "hung up", "to the end"])
def test_installing_packages_leaves_nothing_that_keeps_services_from_starting(tmp_path, signals, code):
    """In a folder of its own, with an apt-get that takes as long as it is let."""
    policy, begun = tmp_path / "policy-rc.d", tmp_path / "begun"
    script = (ROOT / "scripts/install-packages").read_text()
    assert "policy=/usr/sbin/policy-rc.d\n" in script
    (tmp_path / "install-packages").write_text(script.replace("/usr/sbin/policy-rc.d", str(policy)))
    (tmp_path / "packages").write_text("some  a-package\n")
    programs = {"apt-get": f'touch {begun}; [ "$1" = update ] || while [ ! -e {tmp_path}/enough ]; do sleep 0.05; done',
                "dpkg-query": '[ "$1 $2" = "-W postgresql" ]', "sudo": 'exec "$@"'}
    (tmp_path / "bin").mkdir()
    for name, does in programs.items():
        (tmp_path / "bin" / name).write_text(f"#!/bin/sh\n{does}\n")
        (tmp_path / "bin" / name).chmod(0o755)
    server = Server(tmp_path / "log", "sh", tmp_path / "install-packages", "some", PATH=f"{tmp_path}/bin:{os.environ['PATH']}", TMPDIR=str(tmp_path))
    eventually(begun.exists, "apt-get runs")
    assert policy.read_text() == "#!/bin/sh\nexit 101\n" and os.access(policy, os.X_OK)
    for one in signals:
        server.process.send_signal(one)
    (tmp_path / "enough").touch()
    assert server.process.wait(10) == code, server.log.read_text()
    assert not policy.exists()
