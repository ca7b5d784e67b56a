/* What users do, as the handlers of values would do it for them: submit, disconnect before the answer, read results, take back;
 * and what an operator does: retry dead letters. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../../services/values/cancellations.h"
#include "../../services/values/refill.h"
#include "../../services/values/service.h"
#include "../../services/values/store.h"
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
	/* of a reader */
	bool reads_whole; /* one result; else a list without whole results */
	int count;
	struct job_result results[INDEXES_MAX];
	bool was_seen[INDEXES_MAX]; /* by some client, before this one began */
	int losses;                 /* of data in Redis, before this one began */
	int places[INDEXES_MAX];    /* of those that are being looked up */
	int places_count;
};

static struct customer customers[OPEN_MAX];
/* Of each calculation: the acknowledged submissions that no user has taken back, or tried to; and whether one was. */
static int acknowledged[KIND_COUNT][INDEXES_MAX];
static bool was_taken_back[KIND_COUNT][INDEXES_MAX];
/* Some of the submissions that can be taken back. */
#define KEPT_MAX 16
static struct submitted {
	int64_t id, user_id;
	struct job_key key;
} kept[KEPT_MAX];
static int kept_count;
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

static void keep(const struct customer *customer, int64_t id)
{
	int place = kept_count < KEPT_MAX ? kept_count++ : (int)chance_below(KEPT_MAX);

	kept[place] = (struct submitted){id, customer->user_id, customer->key};
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
	acknowledged[customer->key.kind][customer->key.index]++;
	acknowledged_count++;
	keep(customer, id);
}

static void submit(struct process *process)
{
	struct customer *customer;

	if (submissions_are_full(process->values->submissions) || !(customer = come(process)))
		return;
	customer->is_submitting = true;
	customer->user_id = chance_below(3);
	trace("submits", customer->key.kind, customer->key.index);
	submissions_add(process->values->submissions, &customer->scope, customer->user_id, customer->key, "simulated",
			&(struct trace){0}, taken, customer);
}

