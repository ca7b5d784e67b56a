/* The writing side of the revocations: what users calls. */
#include "auth/revocations.h"

#include <stddef.h>
#include <stdlib.h>

#include "auth/revocations_internal.h"
#include "base/int64.h"
#include "base/mem.h"

REDIS_SCRIPT(libcommon_auth, revocations_publish, revocations_publish);

struct arguments { /* of one entry */
	char token[37], user[INT64_TEXT_BYTES], until[INT64_TEXT_BYTES], expires[INT64_TEXT_BYTES];
};

static void fill(const struct revocation *entry, struct arguments *arguments, const char **argv)
{
	if (entry->is_user) {
		int64_format(entry->user_id, arguments->user);
		int64_format(entry->until_ms, arguments->until);
	} else {
		jwt_jti_format(entry->jti, arguments->token);
	}
	int64_format(entry->expires_s, arguments->expires);
	argv[0] = arguments->token;
	argv[1] = arguments->user;
	argv[2] = arguments->until;
	argv[3] = entry->is_inactive ? "1" : "0";
	argv[4] = arguments->expires;
}

struct publication {
	int n; /* entries */
	redis_done *done;
	void *arg;
};

/* Another reply does not say that anything was added. */
static bool is_published(const redisReply *reply, int n)
{
	struct revocations_position position;

	if (reply->type != REDIS_REPLY_ARRAY || reply->elements != 2 || reply->element[0]->type != REDIS_REPLY_STRING ||
	    reply->element[1]->type != REDIS_REPLY_ARRAY)
		return false;
	return n == 0 || revocations_position_parse(reply->element[0]->str, &position) == STATUS_OK;
}

static void published(enum status status, const redisReply *reply, void *arg)
{
	const struct publication *publication = arg;

	if (status == STATUS_OK && !is_published(reply, publication->n))
		status = redis_unexpected("revocations_publish", reply);
	publication->done(status, reply, publication->arg);
}

void revocations_publish(struct redis *redis, struct scope *scope, const struct revocation *entries, int n, int64_t lifetime_s,
			 redis_done *done, void *arg)
{
	struct arguments *arguments = mem_alloc((size_t)(n + 1) * sizeof *arguments);
	const char **argv = mem_alloc((size_t)(4 + 5 * n) * sizeof *argv);
	struct publication *publication = mem_alloc(sizeof *publication);
	char lifetime[INT64_TEXT_BYTES];

	*publication = (struct publication){n, done, arg};
	int64_format(lifetime_s + REVOCATIONS_KEPT_S, lifetime);
	argv[0] = REVOCATIONS_STREAM;
	argv[1] = REVOCATIONS_FOLLOWERS;
	argv[2] = REVOCATIONS_COMPLETE;
	argv[3] = lifetime;
	for (int i = 0; i < n; i++)
		fill(&entries[i], &arguments[i], argv + 4 + (ptrdiff_t)5 * i);
	redis_call_own(redis_eval(redis, scope, &revocations_publish_script, 3, 4 + 5 * n, argv, NULL, published, publication),
		       publication);
	free(argv);
	free(arguments);
}

REDIS_SCRIPT(libcommon_auth, revocations_republish_begin, revocations_republish_begin);
REDIS_SCRIPT(libcommon_auth, revocations_republish_end, revocations_republish_end);

void revocations_republish_begin(struct redis *redis, struct scope *scope, int64_t lifetime_s, redis_done *done, void *arg)
{
	char lifetime[INT64_TEXT_BYTES];

	int64_format(lifetime_s, lifetime);
	redis_eval(redis, scope, &revocations_republish_begin_script, 4, 5,
		   (const char *[]){REVOCATIONS_COMPLETE, REVOCATIONS_REPUBLISHING, REVOCATIONS_FOLLOWERS, REVOCATIONS_STREAM,
				    lifetime},
		   NULL, done, arg);
}

void revocations_republish_end(struct redis *redis, struct scope *scope, const char *epoch,
			       const struct revocations_config *config, redis_done *done, void *arg)
{
	char lifetime[INT64_TEXT_BYTES], lease_ms[INT64_TEXT_BYTES];

	int64_format(config->lifetime_s, lifetime);
	int64_format(config->lease_s * 1000, lease_ms);
	redis_eval(redis, scope, &revocations_republish_end_script, 4, 7,
		   (const char *[]){REVOCATIONS_COMPLETE, REVOCATIONS_REPUBLISHING, REVOCATIONS_FOLLOWERS, REVOCATIONS_STREAM,
				    epoch, lifetime, lease_ms},
		   NULL, done, arg);
}

/* It comes with the next republication if this one is lost. */
static void ignored(enum status status, const redisReply *reply, void *arg)
{
}

/* NX, because the key may hold the proof of a table that a later version than those, and earlier than this, has made. */
void revocations_republished_for_legacy(struct redis *redis, struct scope *scope)
{
	redis_command(redis, scope, 4, (const char *[]){"SET", REVOCATIONS_LEGACY_COMPLETE, "1", "NX"}, NULL, ignored, NULL);
}
