"""manage, as an operator runs it, on a database of its own, with migrations of its own."""

import os
import subprocess

import pytest

from abacus import RUN_DIR, Daemon, native, superuser
from harness import ROOT, run

DATABASE = "manage_test"
NAME = "0001_first"


def secret(name):
    return (RUN_DIR / "secrets" / name).read_text().strip()


class Manage:
    """users' manage. Calling it runs a command and returns what that printed."""

    def __init__(self, folder):
        self.folder = folder
        self.url = secret("users.url").rsplit("/", 1)[0] + f"/{DATABASE}"

    @property
    def variables(self):
        chosen = {"APP_ENV": "testing", "DATABASE_URL": self.url, "MIGRATIONS_DIR": str(self.folder)}
        files = {"SECRET_KEY_FILE": str(RUN_DIR / "secrets/SECRET_KEY"), "REDIS_URL_FILE": str(RUN_DIR / "secrets/redis.url")}
        return chosen | files

    def __call__(self, *arguments, code=0, **variables):
        done = run(RUN_DIR / "bin/users-manage", *arguments, ok=False, **self.variables | variables)
        assert done.returncode == code, done.stdout
        return done.stdout

    def on_a_terminal(self, *arguments, types):
        """(exit code, what it printed) when stdin is a terminal on which a line is typed."""
        ours, theirs = os.openpty()
        try:
            os.write(ours, types.encode() + b"\n")
            done = subprocess.run(
                [RUN_DIR / "bin/users-manage", *arguments],
                env=os.environ | self.variables,
                stdin=theirs,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                timeout=60,
            )
        finally:
            os.close(ours)
            os.close(theirs)
        return done.returncode, done.stdout

    def write(self, name, up, down=""):
        (self.folder / f"{name}.up.sql").write_text(up + "\n")
        (self.folder / f"{name}.down.sql").write_text(down + "\n")

    def lose_file(self, direction):
        """Leaves something in its place that cannot be read."""
        file = self.folder / f"{NAME}.{direction}.sql"
        file.unlink()
        file.mkdir()


@pytest.fixture
def manage(tmp_path):
    native("a database of its own")
    superuser(f"DROP DATABASE IF EXISTS {DATABASE} WITH (FORCE)")
    superuser(f"CREATE DATABASE {DATABASE} OWNER users")
    manage = Manage(tmp_path)
    manage.write(NAME, "CREATE TABLE first (id int);", "DROP TABLE first;")
    yield manage
    superuser(f"DROP DATABASE {DATABASE} WITH (FORCE)")


def test_migrations_are_listed_applied_taken_back_and_recorded(manage):
    assert (manage("db", "current"), manage("db", "history")) == ("none\n", f"pending {NAME}\n")
    assert manage("db", "upgrade") == f"applied {NAME}\n"
    assert (manage("db", "current"), manage("db", "history")) == (f"{NAME}\n", f"applied {NAME}\n")
    assert manage("db", "downgrade") == f"taken back {NAME}\n"
    assert manage("db", "stamp", "0001") == manage("db", "stamp", "0001") == ""
    assert manage("db", "current") == f"{NAME}\n"


def test_a_stamp_of_what_is_not_there_is_refused(manage):
    assert manage("db", "stamp", "0002", code=1) == "manage: there is no migration 0002\n"


def test_a_migration_that_can_not_be_read_is_named(manage):
    manage("db", "upgrade")
    manage.lose_file("up")
    assert f"{NAME}.up.sql can not be read" in manage("db", "upgrade", code=1)
    superuser("DELETE FROM schema_migrations", DATABASE)
    assert f"{NAME}.up.sql can not be read" in manage("db", "stamp", "0001", code=1)


@pytest.mark.parametrize("command", ["upgrade", "downgrade", "current", "history", "stamp 0001"])
def test_without_its_folder_of_migrations_a_command_says_what_to_set(manage, command):
    assert "set MIGRATIONS_DIR" in manage("db", *command.split(), code=1, MIGRATIONS_DIR="/none")


def test_a_table_of_migrations_that_is_not_ours_is_reported(manage):
    superuser("CREATE TABLE schema_migrations (other int); ALTER TABLE schema_migrations OWNER TO users", DATABASE)
    assert "manage: ERROR:" in manage("db", "current", code=1)


