/* POST /auth/session/refresh {refresh_token | cookie}: a new access token, and the next refresh token.
 * Flow: session_refresh -> rotated -> reply; if it was not, -> load -> refreshed -> reply; and if nothing was refreshed:
 * -> judged -> (published) -> refuse. */
#include "service.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/log.h"
#include "events/event_origin.h"
#include "mail/outbox.h"
#include "revocations/revoke.h"
#include "revocations/revoked_tokens.h"
#include "sessions/rotations.h"
#include "sessions/session.h"
#include "sessions/session_cookie.h"
#include "store/sessions.h"

struct refresh {
	struct http_request *req;
	struct refresh_token token;
	bool is_cookie;
	int64_t issued_ms; /* before the statement is sent */
	struct revoking *revoking;
};

static void rotated(enum status status, const struct postgres_rows *rows, int row, void *arg);
static void load(struct refresh *refresh);
static void refreshed(enum status status, const struct postgres_rows *rows, void *arg);
static void judge(struct refresh *refresh);
static void judged(enum status status, const struct postgres_rows *rows, void *arg);
static void published(enum status status, void *arg);
static void refuse(struct refresh *refresh, bool was_reused);

/* False: the request has been answered. */
static bool read_body(struct http_request *req, bool *ret_is_cookie, const char **ret_text)
{
	const cJSON *json = http_request_json(req);
	cJSON *errors = NULL;

	*ret_is_cookie = false;
	*ret_text = json_text(json, "refresh_token");
	if (json_has(json, "cookie") && json_bool(json, "cookie", ret_is_cookie) != STATUS_OK)
		errors = http_errors_add(errors, "cookie", "must be true or false");
	if (!*ret_is_cookie && !*ret_text)
		errors = http_errors_add(errors, "refresh_token", "is required and must be text, unless cookie is true");
	if (*ret_is_cookie && json_has(json, "refresh_token"))
		errors = http_errors_add(errors, "refresh_token", "must not be given with cookie");
	if (errors)
		http_reply_invalid(req, errors);
	return !errors;
}

void session_refresh(struct http_request *req)
{
	const struct jwt_key *key = &users_of(req)->key;
	char cookie[REFRESH_TOKEN_LEN + 1] = "";
	struct refresh *refresh;
	const char *text;
	bool is_cookie;

	if (!read_body(req, &is_cookie, &text) || (is_cookie && !session_cookie_is_allowed(req)))
		return;
	refresh = http_request_alloc(req, sizeof *refresh, NULL);
	refresh->req = req;
	refresh->is_cookie = is_cookie;
	if (is_cookie)
		text = session_cookie_read(req, cookie) ? cookie : "";
	if (refresh_token_parse(key->secret, key->previous_secret, text, &refresh->token) != STATUS_OK)
		return refuse(refresh, false);
	refresh->issued_ms = clock_unix_ms();
	rotations_add(users_of(req)->rotations, http_request_scope(req), &refresh->token, is_cookie,
		      http_request_remote_ip(req), rotated, refresh);
}

static void reply(struct refresh *refresh, const struct postgres_rows *rows, int row)
{
	struct session_tokens tokens = {.is_cookie = refresh->is_cookie};

	memcpy(tokens.session.id, refresh->token.session, JWT_JTI_BYTES);
	tokens.session.authenticated_s = postgres_int(rows, row, COLUMN_REFRESHED_AUTHENTICATED_S);
	snprintf(tokens.session.factor, JWT_FACTOR_BYTES, "%s", postgres_text(rows, row, COLUMN_REFRESHED_FACTOR));
	tokens.subject.user_id = postgres_int(rows, row, COLUMN_REFRESHED_USER_ID);
	tokens.subject.is_admin = postgres_bool(rows, row, COLUMN_REFRESHED_IS_ADMIN);
	tokens.subject.dead_until_ms = postgres_int(rows, row, COLUMN_REFRESHED_GENERATION);
	tokens.issued_ms = refresh->issued_ms;
	tokens.remaining_s = postgres_int(rows, row, COLUMN_REFRESHED_REMAINING_S);
	tokens.counter = postgres_int(rows, row, COLUMN_REFRESHED_COUNTER);
	http_request_set_user(refresh->req, tokens.subject.user_id);
	session_reply(refresh->req, 200, &tokens, rows, row);
}

