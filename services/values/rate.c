/* All submissions that arrive in one turn of the loop share one script, in which each user or address is one bucket. Flow:
 * rate_take -> (end of the loop's turn) send_batches -> send_batch -> answered -> each submission's `done`. */
#include "rate.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

#include "base/clock.h"
#include "base/int64.h"
#include "base/loop.h"
#include "base/mem.h"
#include "local_buckets.h"
#include "net/forwarded.h"
#include "service.h"

#define BATCH_MAX 256
#define SECOND_US 1000000L
#define BUCKETS_KEY "submission_buckets"
/* Beyond that, the bucket that is full first is removed, so that addresses without end do not fill Redis, which has about 110
 * bytes of each. */
#define BUCKETS_MAX "100000"
#define NAME_BYTES (sizeof "address:" + ADDRESS_NETWORK_BYTES)

struct taking {
	struct op op; /* in the request's scope */
	char name[NAME_BYTES];
	rate_taken *done;
	void *arg;
	STAILQ_ENTRY(taking) link;
};

struct bucket {
	const char *name; /* of its first taking */
	int wanted;
	int64_t taken, full_in_us; /* as answered */
};

struct batch {
	struct rate *rate;
	int n, buckets_count;
	struct taking *takings[BATCH_MAX];
	int bucket_of[BATCH_MAX]; /* of each taking */
	struct bucket buckets[BATCH_MAX];
	LIST_ENTRY(batch) link;
};

struct rate {
	struct values *values;
	struct scope scope;
	struct loop_deferred *send;
	struct local_buckets *local;
	long token_us, most;
	STAILQ_HEAD(, taking) waiting;
	LIST_HEAD(, batch) batches;
};

REDIS_SCRIPT(services_values, rate_take, rate_take);

static void send_batches(void *arg);
static struct batch *take_batch(struct rate *rate);
static void send_batch(struct batch *batch);
static void answered(enum status status, const redisReply *reply, void *arg);
static void batch_end(struct batch *batch);
static void batch_drop(struct batch *batch);

static void make_name(int64_t user_id, const char *address, char name[NAME_BYTES])
{
	char network[ADDRESS_NETWORK_BYTES], digits[INT64_TEXT_BYTES];

	if (user_id) {
		int64_format(user_id, digits);
		snprintf(name, NAME_BYTES, "user:%s", digits);
	} else {
		address_network(address, network);
		snprintf(name, NAME_BYTES, "address:%s", network);
	}
}

void rate_take(struct rate *rate, struct scope *scope, int64_t user_id, const char *address, rate_taken *done, void *arg)
{
	struct taking *taking = mem_alloc(sizeof *taking);

	make_name(user_id, address, taking->name);
	taking->done = done;
	taking->arg = arg;
	op_start(scope, &taking->op);
	STAILQ_INSERT_TAIL(&rate->waiting, taking, link);
	loop_deferred_schedule(rate->send);
}

static void send_batches(void *arg)
{
	struct rate *rate = arg;

	while (!STAILQ_EMPTY(&rate->waiting))
		send_batch(take_batch(rate));
}

static int bucket_of(struct batch *batch, const char *name)
{
	int i = 0;

	while (i < batch->buckets_count && strcmp(batch->buckets[i].name, name) != 0)
		i++;
	if (i == batch->buckets_count)
		batch->buckets[batch->buckets_count++].name = name;
	return i;
}

static struct batch *take_batch(struct rate *rate)
{
	struct batch *batch = mem_alloc(sizeof *batch);

	batch->rate = rate;
	while (batch->n < BATCH_MAX && !STAILQ_EMPTY(&rate->waiting)) {
		struct taking *taking = STAILQ_FIRST(&rate->waiting);
		int bucket = bucket_of(batch, taking->name);

		STAILQ_REMOVE_HEAD(&rate->waiting, link);
		batch->takings[batch->n] = taking;
		batch->bucket_of[batch->n++] = bucket;
		batch->buckets[bucket].wanted++;
	}
	LIST_INSERT_HEAD(&rate->batches, batch, link);
	return batch;
}

#define FIRST 4 /* keys and arguments before those of the first bucket */

