/* The values service's command line: the commands of every service, and jobs list|dead|retry. */
#include "daemon/manage.h"

#include <event2/event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/int64.h"
#include "base/log.h"
#include "base/loop.h"
#include "base/mem.h"
#include "jobs/jobs.h"
#include "service.h"
#include "store.h"

#define LIMIT_S 5

/* One exchange with Redis, in an event loop of its own. Postgres is asked in between, and blocks. */
struct session {
	struct event_base *base;
	struct redis *redis;
	struct scope scope;
	void (*begin)(struct session *session); /* when Redis is ready */
	PGconn *postgres;
	struct job_key key;
	bool wants_all;
	int exit_code, retries_left, not_put_back; /* exit code -1: no answer yet */
};

static void connection_changed(bool is_ready, void *arg)
{
	struct session *session = arg;

	if (is_ready)
		session->begin(session);
}

static int run(struct session *session)
{
	log_init("manage", "manage", LOG_ERROR);
	session->base = loop_new();
	session->exit_code = -1;
	scope_init(&session->scope);
	session->redis = redis_new(session->base, &values_config.redis, jobs_scripts, LOOP_PRIORITY_NORMAL);
	redis_on_change(session->redis, connection_changed, session);
	event_base_loopexit(session->base, &(struct timeval){.tv_sec = LIMIT_S});
	event_base_dispatch(session->base);
	if (session->exit_code < 0)
		fprintf(stderr, "manage: Redis can not be reached; see REDIS_URL\n");
	redis_free(session->redis);
	event_base_loop(session->base, EVLOOP_NONBLOCK); /* the resolver is freed from the loop */
	event_base_free(session->base);
	return session->exit_code ? 1 : 0;
}

static void end(struct session *session, int exit_code)
{
	session->exit_code = exit_code;
	event_base_loopbreak(session->base);
}

static bool is_list_of_texts(enum status status, const redisReply *reply)
{
	if (status != STATUS_OK || reply->type != REDIS_REPLY_ARRAY)
		return false;
	for (size_t i = 0; i < reply->elements; i++)
		if (reply->element[i]->type != REDIS_REPLY_STRING)
			return false;
	return true;
}

/* ---- jobs list, jobs dead ---- */

static void listed(enum status status, const redisReply *reply, void *arg)
{
	bool is_list = is_list_of_texts(status, reply);

	for (size_t i = 0; is_list && i + 1 < reply->elements; i += 2)
		printf("%s %s\n", reply->element[i]->str, reply->element[i + 1]->str);
	end(arg, !is_list);
}

static void begin_list(struct session *session)
{
	redis_command(session->redis, &session->scope, 2, (const char *[]){"HGETALL", JOBS_WINDOW_KEY}, NULL, listed, session);
}

/* Of the calculations that failed. The caller clears the result; NULL after saying why there is none. */
static PGresult *load_failed(struct session *session)
{
	PGresult *rows = PQexec(session->postgres, store_calculations_failed.sql);

	if (PQresultStatus(rows) == PGRES_TUPLES_OK)
		return rows;
	fprintf(stderr, "manage: Postgres: %s", PQerrorMessage(session->postgres));
	PQclear(rows);
	return NULL;
}

static bool has_letter(const redisReply *letters, const char *name)
{
	for (size_t i = 0; i + 1 < letters->elements; i += 2)
		if (strcmp(letters->element[i]->str, name) == 0)
			return true;
	return false;
}

/* letter: "deliveries failed_unix_ms request_id entry" (libcommon/jobs/bury.lua); without the entry from the version before. */
static void print_letter(const char *name, const char *letter)
{
	const char *time = strchr(letter, ' '), *rest = time ? strchr(time + 1, ' ') : NULL;
	char *ms = rest ? mem_strndup(time + 1, (size_t)(rest - time - 1)) : NULL, text[CLOCK_TEXT_BYTES];
	int64_t unix_ms;

	if (ms && int64_parse(ms, &unix_ms) == STATUS_OK && unix_ms >= 0) {
		clock_format(unix_ms, text);
		printf("%s %.*s %s %.*s\n", name, (int)(time - letter), letter, text, (int)strcspn(rest + 1, " "), rest + 1);
	} else {
		printf("%s %s\n", name, letter);
	}
	free(ms);
}

/* Redis has the letters; those that it lost are listed by what Postgres has. */
static void dead_listed(enum status status, const redisReply *reply, void *arg)
{
	struct session *session = arg;
	PGresult *failed = is_list_of_texts(status, reply) ? load_failed(session) : NULL;

	if (!failed)
		return end(session, 1);
	for (int i = 0; i < PQntuples(failed); i++) {
		char name[64];

		snprintf(name, sizeof name, "%s:%s", PQgetvalue(failed, i, COLUMN_FAILED_KIND),
			 PQgetvalue(failed, i, COLUMN_FAILED_INDEX));
		if (!has_letter(reply, name))
			printf("%s - - -\n", name);
	}
	PQclear(failed);
	for (size_t i = 0; i + 1 < reply->elements; i += 2)
		print_letter(reply->element[i]->str, reply->element[i + 1]->str);
	end(session, 0);
}