static void rotated(enum status status, const struct postgres_rows *rows, int row, void *arg)
{
	struct refresh *refresh = arg;

	if (status != STATUS_OK)
		return http_reply_status(refresh->req, status);
	if (row == ROTATIONS_NO_ROW)
		return load(refresh);
	reply(refresh, rows, row);
}

static void load(struct refresh *refresh)
{
	struct http_request *req = refresh->req;
	struct postgres_params params = {0};
	char id[37];

	jwt_jti_format(refresh->token.session, id);
	postgres_param_text(&params, id);
	postgres_param_int(&params, refresh->token.counter);
	postgres_param_bool(&params, refresh->is_cookie);
	postgres_param_text(&params, http_request_remote_ip(req));
	postgres_param_int(&params, users_of(req)->config->session.retry_s);
	session_add_limits(users_of(req), &params);
	postgres_exec(users_of(req)->postgres, http_request_scope(req), &store_session_refresh, &params, refreshed, refresh);
}

static void refreshed(enum status status, const struct postgres_rows *rows, void *arg)
{
	struct refresh *refresh = arg;

	if (status != STATUS_OK)
		return http_reply_status(refresh->req, status);
	if (postgres_count(rows) == 0)
		return judge(refresh);
	reply(refresh, rows, 0);
}

/* Is the session gone, or has this token's successor been in use, so that one of the two was stolen? */
static void judge(struct refresh *refresh)
{
	struct http_request *req = refresh->req;
	struct postgres_params params = {0};
	char id[37];

	jwt_jti_format(refresh->token.session, id);
	postgres_param_text(&params, id);
	postgres_param_int(&params, refresh->token.counter);
	postgres_param_int(&params, users_of(req)->config->session.retry_s);
	postgres_param_int(&params, revoked_tokens_end_s(users_of(req)));
	postgres_param_text(&params, event_origin(req));
	refresh->revoking = revoke_begin_session(req, refresh->token.session);
	postgres_exec(users_of(req)->postgres, http_request_scope(req), &store_session_misused, &params, judged, refresh);
}

static void judged(enum status status, const struct postgres_rows *rows, void *arg)
{
	struct refresh *refresh = arg;

	if (status != STATUS_OK)
		return http_reply_status(refresh->req, status);
	if (postgres_count(rows) > 0 && postgres_bool(rows, 0, COLUMN_MISUSED_NOW)) {
		log_line(LOG_WARN, "a refresh token was used again; its session was ended",
			 LOG_INT("user", postgres_int(rows, 0, COLUMN_MISUSED_USER_ID)));
		outbox_wake(users_of(refresh->req)->outbox);
		return revoke_session(refresh->revoking, published, refresh);
	}
	revoke_nothing(refresh->revoking);
	refuse(refresh, postgres_count(rows) > 0);
}

static void published(enum status status, void *arg)
{
	struct refresh *refresh = arg;

	if (status != STATUS_OK)
		http_reply_status(refresh->req, status);
	else
		refuse(refresh, true);
}

static void refuse(struct refresh *refresh, bool was_reused)
{
	if (refresh->is_cookie)
		session_cookie_clear(refresh->req);
	if (was_reused)
		http_reply_fail(refresh->req, 401, "session_reused",
				"This session was ended, because one of its earlier tokens was used again. If that was not "
				"you, change your password.");
	else
		http_reply_fail(refresh->req, 401, "session_ended", "This session has ended. Please log in again.");
}
