/* Flow: retry_queue_add … (the timer) -> retry_next -> (of a user: row_loaded; of a session: session_loaded; of a login:
 * ended_loaded) -> publish -> published -> retry_next. */
#include "revocations/retry_queue.h"

#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/loop.h"
#include "base/mem.h"
#include "revocations/republisher.h"
#include "revocations/revoked_tokens.h"
#include "service.h"
#include "store/revocations.h"

#define EVERY_MS 200

/* What was revoked: a token; all tokens of a user, as the user's row says; a session, or those that a login ended, if Postgres
 * says so. */
enum what { TOKEN, USER, SESSION, LOGIN };

struct entry {
	enum what what;
	struct revocation revocation; /* LOGIN: of the session that it began */
	int64_t due_us;
	TAILQ_ENTRY(entry) link;
};

struct retry_queue {
	struct users *users;
	struct scope scope;
	struct loop_timer *timer;
	TAILQ_HEAD(, entry) entries;
	unsigned count, max;
	struct entry *current;      /* being published; NULL: none */
	void (*drained)(void *arg); /* NULL: it does not drain */
	void *drained_arg;
};

static void retry_next(void *arg);
static void row_loaded(enum status status, const struct postgres_rows *rows, void *arg);
static void session_loaded(enum status status, const struct postgres_rows *rows, void *arg);
static void ended_loaded(enum status status, const struct postgres_rows *rows, void *arg);
static void publish(struct retry_queue *queue, const struct revocation *revocations, int count);
static void published(enum status status, const redisReply *reply, void *arg);
static void finish_current(struct retry_queue *queue, bool is_done);

/* What is read from Postgres waits until no statement can change its rows any more. */
static void add(struct retry_queue *queue, enum what what, const struct revocation *revocation)
{
	long wait_ms = what == TOKEN ? 0 : postgres_settled_ms(&queue->users->config->postgres);
	struct entry *entry;

	if (queue->count == queue->max) {
		log_line(LOG_ERROR, "the revocation retry queue is full; all revocations will be published again");
		return republisher_want(queue->users->republisher);
	}
	entry = mem_alloc(sizeof *entry);
	entry->what = what;
	entry->revocation = *revocation;
	entry->due_us = clock_monotonic_us() + wait_ms * 1000;
	TAILQ_INSERT_TAIL(&queue->entries, entry, link);
	queue->count++;
}

void retry_queue_add(struct retry_queue *queue, const struct revocation *revocation)
{
	add(queue, TOKEN, revocation);
}

void retry_queue_add_user(struct retry_queue *queue, int64_t user_id)
{
	struct revocation revocation = {.is_user = true, .user_id = user_id};

	add(queue, USER, &revocation);
}

static void add_session(struct retry_queue *queue, enum what what, const uint8_t id[JWT_JTI_BYTES])
{
	struct revocation revocation = {0};

	memcpy(revocation.jti, id, JWT_JTI_BYTES);
	add(queue, what, &revocation);
}

void retry_queue_add_session(struct retry_queue *queue, const uint8_t id[JWT_JTI_BYTES])
{
	add_session(queue, SESSION, id);
}

void retry_queue_add_login(struct retry_queue *queue, const uint8_t session[JWT_JTI_BYTES])
{
	add_session(queue, LOGIN, session);
}

/* A token needs no Postgres, so it waits for none. */
static bool can_be_tried(const struct retry_queue *queue, const struct entry *entry)
{
	return entry->what == TOKEN || postgres_is_ready(queue->users->postgres);
}

/* Before the end of the process it does not wait until an entry is due, because its requests have ended: what Postgres has not
 * answered yet is all that could still change a row. */
static struct entry *first_due(struct retry_queue *queue)
{
	bool is_settled = queue->drained && postgres_in_flight(queue->users->postgres) == 0;
	int64_t now_us = clock_monotonic_us();
	struct entry *entry;

	TAILQ_FOREACH (entry, &queue->entries, link)
		if ((is_settled || entry->due_us <= now_us) && can_be_tried(queue, entry))
			return entry;
	return NULL;
}

static void load_user(struct retry_queue *queue)
{
	struct postgres_params params = {0};

	postgres_param_int(&params, queue->current->revocation.user_id);
	postgres_exec(queue->users->postgres, &queue->scope, &store_user_revocation, &params, row_loaded, queue);
}

/* By the entry's session. */
static void load_session(struct retry_queue *queue, const struct postgres_statement *statement, postgres_done *loaded)
{
	struct postgres_params params = {0};
	char id[37];

	jwt_jti_format(queue->current->revocation.jti, id);
	postgres_param_text(&params, id);
	postgres_exec(queue->users->postgres, &queue->scope, statement, &params, loaded, queue);
}

