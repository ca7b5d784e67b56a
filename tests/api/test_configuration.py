"""The variables of the daemons: each test runs a daemon of its own with the variables in question."""

import pathlib
import re
import secrets

import pytest

import abacus
from abacus import Daemon, fail, get

NO_TOKEN = (403, fail("token_missing", "Provide a valid auth token."))
EXPIRED_TOKEN = (401, fail("token_expired", "Signature expired. Please log in again."))
INVALID_TOKEN = (401, fail("token_invalid", "Invalid token. Please log in again."))
EXIT_CONFIG = 78
DAEMONS = ["users", "values", "worker", "mailer"]
ROOT = pathlib.Path(__file__).parents[2]
SHOWN = {  # how the repository writes keys and passwords
    "docker-compose-*.yml": r"(?:PASSWORD|SECRET_KEY): ([\w-]+)|://\w*:([\w-]+)@",
    "libcommon/base/config.h": r'CONFIG_DEVELOPMENT_KEY "([\w-]+)"',
    "services/users/manage.c": r'"([\w-]+-dev)"',
}


def seen(reply):
    return reply.status, reply.json


def test_values_may_be_submitted_without_a_token_where_that_is_configured():
    with Daemon("values", VALUES_ANONYMOUS="true") as values:
        reply = values.call("POST", "/values", {"index": 1007})
        assert (reply.status, reply.json["working"], reply.json["index"]) == (200, True, 1007)
        assert seen(values.call("POST", "/values", {"index": 7}, token="not.a.token")) == INVALID_TOKEN
        assert seen(values.call("GET", "/values")) == NO_TOKEN
        assert values.call("POST", "/values", {"index": -1}).status == 400


def test_an_anonymous_submission_has_no_user_and_gets_its_result(reader):
    index = abacus.fresh_index(12_000, 13_000)
    with Daemon("values", VALUES_ANONYMOUS="1") as values:
        number = values.call("POST", "/values", {"index": index}).json["id"]
    assert abacus.psql("values", f"SELECT user_id IS NULL FROM values WHERE id = {number}") == "t"
    assert len(abacus.result(index, reader.token)) > 1000


@pytest.mark.parametrize(
    "environment, is_public",
    [
        ({"PUBLIC_USERS": "true"}, True),
        ({"PUBLIC_USERS": "false"}, False),
        ({}, False),
        ({"APP_ENV": "development"}, True),
        ({"APP_ENV": "development", "PUBLIC_USERS": ""}, True),
        ({"APP_ENV": "development", "PUBLIC_USERS": "false"}, False),
        ({"APP_ENV": "production"}, False),
        ({"APP_ENV": "production", "PUBLIC_USERS": "yes"}, True),
    ],
    ids=str,
)
def test_users_are_public_where_configured_and_by_default_only_in_development(person, environment, is_public):
    with Daemon("users", **environment) as users:
        for path in ("/users", f"/users/{person.id}"):
            reply = users.call("GET", path)
            assert reply.status == 200 if is_public else seen(reply) == NO_TOKEN, path
        assert seen(users.call("POST", "/users", {})) == NO_TOKEN
        assert seen(users.call("DELETE", f"/users/{person.id}")) == NO_TOKEN
        assert seen(users.call("GET", "/auth/status")) == NO_TOKEN


def test_a_previous_key_still_verifies_and_the_new_one_signs(person):
    new_key, old_key = secrets.token_hex(32), abacus.RUN_DIR / "secrets/SECRET_KEY"
    rotating = {"SECRET_KEY": new_key, "SECRET_KEY_FILE": None, "SECRET_KEY_PREVIOUS_FILE": old_key}
    with Daemon("users", **rotating) as users, Daemon("values", **rotating) as values:
        login = users.call("POST", "/auth/login", {"email": person.email, "password": person.password})
        new_token = login.json["auth_token"]
        for token in (person.token, new_token):
            assert users.call("GET", "/auth/status", token=token).status == 200
            assert values.call("GET", "/values", token=token).status == 200
    assert seen(get("/auth/status", token=new_token)) == INVALID_TOKEN
    with Daemon("users", SECRET_KEY=new_key, SECRET_KEY_FILE=None) as users:
        assert users.call("GET", "/auth/status", token=new_token).status == 200
        assert seen(users.call("GET", "/auth/status", token=person.token)) == INVALID_TOKEN


