/* Apart from config.c, so that a daemon without Postgres, whose descriptors are divided by these options too, does not link
 * libpq: with the libraries that libpq brings it would take three times the memory. */
#include <stddef.h>

#include "postgres/postgres.h"

const struct config_option postgres_options[] = {
	{"DATABASE_URL", CONFIG_URL, offsetof(struct postgres_config, url), NULL,
	 "postgres://user:password@host:port/database; or libpq's PGHOST, PGPORT, PGUSER, PGPASSWORD, PGDATABASE", 0, 0, true},
	{"DATABASE_TEST_URL", CONFIG_URL, offsetof(struct postgres_config, test_url), NULL,
	 "taken instead of DATABASE_URL when APP_ENV=testing", 0, 0, true},
	{"POSTGRES_CONNECTIONS", CONFIG_INT, offsetof(struct postgres_config, connections), "2", "connections a process", 1, 64,
	 false},
	{"POSTGRES_IN_FLIGHT_MAX", CONFIG_INT, offsetof(struct postgres_config, in_flight_max), "10000",
	 "queries in flight at once; beyond it 503", 1, 1000000, false},
	{"POSTGRES_QUERY_TIMEOUT_MS", CONFIG_INT, offsetof(struct postgres_config, query_timeout_ms), "5000",
	 "time limit of a query", 10, 600000, false},
	{"POSTGRES_CONNECT_TIMEOUT_MS", CONFIG_INT, offsetof(struct postgres_config, connect_timeout_ms), "3000",
	 "time limit of connecting", 10, 600000, false},
	{"POSTGRES_PREPARE", CONFIG_BOOL, offsetof(struct postgres_config, prepares), "true",
	 "false: no prepared statements, for a pooler in transaction mode (docs/operations.md)", 0, 0, false},
	{0},
};
