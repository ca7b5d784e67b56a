/* A simulated users process: the parts that refresh sessions and end tokens, wired as in its main.c. */
#include <stdlib.h>

#include "../../services/users/accounts/user_of_path.h"
#include "../../services/users/challenges/confirmation.h"
#include "../../services/users/events/event_origin.h"
#include "../../services/users/mail/outbox.h"
#include "../../services/users/revocations/republisher.h"
#include "../../services/users/revocations/retry_queue.h"
#include "../../services/users/service.h"
#include "../../services/users/sessions/authenticate.h"
#include "../../services/users/sessions/device.h"
#include "../../services/users/sessions/rotations.h"
#include "base/int64.h"
#include "base/loop.h"
#include "base/mem.h"
#include "simulator.h"

extern const struct postgres_statement *const users_store_statements[]; /* store_statements of users; the Makefile renames it */

#define DAYS_S 1000000 /* longer than a run takes */

static struct users_config options;
static char secret[] = "a secret of the simulator, which is long enough";

/* ---- what handlers call and is not simulated: mail, devices, events; every caller is an admin and has confirmed ---- */

void outbox_wake(struct outbox *outbox)
{
}

void device_note(struct http_request *req, int64_t user_id, const char *session)
{
}

const char *event_origin(struct http_request *req)
{
	return NULL;
}

const char *event_origin_of(struct http_request *req, int64_t actor, const char *session)
{
	return NULL;
}

void event_origin_agent(const struct http_request *req, char ret_text[EVENT_ORIGIN_AGENT_LEN + 1])
{
	*ret_text = '\0';
}

bool users_require_admin(struct http_request *req)
{
	return true;
}

void confirmation_want_header(struct http_request *req, void (*confirmed)(struct http_request *req, void *arg), void *arg)
{
	confirmed(req, arg);
}

bool user_of_path(struct http_request *req, int64_t *ret_id)
{
	return int64_parse(http_request_param(req, "id"), ret_id) == STATUS_OK;
}

void user_of_path_not_found(struct http_request *req)
{
	promise_broken("a user is not found", "");
}

/* ---- the process ---- */

void process_start_users(struct process *process, const struct redis_config *redis, const struct postgres_config *postgres,
			 long lease_s)
{
	static const struct redis_script *const scripts[] = {&revocations_publish_script, &revocations_sweep_script,
							     &revocations_republish_begin_script,
							     &revocations_republish_end_script, NULL};
	struct users *users = mem_alloc(sizeof *users);

	options = (struct users_config){.repair_s = 5,
					.redis = *redis,
					.postgres = *postgres,
					.auth.secret = secret,
					.auth.token_lifetime_s = simulated_lifetime_s,
					.auth.access_token_s = 600,
					.auth.max_age_s = lease_s,
					.session = {.max_s = DAYS_S,
						    .unremembered_s = DAYS_S,
						    .idle_s = DAYS_S,
						    .retry_s = simulated_retry_s,
						    .per_user_max = simulated_sessions},
					.http.deadline_ms = 8000};
	users->config = &options;
	users->key = auth_key(&options.auth, NULL);
	users->revocations = (struct revocations_config){lease_s, simulated_lifetime_s};
	users->postgres = postgres_new(process->base, &options.postgres, users_store_statements);
	users->redis = redis_new(process->base, &options.redis, scripts, LOOP_PRIORITY_NORMAL);
	users->publisher = revocations_publisher_new(process->base, &options.redis, users->redis, &users->revocations);
	users->republisher = republisher_new(process->base, users);
	users->retry_queue = retry_queue_new(process->base, users, simulated_retries);
	users->rotations = rotations_new(process->base, users);
	process->users = users;
}

void process_stop_users(struct process *process)
{
	struct users *users = process->users;

	process->users = NULL;
	rotations_free(users->rotations);
	retry_queue_free(users->retry_queue);
	republisher_free(users->republisher);
	revocations_publisher_free(users->publisher);
	redis_free(users->redis);
	postgres_free(users->postgres);
	free(users);
}