def test_a_token_issued_under_a_longer_lifetime_ends_with_the_lifetime_of_now(person):
    shortened = {"TOKEN_LIFETIME_SECONDS": 1}
    with Daemon("users", **shortened) as users, Daemon("values", **shortened) as values:
        abacus.eventually(lambda: seen(users.call("GET", "/auth/status", token=person.token)) == EXPIRED_TOKEN)
        abacus.eventually(lambda: seen(values.call("GET", "/values", token=person.token)) == EXPIRED_TOKEN)
    assert get("/auth/status", token=person.token).status == get("/api/values", token=person.token).status == 200


def test_a_result_above_a_maximum_that_was_lowered_since_is_still_listed_and_read(person):
    index = abacus.fresh_index(500, 900)
    assert abacus.submit(index, person.token).status == 200
    decimal = abacus.result(index, person.token)
    with Daemon("values", VALUES_MAX_FIBONACCI=100) as values:
        assert values.call("POST", "/values", {"index": index}, token=person.token).status == 422
        listed = values.call("GET", "/values", token=person.token).json["data"]["values"]
        assert [(one["index"], one["state"]) for one in listed] == [(index, "done")]
        plain = {"Accept": "text/plain"}
        assert values.call("GET", f"/values/fibonacci/{index}", token=person.token, headers=plain).text == decimal


def test_failed_logins_of_a_run_with_other_limits_count_against_the_limits_of_now(person, reader):
    def log_in(users, user, password):
        return users.call("POST", "/auth/login", {"email": user.email, "password": password}).status

    long, short = ({"LOGIN_ATTEMPTS_MAX": 3, "LOGIN_ATTEMPTS_WINDOW_SECONDS": seconds} for seconds in (1000, 1))
    with Daemon("users") as users:
        assert [log_in(users, person, "wrong wrong") for _ in range(4)] == [404] * 4
    with Daemon("users", **long) as users:
        assert (log_in(users, person, person.password), log_in(users, reader, reader.password)) == (429, 200)
    with Daemon("users", **short) as users:
        abacus.eventually(lambda: log_in(users, person, person.password) == 200, 10, message="the window is that of now")


@pytest.mark.parametrize("env", ["staging", "production"])
@pytest.mark.parametrize("key", [None, "", "short", "x" * 31], ids=["default", "empty", "short", "31 bytes"])
def test_a_default_or_short_secret_is_refused(env, key):
    done = Daemon("users", APP_ENV=env, SECRET_KEY=key, SECRET_KEY_FILE=None).run()
    assert done.returncode == EXIT_CONFIG
    assert [line.split(": ")[:2] for line in done.stderr.splitlines()] == [["users", "SECRET_KEY"]]
    assert not key or key not in done.stderr
    assert done.stdout == ""


def shown_secrets():
    texts = [(pattern, path.read_text()) for files, pattern in SHOWN.items() for path in ROOT.glob(files)]
    return {secret for pattern, text in texts for match in re.finditer(pattern, text) for secret in match.groups() if secret}


@pytest.mark.parametrize("env", ["staging", "production"])
def test_every_secret_that_the_repository_shows_is_refused(env):
    found = shown_secrets()
    assert found >= {"development", "development-secret-key-not-for-production", "abacus-admin-dev", "abacus-user-dev"}
    for secret in found:
        done = Daemon("worker", APP_ENV=env, REDIS_URL=f"redis://:{secret}@127.0.0.1:1/0", REDIS_URL_FILE=None).run("--check")
        assert (done.returncode, secret in done.stderr) == (EXIT_CONFIG, False), secret
        assert done.stderr.startswith("worker: REDIS_URL: holds a secret that the repository shows"), secret


