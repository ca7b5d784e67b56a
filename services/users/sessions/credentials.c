/* Flow: credentials_check -> loaded -> counted -> verify -> verified -> the caller's `done`. For an unknown user the flow is
 * the same and takes as long as for a wrong password. */
#include "sessions/credentials.h"

#include <stdlib.h>

#include "base/clock.h"
#include "base/mem.h"
#include "events/event_attempts.h"
#include "hashing.h"
#include "service.h"
#include "sessions/login_attempts.h"
#include "store/passwords.h"
#include "store/sessions.h"

struct check {
	struct credentials credentials;
	credentials_checked *done;
};

static void loaded(enum status status, const struct postgres_rows *rows, void *arg);
static void counted(bool may_try, long retry_s, void *arg);
static void verify(struct check *check);
static void verified(enum status status, bool matches, const char *new_phc, void *arg);

static void check_drop(void *memory)
{
	struct credentials *credentials = memory;

	free(credentials->name);
	free(credentials->stored_hash);
	free(credentials->new_hash);
}

void credentials_check(struct http_request *req, const struct postgres_statement *statement, const char *name,
		       const char *password, bool wants_active, credentials_checked *done)
{
	struct check *check = http_request_alloc(req, sizeof *check, check_drop);
	struct postgres_params params = {0};

	check->done = done;
	check->credentials.req = req;
	check->credentials.password = password;
	check->credentials.wants_active = wants_active;
	check->credentials.issued_ms = clock_unix_ms();
	postgres_param_text(&params, name);
	postgres_exec(users_of(req)->postgres, http_request_scope(req), statement, &params, loaded, check);
}

static void loaded(enum status status, const struct postgres_rows *rows, void *arg)
{
	struct check *check = arg;
	struct credentials *credentials = &check->credentials;

	if (status != STATUS_OK)
		return http_reply_status(credentials->req, status);
	credentials->name = mem_strdup(postgres_text(rows, 0, COLUMN_LOGIN_NAME));
	if (!postgres_is_null(rows, 0, COLUMN_LOGIN_LEGACY_COST))
		credentials->legacy_cost = atol(postgres_text(rows, 0, COLUMN_LOGIN_LEGACY_COST));
	if (!postgres_is_null(rows, 0, COLUMN_USER_ID)) {
		credentials->user_id = postgres_int(rows, 0, COLUMN_USER_ID);
		credentials->is_active = postgres_bool(rows, 0, COLUMN_USER_IS_ACTIVE);
		credentials->is_admin = postgres_bool(rows, 0, COLUMN_USER_IS_ADMIN);
		credentials->wants_factor = postgres_bool(rows, 0, COLUMN_LOGIN_WANTS_FACTOR);
		credentials->is_verified = postgres_bool(rows, 0, COLUMN_LOGIN_IS_VERIFIED);
		credentials->stored_hash = mem_strdup(postgres_text(rows, 0, COLUMN_USER_PASSWORD_HASH));
		credentials->dead_until_ms = postgres_int(rows, 0, COLUMN_LOGIN_DEAD_UNTIL_MS);
	}
	login_attempts_count(credentials->req, credentials->name, counted, check);
}

static void counted(bool may_try, long retry_s, void *arg)
{
	struct check *check = arg;

	if (may_try)
		verify(check);
	else
		login_attempts_refuse(check->credentials.req, retry_s);
}

static void verify(struct check *check)
{
	const struct credentials *credentials = &check->credentials;
	struct http_request *req = credentials->req;
	const struct password_stored stored = {.phc = credentials->stored_hash,
					       .legacy_cost = credentials->legacy_cost,
					       .is_refused = credentials->wants_active && !credentials->is_active};
	struct hashing_turn turn;

	password_verify(users_of(req)->hasher, http_request_scope(req),
			credentials->stored_hash ? hashing_turn_of_user(req, credentials->user_id, &turn)
						 : hashing_turn_of_name(req, credentials->name, &turn),
			&stored, credentials->password, verified, check);
}

static void verified(enum status status, bool matches, const char *new_phc, void *arg)
{
	struct check *check = arg;
	struct credentials *credentials = &check->credentials;

	if (status != STATUS_OK) {
		login_attempts_undo(credentials->req, credentials->name);
		return hashing_reply_status(credentials->req, status);
	}
	if (!matches)
		event_attempts_note(credentials->req, EVENT_LOGIN_FAILED, credentials->user_id);
	if (new_phc)
		credentials->new_hash = mem_strdup(new_phc);
	check->done(credentials->req, matches ? credentials : NULL);
}

static void hash_replaced(enum status status, const struct postgres_rows *rows, void *arg)
{
}

/* Unless the password was changed meanwhile. The reply does not wait for it. */
static void replace_hash(const struct credentials *credentials)
{
	struct postgres_params params = {0};

	postgres_param_int(&params, credentials->user_id);
	postgres_param_text(&params, credentials->new_hash);
	postgres_param_text(&params, credentials->stored_hash);
	postgres_exec(users_of(credentials->req)->postgres, &users_of(credentials->req)->scope, &store_password_replace,
		      &params, hash_replaced, NULL);
}

void credentials_accept_password(struct credentials *credentials)
{
	if (credentials->new_hash)
		replace_hash(credentials);
	http_request_set_user(credentials->req, credentials->user_id);
}

void credentials_accept(struct credentials *credentials)
{
	login_attempts_forget(credentials->req, credentials->name);
	credentials_accept_password(credentials);
}
