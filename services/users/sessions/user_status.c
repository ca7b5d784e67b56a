/* GET /auth/status and GET /user: the caller. */
#include "service.h"

#include "accounts/user_json.h"
#include "base/json_write.h"
#include "sessions/authenticate.h"

void user_status(struct http_request *req)
{
	const struct caller *caller = users_caller(req);
	struct user_shown user = {.id = caller->claims.user_id,
				  .username = caller->username,
				  .email = caller->email,
				  .is_active = true, /* the token of an inactive user is refused */
				  .is_admin = caller->is_admin};
	struct buf json = {0};

	http_success_begin(&json, NULL);
	user_json(&json, &user, true);
	json_write_object_end(&json);
	http_reply_buf(req, 200, &json);
}