MAILS = {"MAIL_FROM": "abacus@example.com", "PUBLIC_URL": "https://example.com"}
PUBLIC_PASSWORDS = [  # the first variable is the one that is refused
    *((name, {"REDIS_URL": "redis://:{}@127.0.0.1:1/0", "REDIS_URL_FILE": None}) for name in [*DAEMONS, "healthcheck"]),
    *((name, {"REDIS_PASSWORD": "{}"}) for name in [*DAEMONS, "healthcheck"]),
    *((name, {"SECRET_KEY": "{}", "SECRET_KEY_FILE": None}) for name in ("users", "values")),
    *((name, {"SECRET_KEY_PREVIOUS": "{}"}) for name in ("users", "values")),
    *((name, {"PGPASSWORD": "{}"}) for name in ("users", "values")),
    ("users", {"DATABASE_URL": "postgres://users:{}@127.0.0.1:1/users", "DATABASE_URL_FILE": None}),
    ("users", {"DATABASE_URL": "postgres://users@127.0.0.1:1/users?password={}", "DATABASE_URL_FILE": None}),
    ("values", {"DATABASE_URL": "postgres://values:{}@127.0.0.1:1/values", "DATABASE_URL_FILE": None}),
    ("mailer", {"SMTP_URL": "smtps://user:{}@127.0.0.1:1", **MAILS}),
    ("mailer", {"SMTP_URL": "smtp://user:%64evelopment@127.0.0.1:1", **MAILS}),
    ("mailer", {"SMS_TOKEN": "{}"}),
    ("healthcheck", {"HEALTHCHECK_POSTGRES": "postgres://users:{}@127.0.0.1:1/users"}),
    ("healthcheck", {"PGPASSWORD": "{}", "HEALTHCHECK_POSTGRES": "postgres://users@127.0.0.1:1/users"}),
]
NO_SECRETS = {"PASSWORD_GUESSES_MIN", "PASSWORD_DENYLIST"}  # a number, and a file of hashes that everyone may have


@pytest.mark.parametrize("name, environment", PUBLIC_PASSWORDS, ids=lambda of: of if isinstance(of, str) else next(iter(of)))
def test_a_password_that_the_repository_shows_is_refused_wherever_it_stands(name, environment):
    environment = {variable: text and text.format("development") for variable, text in environment.items()}
    targets = {"HEALTHCHECK_TARGETS": "users=http://127.0.0.1:1"}
    done = Daemon(name, APP_ENV="production", **environment, **targets).run("--check")
    refusal = f"{name}: {next(iter(environment))}: holds a secret that the repository shows to everyone; set another\n"
    assert (done.returncode, done.stderr) == (EXIT_CONFIG, refusal)


def secrets_of(name):
    """The variables of that daemon that hold a secret, by their names and by what --help says of them."""
    texts = re.findall(r"^  (\w+) +(.*)", Daemon(name).run("--help").stdout, re.MULTILINE)
    named = {variable for variable, _ in texts if re.search(r"PASSWORD|SECRET|_KEY|_TOKEN$", variable)}
    within = {variable for variable, meaning in texts if "password@" in meaning}
    of_libpq = {"PGPASSWORD"} if any("postgres://" in meaning for _, meaning in texts) else set()
    return (named | within | of_libpq) - NO_SECRETS


@pytest.mark.parametrize("name", [*DAEMONS, "healthcheck"])
def test_every_variable_that_holds_a_secret_is_among_those_that_the_test_of_shown_passwords_sets(name):
    assert {next(iter(environment)) for daemon, environment in PUBLIC_PASSWORDS if daemon == name} == secrets_of(name)


@pytest.mark.parametrize("env", ["staging", "production"])
def test_the_development_key_is_refused_as_the_previous_key_too(env):
    key = "development-secret-key-not-for-production"
    done = Daemon("values", APP_ENV=env, SECRET_KEY_PREVIOUS=key).run("--check")
    assert (done.returncode, key in done.stderr) == (EXIT_CONFIG, False)
    assert [line.split(": ")[:2] for line in done.stderr.splitlines()] == [["values", "SECRET_KEY_PREVIOUS"]]


@pytest.mark.parametrize("env", ["staging", "production"])
def test_codes_for_tests_are_refused_where_users_are_real(env):
    done = Daemon("users", APP_ENV=env, SECRET_KEY="x" * 32, SECRET_KEY_FILE=None, MTAN_TEST_CODES="a@example.com:1001").run()
    assert done.returncode == EXIT_CONFIG
    assert done.stderr.startswith("users: MTAN_TEST_CODES: must not be set"), done.stderr


@pytest.mark.parametrize("codes", ["a@example.com", "a@example.com:x", "a@example.com:1001,", ":1001", "a@example.com:1234567"])
def test_a_list_of_codes_for_tests_that_is_none_is_refused(codes):
    done = Daemon("users", MTAN_TEST_CODES=codes).run("--check")
    assert done.returncode == EXIT_CONFIG
    assert [line.split(": ")[:2] for line in done.stderr.splitlines()] == [["users", "MTAN_TEST_CODES"]]


@pytest.mark.parametrize("word", ["on", "Required", "offf"])
def test_an_unknown_verification_of_addresses_is_refused(word):
    done = Daemon("users", EMAIL_VERIFICATION=word).run("--check")
    assert done.returncode == EXIT_CONFIG
    assert done.stderr == "users: EMAIL_VERIFICATION: must be off, optional or required\n"


