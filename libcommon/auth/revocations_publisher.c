/* Flow of one revocation: revocations_publish_confirmed -> published -> (announced | swept) check_waits -> its `done`;
 * of the table: (the timer) sweep -> swept -> (the timer) sweep … */
#include "auth/revocations_publisher.h"

#include <stdlib.h>
#include <string.h>

#include "auth/revocations_internal.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/loop.h"
#include "base/mem.h"

#define SWEEP_MS 1000
#define SWEEP_WAITING_MS 100
#define SWEEP_ARGS 3    /* of a sweep that removes nothing */
#define REMOVALS_MAX 50 /* in one sweep */

REDIS_SCRIPT(libcommon_auth, revocations_sweep, revocations_sweep);

struct wait {
	struct op op;
	struct revocations_publisher *publisher;
	struct revocations_position position; /* of its entry */
	char table[REVOCATIONS_TABLE_BYTES];  /* in which it was published */
	int64_t until_us;
	revocations_confirmed *done;
	void *arg;
	TAILQ_ENTRY(wait) link;
};

struct revocations_publisher {
	struct redis *redis, *listening; /* the latter is a connection of its own, because it subscribes */
	struct scope scope;
	struct revocations_config config;
	struct revocations_table table;
	TAILQ_HEAD(waits, wait) publishing, waiting; /* waiting: in the order of their positions */
	struct loop_timer *sweep;
	bool is_sweeping;
	void (*begun)(void *arg);
	void *begun_arg;
};

static void published(enum status status, const redisReply *reply, void *arg);
static void check_waits(struct revocations_publisher *publisher);
static void sweep(void *arg);
static void swept(enum status status, const redisReply *reply, void *arg);

/* ---- waits ---- */

static void wait_end(struct waits *waits, struct wait *wait, enum status status)
{
	TAILQ_REMOVE(waits, wait, link);
	if (op_end(&wait->op))
		wait->done(status, wait->arg);
	free(wait);
}

static void schedule_sweep(struct revocations_publisher *publisher)
{
	if (!publisher->is_sweeping)
		loop_timer_start(publisher->sweep, TAILQ_EMPTY(&publisher->waiting) ? SWEEP_MS : SWEEP_WAITING_MS);
}

void revocations_publish_confirmed(struct revocations_publisher *publisher, struct scope *scope,
				   const struct revocation *revocation, long limit_ms, revocations_confirmed *done, void *arg)
{
	struct wait *wait = mem_alloc(sizeof *wait);

	*wait = (struct wait){.publisher = publisher, .done = done, .arg = arg};
	wait->until_us = clock_monotonic_us() + limit_ms * 1000;
	op_start(scope, &wait->op);
	TAILQ_INSERT_TAIL(&publisher->publishing, wait, link);
	revocations_publish(publisher->redis, &publisher->scope, revocation, 1, publisher->config.lifetime_s, published, wait);
}

static enum status read_table(struct revocations_publisher *publisher, const redisReply *fields)
{
	char before[REVOCATIONS_TABLE_BYTES];
	enum status status;

	memcpy(before, publisher->table.id, sizeof before);
	status = revocations_table_read(&publisher->table, fields, clock_monotonic_us());
	if (status == STATUS_OK && strcmp(before, publisher->table.id) != 0 && publisher->begun)
		publisher->begun(publisher->begun_arg);
	return status;
}

/* [the entry's id, the table] of revocations_publish.lua */
static enum status read_publication(struct wait *wait, const redisReply *reply)
{
	enum status status = revocations_position_parse(reply->element[0]->str, &wait->position);

	if (status == STATUS_OK)
		status = read_table(wait->publisher, reply->element[1]);
	memcpy(wait->table, wait->publisher->table.id, sizeof wait->table);
	return status;
}

static void published(enum status status, const redisReply *reply, void *arg)
{
	struct wait *wait = arg;
	struct revocations_publisher *publisher = wait->publisher;
	bool was_idle = TAILQ_EMPTY(&publisher->waiting);

	if (status == STATUS_OK)
		status = read_publication(wait, reply);
	if (status != STATUS_OK)
		return wait_end(&publisher->publishing, wait, status);
	TAILQ_REMOVE(&publisher->publishing, wait, link);
	TAILQ_INSERT_TAIL(&publisher->waiting, wait, link);
	check_waits(publisher);
	if (was_idle)
		schedule_sweep(publisher);
}

/* What was published in a table that is gone may be gone too. The entries of one table are in the order of their positions, so
 * the first that is not confirmed ends the search. */
static void check_waits(struct revocations_publisher *publisher)
{
	struct wait *wait;

	while ((wait = TAILQ_FIRST(&publisher->waiting))) {
		if (strcmp(wait->table, publisher->table.id) != 0)
			wait_end(&publisher->waiting, wait, STATUS_UNAVAILABLE);
		else if (revocations_table_has(&publisher->table, wait->position))
			wait_end(&publisher->waiting, wait, STATUS_OK);
		else
			return;
	}
}

static void log_unconfirmed(const struct revocations_publisher *publisher, const struct wait *wait)
{
	const struct revocations_follower *behind = revocations_table_behind(&publisher->table, wait->position);

	log_line(LOG_WARN, "a revocation was not confirmed in time",
		 LOG_TEXT("reason", publisher->table.is_settled ? "a follower is behind" : "the table of followers is new"),
		 LOG_TEXT("follower", behind ? behind->value : NULL));
}

