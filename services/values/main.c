/* The values daemon: accepts submissions, and answers with results. */
#include "service.h"

#include <stdlib.h>

#include "auth/jwt_cache.h"
#include "auth/revocations.h"
#include "backlog.h"
#include "base/loop.h"
#include "base/mem.h"
#include "http/access.h"
#include "previews.h"
#include "rate.h"
#include "refill.h"
#include "store.h"
#include "prune.h"
#include "submissions.h"
#include "value_live.h"
#include "writer.h"

#define SCRIPTS_MAX 32

static struct values *values; /* of this process */

static struct {
	void (*drained)(void *arg);
	void *arg;
} draining;

/* All scripts of this daemon; ends with NULL. */
static const struct redis_script *const *all_scripts(void)
{
	static const struct redis_script *scripts[SCRIPTS_MAX + 1];
	int n = 0;

	scripts[n++] = &rate_take_script;
	for (const struct redis_script *const *script = jobs_scripts; *script && n < SCRIPTS_MAX; script++)
		scripts[n++] = *script;
	return scripts;
}

static void register_metrics(void)
{
	http_access_register_metrics(values_routes);
	value_submit_register_metrics();
	refill_register_metrics();
	writer_register_metrics();
	value_live_register_metrics();
	postgres_register_metrics();
	prune_register_metrics();
}

static long descriptors(void)
{
	return values_config.users_url ? INTROSPECTION_IN_FLIGHT_MAX : 0;
}

static void user_deleted(int64_t user_id, void *arg)
{
	prune_user(values->prune, user_id);
}

/* Without a copy of the revocations because there are too many, or one that it can not read, or because it still reads many, it
 * asks users about each token. It is ready all the same: what starts containers would replace it for ever, and could replace
 * none by one with a shorter lifetime of tokens. */
static bool is_ready(void *service, const char **ret_reason)
{
	bool asks_users = values_config.users_url &&
			  (revocations_has_given_up(values->revocations) || revocations_is_loading(values->revocations));

	*ret_reason = !postgres_is_ready(values->postgres) ? "postgres"
		      : !redis_is_ready(values->redis)     ? "redis"
							   : "revocations";
	return postgres_is_ready(values->postgres) && redis_is_ready(values->redis) &&
	       (asks_users || revocations_is_ready(values->revocations));
}

static enum status start(struct daemon *daemon, struct event_base *base, void **ret_service)
{
	values = mem_alloc(sizeof *values);
	values->config = &values_config;
	values->base = base;
	scope_init(&values->scope);
	values->key = auth_key(&values_config.auth, jwt_cache_new());
	values->postgres = postgres_new(base, &values_config.postgres, store_statements);
	values->redis = redis_new(base, &values_config.redis, all_scripts(), LOOP_PRIORITY_NORMAL);
	values->revocations = revocations_new(
		base, &values_config.redis,
		&(struct revocations_config){values_config.auth.max_age_s, values_config.auth.token_lifetime_s});
	values->introspection = introspection_new(base, values_config.users_url);
	values->refill = refill_new(base, values);
	values->rate = rate_new(base, values);
	values->submissions = submissions_new(base, values);
	values->previews = previews_new();
	values->writer = writer_new(base, values);
	values->live = value_live_new(base, values);
	values->prune = prune_new(base, values);
	values->backlog = backlog_new(base, values);
	revocations_on_deleted(values->revocations, user_deleted, NULL);
	values->http = http_server_new(base, &values_config.http, values_routes, values);
	http_server_set_auth(values->http, values_authenticate);
	http_server_accept_when(values->http, is_ready);
	*ret_service = values;
	return http_server_listen(values->http);
}

static void left(enum status status, const redisReply *reply, void *arg)
{
	draining.drained(draining.arg);
}

/* So no logout waits for the lease of a process that is gone. */
static void leave(void *arg)
{
	revocations_leave(values->revocations, values->redis, &values->scope, left, NULL);
}

/* Flow: drain -> leave -> left. */
static void drain(void *service, void (*drained)(void *arg), void *arg)
{
	draining.drained = drained;
	draining.arg = arg;
	http_server_drain(values->http, leave, NULL);
}

static void stop(void *service)
{
	http_server_free(values->http);
	value_live_free(values->live);
	rate_free(values->rate);
	backlog_free(values->backlog);
	prune_free(values->prune);
	submissions_free(values->submissions);
	writer_free(values->writer);
	previews_free(values->previews);
	refill_free(values->refill);
	scope_cancel(&values->scope);
	introspection_free(values->introspection);
	revocations_free(values->revocations);
	jwt_cache_free(values->key.cache);
	redis_free(values->redis);
	postgres_free(values->postgres);
	free(values);
	values = NULL;
}

int main(int argc, char **argv)
{
	static const struct daemon_spec spec = {
		.name = "values",
		.summary = "accepts submissions, and answers with results",
		.admin_port = 9002,
		.configs = values_configs,
		.check = values_check,
		.descriptors = descriptors,
		.register_metrics = register_metrics,
		.start = start,
		.is_ready = is_ready,
		.drain = drain,
		.stop = stop,
	};

	return daemon_main(&spec, argc, argv);
}
