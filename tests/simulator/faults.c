/* What goes wrong. Each run uses a part of the faults, at a rate of its own, because a run with all of them at once hides what
 * only a few show. */
#include <string.h>

#include "simulator.h"

struct fault {
	const char *name;
	void (*inject)(void);
};

static unsigned rate; /* one fault in so many steps */
static bool is_used[32];
static int64_t injected, injected_before;

/* ---- connections ---- */

static struct wire *any_wire(void)
{
	struct wire *wire, *chosen = NULL;
	unsigned count = 0;

	TAILQ_FOREACH (wire, &wires, link)
		if (wire->state == WIRE_OPEN && !wire->is_cut && chance_of(1, ++count))
			chosen = wire;
	return chosen;
}

static void cut(void)
{
	struct wire *wire = any_wire();

	if (wire)
		wire_cut(wire);
}

static void silence(void)
{
	struct wire *wire = any_wire();

	if (wire)
		wire->is_silent = true;
}

/* ---- processes ---- */

static struct process *any_process(void)
{
	struct process *process = &processes[chance_below(PROCESSES)];

	return process_is_alive(process) ? process : NULL;
}

static void kill_one(void)
{
	struct process *process = any_process();

	if (process)
		process_kill(process);
}

static void drain_one(void)
{
	struct process *process = any_process();

	if (process && process->kind == PROCESS_WORKER && !process->is_draining)
		process_drain(process);
}

static void stop_one(void)
{
	struct process *process = any_process();

	if (process)
		process->stopped_until_us = now_us + chance_between(0, 8000000);
}

static void let_time_pass(void)
{
	now_us += chance_between(0, 4000000);
}

/* ---- Redis ---- */

static void redis_up_or_down(void)
{
	redis_faults.is_down = !redis_faults.is_down;
	if (redis_faults.is_down)
		redis_server_restart();
}

static void redis_roll_back(void)
{
	if (chance_of(1, 2))
		redis_server_roll_back();
	redis_server_remember();
}

/* Of the jobs as often as of the revocations, among which the stream comes most often, because the others follow from it. */
static void redis_delete(void)
{
	static const char *const of_jobs[] = {
		"jobs",        "{jobs}:window",  "{jobs}:dead",        "{jobs}:finished",     "{jobs}:refill", "{jobs}:large",
		"{jobs}:load", "{jobs}:workers", "result:fibonacci:3", "result:fibonacci:10", "{jobs}:gone"};
	static const char *const of_revocations[] = {"revocations", "revocations", "{revocations}:complete",
						     "{revocations}:followers", "{revocations}:republishing"};
	const char *key = chance_of(1, 2) ? of_jobs[chance_below(sizeof of_jobs / sizeof *of_jobs)]
					  : of_revocations[chance_below(sizeof of_revocations / sizeof *of_revocations)];

	trace_text("key", key, strlen(key));
	redis_server_delete(key);
}

static void redis_full(void)
{
	redis_faults.is_full = !redis_faults.is_full;
}

static void redis_refuses(void)
{
	static const char *const words[] = {"LOADING Redis is loading the dataset in memory",
					    "BUSY Redis is busy running a script", "NOPERM no permissions",
					    "ERR something else", "READONLY You can't write against a read only replica."};

	redis_faults.refuses = redis_faults.refuses ? NULL : words[chance_below(sizeof words / sizeof *words)];
}

static void redis_refuses_writes(void)
{
	static const char *const words[] = {"MISCONF Redis is configured to save RDB snapshots",
					    "NOREPLICAS Not enough good replicas to write.",
					    "READONLY You can't write against a read only replica."};

	redis_faults.refuses_writes = redis_faults.refuses_writes ? NULL : words[chance_below(sizeof words / sizeof *words)];
}

static void workers_die_of_jobs(void)
{
	for (int i = WORKER_FIRST; i < USERS_FIRST; i++)
		if (process_is_alive(&processes[i]))
			process_kill(&processes[i]);
	redis_server_wear_out("jobs", "workers");
	redis_server_wear_out("{jobs}:large", "workers");
}

/* ---- Postgres ---- */

static void postgres_up_or_down(void)
{
	postgres_faults.is_down = !postgres_faults.is_down;
	if (postgres_faults.is_down)
		postgres_server_restart();
}

static void postgres_fails(void)
{
	static const char *const states[] = {"40001", "57014", "53300", "25006", "XX000", "57P01", "08006"};

	postgres_faults.sqlstate = states[chance_below(sizeof states / sizeof *states)];
}

static const struct fault faults[] = {
	{"cuts a connection", cut},
	{"silences a connection", silence},
	{"kills", kill_one},
	{"drains", drain_one},
	{"stops", stop_one},
	{"lets time pass", let_time_pass},
	{"Redis up or down", redis_up_or_down},
	{"rolls Redis back", redis_roll_back},
	{"FLUSHALL", redis_server_flush},
	{"deletes a key", redis_delete},
	{"SCRIPT FLUSH", redis_server_forget_scripts},
	{"Redis full or not", redis_full},
	{"Redis refuses or not", redis_refuses},
	{"Redis refuses writes or not", redis_refuses_writes},
	{"workers die of their jobs", workers_die_of_jobs},
	{"Postgres up or down", postgres_up_or_down},
	{"Postgres fails", postgres_fails},
};
#define FAULTS ((int)(sizeof faults / sizeof *faults))

void faults_inject(void)
{
	int which = (int)chance_below(FAULTS);

	if (rate == 0 || !chance_of(1, rate) || !is_used[which])
		return;
	trace_text("fault", faults[which].name, strlen(faults[which].name));
	injected++;
	faults[which].inject();
}

/* What is draining must end by itself. */
void faults_end(void)
{
	trace("no more faults", 0, 0);
	redis_faults = (struct redis_faults){0};
	postgres_faults = (struct postgres_faults){0};
	work_is_quick = true;
	for (int i = 0; i < PROCESSES; i++) {
		processes[i].stopped_until_us = 0;
		if (!process_is_alive(&processes[i]))
			process_start(&processes[i]);
	}
}

int64_t faults_injected(void)
{
	return injected;
}

int64_t faults_injected_in_run(void)
{
	return injected - injected_before;
}

/* One run in eight has none. */
void faults_reset(void)
{
	static const unsigned rates[] = {0, 10, 30, 60, 100, 200, 400, 1000};

	injected_before = injected;
	rate = rates[chance_below(sizeof rates / sizeof *rates)];
	for (int i = 0; i < FAULTS; i++)
		is_used[i] = chance_of(2, 5);
}
