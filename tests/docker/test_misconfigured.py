"""A misconfigured container prints one line that names the variable to set."""

import secrets

import pytest

from abacus import eventually
from engine import containers, service_of
from harness import elsewhere, run

KEY = secrets.token_hex(32)


def said(image, *arguments, **environment):
    options = [word for name, text in environment.items() for word in ("-e", f"{name}={text}")]
    done = run("docker", "run", "--rm", "--read-only", "--tmpfs", "/tmp", *options, image, *arguments, ok=False, timeout=60)
    return done.returncode, done.stdout.strip().splitlines()


def manage(service, *arguments, network="none", **environment):
    options = [word for name, text in environment.items() for word in ("-e", f"{name}={text}")]
    done = run(
        "docker",
        "run",
        "--rm",
        "--network",
        network,
        "--entrypoint",
        "/bin/manage",
        *options,
        f"abacus/{service}:stage",
        *arguments,
        ok=False,
    )
    return done.returncode, done.stdout.strip().splitlines()


@pytest.mark.parametrize(
    "image, environment, variable",
    [
        ("users:stage", {"DATABASE_URL": "postgres://u@h/d"}, "SECRET_KEY"),
        ("users:stage", {"DATABASE_URL": "postgres://u@h/d", "SECRET_KEY": "short"}, "SECRET_KEY"),
        ("users:stage", {"SECRET_KEY": KEY}, "DATABASE_URL"),
        ("values:stage", {"SECRET_KEY": KEY, "DATABASE_URL": "db:5432"}, "DATABASE_URL"),
        ("worker:stage", {"REDIS_URL": "redis:6379"}, "REDIS_URL"),
        (
            "mailer:stage",
            {"SMTP_URL": "mail.test:587", "MAIL_FROM": "a@abacus.test", "PUBLIC_URL": "https://abacus.test"},
            "SMTP_URL",
        ),
        ("mailer:stage", {"SMTP_URL": "smtp://mail.test:587", "PUBLIC_URL": "https://abacus.test"}, "MAIL_FROM"),
        ("healthcheck:stage", {}, "HEALTHCHECK_TARGETS"),
        ("db:stage", {"POSTGRES_PASSWORD": "x", "USERS_PASSWORD": "x", "HEALTHCHECK_PASSWORD": "x"}, "VALUES_PASSWORD"),
        ("db:stage", {"POSTGRES_PASSWORD_FILE": "/none"}, "POSTGRES_PASSWORD_FILE"),
        ("redis:stage", {}, "REDIS_PASSWORD"),
    ],
)
def test_a_missing_or_invalid_variable_ends_the_container_with_one_line_that_names_it(image, environment, variable):
    code, lines = said(f"abacus/{image}", **environment)
    assert code == 78 and len(lines) == 1 and variable in lines[0], (code, lines)


@pytest.mark.parametrize("service", ["users", "values"])
def test_a_migration_reports_that_its_database_is_unreachable(service):
    code, lines = manage(service, "db", "upgrade", SECRET_KEY=KEY, DATABASE_URL="postgres://u:hidden@127.0.0.1:1/d")
    assert code == 1 and len(lines) == 1 and "see DATABASE_URL" in lines[0] and "hidden" not in lines[0], lines


def network_of(service):
    return next(name for one in containers() if service_of(one) == service for name in one["NetworkSettings"]["Networks"])


def database():
    return next(service_of(one) for one in containers() if service_of(one) in ("db", "postgres.test"))


def test_a_wrong_password_of_the_database_is_reported_as_such():
    tls = "?sslmode=require" if database() == "postgres.test" else ""
    code, lines = manage(
        "users",
        "db",
        "upgrade",
        network=network_of("worker"),
        SECRET_KEY=KEY,
        DATABASE_URL=f"postgres://users:wrong@{database()}/users{tls}",
    )
    assert code == 1 and len(lines) == 1 and "DATABASE_URL" in lines[0] and "password authentication failed" in lines[0], lines


@pytest.mark.parametrize(
    "service, environment, words",
    [
        (
            "users",
            {"SECRET_KEY": KEY, "DATABASE_URL": "postgres://u:hidden@127.0.0.1:1/d", "REDIS_URL": "redis://127.0.0.1:1/0"},
            ['"see":"DATABASE_URL"', '"see":"REDIS_URL"'],
        )
    ],
)
def test_a_daemon_that_reaches_nothing_runs_unready_and_names_the_variables(service, environment, words):
    name = f"abacus-lost-{secrets.token_hex(4)}"
    options = [word for variable, text in environment.items() for word in ("-e", f"{variable}={text}")]
    run("docker", "run", "-d", "--name", name, "--network", "none", *options, f"abacus/{service}:stage")
    try:
        eventually(lambda: all(word in run("docker", "logs", name).stdout for word in words), message=f"{words} in the log")
        assert "hidden" not in run("docker", "logs", name).stdout
        assert run("docker", "exec", name, f"/bin/{service}", "--check-ready", ok=False).returncode == 1
    finally:
        run("docker", "rm", "-f", name)


def test_tls_with_another_name_or_authority_is_refused():
    if database() != "postgres.test":
        pytest.skip(elsewhere("the database of stage has no TLS"))
    for reason, url in {
        "certificate verify failed": "postgres://users:outside@postgres.test/users?sslmode=verify-full&sslrootcert=/etc/ssl/certs/ca-certificates.crt",
        "no encryption": "postgres://users:outside@postgres.test/users?sslmode=disable",
    }.items():
        code, lines = manage("users", "db", "upgrade", network=network_of("worker"), SECRET_KEY=KEY, DATABASE_URL=url)
        assert code == 1 and "DATABASE_URL" in lines[0] and reason in " ".join(lines), lines
