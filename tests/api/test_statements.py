"""Each statement finds its rows by an index, so that no call becomes dearer with the number of users, submissions and
calculations. Each connection plans it once (libcommon/postgres/session.c), so this holds for every request."""

import re

import pytest

import abacus

# Rows of these are gone within a second, half an hour and a day, and what reads them all is what removes them.
READ_AS_A_WHOLE = {"users": {"forgotten_passwords", "password_resets", "outbox"}, "values": set()}


def statements(service):
    """As the daemon has them."""
    abacus.native("the daemon's file")
    file = (abacus.RUN_DIR / "bin" / service).read_bytes()
    found = re.findall(rb"(?<=\0)(?:SELECT|WITH|INSERT INTO|UPDATE|DELETE FROM) [^\0]+", file)
    return [text.decode() for text in found]


def explained(number, text):
    outside = re.sub("'[^']*'", "", text)  # because a bcrypt hash begins with $2
    params = ", ".join(["NULL"] * max([0, *map(int, re.findall(r"\$(\d+)", outside))]))
    return f"PREPARE s{number} AS {text}; SELECT 'of {number}'; EXPLAIN EXECUTE s{number}{f'({params})' if params else ''};"


@pytest.mark.parametrize("service, at_least", [("users", 50), ("values", 15)])
def test_each_statement_finds_its_rows_by_an_index(service, at_least):
    """As a plan shows that would do anything rather than read a whole table, whatever the parameters and the sizes are."""
    texts = statements(service)
    assert len(texts) > at_least
    settings = "SET enable_seqscan = off; SET plan_cache_mode = force_generic_plan;"
    plans = abacus.psql(service, settings + "".join(explained(number, text) for number, text in enumerate(texts)))
    read = {}
    for number, plan in re.findall(r"^of (\d+)\n(.*?)(?=^of |\Z)", plans, re.MULTILINE | re.DOTALL):
        for table in set(re.findall(r"Seq Scan on (\w+)", plan)) - READ_AS_A_WHOLE[service]:
            read[table] = texts[int(number)]
    assert not read
