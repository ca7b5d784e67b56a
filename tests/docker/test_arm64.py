"""The daemons compiled for arm64 (sh test.sh arm64), taken out of their images and run under an emulator, which needs no ARM
machine, nor the kernel's binfmt_misc."""

import json
import shutil
import subprocess

import pytest

from harness import Server, eventually, free_port, run

EMULATOR = "qemu-aarch64-static"
pytestmark = pytest.mark.skipif(not shutil.which(EMULATOR), reason=f"{EMULATOR} is not installed")
REDIS = {"REDIS_URL": "rediss://:secret@redis.example:6379/0"}
DATABASE = {"SECRET_KEY": "k" * 64, "DATABASE_URL": "postgres://users:secret@db.example:5432/users?sslmode=verify-full"}
SETTINGS = {
    "users": REDIS | DATABASE,
    "values": REDIS | DATABASE | {"USERS_URL": "http://users.example:5001"},
    "worker": REDIS,
    "mailer": REDIS,
    "healthcheck": {"HEALTHCHECK_TARGETS": "users=http://127.0.0.1:1", "HEALTHCHECK_REDIS": "false"},
}


@pytest.fixture(scope="module")
def root_of(tmp_path_factory):
    """The root file system of a daemon's image."""
    known = {}

    def root(name):
        if name not in known:
            image = f"abacus/{name}:prod-arm64"
            assert run("docker", "image", "inspect", "-f", "{{.Os}}/{{.Architecture}}", image).stdout == "linux/arm64\n"
            # Without what the client warns about, because the platform is not this machine's.
            made = subprocess.run(["docker", "create", image], check=True, capture_output=True, text=True).stdout.strip()
            known[name] = tmp_path_factory.mktemp(name)
            try:
                run("docker", "cp", f"{made}:/", known[name])
            finally:
                run("docker", "rm", made)
        return known[name]

    return root


def emulated(root, binary, *arguments, **variables):
    given = [f"{name}={value}" for name, value in {"APP_ENV": "production", **variables}.items()]
    return ["env", "-i", *given, shutil.which(EMULATOR), "-L", root, root / "bin" / binary, *arguments]


@pytest.mark.parametrize("name", SETTINGS)
def test_a_daemon_for_arm64_starts_and_takes_its_configuration(root_of, name):
    root = root_of(name)
    assert run(*emulated(root, name, "--version")).stdout.startswith(f"{name} ")
    run(*emulated(root, name, "--check", **SETTINGS[name]))
    wrong = run(*emulated(root, name, "--check", **SETTINGS[name], ADMIN_PORT="none"), ok=False)
    assert wrong.returncode == 78 and "ADMIN_PORT" in wrong.stdout
    assert "usage: manage" in run(*emulated(root, "manage", "--help")).stdout


def test_a_daemon_for_arm64_answers_a_request_and_ends_in_order(root_of, tmp_path):
    port, admin = free_port(), free_port()
    listening = {"PORT": port, "HTTP_HOST": "127.0.0.1", "ADMIN_PORT": admin, "HANG_SECONDS": 0}
    daemon = emulated(root_of("healthcheck"), "healthcheck", **SETTINGS["healthcheck"], **listening, HEALTHCHECK_INTERVAL="0.2")
    server = Server(tmp_path / "log", *daemon).wait_for_port(port)
    try:
        get = ["curl", "-fsS", "--noproxy", "*", "--max-time", "10", f"http://127.0.0.1:{port}/api/healthcheck"]

        def services():
            return {one["name"]: one["status"] for one in json.loads(run(*get).stdout)["data"]["services"]}

        eventually(lambda: services() == {"users": "down"}, limit_s=30, message="users, which is not there, is down")
    finally:
        server.process.terminate()
        code = server.process.wait(30)
        server.stop()
    assert code == 0, server.log.read_text()