/* Often several at once, because what is submitted together is received together: a batch of one shows little. */
static void submit_some(struct process *process)
{
	for (long n = chance_of(1, 4) ? chance_between(2, OPEN_MAX) : 1; n > 0; n--)
		submit(process);
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

/* ---- taking back, as value_delete.c does ---- */

static void taken_back(enum status status, const struct postgres_rows *rows, void *arg)
{
	struct customer *customer = arg;

	if (!customer->process || customer->is_cancelled)
		promise_broken("a deletion was answered twice, or after its client left", "");
	trace("answers a deletion", status, rows ? postgres_count(rows) : 0);
	if (status == STATUS_OK && postgres_count(rows) != 1)
		promise_broken("a submission was acknowledged, and its user cannot take it back", "");
	if (status == STATUS_OK)
		cancellations_add(customer->process->values, rows);
	leave(customer);
}

/* Whether it will be deleted is not known from now on, so nothing is promised about it any more. */
static void take_back(struct process *process)
{
	struct customer *customer = kept_count > 0 ? come(process) : NULL;
	struct postgres_params params = {0};
	struct submitted chosen;
	unsigned place;

	if (!customer)
		return;
	place = chance_below((unsigned)kept_count);
	chosen = kept[place];
	kept[place] = kept[--kept_count];
	customer->key = chosen.key;
	acknowledged[chosen.key.kind][chosen.key.index]--;
	was_taken_back[chosen.key.kind][chosen.key.index] = true;
	trace("takes back", chosen.key.kind, chosen.key.index);
	postgres_param_int(&params, chosen.user_id);
	postgres_param_int(&params, chosen.id);
	postgres_exec(process->values->postgres, &customer->scope, &store_value_delete, &params, taken_back, customer);
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

/* As value_result.c and results.c do it: Postgres, then Redis about what is not done there, then Postgres once more about what
 * Redis has neither as done nor as failed. */
static void named(enum status status, const struct postgres_rows *rows, void *arg);
static void looked_up(enum status status, const struct job_result *results, int n, void *arg);
static void named_again(enum status status, const struct postgres_rows *rows, void *arg);
static void answer(struct customer *customer);

static void check_is_alive(const struct customer *customer)
{
	if (!customer->process || customer->is_cancelled)
		promise_broken("a reader was answered twice, or after it left", "");
}

static void ask_postgres(struct customer *customer, postgres_done *done)
{
	struct buf names = {0}, numbers = {0};
	struct postgres_params params = {0};

	for (int i = 0; i < customer->places_count; i++) {
		const struct job_key *key = &customer->results[customer->places[i]].key;

		buf_printf(&names, "%s%s", i ? "," : "{", kind_name(key->kind));
		buf_printf(&numbers, "%s%" PRId64, i ? "," : "{", key->index);
	}
	buf_text(&names, "}");
	buf_text(&numbers, "}");
	postgres_param_text(&params, names.bytes);
	postgres_param_text(&params, numbers.bytes);
	postgres_exec(customer->process->values->postgres, &customer->scope, &store_calculations_named, &params, done,
		      customer);
	buf_free(&names);
	buf_free(&numbers);
}

static void read_results(struct process *process, bool reads_whole)
{
	struct customer *customer = come(process);

	if (!customer)
		return;
	customer->reads_whole = reads_whole;
	customer->losses = promises_losses();
	customer->count = customer->places_count = reads_whole ? 1 : indexes;
	for (int i = 0; i < customer->count; i++) {
		struct job_key key = reads_whole ? customer->key : (struct job_key){customer->key.kind, i};

		customer->results[i].key = key;
		customer->was_seen[i] = promises_has_seen(key.kind, key.index);
		customer->places[i] = i;
	}
	trace("reads", customer->key.kind, customer->count);
	ask_postgres(customer, named);
}

static void read_one(struct process *process)
{
	read_results(process, true);
}

static void list(struct process *process)
{
	read_results(process, false);
}

static void take_rows(struct customer *customer, const struct postgres_rows *rows)
{
	for (int i = 0; i < postgres_count(rows); i++) {
		int place = (int)postgres_int(rows, i, COLUMN_NAMED_PLACE) - 1;
		struct job_result *result = &customer->results[customer->places[place]];

		if (!store_calculation_read(rows, i, result))
			promise_broken("Postgres has an unknown kind", "");
		if (result->state == JOB_DONE)
			check_digits(result->key, result->preview, result->preview_len, true);
		result->preview = NULL;
	}
}

/* What Postgres does not know at all is not looked up. */
static void choose(struct customer *customer)
{
	customer->places_count = 0;
	for (int i = 0; i < customer->count; i++)
		if (customer->results[i].state == JOB_PENDING || customer->results[i].state == JOB_FAILED)
			customer->places[customer->places_count++] = i;
}

static void named(enum status status, const struct postgres_rows *rows, void *arg)
{
	struct customer *customer = arg;
	struct job_key keys[INDEXES_MAX];

	check_is_alive(customer);
	if (status != STATUS_OK)
		return leave(customer);
	take_rows(customer, rows);
	choose(customer);
	if (customer->places_count == 0)
		return answer(customer);
	for (int i = 0; i < customer->places_count; i++)
		keys[i] = customer->results[customer->places[i]].key;
	jobs_look_up(customer->process->values->redis, &customer->scope, keys, customer->places_count, looked_up, customer);
}

static void looked_up(enum status status, const struct job_result *results, int n, void *arg)
{
	struct customer *customer = arg;
	int asked_again = 0;

	check_is_alive(customer);
	if (status != STATUS_OK)
		return leave(customer);
	for (int i = 0; i < n; i++) {
		int place = customer->places[i];

		customer->results[place] = results[i];
		customer->results[place].preview = NULL;
		if (results[i].state == JOB_DONE)
			check_digits(results[i].key, results[i].preview, results[i].preview_len, true);
		else if (results[i].state != JOB_FAILED)
			customer->places[asked_again++] = place;
	}
	customer->places_count = asked_again;
	if (asked_again)
		ask_postgres(customer, named_again);
	else
		answer(customer);
}

static void named_again(enum status status, const struct postgres_rows *rows, void *arg)
{
	struct customer *customer = arg;

	check_is_alive(customer);
	if (status != STATUS_OK)
		return leave(customer);
	take_rows(customer, rows);
	refill_missing(customer->process->values->refill, chance_of(1, 2) ? JOBS_SMALL : JOBS_LARGE);
	answer(customer);
}

static void asked(enum status status, void *arg)
{
	leave(arg);
}

static void decimal_read(enum status status, const char *digits, size_t len, void *arg)
{
	struct customer *customer = arg;

	check_is_alive(customer);
	if (status == STATUS_OK)
		check_digits(customer->key, digits, len, false);
	if (status != STATUS_NOT_FOUND)
		return leave(customer);
	jobs_ask_decimal(customer->process->values->redis, &customer->scope, customer->key, "simulated", asked, customer);
}

/* A calculation that was cancelled is unknown until it is submitted again, or until its result is written after all. */
static bool may_be_unknown(const struct job_result *result)
{
	return result->state == JOB_ABSENT && was_taken_back[result->key.kind][result->key.index];
}

/* What was announced stays done, unless something was lost. */
static void answer(struct customer *customer)
{
	for (int i = 0; i < customer->count; i++) {
		const struct job_result *result = &customer->results[i];

		if (customer->was_seen[i] && customer->losses == promises_losses() && result->state != JOB_DONE &&
		    !may_be_unknown(result))
			promise_broken("a result was announced, and is not done for a later reader", "");
	}
	if (customer->reads_whole && customer->results[0].state == JOB_DONE &&
	    customer->results[0].digits > JOBS_PREVIEW_DIGITS)
		jobs_read_decimal(customer->process->values->redis, &customer->scope, customer->key, decimal_read, customer);
	else
		leave(customer);
}

/* ---- retrying, as manage does ---- */

static void retried(enum status status, void *arg)
{
	leave(arg);
}

static void made_pending(enum status status, const struct postgres_rows *rows, void *arg)
{
	struct customer *customer = arg;

	if (status != STATUS_OK)
		return leave(customer);
	jobs_retry(customer->process->values->redis, &customer->scope, customer->key, postgres_count(rows) == 1, retried,
		   customer);
}

static void retry_of(struct customer *customer)
{
	struct postgres_params params = {0};

	postgres_param_text(&params, kind_name(customer->key.kind));
	postgres_param_int(&params, customer->key.index);
	postgres_exec(customer->process->values->postgres, &customer->scope, &store_calculation_retry, &params, made_pending,
		      customer);
}

/* Most retries are of what failed. */
static void retry(struct process *process)
{
	struct customer *customer = come(process);
	int tries = 0;

	if (!customer)
		return;
	while (postgres_server_state(customer->key.kind, customer->key.index) != JOB_FAILED && tries++ < indexes)
		customer->key.index = (customer->key.index + 1) % indexes;
	retry_of(customer);
}

/* ---- for the others ---- */

void customers_act(void)
{
	struct process *process = &processes[chance_below(2)];
	unsigned what = chance_below(23);

	if (what < 3) {
		disconnect(&customers[chance_below(OPEN_MAX)]);
		return;
	}
	if (!process_is_alive(process))
		return;
	current_process = process;
	(what < 13 ? submit_some : what < 16 ? read_one : what < 18 ? list : what < 21 ? take_back : retry)(process);
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

void customers_each_acknowledged(void (*each)(enum kind kind, int64_t index, int submissions))
{
	for (int kind = 0; kind < KIND_COUNT; kind++)
		for (int index = 0; index < INDEXES_MAX; index++)
			if (acknowledged[kind][index] > 0)
				each((enum kind)kind, index, acknowledged[kind][index]);
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
	retry_of(customer);
	current_process = NULL;
}

void customers_reset(void)
{
	memset(customers, 0, sizeof customers);
	memset(acknowledged, 0, sizeof acknowledged);
	memset(was_taken_back, 0, sizeof was_taken_back);
	acknowledged_count = kept_count = 0;
	kinds = (int)chance_between(1, KIND_COUNT);
	indexes = (int)(chance_of(1, 2) ? chance_between(1, 8) : chance_between(8, INDEXES_MAX));
}
