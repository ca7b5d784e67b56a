/* What must hold. Calls into libcommon are wrapped by the linker (--wrap): each must end exactly once, not before it has
 * returned, and never after its scope was cancelled; and it must end at all. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../../services/worker/work_internal.h"
#include "base/int64.h"
#include "base/mem.h"
#include "jobs/jobs.h"
#include "postgres/postgres.h"
#include "redis/redis.h"
#include "redis_data.h"
#include "simulator.h"

#define TOKENS_US 40000000 /* after the last fault; longer than leases and retries take */
#define LIMIT_US 20000000  /* after the last fault; longer than any time limit of a call */

void promise_broken(const char *what, const char *detail)
{
	fflush(stdout);
	fprintf(stderr, "BROKEN: %s %s\n  seed %" PRIu64 ", step %" PRId64 "; SIM_TRACE=1 with this seed shows the way there\n",
		what, detail, run_seed, run_step);
	exit(1);
}

/* ---- calls ---- */

struct promise_call {
	const struct process *process;
	const struct scope *scope;
	const char *name;
	union {
		redis_done *redis;
		postgres_done *postgres;
	} done;
	void *arg;
	int64_t since_us;
	bool is_beginning, is_cancelled, is_ended;
	TAILQ_ENTRY(promise_call) link;
};
static TAILQ_HEAD(promise_calls, promise_call) pending = TAILQ_HEAD_INITIALIZER(pending), over = TAILQ_HEAD_INITIALIZER(over);
static int64_t calls, settling_since_us; /* the latter 0: faults go on */

static struct promise_call *call_begin(const struct scope *scope, const char *name, void *arg)
{
	struct promise_call *call = mem_alloc(sizeof *call);

	*call = (struct promise_call){
		.process = current_process, .scope = scope, .name = name, .arg = arg, .since_us = now_us, .is_beginning = true};
	TAILQ_INSERT_TAIL(&pending, call, link);
	calls++;
	return call;
}

static void call_over(struct promise_call *call)
{
	TAILQ_REMOVE(&pending, call, link);
	TAILQ_INSERT_TAIL(&over, call, link);
}

static void call_end(struct promise_call *call)
{
	if (call->is_cancelled)
		promise_broken("a call ended after its scope was cancelled:", call->name);
	if (call->is_ended)
		promise_broken("a call ended twice:", call->name);
	if (call->is_beginning)
		promise_broken("a call ended before it had returned:", call->name);
	if (call->process != current_process)
		promise_broken("a call ended in another process:", call->name);
	call->is_ended = true;
	call_over(call);
}

/* A process that is refused again and again asks less and less often. */
#define REFUSALS_US 3000000
#define REFUSALS_MAX \
	30 /* in this time; with growing pauses from 50 ms on there are fewer, and one every 50 ms are twice as many */
static struct {
	int64_t since_us;
	int count;
} refusals[PROCESSES];

static void check_refusal(const struct promise_call *call)
{
	int64_t *since_us = &refusals[call->process->number].since_us;
	int *count = &refusals[call->process->number].count;

	if (now_us - *since_us > REFUSALS_US) {
		*since_us = now_us;
		*count = 0;
	}
	if (++*count > REFUSALS_MAX)
		promise_broken("a process asks too often for what was refused:", call->name);
}

/* A lease runs out only when its worker has died, is stopped or is cut off, or has too many calls in flight to renew it. A
 * worker that forgets a job would go unnoticed otherwise, because another one takes it over. */
static bool was_busy; /* a call found no place in flight */

static void check_taken_over(const redisReply *reply)
{
	if (reply->elements > 0 && !was_busy && faults_injected_in_run() == 0)
		promise_broken("nothing went wrong, and the lease of a job ran out", "");
}

static void redis_ended(enum status status, const redisReply *reply, void *arg)
{
	struct promise_call *call = arg;

	trace(call->name, status, reply ? reply->type : 0);
	call_end(call);
	was_busy |= status == STATUS_BUSY;
	if (status == STATUS_OK && strcmp(call->name, "jobs_take_over") == 0)
		check_taken_over(reply);
	if (status != STATUS_OK && strcmp(call->name, "jobs_refill_begin") == 0)
		check_refusal(call);
	call->done.redis(status, reply, call->arg);
}

static void postgres_ended(enum status status, const struct postgres_rows *rows, void *arg)
{
	struct promise_call *call = arg;

	trace(call->name, status, rows ? postgres_count(rows) : -1);
	if ((status == STATUS_OK) != (rows != NULL))
		promise_broken("a statement ended with rows and without success, or the other way round:", call->name);
	call_end(call);
	call->done.postgres(status, rows, call->arg);
}

