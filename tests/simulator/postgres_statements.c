/* What the statements of services/values/store.c do, on tables in memory. A new or changed statement changes here too; one that
 * is missing here ends the run. */
#include <stdlib.h>
#include <string.h>

#include "base/int64.h"
#include "base/mem.h"
#include "jobs/jobs.h"
#include "postgres_fake.h"
#include "postgres_statements.h"

#define KIND_BYTES 16
struct calculation {
	char kind[KIND_BYTES];
	int64_t index, user_id;
	enum job_state state;
	int64_t digits, duration_us, unix_ms;
	char *preview; /* NULL unless it is done */
};

static struct stored_value *values;
static int values_count, values_room;
static struct calculation *calculations; /* sorted */
static int calculations_count;
#define INDEXES_MAX 64
static bool was_submitted[KIND_COUNT][INDEXES_MAX]; /* ever, in this run */
static int64_t last_id;

void statements_reset(void)
{
	for (int i = 0; i < calculations_count; i++)
		free(calculations[i].preview);
	free(values);
	free(calculations);
	values = NULL;
	calculations = NULL;
	values_count = values_room = calculations_count = 0;
	last_id = 0;
	memset(was_submitted, 0, sizeof was_submitted);
	statements_reset_users();
	statements_reset_sessions();
}

const struct stored_value *postgres_server_value(int64_t id)
{
	for (int i = values_count - 1; i >= 0; i--)
		if (values[i].id == id)
			return &values[i];
	return NULL;
}

static int compare(const struct calculation *a, const char *kind, int64_t index)
{
	int order = strcmp(a->kind, kind);

	return order ? order : a->index < index ? -1 : a->index > index;
}

/* Its place, or where it would be. */
static int find(const char *kind, int64_t index, bool *ret_is_there)
{
	int i = 0;

	while (i < calculations_count && compare(&calculations[i], kind, index) < 0)
		i++;
	*ret_is_there = i < calculations_count && compare(&calculations[i], kind, index) == 0;
	return i;
}

bool postgres_server_was_submitted(enum kind kind, int64_t index)
{
	return index >= 0 && index < INDEXES_MAX && was_submitted[kind][index];
}

int postgres_server_submissions(enum kind kind, int64_t index)
{
	int count = 0;

	for (int i = 0; i < values_count; i++)
		count += values[i].kind == kind && values[i].index == index;
	return count;
}

enum job_state postgres_server_state(enum kind kind, int64_t index)
{
	bool is_there;
	int at = find(kind_name(kind), index, &is_there);

	return is_there ? calculations[at].state : JOB_ABSENT;
}

static const char *state_name(enum job_state state)
{
	return state == JOB_DONE ? "done" : state == JOB_FAILED ? "failed" : "pending";
}

/* ---- values_insert ---- */

struct insertion {
	int count;
	struct stored_value rows[];
};

static void add_calculation(const char *kind, int64_t index, int64_t user_id)
{
	bool is_there;
	int at = find(kind, index, &is_there);

	if (is_there)
		return;
	calculations = mem_resize(calculations, (size_t)(calculations_count + 1) * sizeof *calculations);
	memmove(&calculations[at + 1], &calculations[at], (size_t)(calculations_count - at) * sizeof *calculations);
	calculations_count++;
	calculations[at] = (struct calculation){.index = index, .user_id = user_id, .state = JOB_PENDING};
	strncpy(calculations[at].kind, kind, KIND_BYTES - 1);
	calculations[at].kind[KIND_BYTES - 1] = '\0';
}

static void insert(void *what)
{
	const struct insertion *insertion = what;

	for (int i = 0; i < insertion->count; i++) {
		const struct stored_value *row = &insertion->rows[i];

		if (values_count == values_room) {
			values_room = values_room ? 2 * values_room : 64;
			values = mem_resize(values, (size_t)values_room * sizeof *values);
		}
		values[values_count++] = *row;
		was_submitted[row->kind][row->index] = true;
		add_calculation(kind_name(row->kind), row->index, row->user_id);
	}
}

