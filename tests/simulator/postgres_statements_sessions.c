/* What the statements of services/users/store/sessions.c do, on a table in memory. Each changes sessions of one user, and waits
 * while another transaction holds a session of that user, as for the locks of its rows. Limits of a session's age are left out,
 * because no run takes as long. */
#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>

#include "../../services/users/store/revocations.h"
#include "../../services/users/store/sessions.h"
#include "base/mem.h"
#include "postgres_fake.h"
#include "postgres_statements.h"

#define ID_BYTES 37
#define GROUP_MAX 128 /* as many as rotations.c sends at once */

struct session {
	char id[ID_BYTES];
	int64_t user_id, generation, counter;
	int64_t used_ms, rotated_ms;
	bool was_reused;
};

static struct session *sessions;
static int count;

void statements_reset_sessions(void)
{
	free(sessions);
	sessions = NULL;
	count = 0;
}

static struct session *find(const char *id)
{
	for (int i = 0; i < count; i++)
		if (strcmp(sessions[i].id, id) == 0)
			return &sessions[i];
	return NULL;
}

int64_t postgres_server_session_counter(const char *id)
{
	const struct session *session = find(id);

	return session ? session->counter : -1;
}

/* ---- changes, at the commit ---- */

struct change {
	struct session row;
	bool is_deletion;
};

static void apply(void *what)
{
	const struct change *change = what;
	struct session *session = find(change->row.id);

	if (session && change->is_deletion) {
		*session = sessions[--count];
		return;
	}
	if (!session) {
		sessions = mem_resize(sessions, (size_t)(count + 1) * sizeof *sessions);
		session = &sessions[count++];
	}
	*session = change->row;
}

static void change_row(struct transaction *transaction, const struct session *row, bool is_deletion)
{
	struct change *change = mem_alloc(sizeof *change);

	*change = (struct change){*row, is_deletion};
	transaction_at_commit(transaction, apply, change);
}

static void end(struct transaction *transaction, const struct session *row, const char *by, const char *expires_s)
{
	change_row(transaction, row, true);
	statement_revoke(transaction, row->id, by, strtoll(expires_s, NULL, 10));
}

static bool is_of_user(void (*apply_other)(void *what), const void *what, const void *user_id)
{
	return apply_other == apply && ((const struct change *)what)->row.user_id == *(const int64_t *)user_id;
}

bool statement_waits_for_user(const char *const *texts)
{
	int64_t user_id = strtoll(texts[1], NULL, 10);

	return transactions_hold(is_of_user, &user_id);
}

bool statement_waits_for_session(const char *const *texts)
{
	const struct session *session = find(texts[0]);

	return session && transactions_hold(is_of_user, &session->user_id);
}

/* ---- the statements ---- */

static void set_session(PGresult *result, int place, const struct session *row)
{
	static const char time[] = "2023-11-14T22:13:20.000Z";

	result_set(result, place, COLUMN_SESSION_ID, row->id);
	result_set(result, place, COLUMN_SESSION_USER_AGENT, "");
	result_set(result, place, COLUMN_SESSION_ADDRESS, "");
	result_set(result, place, COLUMN_SESSION_CREATED_AT, time);
	result_set(result, place, COLUMN_SESSION_USED_AT, time);
	result_set(result, place, COLUMN_SESSION_EXPIRES_AT, time);
	result_set_bool(result, place, COLUMN_SESSION_IS_REMEMBERED, false);
}

/* Of a user's sessions, in the order of their last use, the first one behind `after` (NULL: the very first); NULL: none. */
static const struct session *oldest(int64_t user_id, const struct session *after)
{
	const struct session *oldest = NULL;

	for (int i = 0; i < count; i++) {
		const struct session *one = &sessions[i];
		bool is_after = !after || one->used_ms > after->used_ms ||
				(one->used_ms == after->used_ms && strcmp(one->id, after->id) > 0);

		if (one->user_id == user_id && is_after &&
		    (!oldest || one->used_ms < oldest->used_ms ||
		     (one->used_ms == oldest->used_ms && strcmp(one->id, oldest->id) < 0)))
			oldest = one;
	}
	return oldest;
}

static int64_t sessions_of(int64_t user_id)
{
	int64_t of_user = 0;

	for (int i = 0; i < count; i++)
		of_user += sessions[i].user_id == user_id;
	return of_user;
}

PGresult *statement_session_insert(struct transaction *transaction, const char *const *texts)
{
	struct session row = {.user_id = strtoll(texts[1], NULL, 10), .generation = strtoll(texts[2], NULL, 10)};
	int64_t surplus = sessions_of(row.user_id) + 1 - strtoll(texts[8], NULL, 10);
	const struct session *gone = NULL;
	PGresult *result;

	if (postgres_server_dead_until_ms(row.user_id) != row.generation)
		return result_new(0, COLUMN_STARTED_SURPLUS_ID + 1);
	strncpy(row.id, texts[0], ID_BYTES - 1);
	row.used_ms = row.rotated_ms = redis_unix_ms();
	change_row(transaction, &row, false);
	result = result_new(surplus > 1 ? (int)surplus : 1, COLUMN_STARTED_SURPLUS_ID + 1);
	set_session(result, 0, &row);
	result_set_int(result, 0, COLUMN_STARTED_AUTHENTICATED_S, row.used_ms / 1000);
	for (int i = 0; i < surplus; i++) {
		gone = oldest(row.user_id, gone);
		end(transaction, gone, texts[0], texts[9]);
		result_set(result, i, COLUMN_STARTED_SURPLUS_ID, gone->id);
	}
	return result;
}

