"""What docs/reliability.md says of a loss of power rests on these settings of Postgres and Redis."""

import pytest

from abacus import psql, redis_cli


@pytest.mark.parametrize("database", ["users", "values"])
def test_postgres_acknowledges_what_is_on_the_disk(database):
    settings = "current_setting('fsync'), current_setting('full_page_writes'), current_setting('synchronous_commit')"
    assert psql(database, f"SELECT {settings}") == "on|on|on"


@pytest.mark.parametrize("name, value", [("appendonly", "yes"), ("appendfsync", "everysec")])
def test_redis_writes_to_its_append_only_file_every_second(name, value):
    assert redis_cli("CONFIG", "GET", name).split() == [name, value]
