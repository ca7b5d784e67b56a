/* Decimals that readers wait for and Redis no longer has. A list and not a stream, because a decimal that a worker took and did
 * not finish is asked for again by the next reader: it needs no lease, no count of deliveries, and no consumers to clean up. */
#include "jobs/jobs_internal.h"

#include <stdlib.h>

#include "base/int64.h"
#include "base/mem.h"

#define BLOCK_MS 1000
#define BLOCK_S "1"
#define MARK_BYTES (sizeof JOBS_ASKED ":" + JOBS_NAME_BYTES)

REDIS_SCRIPT(libcommon_jobs, ask_decimal, jobs_ask_decimal);

struct call { /* freed with its redis_call */
	union {
		jobs_asked_received *received;
		jobs_done *done;
	};
	void *arg;
	struct redis *redis;
	struct scope *scope;
	struct job_key key;
};

static struct call *call_new(struct redis *redis, struct scope *scope, struct job_key key, void *arg)
{
	struct call *call = mem_alloc(sizeof *call);

	*call = (struct call){.arg = arg, .redis = redis, .scope = scope, .key = key};
	return call;
}

static void mark_name(struct job_key key, char mark[MARK_BYTES])
{
	memcpy(mark, JOBS_ASKED ":", sizeof JOBS_ASKED);
	job_name(key, mark + sizeof JOBS_ASKED);
}

/* ---- values' side ---- */

static void asked(enum status status, const redisReply *reply, void *arg)
{
	struct call *call = arg;

	if (status == STATUS_OK && reply->type != REDIS_REPLY_INTEGER)
		status = redis_unexpected("ask_decimal", reply);
	call->done(status == STATUS_OK && reply->integer == 0 ? STATUS_BUSY : status, call->arg);
}

void jobs_ask_decimal(struct redis *redis, struct scope *scope, struct job_key key, const char *request_id,
		      jobs_done *done_asking, void *arg)
{
	struct call *call = call_new(redis, scope, key, arg);
	char mark[MARK_BYTES], name[JOBS_NAME_BYTES], most[INT64_TEXT_BYTES], mark_ms[INT64_TEXT_BYTES];

	call->done = done_asking;
	mark_name(key, mark);
	job_name(key, name);
	int64_format(JOBS_ASKED_MAX, most);
	int64_format(JOBS_ASKED_MS, mark_ms);
	redis_call_own(redis_eval(redis, scope, &jobs_ask_decimal_script, 2, 6,
				  (const char *[]){JOBS_ASKED, mark, name, request_id, most, mark_ms}, NULL, asked, call),
		       call);
}

/* ---- worker's side ---- */

/* "kind:index request_id" */
static bool read_asked(const char *text, struct job_key *ret_key, const char **ret_request_id)
{
	const char *space = strchr(text, ' ');
	char name[JOBS_NAME_BYTES];

	if (!space || (size_t)(space - text) >= sizeof name)
		return false;
	snprintf(name, sizeof name, "%.*s", (int)(space - text), text);
	*ret_request_id = space + 1;
	return jobs_parse_name(name, ret_key) == 0;
}

/* [list, element], or nil when the time was over. An element that another program wrote is none. */
static void received(enum status status, const redisReply *reply, void *arg)
{
	struct call *call = arg;
	const char *request_id;
	struct job_key key;

	if (status != STATUS_OK || redis_is_nil(reply))
		call->received(status, NULL, NULL, call->arg);
	else if (reply->type != REDIS_REPLY_ARRAY || reply->elements != 2 ||
		 !read_asked(redis_text(reply->element[1]), &key, &request_id))
		call->received(redis_unexpected("BLPOP", reply), NULL, NULL, call->arg);
	else
		call->received(STATUS_OK, &key, request_id, call->arg);
}

void jobs_asked_receive(struct redis *redis, struct scope *scope, jobs_asked_received *done_receiving, void *arg)
{
	struct call *call = call_new(redis, scope, (struct job_key){0}, arg);

	call->received = done_receiving;
	redis_call_own(redis_command_blocking(redis, scope, BLOCK_MS, 3, (const char *[]){"BLPOP", JOBS_ASKED, BLOCK_S}, NULL,
					      received, call),
		       call);
}

static void unmarked(enum status status, const redisReply *reply, void *arg)
{
}

/* The mark of a decimal that Redis refused stays, so that it is not calculated again and again meanwhile. */
static void stored(enum status status, const redisReply *reply, void *arg)
{
	struct call *call = arg;
	char mark[MARK_BYTES];

	mark_name(call->key, mark);
	if (status == STATUS_OK)
		redis_command(call->redis, call->scope, 2, (const char *[]){"DEL", mark}, NULL, unmarked, NULL);
	call->done(status, call->arg);
}

/* Two commands, because on a cluster the decimal is in another slot than its mark. */
void jobs_asked_finish(struct redis *redis, struct scope *scope, long cache_s, struct job_key key, const char *digits,
		       size_t len, jobs_done *done_finishing, void *arg)
{
	struct call *call = call_new(redis, scope, key, arg);
	char name[JOBS_NAME_BYTES + 8], seconds[INT64_TEXT_BYTES];

	call->done = done_finishing;
	job_decimal_name(key, name);
	int64_format(cache_s, seconds);
	redis_call_own(redis_command(redis, scope, 5, (const char *[]){"SET", name, digits, "EX", seconds},
				     (const size_t[]){3, strlen(name), len, 2, strlen(seconds)}, stored, call),
		       call);
}
