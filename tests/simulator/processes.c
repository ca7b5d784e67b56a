/* The simulated processes: the parts of values and of the worker that are wired as their main.c wires them, without HTTP. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../../services/values/previews.h"
#include "../../services/values/refill.h"
#include "../../services/values/service.h"
#include "../../services/values/store.h"
#include "../../services/values/submissions.h"
#include "../../services/values/writer.h"
#include "../../services/worker/service.h"
#include "auth/revocations.h"
#include "base/loop.h"
#include "base/mem.h"
#include "http_fake.h"
#include "simulator.h"

struct process processes[PROCESSES];
struct process *current_process;

static struct values_config values_options;
static struct worker_config worker_options[PROCESSES];
static char names[PROCESSES][64];
static bool names_stay; /* does a worker that starts again have the name of the one before it (WORKER_NAME)? */
static int starts;
static long lease_s; /* of a follower of the revocations */
long simulated_lifetime_s, simulated_retry_s, simulated_sessions;
unsigned simulated_retries;

static char redis_host[] = "redis";
static const struct redis_config redis_options_usual = {
	.host = redis_host, .port = 6379, .command_timeout_ms = 2000, .connect_timeout_ms = 2000, .in_flight_max = 10000};
static char postgres_url[] = "postgres://simulated@postgres/simulated";
static const struct postgres_config postgres_options_usual = {.url = postgres_url,
							      .connections = 2,
							      .in_flight_max = 1000,
							      .query_timeout_ms = 5000,
							      .connect_timeout_ms = 2000,
							      .prepares = true};

bool process_is_alive(const struct process *process)
{
	return process->base;
}

static void start_values(struct process *process)
{
	struct values *values = mem_alloc(sizeof *values);

	values->config = &values_options;
	scope_init(&values->scope);
	values->postgres = postgres_new(process->base, &values_options.postgres, store_statements);
	values->redis = redis_new(process->base, &values_options.redis, jobs_scripts, LOOP_PRIORITY_NORMAL);
	process->follower = revocations_new(process->base, &values_options.redis,
					    &(struct revocations_config){lease_s, simulated_lifetime_s});
	values->refill = refill_new(process->base, values);
	values->submissions = submissions_new(process->base, values);
	values->previews = previews_new();
	values->writer = writer_new(process->base, values);
	process->values = values;
}

static void start_worker(struct process *process)
{
	struct worker_config *config = &worker_options[process->number];

	snprintf(names[process->number], sizeof *names, "worker-%d-%d", process->number, names_stay ? 0 : starts);
	config->name = names[process->number];
	process->work = work_new(process->base, config, process->number % 2 == 0);
}

void process_start(struct process *process)
{
	trace("starts process", process->number, ++starts);
	process->base = events_base_new(process);
	process->is_draining = process->is_drained = false;
	current_process = process;
	if (process->kind == PROCESS_VALUES)
		start_values(process);
	else if (process->kind == PROCESS_WORKER)
		start_worker(process);
	else
		process_start_users(process, &redis_options_usual, &postgres_options_usual, lease_s);
	current_process = NULL;
}

static void stop_values(struct process *process)
{
	struct values *values = process->values;

	process->values = NULL;
	submissions_free(values->submissions);
	writer_free(values->writer);
	previews_free(values->previews);
	refill_free(values->refill);
	scope_cancel(&values->scope);
	revocations_free(process->follower);
	process->follower = NULL;
	redis_free(values->redis);
	postgres_free(values->postgres);
	free(values);
}

static void stop_worker(struct process *process)
{
	work_free(process->work);
	process->work = NULL;
}

/* Its memory is given back in the order of main.c. Of what it sent, chance decides how much arrives. */
void process_kill(struct process *process)
{
	trace("kills process", process->number, 0);
	requests_forget(process);
	customers_forget(process);
	promises_forget(process);
	current_process = process;
	if (process->kind == PROCESS_VALUES)
		stop_values(process);
	else if (process->kind == PROCESS_WORKER)
		stop_worker(process);
	else
		process_stop_users(process);
	current_process = NULL;
	surroundings_forget(process->base);
	if (events_left(process->base) > 0)
		promise_broken("a process that has ended left an event in its loop", "");
	events_base_free(process->base);
	process->base = NULL;
}

static void drained(void *arg)
{
	struct process *process = arg;

	if (process->is_drained)
		promise_broken("a process was drained twice", "");
	process->is_drained = true;
	trace("is drained", process->number, 0);
}

void process_drain(struct process *process)
{
	trace("drains process", process->number, 0);
	process->is_draining = true;
	current_process = process;
	work_drain(process->work, drained, process);
	current_process = NULL;
}

static void draw_options(void)
{
	names_stay = chance_of(1, 2);
	lease_s = chance_between(1, 5);
	simulated_lifetime_s = chance_between(60, 300);
	simulated_retry_s = chance_between(1, 30);
	simulated_retries = chance_of(1, 2) ? 1 : 10000;
	simulated_sessions = chance_of(1, 2) ? chance_between(1, 2) : 100;
	values_options.repair_s = chance_between(1, 5);
	values_options.window_jobs = chance_of(1, 2) ? chance_between(1, 10) : 10000;
	values_options.window_large_ms = chance_of(1, 2) ? chance_between(1, 50) : 1000;
	values_options.redis = redis_options_usual;
	values_options.postgres = postgres_options_usual;
	values_options.postgres.connections = chance_between(1, 3);
	for (int i = 0; i < PROCESSES; i++)
		worker_options[i] =
			(struct worker_config){.redis = redis_options_usual,
					       .lease_s = 3,
					       .max_deliveries = SIMULATED_DELIVERIES,
					       .batch = chance_of(1, 2) ? 128 : chance_between(1, 4),
					       .threads = chance_between(1, 2),
					       .cache_s = chance_between(1, 100),
					       .unstored_bytes_max = chance_of(1, 2) ? 1 << 26 : chance_between(1, 3000)};
	if (chance_of(1, 4)) /* so that calls end with STATUS_BUSY */
		values_options.redis.in_flight_max = worker_options[2].redis.in_flight_max = chance_between(2, 6);
}

void processes_reset(void)
{
	starts = 0;
	draw_options();
	for (int i = 0; i < PROCESSES; i++) {
		processes[i] = (struct process){.kind = i < WORKER_FIRST  ? PROCESS_VALUES
							: i < USERS_FIRST ? PROCESS_WORKER
									  : PROCESS_USERS,
						.number = i};
		process_start(&processes[i]);
	}
}