def test_a_secret_of_32_bytes_is_taken():
    assert Daemon("users", APP_ENV="production", SECRET_KEY="x" * 32, SECRET_KEY_FILE=None).run("--check").returncode == 0


def test_all_problems_are_printed_at_once():
    wrong = {
        "APP_ENV": "production",
        "SECRET_KEY": "short",
        "SECRET_KEY_FILE": None,
        "PORT": "http",
        "DATABASE_URL_FILE": "/no/such/file",
        "HASH_THREADS": "0",
        "PUBLIC_USERS": "perhaps",
        "PROCESSES": "many",
        "LOG_LEVEL": "loud",
        "DRAIN_SECONDS": "-1",
    }
    done = Daemon("users", **wrong).run()
    assert done.returncode == EXIT_CONFIG
    named = [line.split(": ")[1] for line in done.stderr.splitlines()]
    expected = [
        "DATABASE_URL_FILE",
        "DRAIN_SECONDS",
        "HASH_THREADS",
        "LOG_LEVEL",
        "PORT",
        "PROCESSES",
        "PUBLIC_USERS",
        "SECRET_KEY",
    ]
    assert [name for name in sorted(named) if name != "DATABASE_URL"] == expected
    assert all(line.startswith("users: ") for line in done.stderr.splitlines())


def test_an_unknown_environment_is_refused():
    done = Daemon("worker", APP_ENV="prod").run()
    assert done.returncode == EXIT_CONFIG
    assert "APP_ENV" in done.stderr


@pytest.mark.parametrize("name", DAEMONS)
def test_a_variable_together_with_its_file_is_refused(name, tmp_path):
    file = tmp_path / "url"
    file.write_text("redis://127.0.0.1:1/0")
    done = Daemon(name, REDIS_URL="redis://:hidden-password@127.0.0.1:1/0", REDIS_URL_FILE=file).run("--check")
    assert done.returncode == EXIT_CONFIG
    assert done.stderr == f"{name}: REDIS_URL: set either REDIS_URL or REDIS_URL_FILE, not both\n"


@pytest.mark.parametrize("name", [*DAEMONS, "healthcheck"])
@pytest.mark.parametrize("argument", [[], ["--check"]], ids=["start", "check"])
def test_an_invalid_redis_url_is_refused_and_not_printed(name, argument, tmp_path):
    file = tmp_path / "url"
    file.write_text("redis://:hidden/password@127.0.0.1:1/0\n")
    done = Daemon(name, REDIS_URL_FILE=file, HEALTHCHECK_TARGETS="users=http://127.0.0.1:1").run(*argument)
    assert done.returncode == EXIT_CONFIG
    assert done.stderr.startswith(f"{name}: REDIS_URL: must be redis://") and done.stderr.count("\n") == 1
    assert "hidden" not in done.stderr


def test_a_secret_is_read_from_its_file_without_the_newline(person, tmp_path):
    key = (abacus.RUN_DIR / "secrets/SECRET_KEY").read_text().rstrip("\n")
    file = tmp_path / "key"
    file.write_text(key + "\n")
    with Daemon("values", SECRET_KEY_FILE=file) as values:
        assert values.call("GET", "/values", token=person.token).status == 200


@pytest.mark.parametrize("name", DAEMONS)
def test_check_version_and_help_work_and_other_options_are_refused(name):
    daemon = Daemon(name)
    assert daemon.run("--check").returncode == 0
    assert daemon.run("--version").stdout.startswith(f"{name} ")
    assert "SECRET_KEY" in daemon.run("--help").stdout or name in ("worker", "mailer")
    unknown = daemon.run("--verbose")
    assert (unknown.returncode, "--help" in unknown.stderr) == (64, True)


@pytest.mark.parametrize("name", DAEMONS)
def test_check_ready_reports_the_readiness_of_the_running_daemon(name):
    daemon = Daemon(name)
    assert daemon.run("--check-ready").returncode == 1
    with daemon:
        assert daemon.run("--check-ready").returncode == 0


def test_a_port_in_use_ends_the_daemon_with_one_line_that_names_it():
    daemon = Daemon("values", PORT=abacus.PORT).start()
    try:
        assert daemon.process.wait(20) == 1
    finally:
        daemon.process.kill()
    assert f'"port":"{abacus.PORT}"' in daemon.log.read_text()
