/* POST /users: an admin adds a user. The JSON is read only after the caller's right was checked, so a caller without that right
 * learns nothing about it. Flow: user_add -> registration.c -> reply_added. */
#include "service.h"

#include "accounts/registration.h"
#include "base/json.h"
#include "sessions/authenticate.h"

static void reply_added(struct http_request *req, int64_t user_id);

void user_add(struct http_request *req)
{
	if (users_require_admin(req) && http_request_read_json(req))
		registration_start(req, "Sorry. That email already exists.", reply_added);
}

static void reply_added(struct http_request *req, int64_t user_id)
{
	struct buf message = {0};

	buf_printf(&message, "%s was added!", json_text(http_request_json(req), "email"));
	http_reply_success(req, 201, message.bytes, NULL);
	buf_free(&message);
}
