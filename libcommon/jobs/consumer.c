#include "jobs/jobs_internal.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/int64.h"
#include "base/mem.h"

#define MS_DIGITS_MAX 15 /* of a time in an id: Unix milliseconds until the year 33658 */

REDIS_SCRIPT(libcommon_jobs, take_over, jobs_take_over);
REDIS_SCRIPT(libcommon_jobs, finish, jobs_finish);
REDIS_SCRIPT(libcommon_jobs, release, jobs_release);
REDIS_SCRIPT(libcommon_jobs, bury, jobs_bury);
REDIS_SCRIPT(libcommon_jobs, present, jobs_present);
REDIS_SCRIPT(libcommon_jobs, count, jobs_count);

struct call { /* of any function below; freed with its redis_call */
	union {
		jobs_received *received;
		jobs_done *done;
		jobs_counted *counted;
	};
	void *arg;
	struct redis *redis;
	struct scope *scope;
	enum jobs_lane lane; /* of what is received */
};

static struct call *call_new(struct redis *redis, struct scope *scope, void *arg)
{
	struct call *call = mem_alloc(sizeof *call);

	*call = (struct call){.arg = arg, .redis = redis, .scope = scope};
	return call;
}

static void done(enum status status, const redisReply *reply, void *arg)
{
	struct call *call = arg;

	call->done(status, call->arg);
}

/* ---- receiving ---- */

/* Of the fields behind those that every job has; NULL: the entry has none. */
static const char *traceparent_of(const redisReply *fields)
{
	for (size_t i = 6; i + 1 < fields->elements; i += 2)
		if (strcmp(redis_text(fields->element[i]), "traceparent") == 0)
			return redis_text(fields->element[i + 1]);
	return NULL;
}

/* An entry that is no job (another program wrote it) gets the index -1, and ends as a dead letter. */
static void read_job(const redisReply *entry, struct job *job)
{
	const redisReply *fields = entry->element[1];

	*job = (struct job){.key.index = -1};
	snprintf(job->id, sizeof job->id, "%s", entry->element[0]->str);
	if (fields->elements < 4 || kind_parse(redis_text(fields->element[1]), &job->key.kind) < 0 ||
	    int64_parse(redis_text(fields->element[3]), &job->key.index) != STATUS_OK)
		job->key.index = -1;
	if (fields->elements >= 6)
		snprintf(job->request_id, sizeof job->request_id, "%s", redis_text(fields->element[5]));
	trace_continue(&job->trace, traceparent_of(fields));
}

/* The jobs before an entry that cannot be read are delivered, because they are this consumer's by now. */
static void deliver(struct call *call, const char *command, const redisReply *entries)
{
	struct job jobs[JOBS_BATCH_MAX];
	enum status status = STATUS_OK;
	int n = 0;

	for (size_t i = 0; status == STATUS_OK && i < entries->elements && n < JOBS_BATCH_MAX; i++)
		if (redis_is_entry(entries->element[i])) {
			read_job(entries->element[i], &jobs[n]);
			jobs[n++].lane = call->lane;
		} else
			status = redis_unexpected(command, entries->element[i]);
	call->received(status, jobs, n, call->arg);
}

static void group_made(enum status status, const redisReply *reply, void *arg)
{
	struct call *call = arg;

	if (status == STATUS_INTERNAL && reply && strncmp(reply->str, "BUSYGROUP", 9) == 0) /* another worker has made it */
		status = STATUS_OK;
	call->received(status, NULL, 0, call->arg);
}

/* Emptying Redis deletes the group with the stream. */
static void make_group(const struct call *call)
{
	struct call *again = call_new(call->redis, call->scope, call->arg);

	again->received = call->received;
	again->lane = call->lane;
	redis_call_own(redis_command(call->redis, call->scope, 6,
				     (const char *[]){"XGROUP", "CREATE", jobs_stream(call->lane), JOBS_GROUP, "0", "MKSTREAM"},
				     NULL, group_made, again),
		       again);
}

static void received(enum status status, const redisReply *reply, void *arg)
{
	struct call *call = arg;

	if (status == STATUS_INTERNAL && reply &&
	    (strncmp(reply->str, "NOGROUP", 7) == 0 || strncmp(reply->str, "UNBLOCKED", 9) == 0))
		make_group(call);
	else if (status != STATUS_OK)
		call->received(status, NULL, 0, call->arg);
	else if (redis_stream_entries(reply))
		deliver(call, "XREADGROUP", redis_stream_entries(reply));
	else
		call->received(redis_is_nil(reply) ? STATUS_OK : redis_unexpected("XREADGROUP", reply), NULL, 0, call->arg);
}

