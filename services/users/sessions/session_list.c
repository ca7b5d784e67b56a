/* GET /auth/sessions: the caller's sessions, the last used first.
 * Flow: session_list -> loaded -> reply. */
#include "service.h"

#include <string.h>

#include "base/json_write.h"
#include "sessions/authenticate.h"
#include "sessions/session.h"
#include "store/sessions.h"

static void loaded(enum status status, const struct postgres_rows *rows, void *arg);

void session_list(struct http_request *req)
{
	struct postgres_params params = {0};

	postgres_param_int(&params, http_request_user_id(req));
	session_add_limits(users_of(req), &params);
	postgres_exec(users_of(req)->postgres, http_request_scope(req), &store_sessions_of_user, &params, loaded, req);
}

static void loaded(enum status status, const struct postgres_rows *rows, void *arg)
{
	struct http_request *req = arg;
	const struct jwt_claims *claims = &users_caller(req)->claims;
	struct buf json = {0};
	char own[37] = "";

	if (status != STATUS_OK)
		return http_reply_status(req, status);
	if (claims->has_session)
		jwt_jti_format(claims->session.id, own);
	http_success_begin(&json, NULL);
	json_write_object(&json);
	json_write_key(&json, "sessions");
	json_write_array(&json);
	for (int i = 0; i < postgres_count(rows); i++)
		session_json(&json, rows, i, strcmp(postgres_text(rows, i, COLUMN_SESSION_ID), own) == 0);
	json_write_array_end(&json);
	json_write_object_end(&json);
	json_write_object_end(&json);
	http_reply_buf(req, 200, &json);
}
