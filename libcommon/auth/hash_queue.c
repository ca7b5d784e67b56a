/* The turns are kept on the loop's thread, and the pool gets no more calls than it has threads: its own queue would be first
 * come, first served.
 *
 *	submit ──▶ waiting (turns) ──▶ running (pool) ──▶ done, drop
 *	              │ would wait too long ──▶ refused (deferred) ──▶ done(STATUS_BUSY), drop
 *	              └ scope cancelled ──▶ drop */
#include "auth/hash_queue.h"

#include <mbedtls/md.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "base/clock.h"
#include "base/loop.h"
#include "base/mem.h"
#include "base/pool.h"
#include "base/turns.h"

#define COST_WEIGHT 8 /* a measured hash moves the average by an eighth of the difference */
#define SECRET_BYTES 32

struct hash_call {
	struct op op; /* while it waits, or is refused */
	struct turn turn;
	struct hash_queue *queue;
	void (*work)(void *job);
	void (*done)(enum status status, void *job);
	void (*drop)(void *job);
	void *job;
	bool is_waiting, has_run;
	int64_t cost_us;
	STAILQ_ENTRY(hash_call) link; /* of those refused */
};
STAILQ_HEAD(hash_calls, hash_call);

struct hash_queue {
	struct hash_queue_config config;
	struct pool *pool;
	struct turns *turns;
	struct hash_calls refused;
	struct loop_deferred *refuse;
	unsigned running;
	int64_t cost_us;
	unsigned char secrets[TURNS_KEYS][SECRET_BYTES];
};

static void feed(struct hash_queue *queue);

static struct hash_call *call_of(struct turn *turn)
{
	return (struct hash_call *)((char *)turn - offsetof(struct hash_call, turn));
}

static void call_end(struct hash_call *call)
{
	call->drop(call->job);
	free(call);
}

/* ---- waiting ---- */

/* Keyed, so that no client can choose names that fall into one list of the table. */
static uint64_t key_of(const struct hash_queue *queue, unsigned kind, const char *name)
{
	unsigned char digest[32];
	uint64_t key;

	if (!name)
		return 0;
	if (mbedtls_md_hmac(mbedtls_md_info_from_type(MBEDTLS_MD_SHA256), queue->secrets[kind], SECRET_BYTES,
			    (const unsigned char *)name, strlen(name), digest) != 0)
		mem_die("SHA-256 is missing from the library\n");
	memcpy(&key, digest, sizeof key);
	return key ? key : 1;
}

static void refuse(struct hash_queue *queue, struct hash_call *call)
{
	call->is_waiting = false;
	STAILQ_INSERT_TAIL(&queue->refused, call, link);
	loop_deferred_schedule(queue->refuse);
}

static void deliver_refused(void *arg)
{
	struct hash_calls refused = STAILQ_HEAD_INITIALIZER(refused);
	struct hash_queue *queue = arg;
	struct hash_call *call;

	STAILQ_CONCAT(&refused, &queue->refused);
	while ((call = STAILQ_FIRST(&refused))) {
		STAILQ_REMOVE_HEAD(&refused, link);
		if (op_end(&call->op))
			call->done(STATUS_BUSY, call->job);
		call_end(call);
	}
}

/* A call that is refused stays in its list, where a detached op ends without its callback. */
static void cancelled(struct op *op)
{
	struct hash_call *call = (struct hash_call *)((char *)op - offsetof(struct hash_call, op));

	if (!call->is_waiting)
		return;
	turns_remove(call->queue->turns, &call->turn);
	call_end(call);
}

static int64_t time_of(const struct hash_queue *queue, unsigned hashes)
{
	return (int64_t)hashes * queue->cost_us / (queue->config.threads > 0 ? queue->config.threads : 1);
}

int64_t hash_queue_wait_us(const struct hash_queue *queue)
{
	return time_of(queue, turns_count(queue->turns) + queue->running);
}

static bool is_too_long(const struct hash_queue *queue)
{
	unsigned waiting = turns_count(queue->turns);

	return waiting > queue->config.waiting_max ||
	       (waiting > 0 && time_of(queue, waiting - 1 + queue->running) > queue->config.wait_max_us);
}

static void shorten(struct hash_queue *queue)
{
	while (is_too_long(queue)) {
		struct hash_call *last = call_of(turns_last(queue->turns));

		turns_remove(queue->turns, &last->turn);
		refuse(queue, last);
	}
}

void hash_queue_submit(struct hash_queue *queue, struct scope *scope, const struct hash_turn *turn, void (*work)(void *job),
		       void (*done)(enum status status, void *job), void (*drop)(void *job), void *job)
{
	struct hash_call *call = mem_alloc(sizeof *call);
	const uint64_t keys[TURNS_KEYS] = {key_of(queue, 0, turn->network), key_of(queue, 1, turn->account)};

	*call = (struct hash_call){.queue = queue, .work = work, .done = done, .drop = drop, .job = job};
	op_start_queued(scope, &call->op, cancelled);
	call->is_waiting = turns_add(queue->turns, &call->turn, keys);
	if (!call->is_waiting)
		return refuse(queue, call);
	feed(queue);
	shorten(queue);
}

/* ---- running ---- */

static void run(void *arg)
{
	struct hash_call *call = arg;
	int64_t start_us = clock_monotonic_us();

	call->work(call->job);
	call->cost_us = clock_monotonic_us() - start_us;
	call->has_run = true;
}

static void finished(enum status status, void *arg, void *unused)
{
	struct hash_call *call = arg;

	call->done(status, call->job);
}

static void dropped(void *arg)
{
	struct hash_call *call = arg;
	struct hash_queue *queue = call->queue;

	queue->running--;
	if (call->has_run)
		queue->cost_us += (call->cost_us - queue->cost_us) / COST_WEIGHT;
	call_end(call);
	feed(queue);
}

static void feed(struct hash_queue *queue)
{
	while (queue->running < queue->config.threads && turns_count(queue->turns) > 0) {
		struct hash_call *call = call_of(turns_take(queue->turns));
		struct scope *scope = call->op.scope;

		call->is_waiting = false;
		op_end(&call->op);
		queue->running++;
		pool_submit(queue->pool, scope, run, finished, dropped, call, NULL);
	}
}

/* ---- the queue ---- */

struct hash_queue *hash_queue_new(struct event_base *base, const struct hash_queue_config *config)
{
	struct hash_queue *queue = mem_alloc(sizeof *queue);

	queue->config = *config;
	queue->cost_us = config->first_cost_us;
	STAILQ_INIT(&queue->refused);
	queue->pool = pool_new(base, config->threads, config->threads);
	queue->turns = turns_new(config->waiting_max);
	queue->refuse = loop_deferred_new(base, deliver_refused, queue);
	if (getrandom(queue->secrets, sizeof queue->secrets, 0) != sizeof queue->secrets)
		mem_die("the kernel gives no random bytes\n");
	return queue;
}

void hash_queue_free(struct hash_queue *queue)
{
	struct turn *turn;

	if (!queue)
		return;
	while ((turn = turns_last(queue->turns))) {
		turns_remove(queue->turns, turn);
		refuse(queue, call_of(turn));
	}
	for (struct hash_call *call, *next = STAILQ_FIRST(&queue->refused); (call = next);) {
		next = STAILQ_NEXT(call, link);
		op_end(&call->op);
		call_end(call);
	}
	pool_free(queue->pool);
	turns_free(queue->turns);
	loop_deferred_free(queue->refuse);
	free(queue);
}