/* NOLINTBEGIN: the linker gives these names */
struct redis_call *__real_redis_command(struct redis *redis, struct scope *scope, int argc, const char **argv,
					const size_t *lens, redis_done *done, void *arg);
struct redis_call *__wrap_redis_command(struct redis *redis, struct scope *scope, int argc, const char **argv,
					const size_t *lens, redis_done *done, void *arg);
struct redis_call *__real_redis_command_blocking(struct redis *redis, struct scope *scope, long block_ms, int argc,
						 const char **argv, const size_t *lens, redis_done *done, void *arg);
struct redis_call *__wrap_redis_command_blocking(struct redis *redis, struct scope *scope, long block_ms, int argc,
						 const char **argv, const size_t *lens, redis_done *done, void *arg);
struct redis_call *__real_redis_eval(struct redis *redis, struct scope *scope, const struct redis_script *script, int keys,
				     int argc, const char **argv, const size_t *lens, redis_done *done, void *arg);
struct redis_call *__wrap_redis_eval(struct redis *redis, struct scope *scope, const struct redis_script *script, int keys,
				     int argc, const char **argv, const size_t *lens, redis_done *done, void *arg);
void __real_postgres_exec(struct postgres *postgres, struct scope *scope, const struct postgres_statement *statement,
			  const struct postgres_params *params, postgres_done *done, void *arg);
void __wrap_postgres_exec(struct postgres *postgres, struct scope *scope, const struct postgres_statement *statement,
			  const struct postgres_params *params, postgres_done *done, void *arg);
void __real_scope_cancel(struct scope *scope);
void __wrap_scope_cancel(struct scope *scope);

struct redis_call *__wrap_redis_command(struct redis *redis, struct scope *scope, int argc, const char **argv,
					const size_t *lens, redis_done *done, void *arg)
{
	struct promise_call *call = call_begin(scope, "command", arg);
	struct redis_call *made;

	call->done.redis = done;
	made = __real_redis_command(redis, scope, argc, argv, lens, redis_ended, call);
	call->is_beginning = false;
	return made;
}

struct redis_call *__wrap_redis_command_blocking(struct redis *redis, struct scope *scope, long block_ms, int argc,
						 const char **argv, const size_t *lens, redis_done *done, void *arg)
{
	struct promise_call *call = call_begin(scope, "blocking command", arg);
	struct redis_call *made;

	call->done.redis = done;
	made = __real_redis_command_blocking(redis, scope, block_ms, argc, argv, lens, redis_ended, call);
	call->is_beginning = false;
	return made;
}

struct redis_call *__wrap_redis_eval(struct redis *redis, struct scope *scope, const struct redis_script *script, int keys,
				     int argc, const char **argv, const size_t *lens, redis_done *done, void *arg)
{
	struct promise_call *call = call_begin(scope, script->name, arg);
	struct redis_call *made;

	call->done.redis = done;
	made = __real_redis_eval(redis, scope, script, keys, argc, argv, lens, redis_ended, call);
	call->is_beginning = false;
	return made;
}

void __wrap_postgres_exec(struct postgres *postgres, struct scope *scope, const struct postgres_statement *statement,
			  const struct postgres_params *params, postgres_done *done, void *arg)
{
	struct promise_call *call = call_begin(scope, statement->name, arg);

	call->done.postgres = done;
	__real_postgres_exec(postgres, scope, statement, params, postgres_ended, call);
	call->is_beginning = false;
}

void __wrap_scope_cancel(struct scope *scope)
{
	struct promise_call *call, *next;

	for (call = TAILQ_FIRST(&pending); call; call = next) {
		next = TAILQ_NEXT(call, link);
		if (call->scope != scope)
			continue;
		call->is_cancelled = true;
		call_over(call);
	}
	__real_scope_cancel(scope);
}
/* NOLINTEND */

static void forget(struct promise_calls *list, const struct process *process)
{
	struct promise_call *call, *next;

	for (call = TAILQ_FIRST(list); call; call = next) {
		next = TAILQ_NEXT(call, link);
		if (process && call->process != process)
			continue;
		TAILQ_REMOVE(list, call, link);
		free(call);
	}
}

/* What ended is kept until its process ends, so that a second end is noticed. */
void promises_forget(const struct process *process)
{
	forget(&pending, process);
	forget(&over, process);
}

static void check_calls_end(void)
{
	struct promise_call *call = TAILQ_FIRST(&pending);

	if (!settling_since_us)
		settling_since_us = now_us;
	if (call && now_us - (call->since_us > settling_since_us ? call->since_us : settling_since_us) > LIMIT_US)
		promise_broken("a call does not end:", call->name);
}

int64_t promises_calls(void)
{
	return calls;
}

