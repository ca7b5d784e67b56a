/* GET and POST /auth/logout: this token is dead from the reply on, in every service. */
#include "service.h"

static void told(enum status status, void *arg)
{
	struct http_request *req = arg;

	if (status != STATUS_OK)
		http_reply_status(req, status);
	else
		http_reply_success(req, 200, "Successfully logged out.", NULL);
}

void user_logout(struct http_request *req)
{
	revoke_token(req, &users_caller(req)->claims, false, told, req);
}
