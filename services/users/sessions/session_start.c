/* Flow: session_start -> stored -> reply. */
#include "sessions/session_start.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "events/event_origin.h"
#include "revocations/retry_queue.h"
#include "revocations/revoked_tokens.h"
#include "service.h"
#include "sessions/device.h"
#include "sessions/session.h"
#include "sessions/session_cookie.h"
#include "store/sessions.h"

struct starting {
	struct http_request *req;
	const struct users *users;
	struct session_tokens tokens;
	bool is_certain; /* Postgres has said which sessions it ended */
};

static void stored(enum status status, const struct postgres_rows *rows, void *arg);

static cJSON *read_flag(cJSON *errors, const cJSON *json, const char *field, bool *ret_flag)
{
	*ret_flag = false;
	if (json_has(json, field) && json_bool(json, field, ret_flag) != STATUS_OK)
		return http_errors_add(errors, field, "must be true or false");
	return errors;
}

cJSON *session_start_read_flags(cJSON *errors, const cJSON *json, struct session_start *start)
{
	errors = read_flag(errors, json, "remember", &start->is_remembered);
	return read_flag(errors, json, "cookie", &start->is_cookie);
}

/* Runs however the request ends, also when the client disconnected before the answer. */
static void drop(void *memory)
{
	struct starting *starting = memory;

	if (!starting->is_certain)
		retry_queue_add_login(starting->users->retry_queue, starting->tokens.session.id);
}

static struct starting *make(struct http_request *req, const struct session_start *start)
{
	struct starting *starting = http_request_alloc(req, sizeof *starting, drop);

	starting->req = req;
	starting->users = users_of(req);
	starting->tokens.is_cookie = start->is_cookie;
	starting->tokens.subject = (struct jwt_subject){start->user_id, start->is_admin, start->dead_until_ms};
	starting->tokens.issued_ms = start->issued_ms;
	starting->tokens.remaining_s = session_first_s(req, start->is_remembered);
	jwt_jti_make(start->issued_ms, starting->tokens.session.id);
	snprintf(starting->tokens.session.factor, JWT_FACTOR_BYTES, "%s", start->factor);
	return starting;
}

/* The session of the cookie that this login replaces: no client could use it any more. False: there is none. */
static bool find_replaced(struct http_request *req, const struct session_start *start, char ret_id[37])
{
	const struct jwt_key *key = &users_of(req)->key;
	struct refresh_token token;
	char text[REFRESH_TOKEN_LEN + 1];

	if (!start->is_cookie || !session_cookie_read(req, text) ||
	    refresh_token_parse(key->secret, key->previous_secret, text, &token) != STATUS_OK)
		return false;
	jwt_jti_format(token.session, ret_id);
	return true;
}

void session_start(struct http_request *req, const struct session_start *start)
{
	struct starting *starting = make(req, start);
	struct postgres_params params = {0};
	char id[37], replaced[37], user_agent[EVENT_ORIGIN_AGENT_LEN + 1];

	jwt_jti_format(starting->tokens.session.id, id);
	event_origin_agent(req, user_agent);
	postgres_param_text(&params, id);
	postgres_param_int(&params, start->user_id);
	postgres_param_int(&params, start->dead_until_ms);
	postgres_param_bool(&params, start->is_remembered);
	postgres_param_bool(&params, start->is_cookie);
	postgres_param_text(&params, user_agent);
	postgres_param_text(&params, http_request_remote_ip(req));
	postgres_param_int(&params, starting->tokens.remaining_s);
	postgres_param_int(&params, users_of(req)->config->session.per_user_max);
	postgres_param_int(&params, revoked_tokens_end_s(users_of(req)));
	postgres_param_text(&params, starting->tokens.session.factor);
	postgres_param_text(&params, event_origin_of(req, start->user_id, id));
	postgres_param_text(&params, find_replaced(req, start, replaced) ? replaced : NULL);
	device_note(req, start->user_id, id); /* before the session is stored, because the client may leave then */
	postgres_exec(users_of(req)->postgres, http_request_scope(req), &store_session_insert, &params, stored, starting);
}

/* Of the sessions that were one too many, or replaced, Postgres has the revocations; the other services get them a moment
 * later. */
static void publish_surplus(const struct users *users, const struct postgres_rows *rows)
{
	for (int i = 0; i < postgres_count(rows); i++) {
		struct revocation revocation = {.expires_s = revoked_tokens_end_s(users)};

		if (jwt_jti_parse(postgres_text(rows, i, COLUMN_STARTED_SURPLUS_ID), revocation.jti) == STATUS_OK)
			retry_queue_add(users->retry_queue, &revocation);
	}
}

static void stored(enum status status, const struct postgres_rows *rows, void *arg)
{
	struct starting *starting = arg;

	starting->is_certain = status == STATUS_OK || status == STATUS_BUSY; /* the latter: it was not sent */
	if (status == STATUS_OK && postgres_count(rows) == 0)
		status = STATUS_UNAVAILABLE; /* the user was changed since the password was read: the client has to try again */
	if (status != STATUS_OK)
		return http_reply_status(starting->req, status);
	publish_surplus(users_of(starting->req), rows);
	starting->tokens.session.authenticated_s = postgres_int(rows, 0, COLUMN_STARTED_AUTHENTICATED_S);
	session_reply(starting->req, 201, &starting->tokens, rows, 0);
}