/* ---- results ---- */

#define INDEXES_MAX 64
static bool is_published[KIND_COUNT][INDEXES_MAX]; /* since Redis last lost data */
static int losses;
static bool keys_disagree;

static void parse_name(const char *kind, const char *index, struct job_key *key)
{
	if (kind_parse(kind, &key->kind) < 0)
		promise_broken("a result has an unknown kind", kind);
	key->index = strtoll(index, NULL, 10);
	if (key->index < 0 || key->index >= INDEXES_MAX)
		promise_broken("a result has an index that was never submitted", index);
	if (!postgres_server_was_submitted(key->kind, key->index))
		promise_broken("a result was stored that nobody asked for", index);
}

/* "digits duration_us calculated_unix_ms preview" */
static void check_summary(struct job_key key, const char *summary, size_t len)
{
	char *expected = expected_result(key.kind, key.index);
	struct buf preview = {0};
	const char *rest = summary;

	if (strtoull(summary, NULL, 10) != strlen(expected))
		promise_broken("a result has a wrong number of digits", summary);
	for (int i = 0; i < 3; i++)
		rest = strchr(rest, ' ') + 1;
	jobs_preview(expected, strlen(expected), &preview);
	if (len - (size_t)(rest - summary) != preview.len || memcmp(rest, preview.bytes, preview.len) != 0)
		promise_broken("a result is wrong", summary);
	buf_free(&preview);
	free(expected);
}

/* "deliveries failed_unix_ms request_id" */
static void check_dead_letter(const char *letter)
{
	if (strtoll(letter, NULL, 10) < SIMULATED_DELIVERIES)
		promise_broken("a dead letter was delivered too few times", letter);
	if (faults_injected_in_run() == 0)
		promise_broken("nothing went wrong, and there is a dead letter", letter);
}

void promises_result_stored(const char *key, const char *field, const char *value, size_t len, const char *before,
			    size_t before_len)
{
	if (strcmp(key, "{jobs}:dead") == 0)
		check_dead_letter(value);
}

void promises_written(const char *kind, int64_t index, enum job_state state, int64_t digits, const char *preview)
{
	char text[INT64_TEXT_BYTES], *summary;
	struct job_key key;

	int64_format(index, text);
	parse_name(kind, text, &key);
	if (state != JOB_DONE)
		return;
	summary = mem_printf("%" PRId64 " 0 0 %s", digits, preview);
	check_summary(key, summary, strlen(summary));
	free(summary);
}

bool promises_has_seen(enum kind kind, int64_t index)
{
	return is_published[kind][index];
}

void promises_keys_disagree(void)
{
	keys_disagree = true;
}

static void check_finished(const struct stream_entry *entry)
{
	struct job_key key;

	parse_name(entry->fields[1].bytes, entry->fields[3].bytes, &key);
	check_summary(key, entry->fields[5].bytes, entry->fields[5].len);
}

/* So that none of another size comes before it. */
static void check_lane(const char *key, const struct stream_entry *job)
{
	struct job_key name;

	parse_name(job->fields[1].bytes, job->fields[3].bytes, &name);
	if (kind_is_small(name.kind, name.index) != (strcmp(key, "jobs") == 0))
		promise_broken("a job is on the wrong lane", job->fields[3].bytes);
}

/* Refill reads Postgres first and adds then; what was finished in between is not pending any more. */
static void check_refilled(const struct stream_entry *job)
{
	struct job_key key;

	parse_name(job->fields[1].bytes, job->fields[3].bytes, &key);
	if (strcmp(job->fields[5].bytes, "refill") == 0 && is_published[key.kind][key.index])
		promise_broken("refill added what was finished", job->fields[3].bytes);
}

/* One calculation has one job, unless Redis lost a part of what it knew of it. */
void promises_appended(const char *key, const struct value *stream)
{
	const struct stream_entry *last = &stream->entries[stream->count - 1];

	if (strcmp(key, "{jobs}:finished") == 0 && last->fields[5].len > 0)
		check_finished(last);
	if ((strcmp(key, "jobs") != 0 && strcmp(key, "{jobs}:large") != 0) || keys_disagree)
		return;
	check_lane(key, last);
	check_refilled(last);
	for (const struct stream_entry *entry = stream->entries; entry < last; entry++)
		if (strcmp(entry->fields[1].bytes, last->fields[1].bytes) == 0 &&
		    strcmp(entry->fields[3].bytes, last->fields[3].bytes) == 0)
			promise_broken("one calculation has two jobs", last->fields[3].bytes);
}

