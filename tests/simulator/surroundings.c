/* What surrounds the code under test and is no server: the clock, the log, the metrics, the resolver, the thread pool, and a
 * mathematics that costs nothing. */
#include <arpa/inet.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "../../services/worker/calculate.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/metrics.h"
#include "base/pool.h"
#include "net/resolver.h"
#include "simulator.h"

/* ---- the clock ---- */

#define BEGIN_UNIX_MS 1700000000000

int64_t now_us;

int64_t clock_monotonic_us(void)
{
	return now_us;
}

int64_t clock_boottime_us(void)
{
	return now_us;
}

/* The kernel's random numbers too come of the seed. */
ssize_t getrandom(void *bytes, size_t len, unsigned flags)
{
	for (size_t i = 0; i < len; i++)
		((unsigned char *)bytes)[i] = (unsigned char)chance_below(256);
	return (ssize_t)len;
}

int64_t clock_unix_ms(void)
{
	return BEGIN_UNIX_MS + now_us / 1000 + (current_process ? current_process->skew_ms : 0);
}

int64_t clock_unix_us(void)
{
	return clock_unix_ms() * 1000;
}

int64_t redis_unix_ms(void)
{
	return BEGIN_UNIX_MS + now_us / 1000;
}

/* ---- the log and the metrics ---- */

const char *log_instance(void)
{
	static const char *const names[PROCESSES] = {"values-0", "values-1", "worker-2", "worker-3"};

	return current_process ? names[current_process->number] : "simulated";
}

void log_write(enum log_level level, const char *msg, const struct log_field *fields, size_t count)
{
	char text[200];
	int len;

	if (!trace_is_shown)
		return;
	len = snprintf(text, sizeof text, "%d: %s", current_process ? current_process->number : -1, msg);
	for (size_t i = 0; i < count && len < (int)sizeof text - 1; i++)
		len += fields[i].type == LOG_FIELD_TEXT ? snprintf(text + len, sizeof text - (size_t)len, " %s=%s",
								   fields[i].name, fields[i].text ? fields[i].text : "")
							: snprintf(text + len, sizeof text - (size_t)len, " %s=%" PRId64,
								   fields[i].name, fields[i].integer);
	printf("%8" PRId64 " %10.3f log %s\n", run_step, (double)now_us / 1000, text);
}

struct metric *metrics_counter(const char *name, const char *labels, const char *help)
{
	return NULL;
}

struct metric *metrics_gauge(const char *name, const char *labels, const char *help)
{
	return NULL;
}

struct metric *metrics_histogram(const char *name, const char *labels, const char *help)
{
	return NULL;
}

void metrics_gauge_read(const char *name, const char *labels, const char *help, double (*read)(void *arg), void *arg)
{
}

void metrics_label(struct buf *out, const char *name, const char *value)
{
}

void metrics_add(struct metric *metric, double by)
{
}

void metrics_set(struct metric *metric, double value)
{
}

void metrics_observe_traced(struct metric *histogram, double seconds, const char *trace_id)
{
}

void metrics_observe(struct metric *histogram, double seconds)
{
}

/* ---- the mathematics ---- */

#define LONG_DIGITS 1100 /* more than JOBS_PREVIEW_DIGITS */

/* Every seventh result is long. */
void calculate(enum kind kind, int64_t index, mpz_t result)
{
	if (index % 7 == 3)
		mpz_ui_pow_ui(result, 10, LONG_DIGITS);
	else
		mpz_set_ui(result, 0);
	mpz_add_ui(result, result, (unsigned long)(index * KIND_COUNT + (int64_t)kind + 1));
}

/* Every third one is large. */
int64_t __wrap_kind_estimate_us(enum kind kind, int64_t index); /* NOLINT: the linker gives this name */

int64_t __wrap_kind_estimate_us(enum kind kind, int64_t index) /* NOLINT */
{
	return index % 3 ? 1 : 1000 * (index + 1);
}

char *expected_result(enum kind kind, int64_t index)
{
	mpz_t result;
	char *digits;

	mpz_init(result);
	calculate(kind, index, result);
	digits = mpz_get_str(NULL, 10, result);
	mpz_clear(result);
	return digits;
}

