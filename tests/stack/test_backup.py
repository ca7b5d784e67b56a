"""A backup brings back every user and every value after the databases and Redis were lost."""

import hashlib
import pathlib
import shutil
import subprocess
import tempfile

import pytest

from abacus import call, eventually, totp
from harness import ROOT
from own_stack import PORT, Stack

WORDS = ["ada", "grace", "edsger"]


def to(method, path, body=None, **options):
    return call(method, path, body, port=PORT, **options)


def register(word):
    reply = to("POST", "/auth/register", {"username": word, "email": f"{word}@example.com", "password": f"brass beads {word}"})
    assert reply.status == 201, reply
    return reply.json["auth_token"]


def log_in(word):
    return to("POST", "/auth/login", {"email": f"{word}@example.com", "password": f"brass beads {word}"})


def submit(index, token):
    assert to("POST", "/api/values", {"index": index}, token=token).status in (200, 201)


def rows(stack):
    """Everything in the databases."""
    return {
        table: stack("psql", database, "-qAt", "-c", f"SELECT * FROM {table} ORDER BY 1").stdout
        for database, table in [
            ("users", "users"),
            ("users", "revoked_tokens"),
            ("users", "deleted_users"),
            ("users", "sessions"),
            ("users", "schema_migrations"),
            ("values", "values"),
            ("values", "schema_migrations"),
        ]
    }


def results(token):
    return to("GET", "/api/values/current", token=token).json


@pytest.fixture(scope="module")
def stack():
    """In a folder whose name has a space and a quotation mark, and which every user may enter, so that nothing replaces it."""
    folder = pathlib.Path(tempfile.mkdtemp(prefix="ada's files "))
    folder.chmod(0o755)
    stack = Stack(folder / "run")
    stack.environment |= {"AUTH_RATE": "1000r/s", "AUTH_BURST": "100"}
    try:
        up = stack("up")
        assert up.returncode == 0, up.stderr
        assert not stack.run_dir.is_symlink()
        yield stack
    finally:
        stack("down")
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="module")
def filled(stack):
    """Three users with two values each, and one who has logged out."""
    tokens = {word: register(word) for word in WORDS}
    for number, token in enumerate(tokens.values()):
        submit(20 + number, token)
        submit(40, token)
    eventually(lambda: set(results(tokens["ada"])) == {"20", "21", "22", "40"})
    assert to("GET", "/auth/logout", token=register("left")).status == 200
    return tokens


@pytest.fixture
def backup(stack, filled, tmp_path):
    folder = tmp_path / "backup"
    done = stack("backup", str(folder))
    assert done.returncode == 0, done.stderr
    return folder


def lose_everything(stack):
    for database in ("users", "values"):
        assert stack("psql", database, "-c", "DROP SCHEMA public CASCADE; CREATE SCHEMA public").returncode == 0
    stack("redis-cli", "FLUSHALL")


def test_each_command_works_in_a_folder_whose_name_has_a_space(stack, filled, backup):
    for command in (
        "status", "psql users -c SELECT\u00a01", "redis-cli PING", "manage values jobs dead", "manage users db current"
    ):  # fmt: skip
        done = stack(*(word.replace("\u00a0", " ") for word in command.split(" ")))
        assert (done.returncode, done.stderr) == (0, ""), command
    assert to("GET", "/", headers={"Accept": "text/html"}).status == 200


def test_restore_brings_back_every_user_and_every_value(stack, filled, backup):
    before, answers = rows(stack), results(log_in("ada").json["auth_token"])
    lose_everything(stack)
    assert log_in("ada").status == 500
    restored = stack("restore", str(backup))
    assert restored.returncode == 0, restored.stderr
    assert rows(stack) == before
    assert before["users"].count("\n") == 4 + 5, "ours, and those of seed_db"
    assert before["values"].count("\n") == 6 and before["revoked_tokens"]
    for word in WORDS:
        token = log_in(word).json["auth_token"]
        eventually(lambda token=token: results(token) == answers)


def test_a_token_from_before_the_restore_is_refused(stack, backup):
    late = register("late")
    old = log_in("ada").json["auth_token"]
    # as while keys are changed
    key, previous = (stack.run_dir / "secrets" / name for name in ("SECRET_KEY", "SECRET_KEY_PREVIOUS"))
    shutil.copy(key, previous)
    shutil.chown(previous, key.owner(), key.group())
    assert stack("restore", str(backup)).returncode == 0
    assert log_in("late").status == 404
    new = register("new")
    status = {
        name: to("GET", "/auth/status", token=token).status for name, token in {"late": late, "old": old, "new": new}.items()
    }
    assert status == {"late": 401, "old": 401, "new": 200}


