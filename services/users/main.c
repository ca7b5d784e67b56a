/* The users daemon: registers users, logs them in, and says which tokens are revoked. */
#include "service.h"

#include <stdlib.h>

#include "auth/jwt_cache.h"
#include "base/loop.h"
#include "base/mem.h"
#include "events/event_attempts.h"
#include "events/event_prune.h"
#include "http/access.h"
#include "mail/mail.h"
#include "mail/outbox.h"
#include "passkeys/passkeys.h"
#include "passwords/resets.h"
#include "redis/limit.h"
#include "revocations/republisher.h"
#include "revocations/retry_queue.h"
#include "sessions/authenticate.h"
#include "sessions/rotations.h"
#include "sessions/session_prune.h"
#include "store/statements.h"

static struct users *users; /* of this process */

static struct {
	void (*drained)(void *arg);
	void *arg;
	struct loop_timer *again;
} ending;

#define IDLE_POLL_MS 20

static void drain_outbox_when_idle(void *arg);

static void register_metrics(void)
{
	http_access_register_metrics(users_routes);
	postgres_register_metrics();
	outbox_register_metrics();
}

static bool is_ready(void *service, const char **ret_reason)
{
	*ret_reason = !postgres_is_ready(users->postgres) ? "postgres" : "redis";
	return postgres_is_ready(users->postgres) && redis_is_ready(users->redis);
}

static enum status start(struct daemon *daemon, struct event_base *base, void **ret_service)
{
	static const struct redis_script *const scripts[] = {&revocations_publish_script,
							     &revocations_sweep_script,
							     &revocations_republish_begin_script,
							     &revocations_republish_end_script,
							     &limit_count_script,
							     &limit_undo_script,
							     &mail_read_reports_script,
							     NULL};

	users = mem_alloc(sizeof *users);
	users->config = &users_config;
	scope_init(&users->scope);
	users->key = auth_key(&users_config.auth, jwt_cache_new());
	users->postgres = postgres_new(base, &users_config.postgres, store_statements);
	users->redis = redis_new(base, &users_config.redis, scripts, LOOP_PRIORITY_NORMAL);
	users->hasher = password_hasher_new(base, &users_config.password);
	users->revocations = (struct revocations_config){users_config.auth.max_age_s, users_config.auth.token_lifetime_s};
	users->publisher = revocations_publisher_new(base, &users_config.redis, users->redis, &users->revocations);
	users->republisher = republisher_new(base, users);
	users->retry_queue = retry_queue_new(base, users, RETRY_QUEUE_MAX);
	users->session_prune = session_prune_new(base, users);
	users->rotations = rotations_new(base, users);
	users->event_attempts = event_attempts_new(base, users);
	users->event_prune = event_prune_new(base, users, daemon_process(daemon));
	users->outbox = outbox_new(base, users, daemon_process(daemon) == 0);
	users->passkeys = passkeys_new(base, &users_config);
	users->resets = resets_new(base, users, daemon_process(daemon));
	ending.again = loop_timer_new(base, drain_outbox_when_idle, NULL);
	users->http = http_server_new(base, &users_config.http, users_routes, users);
	http_server_set_auth(users->http, users_authenticate);
	http_server_accept_when(users->http, is_ready);
	*ret_service = users;
	return http_server_listen(users->http);
}

/* The retry queue and the outbox come last, because requests add to them. Behind a pooler, what goes on when a request has
 * ended (users.scope) may still wait for a connection, and a device's notice goes through the outbox. */
static void drain_outbox_when_idle(void *arg)
{
	if (scope_is_idle(&users->scope))
		outbox_drain(users->outbox, ending.drained, ending.arg);
	else
		loop_timer_start(ending.again, IDLE_POLL_MS);
}

static void attempts_written(void *arg)
{
	retry_queue_drain(users->retry_queue, drain_outbox_when_idle, NULL);
}

static void answered_all(void *arg)
{
	event_attempts_finish(users->event_attempts, attempts_written, NULL);
}

static void drain(void *service, void (*drained)(void *arg), void *arg)
{
	ending.drained = drained;
	ending.arg = arg;
	http_server_drain(users->http, answered_all, NULL);
}

static void stop(void *service)
{
	http_server_free(users->http);
	scope_cancel(&users->scope);
	loop_timer_free(ending.again);
	passkeys_free(users->passkeys);
	resets_free(users->resets);
	event_prune_free(users->event_prune);
	event_attempts_free(users->event_attempts);
	outbox_free(users->outbox);
	rotations_free(users->rotations);
	session_prune_free(users->session_prune);
	retry_queue_free(users->retry_queue);
	republisher_free(users->republisher);
	revocations_publisher_free(users->publisher);
	password_hasher_free(users->hasher);
	jwt_cache_free(users->key.cache);
	redis_free(users->redis);
	postgres_free(users->postgres);
	free(users);
	users = NULL;
}

int main(int argc, char **argv)
{
	static const struct daemon_spec spec = {
		.name = "users",
		.summary = "registers users, logs them in, and revokes tokens",
		.admin_port = 9001,
		.configs = users_configs,
		.check = users_check,
		.register_metrics = register_metrics,
		.start = start,
		.is_ready = is_ready,
		.drain = drain,
		.stop = stop,
	};

	return daemon_main(&spec, argc, argv);
}
