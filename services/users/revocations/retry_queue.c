/* Revocations that stand in Postgres, or may come to stand there, and were not told: Redis was away, or whoever asked left
 * before the answer. They are told from here, without anybody who waits for it. What a user's row says is read once the
 * statement that could still change it is over. They are kept in memory: what a process that was killed owed is told after its
 * successor's start (republish.c).
 * Flow: owed_add -> (when due) pay -> row_read -> told. */
#include "service.h"

#include <event2/event.h>
#include <stdlib.h>
#include <sys/queue.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/loop.h"
#include "base/mem.h"
#include "store.h"

#define EVERY_MS 200
#define OWED_MAX 10000

struct debt {
	struct revocation revocation;
	int64_t due_us;
	TAILQ_ENTRY(debt) link;
};

struct owed {
	struct users *users;
	struct scope scope;
	struct event *timer;
	TAILQ_HEAD(, debt) debts;
	unsigned count;
	struct debt *current; /* being told; NULL: none */
};

static void pay(struct owed *owed);

static void settle(struct owed *owed, bool is_paid)
{
	struct debt *debt = owed->current;

	owed->current = NULL;
	if (!is_paid)
		return; /* the timer tries again */
	TAILQ_REMOVE(&owed->debts, debt, link);
	owed->count--;
	free(debt);
	pay(owed);
}

static void told(enum status status, const redisReply *reply, void *arg)
{
	settle(arg, status == STATUS_OK);
}

static void tell(struct owed *owed)
{
	struct users *users = owed->users;

	revocations_publish(users->redis, &owed->scope, &owed->current->revocation, 1, users->config->auth.token_lifetime_s,
			    told, owed);
}

static void row_read(enum status status, const struct postgres_rows *rows, void *arg)
{
	struct owed *owed = arg;
	struct revocation *revocation = &owed->current->revocation;

	if (status != STATUS_OK || postgres_count(rows) == 0)
		return settle(owed, status == STATUS_OK); /* there was no such user */
	revocation->until_ms = postgres_int(rows, 0, 0);
	revocation->is_inactive = postgres_bool(rows, 0, 1);
	revocation->expires_s = clock_unix_ms() / 1000 + owed->users->config->auth.token_lifetime_s;
	tell(owed);
}

static void pay(struct owed *owed)
{
	int64_t now_us = clock_monotonic_us();
	struct postgres_params params = {0};
	struct debt *debt;

	if (owed->current || !redis_is_ready(owed->users->redis))
		return;
	TAILQ_FOREACH (debt, &owed->debts, link)
		if (debt->due_us <= now_us)
			break;
	if (!debt)
		return;
	owed->current = debt;
	if (!debt->revocation.is_user)
		return tell(owed);
	postgres_param_int(&params, debt->revocation.user_id);
	postgres_exec(owed->users->postgres, &owed->scope, &store_user_revocation, &params, row_read, owed);
}

static void due(evutil_socket_t fd, short what, void *arg)
{
	pay(arg);
}

void owed_add(struct owed *owed, const struct revocation *revocation)
{
	long wait_ms = revocation->is_user ? postgres_settled_ms(&owed->users->config->postgres) : 0;
	struct debt *debt;

	if (owed->count == OWED_MAX) {
		log_line(LOG_ERROR, "too many revocations could not be told; one is given up");
		return;
	}
	debt = mem_alloc(sizeof *debt);
	debt->revocation = *revocation;
	debt->due_us = clock_monotonic_us() + wait_ms * 1000;
	TAILQ_INSERT_TAIL(&owed->debts, debt, link);
	owed->count++;
}

struct owed *owed_new(struct event_base *base, struct users *users)
{
	struct owed *owed = mem_alloc(sizeof *owed);

	owed->users = users;
	scope_init(&owed->scope);
	TAILQ_INIT(&owed->debts);
	owed->timer = event_new(base, -1, EV_PERSIST, due, owed);
	event_priority_set(owed->timer, LOOP_PRIORITY_NORMAL);
	event_add(owed->timer, &(struct timeval){.tv_usec = EVERY_MS * 1000});
	return owed;
}

void owed_free(struct owed *owed)
{
	struct debt *debt;

	scope_cancel(&owed->scope);
	event_free(owed->timer);
	while ((debt = TAILQ_FIRST(&owed->debts))) {
		TAILQ_REMOVE(&owed->debts, debt, link);
		free(debt);
	}
	free(owed);
}