static bool is_good(const struct session *session)
{
	return session->generation >= postgres_server_dead_until_ms(session->user_id) && !session->was_reused;
}

static bool was_replaced_within(const struct session *session, const char *seconds)
{
	return session->rotated_ms + strtoll(seconds, NULL, 10) * 1000 > redis_unix_ms();
}

static void refresh(struct transaction *transaction, const struct session *session, int64_t counter, const char *remaining_s,
		    PGresult *result, int place)
{
	struct session row = *session;

	row.rotated_ms = row.counter == counter ? redis_unix_ms() : row.rotated_ms;
	row.counter = counter + 1;
	row.used_ms = redis_unix_ms();
	change_row(transaction, &row, false);
	set_session(result, place, &row);
	result_set_int(result, place, COLUMN_REFRESHED_USER_ID, row.user_id);
	result_set_bool(result, place, COLUMN_REFRESHED_IS_ADMIN, false);
	result_set_int(result, place, COLUMN_REFRESHED_GENERATION, row.generation);
	result_set_int(result, place, COLUMN_REFRESHED_COUNTER, row.counter);
	result_set_int(result, place, COLUMN_REFRESHED_AUTHENTICATED_S, row.used_ms / 1000);
	result_set_int(result, place, COLUMN_REFRESHED_REMAINING_S, strtoll(remaining_s, NULL, 10));
	result_set(result, place, COLUMN_REFRESHED_FACTOR, "");
}

PGresult *statement_session_refresh(struct transaction *transaction, const char *const *texts)
{
	const struct session *session = find(texts[0]);
	int64_t counter = strtoll(texts[1], NULL, 10);
	PGresult *result;

	if (!session || !is_good(session) ||
	    (session->counter != counter && !(session->counter == counter + 1 && was_replaced_within(session, texts[4]))))
		return result_new(0, COLUMN_REFRESHED_FACTOR + 1);
	result = result_new(1, COLUMN_REFRESHED_FACTOR + 1);
	refresh(transaction, session, counter, texts[6], result, 0);
	return result;
}

/* The session that this member of the group rotates, unless another transaction holds it; NULL: none. */
static const struct session *asked_for(const cJSON *asked)
{
	const struct session *session = find(cJSON_GetStringValue(cJSON_GetObjectItem(asked, "id")));
	int64_t counter = (int64_t)cJSON_GetNumberValue(cJSON_GetObjectItem(asked, "counter"));

	if (!session || session->counter != counter || !is_good(session) || transactions_hold(is_of_user, &session->user_id))
		return NULL;
	return session;
}

/* Skips what another transaction holds, so it waits for none; and a session that is in the group twice is rotated once. */
PGresult *statement_sessions_rotate(struct transaction *transaction, const char *const *texts)
{
	const struct session *rotated[GROUP_MAX];
	int64_t places[GROUP_MAX];
	cJSON *group = cJSON_Parse(texts[0]);
	const cJSON *asked;
	PGresult *result;
	int rows = 0, same;

	cJSON_ArrayForEach (asked, group) {
		rotated[rows] = asked_for(asked);
		for (same = 0; same < rows && rotated[same] != rotated[rows]; same++)
			;
		if (!rotated[rows] || same < rows)
			continue;
		places[rows++] = (int64_t)cJSON_GetNumberValue(cJSON_GetObjectItem(asked, "place"));
	}
	cJSON_Delete(group);
	result = result_new(rows, COLUMN_ROTATED_PLACE + 1);
	for (int i = 0; i < rows; i++) {
		refresh(transaction, rotated[i], rotated[i]->counter, texts[2], result, i);
		result_set_int(result, i, COLUMN_ROTATED_PLACE, places[i]);
	}
	return result;
}

PGresult *statement_session_misused(struct transaction *transaction, const char *const *texts)
{
	const struct session *session = find(texts[0]);
	int64_t counter = strtoll(texts[1], NULL, 10);
	bool is_misused = session && !session->was_reused &&
			  (session->counter > counter + 1 ||
			   (session->counter == counter + 1 && !was_replaced_within(session, texts[2])));
	PGresult *result = result_new(is_misused || (session && session->was_reused), 2);
	struct session row;

	if (result->rows) {
		result_set_int(result, 0, COLUMN_MISUSED_USER_ID, session->user_id);
		result_set_bool(result, 0, COLUMN_MISUSED_NOW, is_misused);
	}
	if (is_misused) {
		row = *session;
		row.was_reused = true;
		change_row(transaction, &row, false);
		statement_revoke(transaction, row.id, "", strtoll(texts[3], NULL, 10));
	}
	return result;
}

PGresult *statement_session_end(struct transaction *transaction, const char *const *texts)
{
	const struct session *session = find(texts[0]);
	PGresult *result = result_new(session || statement_revoked_until_s(texts[0]), 1);

	if (result->rows)
		result_set(result, 0, 0, texts[0]);
	if (session)
		end(transaction, session, "", texts[2]);
	return result;
}

PGresult *statement_token_revocation(struct transaction *transaction, const char *const *texts)
{
	int64_t expires_s = statement_revoked_until_s(texts[0]);
	PGresult *result = result_new(expires_s != 0, 1);

	if (expires_s)
		result_set_int(result, 0, COLUMN_TOKEN_REVOCATION_EXPIRES_S, expires_s);
	return result;
}