def test_new_makes_the_files_of_the_next_migration(manage):
    assert manage("db", "new", "more") == "".join(f"{manage.folder}/0002_more.{way}.sql\n" for way in ("up", "down"))
    assert "is made of a-z, 0-9 and _" in manage("db", "new", "More", code=1)


@pytest.mark.parametrize("environment", ["development", "testing", "staging", "production"])
def test_recreate_db_destroys_nothing_without_a_confirmation_in_any_environment(manage, environment):
    manage("db", "upgrade")
    superuser("INSERT INTO first VALUES (1)", DATABASE)
    assert "say --yes-destroy to do it" in manage("recreate_db", code=1, APP_ENV=environment)
    assert superuser("SELECT count(*) FROM first", DATABASE) == "1"
    assert manage("recreate_db", "--yes-destroy") == f"applied {NAME}\n"
    assert superuser("SELECT count(*) FROM first", DATABASE) == "0"


@pytest.mark.parametrize("environment", ["staging", "production"])
def test_no_user_with_a_known_password_is_made_where_users_are_real(manage, environment):
    manage("db", "upgrade")
    assert "publicly known passwords" in manage("seed_db", code=1, APP_ENV=environment)


def test_on_a_terminal_recreate_db_asks_for_the_name_of_the_database(manage):
    manage("db", "upgrade")
    superuser("INSERT INTO first VALUES (1)", DATABASE)
    for typed in ("yes", "", DATABASE[:-1]):
        code, shown = manage.on_a_terminal("recreate_db", types=typed)
        assert code == 1 and f"Type {DATABASE} to go on" in shown and shown.endswith("manage: nothing was destroyed\n")
    assert superuser("SELECT count(*) FROM first", DATABASE) == "1"
    code, shown = manage.on_a_terminal("recreate_db", types=DATABASE)
    assert code == 0 and shown.endswith(f"applied {NAME}\n")
    assert superuser("SELECT count(*) FROM first", DATABASE) == "0"


def test_recreate_db_destroys_nothing_when_its_migrations_can_not_be_read(manage):
    manage("db", "upgrade")
    assert "set MIGRATIONS_DIR" in manage("recreate_db", "--yes-destroy", code=1, MIGRATIONS_DIR="/none")
    assert superuser("SELECT count(*) FROM first", DATABASE) == "0"


def test_a_token_from_before_recreate_db_is_of_no_user_of_the_new_database(manage):
    manage.folder = ROOT / "services/users/migrations"
    manage("db", "upgrade")

    def register(word):
        body = {"username": word, "email": f"{word}@example.com", "password": f"brass beads {word}"}
        reply = users.call("POST", "/auth/register", body)
        assert reply.status == 201, reply
        return reply.json["auth_token"]

    def user_of(token):
        reply = users.call("GET", "/auth/status", token=token)
        return reply.json["data"]["username"] if reply.status == 200 else reply.status

    with Daemon("users", DATABASE_URL=manage.url, DATABASE_URL_FILE=None) as users:
        old = [register(word) for word in ("ada", "grace", "edsger")]
        assert [user_of(token) for token in old] == ["ada", "grace", "edsger"]
    manage("recreate_db", "--yes-destroy")
    with Daemon("users", DATABASE_URL=manage.url, DATABASE_URL_FILE=None) as users:
        new = [register(word) for word in ("mallory", "trudy", "eve")]
        assert [user_of(token) for token in new] == ["mallory", "trudy", "eve"]
        assert [user_of(token) for token in old] == [401, 401, 401]


IDENTITY = "CREATE TABLE first (id bigint GENERATED ALWAYS AS IDENTITY);"
INSERT = "INSERT INTO first DEFAULT VALUES RETURNING id"


def test_ids_go_on_after_a_recreate_db_that_was_interrupted(manage):
    manage.write(NAME, IDENTITY)
    manage("db", "upgrade")
    assert [superuser(INSERT, DATABASE) for _ in range(3)] == ["1", "2", "3"]
    manage.write(NAME, "SELECT 1 / 0;")
    manage("recreate_db", "--yes-destroy", code=1)
    manage("recreate_db", "--yes-destroy", code=1)  # finds no sequence, and keeps what the first has noted
    manage.write(NAME, IDENTITY)
    manage("db", "upgrade")
    assert superuser(INSERT, DATABASE) == "4"
    assert superuser("SELECT to_regnamespace('last_ids') IS NULL", DATABASE) == "t", "nothing is left of it"