/* The element of an array literal that begins at *at; moves it to the next. What is quoted has no quote, comma or brace in it.
 */
static const char *element(const char **at, char *text, size_t size)
{
	size_t len = strcspn(*at + 1, ",}"), quotes = (*at)[1] == '"';

	if (len >= size)
		mem_die("an element of an array is too long\n");
	memcpy(text, *at + 1 + quotes, len - 2 * quotes);
	text[len - 2 * quotes] = '\0';
	*at += 1 + len;
	return text;
}

static int64_t element_int(const char **at)
{
	char text[32];

	return strtoll(element(at, text, sizeof text), NULL, 10);
}

static PGresult *values_insert(struct transaction *transaction, const char *const *texts)
{
	const char *users = texts[0], *kinds = texts[1], *indexes = texts[2];
	struct insertion *insertion = mem_alloc(sizeof *insertion + JOBS_BATCH_MAX * sizeof *insertion->rows);
	PGresult *result;
	char text[32];

	while (*users != '}') {
		struct stored_value *row = &insertion->rows[insertion->count++];

		row->id = ++last_id;
		row->user_id = strtoll(element(&users, text, sizeof text), NULL, 10);
		if (kind_parse(element(&kinds, text, sizeof text), &row->kind) < 0)
			promise_broken("a kind was stored that there is not", text);
		row->index = strtoll(element(&indexes, text, sizeof text), NULL, 10);
	}
	result = result_new(insertion->count, 2);
	for (int i = 0; i < insertion->count; i++) {
		enum job_state state = postgres_server_state(insertion->rows[i].kind, insertion->rows[i].index);

		result_set_int(result, i, 0, insertion->rows[i].id);
		if (state != JOB_ABSENT)
			result_set(result, i, 1, state_name(state));
	}
	transaction_at_commit(transaction, insert, insertion);
	return result;
}

/* ---- value_delete ---- */

static void finish(void *what);
static bool finish_has(const void *what, enum kind kind, int64_t index);

static int place_of_value(int64_t id)
{
	int at = 0;

	while (at < values_count && values[at].id != id)
		at++;
	return at;
}

static void cancel(enum kind kind, int64_t index)
{
	bool is_there;
	int at = find(kind_name(kind), index, &is_there);

	free(calculations[at].preview);
	calculations_count--;
	memmove(&calculations[at], &calculations[at + 1], (size_t)(calculations_count - at) * sizeof *calculations);
}

static bool is_pending_with(enum kind kind, int64_t index, int submissions)
{
	return postgres_server_state(kind, index) == JOB_PENDING && postgres_server_submissions(kind, index) == submissions;
}

/* What was submitted meanwhile would have waited for the lock, found no calculation and inserted it again, and what finished
 * would have inserted it as done: the same as if it stays. */
static void delete_value(void *what)
{
	const struct stored_value *row = what;
	int at = place_of_value(row->id);

	if (at == values_count)
		return;
	values_count--;
	memmove(&values[at], &values[at + 1], (size_t)(values_count - at) * sizeof *values);
	if (is_pending_with(row->kind, row->index, 0))
		cancel(row->kind, row->index);
}

/* Does a submission or a result that is not committed yet lock the calculation? */
static bool locks(void (*change)(void *what), const void *what, const void *arg)
{
	const struct insertion *insertion = what;
	const struct stored_value *row = arg;

	if (change == finish)
		return finish_has(what, row->kind, row->index);
	for (int i = 0; change == insert && i < insertion->count; i++)
		if (insertion->rows[i].kind == row->kind && insertion->rows[i].index == row->index)
			return true;
	return false;
}

static PGresult *value_delete(struct transaction *transaction, const char *const *texts)
{
	int at = place_of_value(strtoll(texts[1], NULL, 10));
	struct stored_value *row;
	PGresult *result;

	if (at == values_count || values[at].user_id != strtoll(texts[0], NULL, 10))
		return result_new(0, 4);
	row = mem_alloc(sizeof *row);
	*row = values[at];
	result = result_new(1, 4);
	result_set_int(result, 0, 0, row->id);
	result_set(result, 0, 1, kind_name(row->kind));
	result_set_int(result, 0, 2, row->index);
	result_set_bool(result, 0, 3, is_pending_with(row->kind, row->index, 1) && !transactions_hold(locks, row));
	transaction_at_commit(transaction, delete_value, row);
	return result;
}

