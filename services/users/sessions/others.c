/* Flow: others_end -> ended -> others_ended -> published -> reply; after a statement that ended them itself, from others_ended
 * on. */
#include "sessions/others.h"

#include <stdlib.h>

#include "base/clock.h"
#include "base/json_write.h"
#include "events/event_origin.h"
#include "revocations/revoke.h"
#include "service.h"
#include "sessions/authenticate.h"
#include "sessions/session.h"
#include "store/revocations.h"
#include "store/sessions.h"

struct others {
	struct http_request *req;
	const char *message;
	struct revoking *revoking;
	bool was_logged_out; /* the caller, by another change meanwhile */
	struct session_tokens tokens;
	void (*add)(struct buf *json, void *arg);
	void *arg;
};

static void ended(enum status status, const struct postgres_rows *rows, void *arg);
static void published(enum status status, void *arg);
static void reply(struct others *others);

struct others *others_begin(struct http_request *req, const char *message)
{
	struct others *others = http_request_alloc(req, sizeof *others, NULL);

	others->req = req;
	others->message = message;
	others->revoking = revoke_begin(req, http_request_user_id(req));
	return others;
}

void others_spare(struct others *others)
{
	revoke_nothing(others->revoking);
}

void others_add(struct others *others, void (*add)(struct buf *json, void *arg), void *arg)
{
	others->add = add;
	others->arg = arg;
}

void others_end(struct others *others)
{
	const struct jwt_claims *claims = &users_caller(others->req)->claims;
	struct postgres_params params = {0};
	char id[37];

	jwt_jti_format(claims->session.id, id);
	postgres_param_int(&params, claims->user_id);
	postgres_param_text(&params, claims->has_session ? id : NULL);
	postgres_param_int(&params, clock_unix_ms());
	postgres_param_text(&params, event_origin(others->req));
	postgres_exec(users_of(others->req)->postgres, http_request_scope(others->req), &store_sessions_end_others, &params,
		      ended, others);
}

static void read_row(struct others *others, const struct postgres_rows *rows)
{
	const struct caller *caller = users_caller(others->req);
	struct session_tokens *tokens = &others->tokens;

	tokens->session = caller->claims.session;
	tokens->subject.user_id = caller->claims.user_id;
	tokens->subject.is_admin = caller->is_admin;
	tokens->subject.dead_until_ms = postgres_int(rows, 0, COLUMN_REVOCATION_UNTIL_MS);
	tokens->issued_ms = clock_unix_ms();
	tokens->remaining_s = caller->claims.has_session ? postgres_int(rows, 0, COLUMN_OTHERS_REMAINING_S)
							 : caller->claims.ends_s - tokens->issued_ms / 1000;
}

static bool was_logged_out(const struct others *others, const struct postgres_rows *rows)
{
	const struct jwt_claims *claims = &users_caller(others->req)->claims;

	if (claims->has_session)
		return postgres_is_null(rows, 0, COLUMN_OTHERS_AUTHENTICATED_S);
	return jwt_jti_unix_ms(claims->jti) <= postgres_int(rows, 0, COLUMN_OTHERS_WAS_DEAD_UNTIL_MS);
}

static void ended(enum status status, const struct postgres_rows *rows, void *arg)
{
	struct others *others = arg;

	if (status != STATUS_OK)
		return http_reply_status(others->req, status);
	if (postgres_count(rows) == 0) {
		others_spare(others);
		return auth_refuse(others->req, AUTH_INACTIVE);
	}
	others_ended(others, rows);
}

void others_ended(struct others *others, const struct postgres_rows *rows)
{
	others->was_logged_out = was_logged_out(others, rows);
	read_row(others, rows);
	revoke_user(others->revoking, postgres_bool(rows, 0, COLUMN_REVOCATION_IS_INACTIVE),
		    postgres_int(rows, 0, COLUMN_REVOCATION_UNTIL_MS), published, others);
}

static void published(enum status status, void *arg)
{
	struct others *others = arg;

	if (status != STATUS_OK)
		http_reply_status(others->req, status);
	else if (others->was_logged_out)
		auth_refuse(others->req, AUTH_INVALID);
	else
		reply(others);
}

/* A token without a session is replaced by one that ends when it would have ended. */
static void add_legacy_token(struct others *others, struct buf *json)
{
	const struct session_tokens *tokens = &others->tokens;
	int64_t lifetime_s = tokens->remaining_s > 0 ? tokens->remaining_s : 1;
	struct jwt_claims claims;
	char *token = jwt_issue_at(&users_of(others->req)->key, &tokens->subject, tokens->issued_ms, lifetime_s, &claims);

	json_write_member_text(json, "access_token", token);
	json_write_member_text(json, "token_type", "Bearer");
	json_write_member_int(json, "expires_in", lifetime_s);
	free(token);
}

static void reply(struct others *others)
{
	struct buf json = {0};

	http_success_begin(&json, others->message);
	json_write_object(&json);
	if (users_caller(others->req)->claims.has_session)
		session_json_access(others->req, &json, &others->tokens);
	else
		add_legacy_token(others, &json);
	if (others->add)
		others->add(&json, others->arg);
	json_write_object_end(&json);
	json_write_object_end(&json);
	http_reply_buf(others->req, 200, &json);
}
