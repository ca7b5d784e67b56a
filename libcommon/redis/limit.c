#include "redis/limit.h"

#include "base/int64.h"
#include "base/mem.h"

#define ARGS_OF_LIMIT 3

REDIS_SCRIPT(libcommon_redis, limit_count, limit_count);
REDIS_SCRIPT(libcommon_redis, limit_undo, limit_undo);

struct counting { /* freed with its redis_call */
	limit_counted *done;
	void *arg;
	long window_s; /* the longest */
};

/* No window ends later than its length from now. */
static bool is_retry(const redisReply *reply, long window_s)
{
	return reply->type == REDIS_REPLY_INTEGER && reply->integer >= 0 && reply->integer <= window_s;
}

static void counted(enum status status, const redisReply *reply, void *arg)
{
	struct counting *counting = arg;

	if (status == STATUS_OK && !is_retry(reply, counting->window_s))
		status = redis_unexpected("limit_count", reply);
	counting->done(status, status == STATUS_OK ? (long)reply->integer : 0, counting->arg);
}

void limit_count(struct redis *redis, struct scope *scope, const struct limit *limits, int n, limit_counted *done, void *arg)
{
	const char *argv[LIMITS_MAX + 1 + LIMITS_MAX * ARGS_OF_LIMIT];
	char numbers[LIMITS_MAX][2][INT64_TEXT_BYTES];
	struct counting *counting = mem_alloc(sizeof *counting);
	int argc = 0;

	*counting = (struct counting){done, arg, 0};
	for (int i = 0; i < n; i++) {
		argv[argc++] = limits[i].key;
		if (limits[i].window_s > counting->window_s)
			counting->window_s = limits[i].window_s;
	}
	argv[argc++] = LIMIT_COUNTERS_MAX;
	for (int i = 0; i < n; i++) {
		int64_format(limits[i].events, numbers[i][0]);
		int64_format(limits[i].window_s, numbers[i][1]);
		argv[argc++] = limits[i].name;
		argv[argc++] = numbers[i][0];
		argv[argc++] = numbers[i][1];
	}
	redis_call_own(redis_eval(redis, scope, &limit_count_script, n, argc, argv, NULL, counted, counting), counting);
}

static void ignored(enum status status, const redisReply *reply, void *arg)
{
}

static void take_back(struct redis *redis, struct scope *scope, const char *key, const char *name, const char *takes_one)
{
	redis_eval(redis, scope, &limit_undo_script, 1, 3, (const char *[]){key, name, takes_one}, NULL, ignored, NULL);
}

void limit_undo(struct redis *redis, struct scope *scope, const char *key, const char *name)
{
	take_back(redis, scope, key, name, "1");
}

void limit_forget(struct redis *redis, struct scope *scope, const char *key, const char *name)
{
	take_back(redis, scope, key, name, "0");
}