def test_a_user_deleted_after_the_backup_can_log_in_again(stack, backup):
    identity = to("GET", "/auth/status", token=log_in("grace").json["auth_token"]).json["data"]["id"]
    admin = to("POST", "/auth/login", {"email": "admin@abacus.test", "password": "abacus-admin-dev"}).json["auth_token"]
    assert to("DELETE", f"/users/{identity}", token=admin).status == 200
    assert log_in("grace").status == 404
    assert stack("restore", str(backup)).returncode == 0
    assert to("GET", "/auth/status", token=log_in("grace").json["auth_token"]).status == 200


def test_a_second_factor_is_good_after_a_restore(stack, filled, tmp_path):
    """Although its secret is sealed with SECRET_KEY, which each restore replaces."""
    token = register("linus")
    body = {"method": "totp", "current": "brass beads linus"}
    enrolled = to("POST", "/auth/factors", body, token=token).json["data"]
    assert to("POST", f"/auth/factors/{enrolled['id']}", {"code": totp(enrolled["secret"])}, token=token).status == 200
    assert stack("backup", str(tmp_path / "backup")).returncode == 0
    for _ in range(2):
        restored = stack("restore", str(tmp_path / "backup"))
        assert restored.returncode == 0, restored.stderr
    stack("psql", "users", "-c", "UPDATE factors SET last_step = 0")  # in place of waiting for the next code
    login = {"email": "linus@example.com", "password": "brass beads linus", "code": totp(enrolled["secret"])}
    assert to("POST", "/auth/login", login).status == 200


def refused(stack, backup):
    token, before = log_in("ada").json["auth_token"], rows(stack)
    done = stack("restore", str(backup))
    assert done.returncode == 1
    assert rows(stack) == before
    assert to("GET", "/auth/status", token=token).status == 200, "tokens are still accepted"
    return done.stderr


def test_a_damaged_backup_is_refused_and_changes_nothing(stack, backup):
    file = backup / "values.dump"
    damaged = bytearray(file.read_bytes())
    damaged[len(damaged) // 2] ^= 1
    file.write_bytes(damaged)
    assert "is damaged; nothing was touched" in refused(stack, backup)


def test_a_truncated_dump_leaves_the_database_unchanged(stack, backup):
    """As if the file had been cut and its checksum changed to match."""
    file = backup / "users.dump"
    file.write_bytes(file.read_bytes()[:-200])
    sums = "".join(
        f"{hashlib.sha256((backup / name).read_bytes()).hexdigest()}  {name}\n" for name in ("values.dump", "users.dump")
    )
    (backup / "SHA256SUMS").write_text(sums)
    assert "nothing was touched" in refused(stack, backup)


def test_after_a_partial_restore_old_tokens_are_refused_and_a_second_try_completes_it(stack, backup):
    before, token = rows(stack), log_in("ada").json["auth_token"]
    busy = subprocess.Popen(
        [
            "sh",
            str(ROOT / "scripts/stack"),
            "psql",
            "values",
            "-c",
            "BEGIN; LOCK TABLE values IN ROW EXCLUSIVE MODE; SELECT pg_sleep(600)",
        ],
        env=stack.environment,
        stdout=subprocess.DEVNULL,
    )
    try:
        eventually(
            lambda: (
                "pg_sleep"
                in stack("psql", "values", "-c", "SELECT query FROM pg_stat_activity WHERE wait_event = 'PgSleep'").stdout
            )
        )
        done = stack("restore", str(backup))
    finally:
        busy.kill()
        stack("psql", "values", "-c", "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE wait_event = 'PgSleep'")
    assert done.returncode == 3 and "users is restored, values is NOT; run this again" in done.stderr
    assert to("GET", "/auth/status", token=token).status == 401
    assert stack("restore", str(backup)).returncode == 0
    assert rows(stack) == before


@pytest.mark.parametrize("kept", [0, 2000])
def test_a_backup_whose_dump_was_cut_on_its_way_is_refused(stack, backup, tmp_path, kept):
    """As if `docker exec` had lost the end of what pg_dump printed and exited with 0."""
    wrapper = tmp_path / "cut"
    wrapper.write_text(f'#!/bin/sh\n[ "$1" = pg_dump ] || exec "$@"\nhead -c {kept} {backup}/values.dump\n')
    wrapper.chmod(0o755)
    assert (backup / "values.dump").stat().st_size > kept
    done = subprocess.run(
        ["sh", ROOT / "scripts/backup", tmp_path / "new", wrapper],
        capture_output=True,
        text=True,
        env=stack.environment,
        check=False,
    )
    assert done.returncode == 1
    assert "backup: the dump of values is not complete, see above; nothing was kept, run this again" in done.stderr
    assert not list(tmp_path.glob("new*"))


def test_a_backup_is_complete_or_absent_and_readable_only_by_its_owner(stack, backup, tmp_path):
    assert backup.stat().st_mode & 0o077 == 0
    again = stack("backup", str(backup))
    assert (again.returncode, again.stderr.strip()) == (1, f"backup: {backup} exists already; name a new folder")
    stack("down")
    assert "not up" in stack("backup", str(tmp_path / "other")).stderr
    assert stack("up").returncode == 0
    assert list(tmp_path.iterdir()) == [backup]