/* ---- the thread pool: a call is started when a thread is free, and delivered when its time is over ---- */

#define WORK_MS_MAX 9000 /* longer than a lease */
bool work_is_quick;

struct pool_call {
	struct op op;
	struct pool *pool;
	void (*work)(void *job);
	void (*done)(enum status status, void *job, void *arg);
	void (*drop)(void *job);
	void *job, *arg;
	enum status status;
	bool is_started;
	int64_t due_us;
	TAILQ_ENTRY(pool_call) link;
};
TAILQ_HEAD(pool_calls, pool_call);

struct pool {
	struct event_base *base;
	unsigned threads, running, queued, queue_max;
};
static struct pool_calls pool_calls = TAILQ_HEAD_INITIALIZER(pool_calls);

struct pool *pool_new(struct event_base *base, unsigned threads, unsigned queue_max)
{
	struct pool *pool = mem_alloc(sizeof *pool);

	*pool = (struct pool){.base = base, .threads = threads, .queue_max = queue_max};
	return pool;
}

static void take_out(struct pool_call *call)
{
	TAILQ_REMOVE(&pool_calls, call, link);
	if (call->status == STATUS_OK)
		(*(call->is_started ? &call->pool->running : &call->pool->queued))--;
}

void pool_free(struct pool *pool)
{
	struct pool_call *call, *next;

	for (call = TAILQ_FIRST(&pool_calls); call; call = next) {
		next = TAILQ_NEXT(call, link);
		if (call->pool != pool)
			continue;
		take_out(call);
		op_end(&call->op);
		call->drop(call->job);
		free(call);
	}
	free(pool);
}

static struct pool_call *new_call(struct pool *pool, struct scope *scope, struct pool_call parts)
{
	struct pool_call *call = mem_alloc(sizeof *call);

	*call = parts;
	op_start(scope, &call->op);
	if (pool->queued >= pool->queue_max) {
		call->status = STATUS_BUSY;
		call->is_started = true;
	} else {
		pool->queued++;
	}
	return call;
}

void pool_submit(struct pool *pool, struct scope *scope, void (*work)(void *job),
		 void (*done)(enum status status, void *job, void *arg), void (*drop)(void *job), void *job, void *arg)
{
	struct pool_call parts = {.pool = pool, .work = work, .done = done, .drop = drop, .job = job, .arg = arg};
	struct pool_call *call = new_call(pool, scope, parts);

	TAILQ_INSERT_TAIL(&pool_calls, call, link);
}

void pool_submit_first(struct pool *pool, struct scope *scope, void (*work)(void *job),
		       void (*done)(enum status status, void *job, void *arg), void (*drop)(void *job), void *job, void *arg)
{
	struct pool_call parts = {.pool = pool, .work = work, .done = done, .drop = drop, .job = job, .arg = arg};
	struct pool_call *call = new_call(pool, scope, parts);

	TAILQ_INSERT_HEAD(&pool_calls, call, link);
}

static void start(struct pool_call *call)
{
	call->is_started = true;
	call->pool->queued--;
	call->pool->running++;
	call->due_us = now_us + chance_between(0, work_is_quick || chance_of(1, 2) ? 3000 : WORK_MS_MAX * 1000);
	if (call->op.scope)
		call->work(call->job);
}

static void deliver(struct pool_call *call)
{
	take_out(call);
	if (op_end(&call->op))
		call->done(call->status, call->job, call->arg);
	call->drop(call->job);
	free(call);
}

static bool is_ready(const struct pool_call *call)
{
	return call->is_started ? call->due_us <= now_us : call->pool->running < call->pool->threads;
}

/* ---- the resolver: each name has two addresses ---- */

struct resolver {
	struct event_base *base;
};
struct resolver_lookup {
	struct event_base *base;
	resolver_lookup_done *done;
	void *arg;
	int64_t due_us;
	TAILQ_ENTRY(resolver_lookup) link;
};
static TAILQ_HEAD(, resolver_lookup) lookups = TAILQ_HEAD_INITIALIZER(lookups);

