/* What users do, as the handlers of values would do it for them: submit, disconnect before the answer, read results; and what
 * an operator does: retry dead letters. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../../services/values/repair.h"
#include "../../services/values/service.h"
#include "../../services/values/submissions.h"
#include "base/mem.h"
#include "simulator.h"

#define OPEN_MAX 12
#define INDEXES_MAX 64

struct customer {
	struct process *process; /* NULL: not in use */
	struct scope scope;
	struct job_key key;
	int64_t user_id;
	bool is_submitting, is_cancelled;
};

static struct customer customers[OPEN_MAX];
static bool acknowledged[KIND_COUNT][INDEXES_MAX];
static int64_t acknowledged_count;
static int kinds, indexes; /* so many are in use in this run */

static void leave(struct customer *customer)
{
	customer->process = NULL;
}

static struct customer *come(struct process *process)
{
	for (int i = 0; i < OPEN_MAX; i++) {
		struct customer *customer = &customers[i];

		if (customer->process)
			continue;
		*customer = (struct customer){.process = process};
		scope_init(&customer->scope);
		customer->key = (struct job_key){(enum kind)chance_below((unsigned)kinds), chance_below((unsigned)indexes)};
		return customer;
	}
	return NULL;
}

/* ---- submitting ---- */

static void check_row(const struct customer *customer, int64_t id)
{
	const struct stored_value *row = postgres_server_value(id);

	if (!row)
		promise_broken("a submission was acknowledged, and is not stored", "");
	if (row->user_id != customer->user_id || row->kind != customer->key.kind || row->index != customer->key.index)
		promise_broken("a submission was acknowledged with another's row", "");
}

static void taken(enum status status, int64_t id, enum job_state state, void *arg)
{
	struct customer *customer = arg;

	trace("answers a submission", status, id);
	if (!customer->process || !customer->is_submitting || customer->is_cancelled)
		promise_broken("a submission was answered twice, or after its client left", "");
	leave(customer);
	if (status != STATUS_OK)
		return;
	check_row(customer, id);
	acknowledged[customer->key.kind][customer->key.index] = true;
	acknowledged_count++;
}

static void submit(struct process *process)
{
	struct customer *customer;

	if (submissions_are_full(process->values->submissions) || !(customer = come(process)))
		return;
	customer->is_submitting = true;
	customer->user_id = chance_below(3);
	trace("submits", customer->key.kind, customer->key.index);
	submissions_add(process->values->submissions, &customer->scope, customer->user_id, customer->key, "simulated", taken,
			customer);
}

static void disconnect(struct customer *customer)
{
	if (!customer->process)
		return;
	trace("a client leaves", customer->key.kind, customer->key.index);
	customer->is_cancelled = true;
	scope_cancel(&customer->scope);
	leave(customer);
}

/* ---- reading ---- */

static void check_digits(struct job_key key, const char *digits, size_t len, bool is_preview)
{
	char *expected = expected_result(key.kind, key.index);
	struct buf preview = {0};

	if (is_preview)
		jobs_preview(expected, strlen(expected), &preview);
	else
		buf_text(&preview, expected);
	if (preview.len != len || memcmp(preview.bytes, digits, len) != 0)
		promise_broken("a result is wrong", expected);
	buf_free(&preview);
	free(expected);
}

static void result_read(enum status status, enum job_state state, const char *digits, size_t len, void *arg)
{
	struct customer *customer = arg;

	trace("answers a reader", status, state);
	if (!customer->process || customer->is_cancelled)
		promise_broken("a reader was answered twice, or after it left", "");
	if (status == STATUS_OK)
		check_digits(customer->key, digits, len, false);
	else if (status == STATUS_NOT_FOUND && state == JOB_ABSENT &&
		 postgres_server_has_calculation(customer->key.kind, customer->key.index))
		repair_now(customer->process->values->repair, &customer->key, 1);
	leave(customer);
}

static void read_one(struct process *process)
{
	struct customer *customer = come(process);

	if (!customer)
		return;
	trace("reads", customer->key.kind, customer->key.index);
	jobs_read_result(process->values->redis, &customer->scope, customer->key, result_read, customer);
}

static void looked_up(enum status status, const struct job_result *results, int n, void *arg)
{
	struct customer *customer = arg;

	if (!customer->process || customer->is_cancelled)
		promise_broken("a list was answered twice, or after its reader left", "");
	for (int i = 0; i < n; i++)
		if (results[i].state == JOB_DONE)
			check_digits(results[i].key, results[i].preview, results[i].preview_len, true);
	leave(customer);
}

static void list(struct process *process)
{
	struct customer *customer = come(process);
	struct job_key keys[INDEXES_MAX];

	if (!customer)
		return;
	for (int i = 0; i < indexes; i++)
		keys[i] = (struct job_key){customer->key.kind, i};
	jobs_look_up(process->values->redis, &customer->scope, keys, indexes, looked_up, customer);
}

static void retried(enum status status, void *arg)
{
	leave(arg);
}

static void retry(struct process *process)
{
	struct customer *customer = come(process);

	if (customer)
		jobs_retry(process->values->redis, &customer->scope, customer->key, retried, customer);
}

/* ---- for the others ---- */

void customers_act(void)
{
	struct process *process = &processes[chance_below(2)];
	unsigned what = chance_below(20);

	if (what < 3) {
		disconnect(&customers[chance_below(OPEN_MAX)]);
		return;
	}
	if (!process_is_alive(process))
		return;
	current_process = process;
	(what < 13 ? submit : what < 16 ? read_one : what < 18 ? list : retry)(process);
	current_process = NULL;
}

void customers_forget(const struct process *process)
{
	for (int i = 0; i < OPEN_MAX; i++)
		if (customers[i].process == process)
			disconnect(&customers[i]);
}

bool customers_have_open(void)
{
	for (int i = 0; i < OPEN_MAX; i++)
		if (customers[i].process)
			return true;
	return false;
}

int64_t customers_acknowledged(void)
{
	return acknowledged_count;
}

void customers_each_acknowledged(void (*each)(enum kind kind, int64_t index))
{
	for (int kind = 0; kind < KIND_COUNT; kind++)
		for (int index = 0; index < INDEXES_MAX; index++)
			if (acknowledged[kind][index])
				each((enum kind)kind, index);
}

/* Retries all dead letters, which the end of a run waits for. */
void customers_retry(enum kind kind, int64_t index)
{
	struct process *process = &processes[0];
	struct customer *customer = come(process);

	if (!customer)
		return;
	customer->key = (struct job_key){kind, index};
	current_process = process;
	jobs_retry(process->values->redis, &customer->scope, customer->key, retried, customer);
	current_process = NULL;
}

void customers_reset(void)
{
	memset(customers, 0, sizeof customers);
	memset(acknowledged, 0, sizeof acknowledged);
	acknowledged_count = 0;
	kinds = (int)chance_between(1, KIND_COUNT);
	indexes = (int)(chance_of(1, 2) ? chance_between(1, 8) : chance_between(8, INDEXES_MAX));
}
