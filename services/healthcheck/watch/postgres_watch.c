#include "watch/postgres_watch.h"

#include <stdlib.h>

#include "base/mem.h"
#include "monitor.h"
#include "postgres/postgres.h"
#include "service.h"
#include "watch/full.h"
#include "watch/replica.h"

struct postgres_watch {
	struct monitor *monitor;
	struct postgres *postgres;
	struct scope scope;
	bool is_asked;
	struct replica replica;
	double started_s; /* 0: not known */
};

enum { COLUMN_CONNECTIONS, COLUMN_CONNECTIONS_MAX, COLUMN_IS_REPLICA, COLUMN_STARTED, COLUMN_IS_READ_ONLY };
static const struct postgres_statement look = {
	"healthcheck_look",
	"SELECT (SELECT sum(numbackends) FROM pg_stat_database),"
	" current_setting('max_connections')::int, pg_is_in_recovery(), extract(epoch FROM pg_postmaster_start_time())::text,"
	" current_setting('transaction_read_only')::bool",
	true};

static const struct postgres_statement *const statements[] = {&look, NULL};

static void note(struct postgres_watch *watch, enum health health, const char *reason)
{
	monitor_note(watch->monitor, &watch->monitor->postgres.watched, health, reason);
}

static void note_start(struct postgres_watch *watch, double started_s)
{
	struct watched *watched = &watch->monitor->postgres.watched;

	if (watch->started_s > 0 && started_s > watch->started_s && watched->health == HEALTH_UP)
		monitor_note_restart(watch->monitor, watched);
	watch->started_s = started_s;
}

static void looked(enum status status, const struct postgres_rows *rows, void *arg)
{
	struct postgres_watch *watch = arg;
	struct postgres_readings *readings = &watch->monitor->postgres;

	watch->is_asked = false;
	readings->connections = readings->connections_max = -1;
	if (status == STATUS_TIMEOUT)
		return note(watch, HEALTH_DOWN, "no answer in time");
	if (status == STATUS_UNAVAILABLE)
		return note(watch, HEALTH_DOWN, "can not be connected to");
	if (status != STATUS_OK || postgres_count(rows) != 1)
		return note(watch, HEALTH_DOWN, "the query failed; the log says why");
	readings->connections = postgres_int(rows, 0, COLUMN_CONNECTIONS);
	readings->connections_max = postgres_int(rows, 0, COLUMN_CONNECTIONS_MAX);
	readings->is_replica = postgres_bool(rows, 0, COLUMN_IS_REPLICA);
	note_start(watch, strtod(postgres_text(rows, 0, COLUMN_STARTED), NULL));
	if (readings->is_replica)
		note(watch, HEALTH_DEGRADED, "a standby: it takes no writes");
	else if (postgres_bool(rows, 0, COLUMN_IS_READ_ONLY))
		note(watch, HEALTH_DEGRADED, "read-only: it takes no writes");
	else if (full_is_near(readings->connections, readings->connections_max))
		note(watch, HEALTH_DEGRADED, "nearly all connections are used");
	else
		note(watch, HEALTH_UP, "");
	if (postgres_bool(rows, 0, COLUMN_IS_READ_ONLY) && replica_is_due(&watch->replica)) /* as on a standby */
		postgres_replace(watch->postgres);
}

void postgres_watch_ask(struct postgres_watch *watch)
{
	struct postgres_params params = {0};

	if (!watch || watch->is_asked || (!postgres_is_ready(watch->postgres) && replica_is_connecting(&watch->replica)))
		return;
	watch->is_asked = true;
	postgres_exec(watch->postgres, &watch->scope, &look, &params, looked, watch);
}

struct postgres_watch *postgres_watch_new(struct monitor *monitor)
{
	struct postgres_watch *watch = mem_alloc(sizeof *watch);

	watch->monitor = monitor;
	monitor->postgres = (struct postgres_readings){
		.is_watched = true,
		.watched = {.service = "postgres", .instance = "postgres", .reason = "not asked yet"},
		.connections = -1,
		.connections_max = -1,
	};
	scope_init(&watch->scope);
	watch->postgres = postgres_new(monitor->base, &monitor->config->postgres, statements);
	return watch;
}

void postgres_watch_free(struct postgres_watch *watch)
{
	if (!watch)
		return;
	scope_cancel(&watch->scope);
	postgres_free(watch->postgres);
	free(watch);
}
