"""Secrets are replaced while the system runs, and no request fails meanwhile."""

import itertools
import os
import pathlib
import shutil
import signal
import subprocess
import tempfile

import pytest

from abacus import call, eventually
from harness import Load, UnexpectedAnswerError
from own_stack import OFFSET, PORT, Stack, process_lists

ADA = {"username": "ada", "email": "ada@example.com", "password": "brass beads ada"}


def to(method, path, body=None, **options):
    return call(method, path, body, port=PORT, **options)


@pytest.fixture(scope="module")
def stack():
    folder = pathlib.Path(tempfile.mkdtemp(prefix="abacus-rotate-"))
    folder.chmod(0o755)
    stack = Stack(folder / "run")
    stack.environment |= {"INSTANCES": "2", "AUTH_RATE": "1000r/s", "AUTH_BURST": "100"}
    try:
        up = stack("up")
        assert up.returncode == 0, up.stderr
        yield stack
    finally:
        stack("down")
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="module")
def token(stack):
    """Signed with the first key."""
    reply = to("POST", "/auth/register", ADA)
    assert reply.status == 201, reply
    return reply.json["auth_token"]


def requests(token):
    """Reads, submissions, and log-ins whose token every service has to accept; each on a connection of its own."""
    indexes = itertools.count(100)
    turns = itertools.cycle(["read", "submit", "log in"])

    def read(token):
        return to("GET", "/auth/status", token=token)

    def submit(token):
        return to("POST", "/api/values", {"index": next(indexes)}, token=token)

    def log_in(_):
        reply = to("POST", "/auth/login", ADA)
        if reply.status == 200:
            fresh = reply.json["auth_token"]
            reply = next((reply for reply in (read(fresh), submit(fresh), read(fresh)) if reply.status >= 300), reply)
        return reply

    def ask(_):
        reply = {"read": read, "submit": submit, "log in": log_in}[next(turns)](token)
        if reply.status not in (200, 201):
            raise UnexpectedAnswerError(reply)

    return Load(ask, threads=3, every_s=0.02)


def rotate(stack, what):
    done = stack("rotate", what)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_the_key_is_replaced_and_neither_a_request_fails_nor_a_token_although_the_rotation_is_interrupted(stack, token):
    first = stack.secrets()["SECRET_KEY"]
    with requests(token) as load:
        pid = stack.pid("users")
        rotation = stack.start("rotate", "key", stdout=subprocess.DEVNULL)
        eventually(lambda: stack.pid("users") != pid, not_yet=(OSError, ValueError), message="the first is restarted")
        os.killpg(rotation.pid, signal.SIGTERM)
        rotation.wait(20)
        load.wait_for(10)
        assert stack.secrets()["SECRET_KEY"] == first
        assert "sealed" in rotate(stack, "key")
        load.wait_for(10)
    assert load.failed == []
    assert stack.secrets()["SECRET_KEY"] != first and stack.secrets()["SECRET_KEY_PREVIOUS"] == first
    assert to("GET", "/auth/status", token=token).status == 200
    refused = stack("rotate", "key")
    assert refused.returncode == 1 and "stack rotate forget" in refused.stderr


def test_a_key_from_before_is_good_until_it_is_forgotten_although_that_is_interrupted(stack, token):
    fresh = to("POST", "/auth/login", ADA).json["auth_token"]
    with requests(fresh) as load:
        forgetting = stack.start("rotate", "forget", stdout=subprocess.DEVNULL)
        eventually(lambda: not (stack.run_dir / "secrets/SECRET_KEY_PREVIOUS").exists())
        os.killpg(forgetting.pid, signal.SIGTERM)
        forgetting.wait(20)
        refused = stack("rotate", "key")
        assert refused.returncode == 1 and "stack rotate forget" in refused.stderr
        rotate(stack, "forget")
    assert load.failed == []
    assert to("GET", "/auth/status", token=fresh).status == 200
    assert to("GET", "/auth/status", token=token).status == 401
    assert "SECRET_KEY_PREVIOUS" not in stack.secrets()


def logs_in(role, password):
    psql = max(pathlib.Path("/usr/lib/postgresql").glob("*/bin/psql"))
    database = role if role in ("users", "values") else "postgres"
    command = [psql, "-X", "-h", "127.0.0.1", "-p", str(5435 + OFFSET), "-U", role, "-d", database, "-c", "SELECT 1"]
    return subprocess.run(command, env={**os.environ, "PGPASSWORD": password}, capture_output=True).returncode == 0


def redis_says(password):
    command = ["redis-cli", "-h", "127.0.0.1", "-p", str(6390 + OFFSET), "PING"]
    return subprocess.run(command, env={**os.environ, "REDISCLI_AUTH": password}, capture_output=True, text=True).stdout


def test_the_passwords_of_postgres_and_redis_are_replaced_and_no_request_fails(stack, token):
    fresh = to("POST", "/auth/login", ADA).json["auth_token"]  # the first may be forgotten
    former = stack.secrets()
    with requests(fresh) as load, process_lists() as seen:
        rotate(stack, "passwords")
        load.wait_for(10)
    assert load.failed == []
    now = stack.secrets()
    for role in ("postgres", "users", "values", "healthcheck"):
        assert not logs_in(role, former[role]) and logs_in(role, now[role]), role
    assert "PONG" in redis_says(now["redis"]) and "PONG" not in redis_says(former["redis"])
    everything = b"\n".join(seen)
    assert not [secret for secret in {*former.values(), *now.values()} if secret.encode() in everything]
    assert "SECRET_KEY" in now and now["SECRET_KEY"] == former["SECRET_KEY"]
    up = stack("up")
    assert up.returncode == 0 and "nothing changed" in up.stdout, up.stdout + up.stderr


def test_no_secret_is_in_a_log_after_the_rotations(stack):
    secrets = set(stack.secrets().values())
    logs = [path.read_text(errors="replace") for path in (stack.run_dir / "log").rglob("*") if path.is_file()]
    assert len(secrets) == 6 and not [secret for secret in secrets for log in logs if secret in log]
