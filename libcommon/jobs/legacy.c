/* Results of the version before decision 0016, which kept all of them in Redis. They expire a day after Postgres has them. */
#include "jobs/jobs_internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/int64.h"
#include "base/mem.h"

#define EXPIRY_S "86400"
#define NAME_BYTES 40

REDIS_SCRIPT(libcommon_jobs, legacy, jobs_legacy);

struct call { /* freed with its redis_call */
	union {
		jobs_legacy_found *found;
		jobs_looked_up *looked_up;
	};
	void *arg;
	int n;
	struct job_key keys[];
};

static void hash_name(int kind, char name[NAME_BYTES])
{
	snprintf(name, NAME_BYTES, JOBS_LEGACY_PREFIX "%s", kind_name((enum kind)kind));
}

/* ---- whether there are any ---- */

struct existence {
	struct redis *redis;
	struct scope *scope;
	jobs_legacy_found *found;
	void *arg;
	int kind;
};

static void ask(const struct existence *existence);

static void one_found(enum status status, const redisReply *reply, void *arg)
{
	struct existence *existence = arg;

	if (status == STATUS_OK && reply->type != REDIS_REPLY_INTEGER)
		status = redis_unexpected("EXISTS", reply);
	if (status != STATUS_OK || reply->integer || ++existence->kind == KIND_COUNT)
		existence->found(status, status == STATUS_OK && reply->integer, existence->arg);
	else
		ask(existence);
}

/* One key after the other, because on a cluster they are in several slots. */
static void ask(const struct existence *existence)
{
	struct existence *asking = mem_alloc(sizeof *asking);
	char name[NAME_BYTES];

	*asking = *existence;
	hash_name(asking->kind, name);
	redis_call_own(
		redis_command(asking->redis, asking->scope, 2, (const char *[]){"EXISTS", name}, NULL, one_found, asking),
		asking);
}

void jobs_legacy_exists(struct redis *redis, struct scope *scope, jobs_legacy_found *done, void *arg)
{
	ask(&(struct existence){.redis = redis, .scope = scope, .found = done, .arg = arg});
}

/* ---- looking up ---- */

static void looked_up(enum status status, const redisReply *reply, void *arg)
{
	struct call *call = arg;
	struct job_result *results = mem_alloc((size_t)call->n * sizeof *results);

	if (status == STATUS_OK && !jobs_read_results(reply, call->keys, call->n, results))
		status = redis_unexpected("legacy", reply);
	if (status == STATUS_OK)
		call->looked_up(STATUS_OK, results, call->n, call->arg);
	else
		call->looked_up(status, NULL, 0, call->arg);
	free(results);
}

void jobs_legacy_look_up(struct redis *redis, struct scope *scope, const struct job_key *keys, int n, jobs_looked_up *done,
			 void *arg)
{
	static const char *const numbers[KIND_COUNT] = {"1", "2", "3", "4"};
	const char **argv = mem_alloc((size_t)(KIND_COUNT + 2 * n) * sizeof *argv);
	char(*indexes)[INT64_TEXT_BYTES] = mem_alloc((size_t)n * sizeof *indexes), hashes[KIND_COUNT][NAME_BYTES];
	struct call *call = mem_alloc(sizeof *call + (size_t)n * sizeof *call->keys);

	*call = (struct call){.looked_up = done, .arg = arg, .n = n};
	for (int kind = 0; kind < KIND_COUNT; kind++) {
		hash_name(kind, hashes[kind]);
		argv[kind] = hashes[kind];
	}
	for (int i = 0; i < n; i++) {
		call->keys[i] = keys[i];
		int64_format(keys[i].index, indexes[i]);
		argv[KIND_COUNT + 2 * i] = numbers[keys[i].kind];
		argv[KIND_COUNT + 2 * i + 1] = indexes[i];
	}
	redis_call_own(
		redis_eval(redis, scope, &jobs_legacy_script, KIND_COUNT, KIND_COUNT + 2 * n, argv, NULL, looked_up, call),
		call);
	free(indexes);
	free(argv);
}

/* ---- letting them expire ---- */

static void expires(enum status status, const redisReply *reply, void *arg)
{
}

static void expire(struct redis *redis, struct scope *scope, const char *name)
{
	redis_command(redis, scope, 4, (const char *[]){"EXPIRE", name, EXPIRY_S, "NX"}, NULL, expires, NULL);
}

void jobs_legacy_expire(struct redis *redis, struct scope *scope)
{
	for (int kind = 0; kind < KIND_COUNT; kind++) {
		char name[NAME_BYTES];

		hash_name(kind, name);
		expire(redis, scope, name);
	}
	expire(redis, scope, "jobs:queued");
	expire(redis, scope, "jobs:dead");
}