struct resolver *resolver_new(struct event_base *base)
{
	struct resolver *resolver = mem_alloc(sizeof *resolver);

	resolver->base = base;
	return resolver;
}

void resolver_free(struct resolver *resolver)
{
	free(resolver);
}

bool resolver_is_address(const char *host)
{
	return false;
}

const char *resolver_address_format(const union resolver_address *address, char text[INET6_ADDRSTRLEN])
{
	return inet_ntop(AF_INET, &address->ipv4.sin_addr, text, INET6_ADDRSTRLEN);
}

/* Now and then so late that the caller's time limit comes first. */
struct resolver_lookup *resolver_look_up(struct resolver *resolver, const char *host, resolver_lookup_done *done, void *arg)
{
	struct resolver_lookup *lookup = mem_alloc(sizeof *lookup);

	*lookup = (struct resolver_lookup){.base = resolver->base, .done = done, .arg = arg};
	lookup->due_us = chance_of(1, 20) ? now_us + chance_between(0, 4000000) : now_us;
	TAILQ_INSERT_TAIL(&lookups, lookup, link);
	return lookup;
}

void resolver_lookup_drop(struct resolver_lookup *lookup)
{
	TAILQ_REMOVE(&lookups, lookup, link);
	free(lookup);
}

static void answer(struct resolver_lookup *lookup)
{
	static struct resolver_addresses addresses;
	struct resolver_lookup answered = *lookup;

	resolver_lookup_drop(lookup);
	addresses.count = 2;
	for (int i = 0; i < 2; i++) {
		addresses.list[i].ipv4.sin_family = AF_INET;
		addresses.list[i].ipv4.sin_addr.s_addr = htonl(0x0a000001 + (uint32_t)i);
	}
	if (chance_of(1, 50))
		answered.done(STATUS_UNAVAILABLE, NULL, "the name servers failed", answered.arg);
	else
		answered.done(STATUS_OK, &addresses, NULL, answered.arg);
}

/* ---- for the scheduler ---- */

int surroundings_ready(struct event_base *base)
{
	struct resolver_lookup *lookup;
	struct pool_call *call;
	int count = 0;

	TAILQ_FOREACH (call, &pool_calls, link)
		count += call->pool->base == base && is_ready(call);
	TAILQ_FOREACH (lookup, &lookups, link)
		count += lookup->base == base && lookup->due_us <= now_us;
	return count;
}

void surroundings_run(struct event_base *base, int nth)
{
	struct resolver_lookup *lookup;
	struct pool_call *call;

	current_process = events_process(base);
	TAILQ_FOREACH (call, &pool_calls, link)
		if (call->pool->base == base && is_ready(call) && nth-- == 0) {
			(call->is_started ? deliver : start)(call);
			goto out;
		}
	TAILQ_FOREACH (lookup, &lookups, link)
		if (lookup->base == base && lookup->due_us <= now_us && nth-- == 0) {
			answer(lookup);
			goto out;
		}
out:
	current_process = NULL;
}

int64_t surroundings_next_due_us(void)
{
	struct resolver_lookup *lookup;
	struct pool_call *call;
	int64_t next = INT64_MAX;

	TAILQ_FOREACH (call, &pool_calls, link)
		if (call->is_started && call->due_us < next)
			next = call->due_us;
	TAILQ_FOREACH (lookup, &lookups, link)
		if (lookup->due_us < next)
			next = lookup->due_us;
	return next;
}

/* A process has ended: what it left here would run with freed memory. */
void surroundings_forget(struct event_base *base)
{
	struct resolver_lookup *lookup;
	struct pool_call *call;

	TAILQ_FOREACH (call, &pool_calls, link)
		if (call->pool->base == base)
			promise_broken("a process that has ended left a calculation", "");
	TAILQ_FOREACH (lookup, &lookups, link)
		if (lookup->base == base)
			promise_broken("a process that has ended left a look-up", "");
}

void surroundings_reset(void)
{
	now_us = 1000000;
	work_is_quick = false;
}