static void begin_dead(struct session *session)
{
	redis_command(session->redis, &session->scope, 2, (const char *[]){"HGETALL", JOBS_DEAD_KEY}, NULL, dead_listed,
		      session);
}

static int jobs_list(struct manage *manage, int argc, char **argv)
{
	return run(&(struct session){.begin = begin_list});
}

static int jobs_dead(struct manage *manage, int argc, char **argv)
{
	return run(&(struct session){.begin = begin_dead, .postgres = manage_postgres(manage)});
}

/* ---- jobs retry ---- */

static void retry_ended(struct session *session, bool is_put_back)
{
	session->not_put_back += !is_put_back;
	if (--session->retries_left > 0)
		return;
	if (session->not_put_back)
		fprintf(stderr, "manage: %d could not be put back\n", session->not_put_back);
	end(session, session->not_put_back > 0);
}

static void retried(enum status status, void *arg)
{
	struct session *session = arg;

	if (status == STATUS_NOT_FOUND)
		fprintf(stderr, "manage: there is no such dead letter; see manage jobs dead\n");
	retry_ended(session, status == STATUS_OK);
}

/* Makes it pending in Postgres first: if Redis then fails, refill adds the job in the place of its letter. */
static bool had_failed(struct session *session, struct job_key key)
{
	char index[INT64_TEXT_BYTES];
	PGresult *rows;
	bool is_changed;

	int64_format(key.index, index);
	rows = PQexecParams(session->postgres, store_calculation_retry.sql, 2, NULL,
			    (const char *[]){kind_name(key.kind), index}, NULL, NULL, 0);
	is_changed = PQresultStatus(rows) == PGRES_TUPLES_OK && PQntuples(rows) == 1;
	if (PQresultStatus(rows) != PGRES_TUPLES_OK)
		fprintf(stderr, "manage: Postgres: %s", PQerrorMessage(session->postgres));
	PQclear(rows);
	return is_changed;
}

static void retry(struct session *session, struct job_key key)
{
	char index[INT64_TEXT_BYTES];

	int64_format(key.index, index);
	printf("put back %s %s\n", kind_name(key.kind), index);
	session->retries_left++;
	jobs_retry(session->redis, &session->scope, key, had_failed(session, key), retried, session);
}

/* The letters of which Postgres has not learned yet. */
static void letters_listed(enum status status, const redisReply *reply, void *arg)
{
	bool is_list = is_list_of_texts(status, reply);
	struct session *session = arg;
	struct job_key key;

	for (size_t i = 0; is_list && i < reply->elements; i++)
		if (jobs_parse_name(reply->element[i]->str, &key) == 0)
			retry(session, key);
	retry_ended(session, is_list);
}

static void retry_all(struct session *session)
{
	PGresult *failed = load_failed(session);
	struct job_key key;

	if (!failed)
		return end(session, 1);
	session->retries_left = 1; /* stands for the list of letters, which Redis answers last */
	for (int i = 0; i < PQntuples(failed); i++)
		if (kind_parse(PQgetvalue(failed, i, COLUMN_FAILED_KIND), &key.kind) == 0 &&
		    int64_parse(PQgetvalue(failed, i, COLUMN_FAILED_INDEX), &key.index) == STATUS_OK)
			retry(session, key);
	PQclear(failed);
	redis_command(session->redis, &session->scope, 2, (const char *[]){"HKEYS", JOBS_DEAD_KEY}, NULL, letters_listed,
		      session);
}

static void begin_retry(struct session *session)
{
	if (session->wants_all)
		retry_all(session);
	else
		retry(session, session->key);
}

static int jobs_retry_command(struct manage *manage, int argc, char **argv)
{
	struct session session = {.begin = begin_retry, .wants_all = argc == 1 && strcmp(argv[0], "--all") == 0};

	if (!session.wants_all && (argc != 2 || kind_parse(argv[0], &session.key.kind) < 0 ||
				   int64_parse(argv[1], &session.key.index) != STATUS_OK || session.key.index < 0))
		return 64; /* EX_USAGE */
	session.postgres = manage_postgres(manage);
	return run(&session);
}

int main(int argc, char **argv)
{
	static const struct manage_command commands[] = {
		{"jobs list", "",
		 "print what is queued or being calculated, each with the id of its job, or = and an id if it is finished",
		 jobs_list},
		{"jobs dead", "", "print what failed, each with its deliveries, the time and request id", jobs_dead},
		{"jobs retry", "KIND INDEX | --all", "put dead letters back", jobs_retry_command},
		{0},
	};
	static const struct manage_spec spec = {.service = "values",
						.configs = values_configs,
						.routes = values_routes,
						.commands = commands,
						.has_database = true};

	return manage_main(&spec, argc, argv);
}
