/* DELETE /auth/sessions: ends all tokens and sessions of the caller but the one of this request. It does what a change of
 * password does, and carries the caller over: the reply has a new token, because the one of the request is dead too.
 * Flow: session_end_others -> end -> ended -> end -> ended -> published -> reply. */
#include "service.h"

#include <stdlib.h>

#include "base/clock.h"
#include "base/json_write.h"
#include "revocations/revoke.h"
#include "sessions/authenticate.h"
#include "sessions/session.h"
#include "store.h"

struct ending {
	struct http_request *req;
	struct revoking *revoking;
	int runs;
	bool was_logged_out; /* the caller, by another change meanwhile */
	struct session_tokens tokens;
};

static void end(struct ending *ending);
static void ended(enum status status, const struct postgres_rows *rows, void *arg);
static void published(enum status status, void *arg);
static void reply(struct ending *ending);

void session_end_others(struct http_request *req)
{
	struct ending *ending = http_request_alloc(req, sizeof *ending, NULL);

	ending->req = req;
	ending->revoking = revoke_begin(req, users_caller(req)->claims.user_id);
	end(ending);
}

/* Runs twice, as a change of password does. A refresh or a login that read the user before the first run dates its token from
 * before that, and the second run is later. */
static void end(struct ending *ending)
{
	const struct jwt_claims *claims = &users_caller(ending->req)->claims;
	struct postgres_params params = {0};
	char id[37];

	jwt_jti_format(claims->session.id, id);
	postgres_param_int(&params, claims->user_id);
	postgres_param_text(&params, claims->has_session ? id : NULL);
	postgres_param_int(&params, clock_unix_ms());
	postgres_exec(users_of(ending->req)->postgres, http_request_scope(ending->req), &store_sessions_end_others, &params,
		      ended, ending);
}

static void read_row(struct ending *ending, const struct postgres_rows *rows)
{
	const struct caller *caller = users_caller(ending->req);
	int64_t until_ms = postgres_int(rows, 0, COLUMN_REVOCATION_UNTIL_MS), now_ms = clock_unix_ms();
	struct session_tokens *tokens = &ending->tokens;

	tokens->session = caller->claims.session;
	tokens->user_id = caller->claims.user_id;
	tokens->is_admin = caller->is_admin;
	tokens->issued_ms = now_ms > until_ms ? now_ms : until_ms + 1;
	tokens->remaining_s = caller->claims.has_session ? postgres_int(rows, 0, COLUMN_OTHERS_REMAINING_S)
							 : caller->claims.ends_s - now_ms / 1000;
}

/* In the second run the tokens of before are dead in any case. */
static bool was_logged_out(const struct ending *ending, const struct postgres_rows *rows)
{
	const struct jwt_claims *claims = &users_caller(ending->req)->claims;

	if (claims->has_session)
		return postgres_is_null(rows, 0, COLUMN_OTHERS_AUTHENTICATED_S);
	return ending->runs == 1 && jwt_jti_unix_ms(claims->jti) <= postgres_int(rows, 0, COLUMN_OTHERS_WAS_DEAD_UNTIL_MS);
}

static void ended(enum status status, const struct postgres_rows *rows, void *arg)
{
	struct ending *ending = arg;

	if (status != STATUS_OK)
		return http_reply_status(ending->req, status);
	if (postgres_count(rows) == 0)
		return auth_refuse(ending->req, AUTH_INACTIVE);
	ending->runs++;
	ending->was_logged_out |= was_logged_out(ending, rows);
	if (ending->runs < 2)
		return end(ending);
	read_row(ending, rows);
	revoke_user(ending->revoking, postgres_bool(rows, 0, COLUMN_REVOCATION_IS_INACTIVE),
		    postgres_int(rows, 0, COLUMN_REVOCATION_UNTIL_MS), published, ending);
}

static void published(enum status status, void *arg)
{
	struct ending *ending = arg;

	if (status != STATUS_OK)
		http_reply_status(ending->req, status);
	else if (ending->was_logged_out)
		auth_refuse(ending->req, AUTH_INVALID);
	else
		reply(ending);
}

/* A token without a session is replaced by one that ends when it would have ended. */
static void add_legacy_token(struct ending *ending, struct buf *json)
{
	const struct session_tokens *tokens = &ending->tokens;
	int64_t lifetime_s = tokens->remaining_s > 0 ? tokens->remaining_s : 1;
	struct jwt_claims claims;
	char *token = jwt_issue_at(&users_of(ending->req)->key, tokens->user_id, tokens->is_admin, tokens->issued_ms,
				   lifetime_s, &claims);

	json_write_member_text(json, "access_token", token);
	json_write_member_text(json, "token_type", "Bearer");
	json_write_member_int(json, "expires_in", lifetime_s);
	free(token);
}

static void reply(struct ending *ending)
{
	struct buf json = {0};

	http_success_begin(&json, "All other sessions were ended.");
	json_write_object(&json);
	if (users_caller(ending->req)->claims.has_session)
		session_json_access(ending->req, &json, &ending->tokens);
	else
		add_legacy_token(ending, &json);
	json_write_object_end(&json);
	json_write_object_end(&json);
	http_reply_buf(ending->req, 200, &json);
}