void jobs_receive(struct redis *redis, struct scope *scope, enum jobs_lane lane, const char *consumer, int most, long block_ms,
		  jobs_received *done_receiving, void *arg)
{
	struct call *call = call_new(redis, scope, arg);
	char count[INT64_TEXT_BYTES], block[INT64_TEXT_BYTES];

	call->received = done_receiving;
	call->lane = lane;
	int64_format(most, count);
	int64_format(block_ms, block);
	redis_call_own(redis_command_blocking(redis, scope, block_ms, 11,
					      (const char *[]){"XREADGROUP", "GROUP", JOBS_GROUP, consumer, "COUNT", count,
							       "BLOCK", block, "STREAMS", jobs_stream(lane), ">"},
					      NULL, received, call),
		       call);
}

static void taken_over(enum status status, const redisReply *reply, void *arg)
{
	struct call *call = arg;

	if (status == STATUS_OK && reply->type != REDIS_REPLY_ARRAY)
		status = redis_unexpected("take_over", reply);
	if (status != STATUS_OK)
		call->received(status, NULL, 0, call->arg);
	else
		deliver(call, "take_over", reply);
}

void jobs_take_over(struct redis *redis, struct scope *scope, enum jobs_lane lane, const char *consumer, long lived_ms,
		    long lease_ms, long max_deliveries, int most, jobs_received *done_taking, void *arg)
{
	struct call *call = call_new(redis, scope, arg);
	char lease[INT64_TEXT_BYTES], deliveries[INT64_TEXT_BYTES], count[INT64_TEXT_BYTES], now[INT64_TEXT_BYTES],
		lived[INT64_TEXT_BYTES];

	call->received = done_taking;
	call->lane = lane;
	int64_format(lease_ms, lease);
	int64_format(max_deliveries, deliveries);
	int64_format(most, count);
	int64_format(clock_unix_ms(), now);
	int64_format(lived_ms, lived);
	redis_call_own(redis_eval(redis, scope, &jobs_take_over_script, 5, 12,
				  (const char *[]){jobs_stream(lane), JOBS_WINDOW_KEY, JOBS_DEAD_KEY, JOBS_FINISHED, JOBS_LOAD,
						   JOBS_GROUP, consumer, lease, deliveries, count, now, lived},
				  NULL, taken_over, call),
		       call);
}

/* ---- finishing ---- */

#define FINISH_KEYS 6
#define FINISH_FIRST (FINISH_KEYS + 3) /* keys and arguments before those of the first job */
#define FINISH_ARGS 7                  /* of one job */

struct finish_texts {
	char index[INT64_TEXT_BYTES], digits[INT64_TEXT_BYTES], duration[INT64_TEXT_BYTES];
	struct buf preview;
};

static bool is_long(const struct job_finished *finished)
{
	return finished->len > JOBS_PREVIEW_DIGITS;
}

static void fill(const struct job_finished *finished, struct finish_texts *texts, const char **argv, size_t *lens)
{
	int64_format(finished->job->key.index, texts->index);
	int64_format((int64_t)finished->len, texts->digits);
	int64_format(finished->duration_us, texts->duration);
	argv[0] = finished->job->id;
	argv[1] = kind_name(finished->job->key.kind);
	argv[2] = texts->index;
	argv[3] = texts->digits;
	argv[4] = texts->duration;
	for (int i = 0; i < 5; i++)
		lens[i] = strlen(argv[i]);
	if (is_long(finished))
		jobs_preview(finished->digits, finished->len, &texts->preview);
	argv[5] = is_long(finished) ? texts->preview.bytes : finished->digits;
	lens[5] = is_long(finished) ? texts->preview.len : finished->len;
	argv[6] = finished->job->trace.id;
	lens[6] = strlen(argv[6]);
}

/* Of a call to jobs_finish(). Each decimal is sent with a copy of it. */
struct finishing {
	struct redis *redis;
	struct scope *scope;
	jobs_done *done;
	void *arg;
	long cache_s;
	int n, at; /* the next one that may be long */
	struct job_finished finished[];
};