static void send_batch(struct batch *batch)
{
	struct rate *rate = batch->rate;
	char token_us[INT64_TEXT_BYTES], most[INT64_TEXT_BYTES], wanted[BATCH_MAX][INT64_TEXT_BYTES];
	const char *argv[FIRST + 2 * BATCH_MAX] = {BUCKETS_KEY, token_us, most, BUCKETS_MAX};
	int n = batch->buckets_count;

	int64_format(rate->token_us, token_us);
	int64_format(rate->most, most);
	for (int i = 0; i < n; i++) {
		int64_format(batch->buckets[i].wanted, wanted[i]);
		argv[FIRST + 2 * i] = batch->buckets[i].name;
		argv[FIRST + 2 * i + 1] = wanted[i];
	}
	redis_eval(rate->values->redis, &rate->scope, &rate_take_script, 1, FIRST + 2 * n, argv, NULL, answered, batch);
}

/* False: the answer is not one that the script gives. */
static bool read_answer(struct batch *batch, const redisReply *reply)
{
	int64_t full_us = batch->rate->most * batch->rate->token_us;

	if (reply->type != REDIS_REPLY_ARRAY || reply->elements != 2 * (size_t)batch->buckets_count)
		return false;
	for (int i = 0; i < batch->buckets_count; i++) {
		const redisReply *taken = reply->element[2 * i], *full_in = reply->element[2 * i + 1];

		if (taken->type != REDIS_REPLY_INTEGER || taken->integer < 0 || taken->integer > batch->buckets[i].wanted ||
		    full_in->type != REDIS_REPLY_INTEGER || full_in->integer < 0 || full_in->integer > full_us)
			return false;
		batch->buckets[i].taken = taken->integer;
		batch->buckets[i].full_in_us = full_in->integer;
	}
	return true;
}

static void take_here(struct batch *batch)
{
	struct rate *rate = batch->rate;

	for (int i = 0; i < batch->buckets_count; i++) {
		struct bucket *bucket = &batch->buckets[i];

		bucket->taken = local_buckets_take(rate->local, bucket->name, bucket->wanted, rate->token_us, rate->most,
						   clock_monotonic_us(), &bucket->full_in_us);
	}
}

/* A refusal because Redis is away, or full, would refuse everything; no limit at all would let anyone fill Postgres. */
static void answered(enum status status, const redisReply *reply, void *arg)
{
	struct batch *batch = arg;

	if (status == STATUS_OK && !read_answer(batch, reply))
		status = redis_unexpected("rate_take", reply);
	if (status != STATUS_OK)
		take_here(batch);
	batch_end(batch);
}

/* Those that came first get the tokens. */
static void batch_end(struct batch *batch)
{
	struct rate *rate = batch->rate;

	for (int i = 0; i < batch->n; i++) {
		struct bucket *bucket = &batch->buckets[batch->bucket_of[i]];
		struct rate_verdict verdict = {.may_submit = bucket->taken-- > 0,
					       .remaining = rate->most -
							    (long)((bucket->full_in_us + rate->token_us - 1) / rate->token_us),
					       .full_in_s = (long)((bucket->full_in_us + SECOND_US - 1) / SECOND_US)};

		if (op_end(&batch->takings[i]->op))
			batch->takings[i]->done(&verdict, batch->takings[i]->arg);
	}
	batch_drop(batch);
}

static void batch_drop(struct batch *batch)
{
	LIST_REMOVE(batch, link);
	for (int i = 0; i < batch->n; i++)
		free(batch->takings[i]);
	free(batch);
}

struct rate *rate_new(struct event_base *base, struct values *values)
{
	struct rate *rate = mem_alloc(sizeof *rate);

	rate->values = values;
	rate->send = loop_deferred_new(base, send_batches, rate);
	rate->local = local_buckets_new();
	rate->token_us = values->config->rate ? SECOND_US / values->config->rate : 1;
	rate->most = values->config->burst;
	scope_init(&rate->scope);
	STAILQ_INIT(&rate->waiting);
	LIST_INIT(&rate->batches);
	return rate;
}

void rate_free(struct rate *rate)
{
	scope_cancel(&rate->scope);
	loop_deferred_free(rate->send);
	while (!STAILQ_EMPTY(&rate->waiting))
		take_batch(rate);
	while (!LIST_EMPTY(&rate->batches)) {
		struct batch *batch = LIST_FIRST(&rate->batches);

		for (int i = 0; i < batch->n; i++)
			op_end(&batch->takings[i]->op);
		batch_drop(batch);
	}
	local_buckets_free(rate->local);
	free(rate);
}
