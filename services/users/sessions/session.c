#include "sessions/session.h"

#include <stdlib.h>
#include <string.h>

#include "auth/refresh_token.h"
#include "base/json_write.h"
#include "service.h"
#include "sessions/session_cookie.h"
#include "store/sessions.h"

static int64_t least(int64_t one, int64_t other)
{
	return one < other ? one : other;
}

void session_add_limits(const struct users *users, struct postgres_params *params)
{
	const struct session_config *config = &users->config->session;

	postgres_param_int(params, config->max_s);
	postgres_param_int(params, config->unremembered_s);
	postgres_param_int(params, config->idle_s);
}

int64_t session_first_s(struct http_request *req, bool is_remembered)
{
	const struct session_config *config = &users_of(req)->config->session;

	return least(is_remembered ? config->max_s : config->unremembered_s, config->idle_s);
}

void session_json(struct buf *out, const struct postgres_rows *rows, int row, bool is_current)
{
	json_write_object(out);
	json_write_member_text(out, "id", postgres_text(rows, row, COLUMN_SESSION_ID));
	json_write_member_text(out, "user_agent", postgres_text(rows, row, COLUMN_SESSION_USER_AGENT));
	json_write_member_text(out, "address", postgres_text(rows, row, COLUMN_SESSION_ADDRESS));
	json_write_member_text(out, "created_at", postgres_text(rows, row, COLUMN_SESSION_CREATED_AT));
	json_write_member_text(out, "last_used_at", postgres_text(rows, row, COLUMN_SESSION_USED_AT));
	json_write_member_text(out, "expires_at", postgres_text(rows, row, COLUMN_SESSION_EXPIRES_AT));
	json_write_member_bool(out, "remember", postgres_bool(rows, row, COLUMN_SESSION_IS_REMEMBERED));
	json_write_member_bool(out, "current", is_current);
	json_write_object_end(out);
}

void session_json_access(struct http_request *req, struct buf *out, const struct session_tokens *tokens)
{
	const struct users *users = users_of(req);
	int64_t lifetime_s = least(auth_access_lifetime_s(&users->config->auth), tokens->remaining_s);
	struct jwt_claims claims;
	char *access =
		jwt_issue_access(&users->key, &tokens->subject, &tokens->session, tokens->issued_ms, lifetime_s, &claims);

	json_write_member_text(out, "access_token", access);
	json_write_member_text(out, "token_type", "Bearer");
	json_write_member_int(out, "expires_in", lifetime_s);
	free(access);
}

void session_reply(struct http_request *req, int code, const struct session_tokens *tokens, const struct postgres_rows *rows,
		   int row)
{
	struct refresh_token refresh = {.counter = tokens->counter};
	char text[REFRESH_TOKEN_LEN + 1];
	struct buf json = {0};

	memcpy(refresh.session, tokens->session.id, JWT_JTI_BYTES);
	refresh_token_format(users_of(req)->key.secret, &refresh, text);
	json_write_object(&json);
	session_json_access(req, &json, tokens);
	if (tokens->is_cookie)
		session_cookie_set(req, text, postgres_bool(rows, row, COLUMN_SESSION_IS_REMEMBERED) ? tokens->remaining_s : 0);
	else
		json_write_member_text(&json, "refresh_token", text);
	json_write_key(&json, "session");
	session_json(&json, rows, row, true);
	json_write_object_end(&json);
	http_reply_buf(req, code, &json);
}
