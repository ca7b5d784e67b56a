/* A session: a login that its client keeps alive by refreshing it. Its access tokens are short-lived, and its refresh token is
 * replaced at each use (auth/refresh_token.h). What the calls about sessions share. */
#ifndef ABACUS_USERS_SESSION_H
#define ABACUS_USERS_SESSION_H

#include <stdbool.h>
#include <stdint.h>

#include "auth/jwt.h"
#include "base/buf.h"
#include "http/request.h"
#include "postgres/postgres.h"

struct users;

/* Adds the parameters that the statements of store/sessions.h call limits. */
void session_add_limits(const struct users *users, struct postgres_params *params);
/* How long a session lives that is not refreshed, from its login on. */
int64_t session_first_s(struct http_request *req, bool is_remembered);

struct session_tokens {
	struct jwt_session session;
	struct jwt_subject subject;
	int64_t issued_ms;   /* before the subject was read */
	int64_t remaining_s; /* of the session: no access token outlives it */
	int64_t counter;
	bool is_cookie;
};

/* Answers with an access token, the refresh token (in the body, or in the cookie) and the session, which is that row of rows.
 */
void session_reply(struct http_request *req, int code, const struct session_tokens *tokens, const struct postgres_rows *rows,
		   int row);
/* Adds the session of a row that begins with COLUMN_SESSION_*. */
void session_json(struct buf *out, const struct postgres_rows *rows, int row, bool is_current);
/* The members access_token, token_type and expires_in of an object that is open. */
void session_json_access(struct http_request *req, struct buf *out, const struct session_tokens *tokens);

#endif