/* ---- calculations_named ---- */

static void set_calculation(PGresult *result, int row, const struct calculation *calculation)
{
	result_set(result, row, 0, calculation->kind);
	result_set_int(result, row, 1, calculation->index);
	result_set(result, row, 2, state_name(calculation->state));
	if (calculation->state != JOB_DONE)
		return;
	result_set_int(result, row, 3, calculation->digits);
	result_set(result, row, 4, calculation->preview);
	result_set_int(result, row, 5, calculation->duration_us);
	result_set_int(result, row, 6, calculation->unix_ms);
}

#define NAMED_MAX 256

static PGresult *calculations_named(struct transaction *transaction, const char *const *texts)
{
	const char *kinds = texts[0], *indexes = texts[1];
	int found[NAMED_MAX], places[NAMED_MAX], count = 0;
	PGresult *result;
	char kind[KIND_BYTES];

	for (int place = 1; *kinds != '}'; place++) {
		bool is_there;
		int at;

		element(&kinds, kind, sizeof kind);
		at = find(kind, element_int(&indexes), &is_there);
		if (is_there && count < NAMED_MAX) {
			found[count] = at;
			places[count++] = place;
		}
	}
	result = result_new(count, 8);
	for (int i = 0; i < count; i++) {
		set_calculation(result, i, &calculations[found[i]]);
		result_set_int(result, i, 7, places[i]);
	}
	return result;
}

/* ---- calculations_waiting ---- */

static bool waits(int at, bool is_large)
{
	enum kind kind;

	return calculations[at].state == JOB_PENDING && kind_parse(calculations[at].kind, &kind) == 0 &&
	       kind_is_small(kind, calculations[at].index) != is_large;
}

/* Which of its user's pending ones it is, from 1 on. */
static int turn_of(int at, bool is_large)
{
	int turn = 0;

	for (int i = 0; i <= at; i++)
		turn += waits(i, is_large) && calculations[i].user_id == calculations[at].user_id;
	return turn;
}

/* Each user's share is all of it. */
static PGresult *calculations_waiting(struct transaction *transaction, const char *const *texts)
{
	int limit = (int)strtol(texts[0], NULL, 10), count = 0, pending = 0;
	bool is_large = strcmp(texts[3], "true") == 0;
	PGresult *result;

	for (int i = 0; i < calculations_count; i++)
		pending += waits(i, is_large);
	result = result_new(pending < limit ? pending : limit, 3);
	for (int turn = 1; count < result->rows; turn++)
		for (int i = 0; i < calculations_count && count < result->rows; i++) {
			if (!waits(i, is_large) || turn_of(i, is_large) != turn)
				continue;
			result_set(result, count, 0, calculations[i].kind);
			result_set_int(result, count, 1, calculations[i].index);
			result_set_bool(result, count++, 2, turn == limit);
		}
	return result;
}

/* ---- calculations_finish, calculation_retry ---- */

/* The previews are in the same allocation, behind the calculations, because a change that is not committed is only freed. */
struct finish {
	int count;
	struct calculation all[];
};

static bool finish_has(const void *what, enum kind kind, int64_t index)
{
	const struct finish *finish = what;

	for (int i = 0; i < finish->count; i++)
		if (finish->all[i].index == index && strcmp(finish->all[i].kind, kind_name(kind)) == 0)
			return true;
	return false;
}

