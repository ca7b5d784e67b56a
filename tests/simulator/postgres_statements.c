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
	int64_t index;
};

static struct stored_value *values;
static int values_count, values_room;
static struct calculation *calculations; /* sorted */
static int calculations_count;
static int64_t last_id;

void statements_reset(void)
{
	free(values);
	free(calculations);
	values = NULL;
	calculations = NULL;
	values_count = values_room = calculations_count = 0;
	last_id = 0;
	statements_reset_users();
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

bool postgres_server_has_calculation(enum kind kind, int64_t index)
{
	bool is_there;

	find(kind_name(kind), index, &is_there);
	return is_there;
}

/* ---- values_insert ---- */

struct insertion {
	int count;
	struct stored_value rows[];
};

static void add_calculation(const char *kind, int64_t index)
{
	bool is_there;
	int at = find(kind, index, &is_there);

	if (is_there)
		return;
	calculations = mem_resize(calculations, (size_t)(calculations_count + 1) * sizeof *calculations);
	memmove(&calculations[at + 1], &calculations[at], (size_t)(calculations_count - at) * sizeof *calculations);
	calculations_count++;
	calculations[at].index = index;
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
		add_calculation(kind_name(row->kind), row->index);
	}
}

/* The element of an array literal that begins at *at; moves it to the next. */
static const char *element(const char **at, char *text, size_t size)
{
	size_t len = strcspn(*at + 1, ",}");

	if (len >= size)
		mem_die("an element of an array is too long\n");
	memcpy(text, *at + 1, len);
	text[len] = '\0';
	*at += 1 + len;
	return text;
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
	result = result_new(insertion->count, 1);
	for (int i = 0; i < insertion->count; i++)
		result_set_int(result, i, 0, insertion->rows[i].id);
	transaction_at_commit(transaction, insert, insertion);
	return result;
}

/* ---- calculations_page, calculation_exists ---- */

static PGresult *calculations_page(struct transaction *transaction, const char *const *texts)
{
	int first = 0, count, limit = (int)strtol(texts[2], NULL, 10);
	PGresult *result;

	while (first < calculations_count && compare(&calculations[first], texts[0], strtoll(texts[1], NULL, 10)) <= 0)
		first++;
	count = calculations_count - first < limit ? calculations_count - first : limit;
	result = result_new(count, 2);
	for (int i = 0; i < count; i++) {
		result_set(result, i, 0, calculations[first + i].kind);
		result_set_int(result, i, 1, calculations[first + i].index);
	}
	return result;
}

static PGresult *calculation_exists(struct transaction *transaction, const char *const *texts)
{
	PGresult *result;
	bool is_there;

	find(texts[0], strtoll(texts[1], NULL, 10), &is_there);
	result = result_new(is_there, 1);
	if (is_there)
		result_set_int(result, 0, 0, 1);
	return result;
}

const struct statement statements[] = {
	{"values_insert", true, values_insert},
	{"calculations_page", false, calculations_page},
	{"calculation_exists", false, calculation_exists},
	{"token_revoke", true, statement_token_revoke},
	{"revoked_tokens", false, statement_revoked_tokens},
	{"tokens_end", true, statement_tokens_end},
	{"user_revocation", false, statement_user_revocation},
	{"revoked_users", false, statement_revoked_users},
	{0},
};