static void end_late_waits(struct revocations_publisher *publisher)
{
	struct wait *wait = TAILQ_FIRST(&publisher->waiting), *next;
	int64_t now_us = clock_monotonic_us();

	for (; wait; wait = next) {
		next = TAILQ_NEXT(wait, link);
		if (now_us <= wait->until_us)
			continue;
		log_unconfirmed(publisher, wait);
		wait_end(&publisher->waiting, wait, STATUS_UNAVAILABLE);
	}
}

static void end_all_waits(struct revocations_publisher *publisher)
{
	struct wait *wait;

	while ((wait = TAILQ_FIRST(&publisher->waiting)))
		wait_end(&publisher->waiting, wait, STATUS_UNAVAILABLE);
}

/* ---- the table of followers ---- */

static void announced(const char *message, size_t len, void *arg)
{
	struct revocations_publisher *publisher = arg;

	revocations_table_hear(&publisher->table, message, len);
	check_waits(publisher);
}

struct sweeping { /* the arguments of a sweep */
	int argc;
	const char *argv[SWEEP_ARGS + 2 * REMOVALS_MAX];
	size_t lens[SWEEP_ARGS + 2 * REMOVALS_MAX];
};

static void add_argument(struct sweeping *sweeping, const char *bytes, size_t len)
{
	sweeping->argv[sweeping->argc] = bytes;
	sweeping->lens[sweeping->argc++] = len;
}

static void add_silent(struct sweeping *sweeping, const struct revocations_publisher *publisher, int64_t now_us)
{
	const struct revocations_follower *follower;

	LIST_FOREACH (follower, &publisher->table.followers, link) {
		if (!revocations_follower_is_silent(follower, now_us) || sweeping->argc == SWEEP_ARGS + 2 * REMOVALS_MAX)
			continue;
		log_line(LOG_INFO, "a follower of the revocations is silent, and its lease has run out",
			 LOG_TEXT("follower", follower->value));
		add_argument(sweeping, follower->name, strlen(follower->name));
		add_argument(sweeping, follower->value, follower->value_len);
	}
}

static void sweep(void *arg)
{
	struct revocations_publisher *publisher = arg;
	struct sweeping sweeping = {0};
	int64_t now_us = clock_monotonic_us();
	bool is_to_settle = !publisher->table.is_settled && revocations_table_is_old(&publisher->table, now_us);

	end_late_waits(publisher);
	add_argument(&sweeping, REVOCATIONS_FOLLOWERS, strlen(REVOCATIONS_FOLLOWERS));
	add_argument(&sweeping, REVOCATIONS_STREAM, strlen(REVOCATIONS_STREAM));
	add_argument(&sweeping, publisher->table.id, is_to_settle ? strlen(publisher->table.id) : 0);
	add_silent(&sweeping, publisher, now_us);
	publisher->is_sweeping = true;
	redis_eval(publisher->redis, &publisher->scope, &revocations_sweep_script, 2, sweeping.argc, sweeping.argv,
		   sweeping.lens, swept, publisher);
}

static void swept(enum status status, const redisReply *reply, void *arg)
{
	struct revocations_publisher *publisher = arg;

	publisher->is_sweeping = false;
	if (status == STATUS_OK && read_table(publisher, reply) == STATUS_OK)
		check_waits(publisher);
	else if (!reply)
		end_all_waits(publisher); /* Redis was lost */
	schedule_sweep(publisher);
}

/* ---- creation and end ---- */

struct revocations_publisher *revocations_publisher_new(struct event_base *base, const struct redis_config *redis_config,
							struct redis *redis, const struct revocations_config *config)
{
	struct revocations_publisher *publisher = mem_alloc(sizeof *publisher);

	publisher->redis = redis;
	publisher->config = *config;
	scope_init(&publisher->scope);
	TAILQ_INIT(&publisher->publishing);
	TAILQ_INIT(&publisher->waiting);
	revocations_table_init(&publisher->table, (int64_t)config->lease_s * 1000000);
	publisher->sweep = loop_timer_new(base, sweep, publisher);
	publisher->listening = redis_new(base, redis_config, NULL, LOOP_PRIORITY_NORMAL);
	redis_subscribe(publisher->listening, REVOCATIONS_CHANNEL, announced, publisher);
	redis_replace_with(publisher->listening, redis);
	schedule_sweep(publisher);
	return publisher;
}

void revocations_publisher_on_table(struct revocations_publisher *publisher, void (*begun)(void *arg), void *arg)
{
	publisher->begun = begun;
	publisher->begun_arg = arg;
}

static void drop(struct waits *waits)
{
	struct wait *wait;

	while ((wait = TAILQ_FIRST(waits))) {
		TAILQ_REMOVE(waits, wait, link);
		op_end(&wait->op);
		free(wait);
	}
}

void revocations_publisher_free(struct revocations_publisher *publisher)
{
	scope_cancel(&publisher->scope);
	redis_free(publisher->listening);
	drop(&publisher->publishing);
	drop(&publisher->waiting);
	revocations_table_free(&publisher->table);
	loop_timer_free(publisher->sweep);
	free(publisher);
}