static void finish(void *what)
{
	const struct finish *finish = what;

	for (int i = 0; i < finish->count; i++) {
		const struct calculation *now = &finish->all[i];
		bool is_there;
		int at = find(now->kind, now->index, &is_there);
		enum job_state was;

		if (!is_there && now->state != JOB_DONE)
			continue;
		if (!is_there) /* it was cancelled; its result is kept */
			add_calculation(now->kind, now->index, 0);
		was = calculations[at].state;

		if (was == JOB_PENDING || (was == JOB_FAILED && now->state == JOB_DONE)) {
			int64_t user_id = calculations[at].user_id;

			calculations[at] = *now;
			calculations[at].user_id = user_id;
			calculations[at].preview = now->preview ? mem_strdup(now->preview) : NULL;
			promises_written(now->kind, now->index, now->state, now->digits, now->preview);
		}
	}
}

static PGresult *calculations_finish(struct transaction *transaction, const char *const *texts)
{
	const char *at[7];
	struct finish *all = mem_alloc(sizeof *all + JOBS_BATCH_MAX * sizeof *all->all + strlen(texts[4]) + 1);
	char *preview = (char *)(all->all + JOBS_BATCH_MAX);
	char text[1100];

	memcpy(at, texts, sizeof at);
	while (*at[0] != '}') {
		struct calculation *one = &all->all[all->count++];

		element(&at[0], one->kind, sizeof one->kind);
		one->index = element_int(&at[1]);
		one->state = strcmp(element(&at[2], text, sizeof text), "done") == 0 ? JOB_DONE : JOB_FAILED;
		one->digits = element_int(&at[3]);
		element(&at[4], text, sizeof text);
		one->preview = one->state == JOB_DONE ? strcpy(preview, text) : NULL;
		preview += strlen(text) + 1;
		one->duration_us = element_int(&at[5]);
		one->unix_ms = element_int(&at[6]);
	}
	transaction_at_commit(transaction, finish, all);
	return result_new(0, 0);
}

struct retry {
	char kind[KIND_BYTES];
	int64_t index;
};

static void retry(void *what)
{
	const struct retry *retry = what;
	bool is_there;
	int at = find(retry->kind, retry->index, &is_there);

	if (is_there && calculations[at].state == JOB_FAILED)
		calculations[at].state = JOB_PENDING;
}

static PGresult *calculation_retry(struct transaction *transaction, const char *const *texts)
{
	struct retry *what = mem_alloc(sizeof *what);
	bool is_there;
	int at;
	PGresult *result;

	strncpy(what->kind, texts[0], sizeof what->kind - 1);
	what->index = strtoll(texts[1], NULL, 10);
	at = find(what->kind, what->index, &is_there);
	result = result_new(is_there && calculations[at].state == JOB_FAILED, 1);
	if (result->rows)
		result_set_int(result, 0, 0, what->index);
	transaction_at_commit(transaction, retry, what);
	return result;
}

/* ---- calculations_missing ---- */

/* Only a process of a version that knows no cancelling leaves a submission without its calculation. */
static PGresult *calculations_missing(struct transaction *transaction, const char *const *texts)
{
	PGresult *result = result_new(1, 3);

	result_set_bool(result, 0, 1, false);
	result_set_int(result, 0, 2, 0);
	return result;
}

const struct statement statements[] = {
	{"values_insert", true, values_insert},
	{"value_delete", true, value_delete},
	{"calculations_missing", false, calculations_missing},
	{"calculations_named", false, calculations_named},
	{"calculations_waiting", false, calculations_waiting},
	{"calculations_finish", true, calculations_finish},
	{"calculation_retry", true, calculation_retry},
	{"token_revoke", true, statement_token_revoke},
	{"revoked_tokens", false, statement_revoked_tokens},
	{"revoked_tokens_by", false, statement_revoked_tokens_by},
	{"tokens_end", true, statement_tokens_end},
	{"user_revocation", false, statement_user_revocation},
	{"revoked_users", false, statement_revoked_users},
	{"token_revocation", false, statement_token_revocation},
	{"session_insert", true, statement_session_insert, statement_waits_for_user},
	{"sessions_rotate", true, statement_sessions_rotate},
	{"session_refresh", true, statement_session_refresh, statement_waits_for_session},
	{"session_misused", true, statement_session_misused, statement_waits_for_session},
	{"session_end", true, statement_session_end, statement_waits_for_session},
	{0},
};
