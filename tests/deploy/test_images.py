"""What the scripts in the images do, as far as it shows without an engine: they are run here."""

import os
import subprocess

from delivery import ROOT, Server, free_port, need, run


def redis(folder, port, **variables):
    """services/redis/entrypoint with a folder and a port of this machine."""
    need("redis-server", "redis-cli")
    (folder / "redis-server").write_text(f'#!/bin/sh\nPATH=${{PATH#*:}} exec redis-server "$@" --dir {folder} --port {port}\n')
    (folder / "redis-server").chmod(0o755)
    path = os.environ["PATH"]
    return Server(folder / "log", "sh", ROOT / "services/redis/entrypoint", PATH=f"{folder}:{path}", TMPDIR=str(folder), REDIS_PASSWORD="secret",
                  **variables).wait_for_port(port)


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