/* Whether the summary waits to be written: finish.lua notes it after it has published it. */
static bool is_in_redis(struct job_key key)
{
	char name[40];
	const char *noted;
	size_t len;

	snprintf(name, sizeof name, "%s:%" PRId64, kind_name(key.kind), key.index);
	noted = redis_server_hash_get("{jobs}:window", name, &len);
	return noted && *noted == '=';
}

/* {"event":"value","kind":"fibonacci","index":7,… */
void promises_published_on(const char *channel, const char *text, size_t len)
{
	struct job_key job;
	char kind[24];
	const char *at = strstr(text, "\"kind\":\""), *end;

	if (strcmp(channel, "live") != 0)
		return;
	if (!at || !(end = strchr(at + 8, '"')) || end - (at + 8) >= (long)sizeof kind)
		promise_broken("a message cannot be read", text);
	snprintf(kind, sizeof kind, "%.*s", (int)(end - (at + 8)), at + 8);
	parse_name(kind, strstr(end, "\"index\":") + 8, &job);
	if (is_in_redis(job) && !keys_disagree)
		promise_broken("a result was published twice", text);
	is_published[job.kind][job.index] = true;
}

int promises_losses(void)
{
	return losses;
}

void promises_data_lost(void)
{
	losses++;
	memset(is_published, 0, sizeof is_published);
}

/* ---- the end of a run ---- */

static bool is_missing;
static struct job_key missing;

/* One that is pending although it has a dead letter is not retried again: either Postgres is about to learn of the failure, or
 * a retry was stored, and is then as good as a submission. */
static void look(enum kind kind, int64_t index, int submissions)
{
	if (postgres_server_submissions(kind, index) < submissions)
		promise_broken("a submission is gone that was not taken back", kind_name(kind));
	if (postgres_server_state(kind, index) == JOB_DONE)
		return;
	is_missing = true;
	missing = (struct job_key){kind, index};
	if (postgres_server_state(kind, index) == JOB_FAILED)
		customers_retry(kind, index);
}

static int draining(void)
{
	int count = 0;

	for (int i = 0; i < PROCESSES; i++)
		count += process_is_alive(&processes[i]) && processes[i].is_draining;
	return count;
}

static int held(void)
{
	int count = 0;

	for (int i = 0; i < PROCESSES; i++)
		if (processes[i].work)
			count += processes[i].work->held_count;
	return count;
}

static bool is_zero_in_load(const char *field)
{
	size_t len;
	const char *value = redis_server_hash_get("{jobs}:load", field, &len);

	return !value || (len == 1 && *value == '0');
}

/* When nothing waits any more, each lane takes submissions again, and the sum of estimates is that of no job. A key that Redis
 * lost may leave a sum behind, which counts for nothing while the lane is empty. */
static bool is_load_settled(void)
{
	return is_zero_in_load("small_waits") && is_zero_in_load("large_waits") && (keys_disagree || is_zero_in_load("us"));
}

bool promises_settled(void)
{
	check_calls_end();
	if (now_us - settling_since_us > TOKENS_US && !customers_tokens_settled())
		promise_broken("a revocation that is stored is not known to all, or a follower does not trust its copy", "");
	is_missing = false;
	customers_each_acknowledged(look);
	return !is_missing && !customers_have_open() && redis_server_length("jobs") == 0 &&
	       redis_server_length("{jobs}:large") == 0 && redis_server_length("{jobs}:window") == 0 &&
	       redis_server_length("{jobs}:finished") == 0 && redis_server_pending("jobs", "workers") == 0 &&
	       redis_server_pending("{jobs}:large", "workers") == 0 && held() == 0 && draining() == 0 && is_load_settled() &&
	       customers_tokens_settled();
}

void promises_explain(void)
{
	char text[300];

	if (is_missing)
		snprintf(text, sizeof text, "%s:%" PRId64, kind_name(missing.kind), missing.index);
	else
		snprintf(text, sizeof text,
			 "jobs %" PRId64 ", large %" PRId64 ", window %" PRId64 ", finished %" PRId64 ", pending %" PRId64
			 ", held %d, clients %d, draining %d, load %s, tokens %s",
			 redis_server_length("jobs"), redis_server_length("{jobs}:large"), redis_server_length("{jobs}:window"),
			 redis_server_length("{jobs}:finished"), redis_server_pending("jobs", "workers"), held(),
			 customers_have_open(), draining(), is_load_settled() ? "settled" : "not settled",
			 customers_tokens_settled() ? "settled" : "not settled");
	promise_broken(is_missing ? "an acknowledged submission is lost:" : "something is left over at the end:", text);
}

void promises_reset(void)
{
	promises_forget(NULL);
	promises_data_lost();
	keys_disagree = false;
	settling_since_us = 0;
	was_busy = false;
	memset(refusals, 0, sizeof refusals);
}
