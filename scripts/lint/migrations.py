#!/usr/bin/python3
"""usage: scripts/lint/migrations.py [FOLDER...]: fails on a migration that reads or rewrites a whole table while it keeps
the statements of the running services waiting for that table.

A table that the same file makes is empty, and may get anything. Of every other table:
- an index is made CONCURRENTLY, in a file that begins with "-- outside a transaction";
- a constraint is added NOT VALID, and validated by a later migration, which keeps no statement waiting;
- no column gets a default that differs from row to row, another type, or NOT NULL (CHECK (x IS NOT NULL) NOT VALID instead).
What takes such a lock for a moment alone (a new column with a constant default, DROP) is allowed. LANDED has the files that
landed before this rule: they may not change, because a database that has applied one would refuse it."""

import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]

# PATH below services/: how many statements of it break the rule, all of them because they landed before it.
LANDED = {
    "users/migrations/0003_names.up.sql": 3,
    "users/migrations/0012_codes_by_sms.down.sql": 1,
    "users/migrations/0012_codes_by_sms.up.sql": 3,
    "users/migrations/0013_revoked_by.up.sql": 1,
    "users/migrations/0014_separate_limits.down.sql": 1,
    "users/migrations/0014_separate_limits.up.sql": 1,
    "values/migrations/0002_states.up.sql": 2,
}

TABLE = r'(?:IF NOT EXISTS |IF EXISTS |ONLY )*(?:public\.)?"?(\w+)"?'
INDEX = re.compile(r"CREATE (?:UNIQUE )?INDEX (?!CONCURRENTLY)(?:[^(]*? )?ON " + TABLE, re.I)
ALTER = re.compile(r"ALTER TABLE " + TABLE + r"(.*)", re.I)
# What ALTER TABLE does to each row, and the constraints among it, of which NOT VALID makes what it does to new rows alone.
REWRITES = re.compile(
    r"ALTER (COLUMN )?\S+ (SET DATA )?TYPE|SET NOT NULL|GENERATED (ALWAYS|BY DEFAULT) AS|\bserial\b|\bbigserial\b"
    r"|DEFAULT (?!now\(\))[\w.]+\(|PRIMARY KEY|\bUNIQUE\b",
    re.I,
)
CONSTRAINS = re.compile(r"\bCHECK \(|\bREFERENCES\b|FOREIGN KEY", re.I)


def statements(sql):
    """Each on one line, without comments and bodies of functions."""
    sql = re.sub(r"--[^\n]*", "", re.sub(r"\$(\w*)\$.*?\$\1\$", "''", sql, flags=re.S))
    return [" ".join(statement.split()) for statement in sql.split(";") if statement.strip()]


def problem_of(statement, made):
    """What is wrong with one statement, or None. made: tables that the file has made."""
    index, alter = INDEX.match(statement), ALTER.match(statement)
    if index and index[1] not in made:
        return f"an index of {index[1]} is not made CONCURRENTLY"
    if not alter or alter[1] in made:
        return None
    if REWRITES.search(alter[2]):
        return f"ALTER TABLE {alter[1]} rewrites the table, or reads all of it"
    if CONSTRAINS.search(alter[2]) and not alter[2].upper().endswith("NOT VALID"):
        return f"a constraint of {alter[1]} is not NOT VALID"
    return None


def problems_of(sql):
    made, problems = set(), []
    for statement in statements(sql):
        table = re.match(r"CREATE TABLE " + TABLE, statement, re.I)
        if table:
            made.add(table[1])
        problem = problem_of(statement, made)
        if problem:
            problems.append(problem)
    return problems


def main():
    folders = [pathlib.Path(folder) for folder in sys.argv[1:]] or sorted(ROOT.glob("services/*/migrations"))
    faults = 0
    for path in sorted(path for folder in folders for path in folder.glob("*.sql")):
        name = "/".join(path.parts[-3:])
        problems = problems_of(path.read_text(encoding="utf-8"))
        if name in LANDED and len(problems) == LANDED[name]:
            continue
        for problem in problems or ([f"breaks no rule, but is in LANDED of {sys.argv[0]}"] if name in LANDED else []):
            print(f"{path}: {problem}; {sys.argv[0]} has the rule")
            faults += 1
    return faults > 0


if __name__ == "__main__":
    sys.exit(main())