static bool has_work(const struct retry_queue *queue)
{
	const struct entry *entry;

	TAILQ_FOREACH (entry, &queue->entries, link)
		if (can_be_tried(queue, entry))
			return redis_is_ready(queue->users->redis);
	return false;
}

static void check_drained(struct retry_queue *queue)
{
	void (*drained)(void *arg) = queue->drained;

	if (!drained || has_work(queue))
		return;
	queue->drained = NULL;
	drained(queue->drained_arg);
}

void retry_queue_drain(struct retry_queue *queue, void (*drained)(void *arg), void *arg)
{
	queue->drained = drained;
	queue->drained_arg = arg;
	retry_next(queue);
}

static void retry_next(void *arg)
{
	struct retry_queue *queue = arg;

	check_drained(queue);
	if (queue->current || !redis_is_ready(queue->users->redis))
		return;
	queue->current = first_due(queue);
	if (!queue->current)
		return;
	switch (queue->current->what) {
	case TOKEN:
		return publish(queue, &queue->current->revocation, 1);
	case USER:
		return load_user(queue);
	case SESSION:
		return load_session(queue, &store_token_revocation, session_loaded);
	case LOGIN:
		return load_session(queue, &store_revoked_tokens_by, ended_loaded);
	}
}

static void row_loaded(enum status status, const struct postgres_rows *rows, void *arg)
{
	struct retry_queue *queue = arg;
	struct revocation *revocation = &queue->current->revocation;

	if (status != STATUS_OK || postgres_count(rows) == 0)
		return finish_current(queue, status == STATUS_OK); /* there was no such user */
	revocation->until_ms = postgres_int(rows, 0, COLUMN_REVOCATION_UNTIL_MS);
	revocation->is_inactive = postgres_bool(rows, 0, COLUMN_REVOCATION_IS_INACTIVE);
	revocation->expires_s = revoked_tokens_end_s(queue->users);
	publish(queue, revocation, 1);
}

static void session_loaded(enum status status, const struct postgres_rows *rows, void *arg)
{
	struct retry_queue *queue = arg;

	if (status != STATUS_OK || postgres_count(rows) == 0)
		return finish_current(queue, status == STATUS_OK); /* it was not ended */
	queue->current->revocation.expires_s = postgres_int(rows, 0, COLUMN_TOKEN_REVOCATION_EXPIRES_S);
	publish(queue, &queue->current->revocation, 1);
}

static void ended_loaded(enum status status, const struct postgres_rows *rows, void *arg)
{
	struct retry_queue *queue = arg;
	struct revocation *revocations;

	if (status != STATUS_OK || postgres_count(rows) == 0)
		return finish_current(queue, status == STATUS_OK); /* none was ended */
	revocations = mem_alloc((size_t)postgres_count(rows) * sizeof *revocations);
	publish(queue, revocations, revoked_tokens_read(rows, revocations));
	free(revocations);
}

static void publish(struct retry_queue *queue, const struct revocation *revocations, int count)
{
	revocations_publish(queue->users->redis, &queue->scope, revocations, count, queue->users->config->auth.token_lifetime_s,
			    published, queue);
}

static void published(enum status status, const redisReply *reply, void *arg)
{
	finish_current(arg, status == STATUS_OK);
}

/* An entry that is not done goes behind all others, and the timer tries again. */
static void finish_current(struct retry_queue *queue, bool is_done)
{
	struct entry *entry = queue->current;

	queue->current = NULL;
	TAILQ_REMOVE(&queue->entries, entry, link);
	if (!is_done) {
		entry->due_us = clock_monotonic_us() + EVERY_MS * 1000;
		TAILQ_INSERT_TAIL(&queue->entries, entry, link);
		return;
	}
	queue->count--;
	free(entry);
	retry_next(queue);
}

struct retry_queue *retry_queue_new(struct event_base *base, struct users *users, unsigned max)
{
	struct retry_queue *queue = mem_alloc(sizeof *queue);

	queue->users = users;
	queue->max = max;
	scope_init(&queue->scope);
	TAILQ_INIT(&queue->entries);
	queue->timer = loop_every(base, EVERY_MS, retry_next, queue);
	return queue;
}

void retry_queue_free(struct retry_queue *queue)
{
	struct entry *entry;

	scope_cancel(&queue->scope);
	loop_timer_free(queue->timer);
	while ((entry = TAILQ_FIRST(&queue->entries))) {
		TAILQ_REMOVE(&queue->entries, entry, link);
		free(entry);
	}
	free(queue);
}