def test_ids_go_on_after_a_migration_was_taken_back_and_applied_again(manage):
    manage.write(NAME, IDENTITY, "DROP TABLE first;")
    manage("db", "upgrade")
    assert [superuser(INSERT, DATABASE) for _ in range(2)] == ["1", "2"]
    manage("db", "downgrade")
    manage("db", "upgrade")
    assert superuser(INSERT, DATABASE) == "3"


def test_a_database_that_another_branch_has_migrated_is_refused_with_what_to_do(manage):
    manage.write("0002_theirs", "SELECT 1;")
    manage("db", "upgrade")
    for file in manage.folder.glob("0002_theirs.*"):
        file.unlink()
    manage.write("0002_ours", "SELECT 2;")
    shown = manage("db", "upgrade", code=1)
    assert shown.startswith("manage: 0002_ours has the number of 0002_theirs, which is applied, but whose files are not here;")
    assert "manage db downgrade" in shown and "manage recreate_db" in shown and shown.count("\n") == 1
    manage("recreate_db", "--yes-destroy")
    assert manage("db", "current") == "0002_ours\n"


@pytest.mark.parametrize("command", ["db stamp", "db new", "db current now", "recreate_db --yes", "routes all"])
def test_wrong_arguments_show_the_usage_of_the_command(manage, command):
    name = " ".join(command.split()[: 2 if command.startswith("db") else 1])
    assert manage(*command.split(), code=64).startswith(f"usage: manage {name}")


def test_an_unknown_command_shows_all_and_the_nearest_one(manage):
    complaint = 'manage: there is no command "db upgrad"; the nearest is: manage db upgrade\n'
    assert manage("db", "upgrad", code=64).endswith(complaint)
    shown = manage("db", "repair", code=64)
    assert shown.startswith("usage: manage COMMAND\n") and all(word in shown for word in ("db upgrade", "routes", "seed_db"))


@pytest.mark.parametrize("command", ["", "create_admin", "db stamp", "db upgrad", "create_admin --help"])
def test_what_is_said_wrongly_is_answered_before_any_variable_is_asked_for(command):
    native("a binary")
    done = subprocess.run(
        [RUN_DIR / "bin/users-manage", *command.split()],
        env={"APP_ENV": "production"},
        capture_output=True,
        text=True,
        timeout=30,
    )
    assert done.returncode == (0 if command.endswith("--help") else 64)
    assert (done.stdout or done.stderr).startswith("usage: manage ") and "SECRET_KEY: " not in done.stderr


@pytest.mark.parametrize("word", ["--help", "-h", "help"])
def test_help_without_a_command_lists_all_commands(manage, word):
    shown = manage(word)
    assert shown.startswith("usage: manage COMMAND\n") and all(name in shown for name in ("db upgrade", "routes", "seed_db"))


def test_a_command_that_lacks_a_variable_names_it_and_does_nothing(manage):
    shown = manage("db", "upgrade", code=78, DATABASE_URL="anna:secret")
    assert "DATABASE_URL: must begin with postgres://" in shown and "secret" not in shown


@pytest.mark.parametrize(
    "name, problem",
    [
        ("\u202enimda", "must not contain control or format characters"),
        ("root ", "must not begin or end with white space"),
        ("\u3164\u3164\u3164", "must contain a visible character"),
    ],
)
def test_an_admin_made_by_manage_obeys_the_rules_for_user_names(manage, name, problem):
    shown = manage("create_admin", name, "root@example.com", code=1, stdin="seven brass beads\n")
    assert shown == f"manage: the username {problem}\n"


def test_an_admins_password_that_is_easy_to_guess_is_refused_by_manage(manage):
    manage.folder = ROOT / "services/users/migrations"
    manage("db", "upgrade")
    shown = manage("create_admin", "root", "root@example.com", code=1, stdin="root-root\n")
    assert shown.startswith("manage: the password, read from standard input, is too easy to guess: ")
    assert manage("create_admin", "root", "root@example.com", stdin="seven brass beads\n") == "created root@example.com\n"


def test_a_missing_psql_is_reported(manage):
    assert manage("shell", code=127, PATH="/none") == "manage: psql is not there\n"


def test_a_service_without_a_database_has_its_routes():
    native("a binary")
    shown = run(RUN_DIR / "bin/healthcheck-manage", "routes", APP_ENV="testing", HEALTHCHECK_TARGETS="a=http://a:1").stdout
    assert "/healthcheck" in shown
