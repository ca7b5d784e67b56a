"""manage, as an operator runs it, on a database of its own, with migrations of its own."""

import pytest

from abacus import RUN_DIR, native, superuser
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

    def __call__(self, *arguments, code=0, **variables):
        chosen = {"APP_ENV": "testing", "DATABASE_URL": self.url, "MIGRATIONS_DIR": str(self.folder)}
        files = {"SECRET_KEY_FILE": str(RUN_DIR / "secrets/SECRET_KEY"), "REDIS_URL_FILE": str(RUN_DIR / "secrets/redis.url")}
        done = run(RUN_DIR / "bin/users-manage", *arguments, ok=False, **chosen | files | variables)
        assert done.returncode == code, done.stdout
        return done.stdout

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
    (tmp_path / f"{NAME}.up.sql").write_text("CREATE TABLE first (id int);\n")
    (tmp_path / f"{NAME}.down.sql").write_text("DROP TABLE first;\n")
    yield Manage(tmp_path)
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


def test_recreate_db_drops_everything_and_in_production_only_when_that_is_confirmed(manage):
    manage("db", "upgrade")
    assert "say --yes-destroy" in manage("recreate_db", code=1, APP_ENV="production")
    assert manage("recreate_db", "--yes-destroy") == manage("recreate_db") == f"applied {NAME}\n"


@pytest.mark.parametrize("command", ["db stamp", "db new", "db current now", "recreate_db --yes", "routes all"])
def test_wrong_arguments_show_the_usage_of_the_command(manage, command):
    name = " ".join(command.split()[: 2 if command.startswith("db") else 1])
    assert manage(*command.split(), code=64).startswith(f"usage: manage {name}")


def test_an_unknown_command_shows_all(manage):
    shown = manage("db", "repair", code=64)
    assert shown.startswith("usage: manage COMMAND\n") and all(word in shown for word in ("db upgrade", "routes", "seed_db"))


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
    assert shown == f"manage: the user name {problem}\n"


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
