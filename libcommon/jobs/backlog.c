/* How many pending calculations Postgres has that are not in the window. Only values can count what is pending, and only Redis
 * knows what is in the window; so one process of values counts for all, and Redis keeps the difference. */
#include "jobs/jobs_internal.h"

#include <stdlib.h>

#include "base/mem.h"

REDIS_SCRIPT(libcommon_jobs, backlog, jobs_backlog);

struct call { /* freed with its redis_call */
	jobs_backlog_claimed *claimed;
	void *arg;
};

static void claimed(enum status status, const redisReply *reply, void *arg)
{
	struct call *call = arg;

	if (status == STATUS_OK && reply->type != REDIS_REPLY_STATUS && !redis_is_nil(reply))
		status = redis_unexpected("SET", reply);
	call->claimed(status, status == STATUS_OK && !redis_is_nil(reply), call->arg);
}

/* The right expires, and so a full Redis may evict it. Then two processes count. */
void jobs_backlog_claim(struct redis *redis, struct scope *scope, const char *name, long right_ms, jobs_backlog_claimed *done,
			void *arg)
{
	struct call *call = mem_alloc(sizeof *call);
	char ms[INT64_TEXT_BYTES];

	*call = (struct call){done, arg};
	int64_format(right_ms, ms);
	redis_call_own(redis_command(redis, scope, 6, (const char *[]){"SET", JOBS_BACKLOG_RIGHT, name, "NX", "PX", ms}, NULL,
				     claimed, call),
		       call);
}

static void kept(enum status status, const redisReply *reply, void *arg)
{
}

void jobs_backlog_keep(struct redis *redis, struct scope *scope, int64_t pending, long keep_ms)
{
	char count[INT64_TEXT_BYTES], ms[INT64_TEXT_BYTES];

	int64_format(pending, count);
	int64_format(keep_ms, ms);
	redis_eval(redis, scope, &jobs_backlog_script, 2, 4, (const char *[]){JOBS_WINDOW_KEY, JOBS_BACKLOG, count, ms}, NULL,
		   kept, NULL);
}
