/* What the statements of services/users/store/revocations.c do, on tables in memory. */
#include <stdlib.h>
#include <string.h>

#include "../../services/users/store/revocations.h"
#include "auth/jwt.h"
#include "base/mem.h"
#include "postgres_fake.h"
#include "postgres_statements.h"

#define REVOKED_MAX 4000
struct revoked {
	char jti[37], by[37];
	int64_t expires_s;
};

static struct revoked revoked[REVOKED_MAX]; /* sorted */
static int revoked_count;
static int64_t dead_until_ms[SIMULATED_USERS + 1], ends[SIMULATED_USERS + 1];

void statements_reset_users(void)
{
	revoked_count = 0;
	memset(dead_until_ms, 0, sizeof dead_until_ms);
	memset(ends, 0, sizeof ends);
}

static int find(const char *jti, bool *ret_is_there)
{
	int i = 0;

	while (i < revoked_count && strcmp(revoked[i].jti, jti) < 0)
		i++;
	*ret_is_there = i < revoked_count && strcmp(revoked[i].jti, jti) == 0;
	return i;
}

bool postgres_server_is_revoked(const uint8_t jti[16], int64_t user_id)
{
	char text[37];
	bool is_there;

	jwt_jti_format(jti, text);
	find(text, &is_there);
	return is_there || (user_id && jwt_jti_unix_ms(jti) <= dead_until_ms[user_id]);
}

int64_t postgres_server_dead_until_ms(int64_t user_id)
{
	return dead_until_ms[user_id];
}

int64_t postgres_server_ends(int64_t user_id)
{
	return ends[user_id];
}

static void revoke(void *what)
{
	const struct revoked *added = what;
	bool is_there;
	int at = find(added->jti, &is_there);

	if (is_there || revoked_count == REVOKED_MAX)
		return;
	memmove(&revoked[at + 1], &revoked[at], (size_t)(revoked_count - at) * sizeof *revoked);
	revoked[at] = *added;
	revoked_count++;
}

void statement_revoke(struct transaction *transaction, const char *jti, const char *by, int64_t expires_s)
{
	struct revoked *added = mem_alloc(sizeof *added);

	strncpy(added->jti, jti, sizeof added->jti - 1);
	strncpy(added->by, by, sizeof added->by - 1);
	added->expires_s = expires_s;
	transaction_at_commit(transaction, revoke, added);
}

int64_t statement_revoked_until_s(const char *jti)
{
	bool is_there;
	int at = find(jti, &is_there);

	return is_there ? revoked[at].expires_s : 0;
}

PGresult *statement_token_revoke(struct transaction *transaction, const char *const *texts)
{
	PGresult *result = result_new(0, 0);

	statement_revoke(transaction, texts[0], "", strtoll(texts[3], NULL, 10));
	result->tag = "INSERT 0 1";
	result->affected = 1;
	return result;
}

static void set_revoked(PGresult *result, int row, const struct revoked *one)
{
	result_set(result, row, COLUMN_REVOKED_TOKEN_JTI, one->jti);
	result_set_bool(result, row, COLUMN_REVOKED_TOKEN_IS_INACTIVE, false);
	result_set_int(result, row, COLUMN_REVOKED_TOKEN_EXPIRES_S, one->expires_s);
}

PGresult *statement_revoked_tokens(struct transaction *transaction, const char *const *texts)
{
	int first = 0, count = 0, limit = (int)strtol(texts[1], NULL, 10);
	PGresult *result;

	while (first < revoked_count && strcmp(revoked[first].jti, texts[0]) <= 0)
		first++;
	for (int i = first; i < revoked_count && count < limit; i++)
		count += revoked[i].expires_s > redis_unix_ms() / 1000;
	result = result_new(count, 3);
	for (int i = first, row = 0; row < count; i++)
		if (revoked[i].expires_s > redis_unix_ms() / 1000)
			set_revoked(result, row++, &revoked[i]);
	return result;
}

PGresult *statement_revoked_tokens_by(struct transaction *transaction, const char *const *texts)
{
	PGresult *result;
	int count = 0;

	for (int i = 0; i < revoked_count; i++)
		count += strcmp(revoked[i].by, texts[0]) == 0;
	result = result_new(count, 3);
	for (int i = 0, row = 0; row < count; i++)
		if (strcmp(revoked[i].by, texts[0]) == 0)
			set_revoked(result, row++, &revoked[i]);
	return result;
}

/* Takes effect at once and not at the commit, because the row is locked until then. So it may take effect although its answer
 * is lost, and never the other way round. */
PGresult *statement_tokens_end(struct transaction *transaction, const char *const *texts)
{
	int64_t id = strtoll(texts[0], NULL, 10), now_ms = strtoll(texts[1], NULL, 10);
	PGresult *result = result_new(1, 2);

	dead_until_ms[id] = now_ms > dead_until_ms[id] ? now_ms : dead_until_ms[id] + 1;
	ends[id]++;
	result_set_int(result, 0, 0, dead_until_ms[id]);
	result_set_bool(result, 0, 1, false);
	return result;
}

PGresult *statement_user_revocation(struct transaction *transaction, const char *const *texts)
{
	PGresult *result = result_new(1, 2);

	result_set_int(result, 0, 0, dead_until_ms[strtoll(texts[0], NULL, 10)]);
	result_set_bool(result, 0, 1, false);
	return result;
}

PGresult *statement_revoked_users(struct transaction *transaction, const char *const *texts)
{
	int64_t after = strtoll(texts[0], NULL, 10), oldest_ms = strtoll(texts[2], NULL, 10);
	PGresult *result;
	int count = 0;

	for (int64_t id = after + 1; id <= SIMULATED_USERS; id++)
		count += dead_until_ms[id] > oldest_ms;
	result = result_new(count, 3);
	for (int64_t id = after + 1, row = 0; row < count; id++) {
		if (dead_until_ms[id] <= oldest_ms)
			continue;
		result_set_int(result, (int)row, 0, id);
		result_set_int(result, (int)row, 1, dead_until_ms[id]);
		result_set_bool(result, (int)row++, 2, false);
	}
	return result;
}
