/* A simulated users process: the parts that end tokens, wired as in its main.c. */
#include <stdlib.h>

#include "../../services/users/revocations/republisher.h"
#include "../../services/users/revocations/retry_queue.h"
#include "../../services/users/service.h"
#include "base/loop.h"
#include "base/mem.h"
#include "simulator.h"

extern const struct postgres_statement *const users_store_statements[]; /* store_statements of users; the Makefile renames it */

static struct users_config options;

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
					.auth.token_lifetime_s = simulated_lifetime_s,
					.auth.max_age_s = lease_s,
					.http.deadline_ms = 8000};
	users->config = &options;
	users->revocations = (struct revocations_config){lease_s, simulated_lifetime_s};
	users->postgres = postgres_new(process->base, &options.postgres, users_store_statements);
	users->redis = redis_new(process->base, &options.redis, scripts, LOOP_PRIORITY_NORMAL);
	users->publisher = revocations_publisher_new(process->base, &options.redis, users->redis, &users->revocations);
	users->republisher = republisher_new(process->base, users);
	users->retry_queue = retry_queue_new(process->base, users);
	process->users = users;
}

void process_stop_users(struct process *process)
{
	struct users *users = process->users;

	process->users = NULL;
	retry_queue_free(users->retry_queue);
	republisher_free(users->republisher);
	revocations_publisher_free(users->publisher);
	redis_free(users->redis);
	postgres_free(users->postgres);
	free(users);
}