static void finish(const struct finishing *finishing)
{
	int n = finishing->n;
	size_t argc = FINISH_FIRST + (size_t)FINISH_ARGS * (size_t)n;
	struct call *call = call_new(finishing->redis, finishing->scope, finishing->arg);
	struct finish_texts *texts = mem_alloc((size_t)n * sizeof *texts);
	const char **argv = mem_alloc(argc * sizeof *argv);
	size_t *lens = mem_alloc(argc * sizeof *lens);
	char now[INT64_TEXT_BYTES];

	call->done = finishing->done;
	int64_format(clock_unix_ms(), now);
	memcpy(argv,
	       (const char *[FINISH_FIRST]){JOBS_STREAM_SMALL, JOBS_STREAM_LARGE, JOBS_WINDOW_KEY, JOBS_DEAD_KEY, JOBS_FINISHED,
					    JOBS_LOAD, JOBS_GROUP, now, JOBS_LIVE_CHANNEL},
	       FINISH_FIRST * sizeof *argv);
	for (int i = 0; i < FINISH_FIRST; i++)
		lens[i] = strlen(argv[i]);
	for (int i = 0; i < n; i++) {
		ptrdiff_t at = FINISH_FIRST + (ptrdiff_t)FINISH_ARGS * i;

		fill(&finishing->finished[i], &texts[i], argv + at, lens + at);
	}
	redis_call_own(redis_eval(finishing->redis, finishing->scope, &jobs_finish_script, FINISH_KEYS, (int)argc, argv, lens,
				  done, call),
		       call);
	for (int i = 0; i < n; i++)
		buf_free(&texts[i].preview);
	free(texts);
	free(argv);
	free(lens);
}

static void store_next_decimal(const struct finishing *finishing);

static void decimal_stored(enum status status, const redisReply *reply, void *arg)
{
	store_next_decimal(arg);
}

/* Not in the script, because on a cluster the decimals are in other slots; and one after the other, because a batch of them
 * could take every place for a call in flight, and the script would then be refused again and again. */
static void store_next_decimal(const struct finishing *finishing)
{
	size_t bytes = sizeof *finishing + (size_t)finishing->n * sizeof *finishing->finished;
	const struct job_finished *finished;
	struct finishing *rest;
	char name[JOBS_NAME_BYTES + 8], cache_s[INT64_TEXT_BYTES];
	int at = finishing->at;

	while (at < finishing->n && !is_long(&finishing->finished[at]))
		at++;
	if (at == finishing->n)
		return finish(finishing);
	rest = memcpy(mem_alloc(bytes), finishing, bytes);
	rest->at = at + 1;
	finished = &rest->finished[at];
	job_decimal_name(finished->job->key, name);
	int64_format(rest->cache_s, cache_s);
	redis_call_own(
		redis_command(rest->redis, rest->scope, 5, (const char *[]){"SET", name, finished->digits, "EX", cache_s},
			      (const size_t[]){3, strlen(name), finished->len, 2, strlen(cache_s)}, decimal_stored, rest),
		rest);
}

void jobs_finish(struct redis *redis, struct scope *scope, long cache_s, const struct job_finished *finished, int n,
		 jobs_done *done_finishing, void *arg)
{
	struct finishing *finishing = mem_alloc(sizeof *finishing + (size_t)n * sizeof *finished);

	*finishing = (struct finishing){
		.redis = redis, .scope = scope, .done = done_finishing, .arg = arg, .cache_s = cache_s, .n = n};
	memcpy(finishing->finished, finished, (size_t)n * sizeof *finished);
	store_next_decimal(finishing);
	free(finishing);
}

/* ---- leases ---- */

/* XCLAIM by the same consumer begins the lease again; JUSTID counts no delivery. */
void jobs_renew(struct redis *redis, struct scope *scope, const char *consumer, const struct job *jobs, int n,
		jobs_done *done_renewing, void *arg)
{
	struct call *call = call_new(redis, scope, arg);
	const char **argv = mem_alloc((size_t)(n + 6) * sizeof *argv);
	int argc = 5;

	call->done = done_renewing;
	memcpy(argv, (const char *[]){"XCLAIM", jobs_stream(jobs->lane), JOBS_GROUP, consumer, "0"}, 5 * sizeof *argv);
	for (int i = 0; i < n; i++)
		argv[argc++] = jobs[i].id;
	argv[argc++] = "JUSTID";
	redis_call_own(redis_command(redis, scope, argc, argv, NULL, done, call), call);
	free(argv);
}

