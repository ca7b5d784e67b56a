"""scripts/lint/migrations.py, which keeps a migration from keeping the running services waiting."""

import pytest

from harness import run

LINT = "scripts/lint/migrations.py"


def lint(folder, sql, name="0099_new.up.sql"):
    """What the lint says of a migration, and whether it passes."""
    (folder / name).write_text(sql)
    done = run(LINT, folder, ok=False)
    return done.stdout, done.returncode == 0


@pytest.mark.parametrize(
    "sql",
    [
        "CREATE INDEX users_x ON users (x);",
        "CREATE UNIQUE INDEX IF NOT EXISTS x ON public.users (lower(email)) WHERE active;",
        "CREATE TABLE a (id int);\nCREATE INDEX a_id ON a (id);\nCREATE INDEX ON users\n    (created_at);",
        "ALTER TABLE users ALTER COLUMN id TYPE numeric;",
        "ALTER TABLE users ALTER name SET NOT NULL;",
        "ALTER TABLE users ADD COLUMN a int, ADD COLUMN x uuid DEFAULT gen_random_uuid();",
        "ALTER TABLE users ADD COLUMN x bigint GENERATED ALWAYS AS IDENTITY;",
        "ALTER TABLE ONLY users ADD CHECK (x > 0);",
        "ALTER TABLE users ADD COLUMN x text REFERENCES other;",
        "ALTER TABLE users ADD CONSTRAINT x UNIQUE (email);",
    ],
)
def test_a_migration_that_keeps_statements_waiting_while_it_reads_a_table_is_a_finding(tmp_path, sql):
    said, passes = lint(tmp_path, sql)
    assert not passes and len(said.splitlines()) == 1 and "0099_new.up.sql: " in said


@pytest.mark.parametrize(
    "sql",
    [
        "-- outside a transaction\nDROP INDEX CONCURRENTLY IF EXISTS x;\nCREATE INDEX CONCURRENTLY x ON users (x);",
        "CREATE TABLE a (b text CHECK (b <> ''));\nCREATE INDEX a_b ON a (b);\nALTER TABLE a ADD CHECK (b <> 'x');",
        "ALTER TABLE users ADD COLUMN x timestamptz NOT NULL DEFAULT now(), ADD COLUMN y text NOT NULL DEFAULT '';",
        "ALTER TABLE users ADD CONSTRAINT x CHECK (email IS NOT NULL) NOT VALID;",
        "ALTER TABLE users VALIDATE CONSTRAINT x;",
        "-- no CREATE INDEX x ON users (x);\nDROP INDEX x;\nALTER TABLE users DROP COLUMN x;",
        "CREATE FUNCTION f() RETURNS void LANGUAGE sql AS $$ CREATE INDEX x ON users (x); $$;",
    ],
)
def test_a_migration_that_keeps_no_statement_waiting_for_long_passes(tmp_path, sql):
    assert lint(tmp_path, sql) == ("", True)


def test_a_file_that_landed_before_the_rule_does_what_is_listed_of_it_and_no_more(tmp_path):
    folder, name = tmp_path / "users/migrations", "0013_revoked_by.up.sql"
    folder.mkdir(parents=True)
    index = "CREATE INDEX x ON revoked_tokens (x);"
    assert [lint(folder, sql, name)[1] for sql in (index, index + index, "")] == [True, False, False]