void jobs_release(struct redis *redis, struct scope *scope, const char *consumer, const struct job *jobs, int n, long lease_ms,
		  jobs_done *done_releasing, void *arg)
{
	struct call *call = call_new(redis, scope, arg);
	const char **argv = mem_alloc((size_t)(n + 4) * sizeof *argv);
	char lease[INT64_TEXT_BYTES];
	int argc = 4;

	call->done = done_releasing;
	int64_format(lease_ms, lease);
	memcpy(argv, (const char *[]){jobs_stream(jobs->lane), JOBS_GROUP, consumer, lease}, 4 * sizeof *argv);
	for (int i = 0; i < n; i++)
		argv[argc++] = jobs[i].id;
	redis_call_own(redis_eval(redis, scope, &jobs_release_script, 1, argc, argv, NULL, done, call), call);
	free(argv);
}

void jobs_bury(struct redis *redis, struct scope *scope, const struct job *job, jobs_done *done_burying, void *arg)
{
	struct call *call = call_new(redis, scope, arg);
	char index[INT64_TEXT_BYTES], kept[128];

	call->done = done_burying;
	int64_format(job->key.index, index);
	snprintf(kept, sizeof kept, "0 %" PRId64 " %s", clock_unix_ms(), job->request_id);
	redis_call_own(redis_eval(redis, scope, &jobs_bury_script, 5, 10,
				  (const char *[]){jobs_stream(job->lane), JOBS_WINDOW_KEY, JOBS_DEAD_KEY, JOBS_FINISHED,
						   JOBS_LOAD, JOBS_GROUP, job->id, kind_name(job->key.kind), index, kept},
				  NULL, done, call),
		       call);
}

/* ---- being there ---- */

void jobs_present(struct redis *redis, struct scope *scope, const char *consumer, long threads, long pace_percent,
		  jobs_done *done_noting, void *arg)
{
	struct call *call = call_new(redis, scope, arg);
	char threads_text[INT64_TEXT_BYTES], pace[INT64_TEXT_BYTES], silent[INT64_TEXT_BYTES];

	call->done = done_noting;
	int64_format(threads, threads_text);
	int64_format(pace_percent, pace);
	int64_format(JOBS_PRESENT_MS, silent);
	redis_call_own(redis_eval(redis, scope, &jobs_present_script, 2, 6,
				  (const char *[]){JOBS_WORKERS, JOBS_LOAD, consumer, threads_text, pace, silent}, NULL, done,
				  call),
		       call);
}

/* ---- counting ---- */

static bool is_number(const redisReply *reply)
{
	return reply->type == REDIS_REPLY_INTEGER && reply->integer >= 0;
}

static bool is_count(const redisReply *reply)
{
	return reply->type == REDIS_REPLY_ARRAY && reply->elements == 4 && is_number(reply->element[0]) &&
	       is_number(reply->element[1]) && reply->element[2]->type == REDIS_REPLY_STRING &&
	       reply->element[3]->type == REDIS_REPLY_INTEGER && reply->element[3]->integer >= -1;
}

/* The age of a job by its id, "milliseconds-sequence". 0: there is no id, or it lies in the future, because an operator chose
 * it or the clock of Redis is ahead of ours. */
static int64_t age_ms(const char *id)
{
	size_t digits = strspn(id, "0123456789");
	int64_t now_ms = clock_unix_ms(), since_ms = digits > 0 && digits <= MS_DIGITS_MAX ? strtoll(id, NULL, 10) : now_ms;

	return since_ms < now_ms ? now_ms - since_ms : 0;
}

int64_t jobs_age_ms(const struct job *job)
{
	return age_ms(job->id);
}

static void counted(enum status status, const redisReply *reply, void *arg)
{
	struct call *call = arg;
	struct jobs_stats stats = {0};

	if (status == STATUS_OK && !is_count(reply))
		status = redis_unexpected("count", reply);
	if (status == STATUS_OK) {
		stats.depth = reply->element[0]->integer;
		stats.dead = reply->element[1]->integer;
		stats.oldest_s = (double)age_ms(redis_text(reply->element[2])) / 1000;
		stats.backlog = reply->element[3]->integer;
	}
	call->counted(status, &stats, call->arg);
}

void jobs_count(struct redis *redis, struct scope *scope, jobs_counted *done_counting, void *arg)
{
	struct call *call = call_new(redis, scope, arg);

	call->counted = done_counting;
	redis_call_own(redis_eval(redis, scope, &jobs_count_script, 4, 4,
				  (const char *[]){JOBS_STREAM_SMALL, JOBS_STREAM_LARGE, JOBS_DEAD_KEY, JOBS_BACKLOG}, NULL,
				  counted, call),
		       call);
}
