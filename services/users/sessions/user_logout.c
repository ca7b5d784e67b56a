/* GET and POST /auth/logout: from the reply on, every service refuses this token.
 * Flow: user_logout -> token_revoked -> reply. */
#include "service.h"

#include "revocations/revoke.h"
#include "sessions/authenticate.h"

static void token_revoked(enum status status, void *arg);

void user_logout(struct http_request *req)
{
	revoke_token(req, &users_caller(req)->claims, false, token_revoked, req);
}

static void token_revoked(enum status status, void *arg)
{
	struct http_request *req = arg;

	if (status != STATUS_OK)
		http_reply_status(req, status);
	else
		http_reply_success(req, 200, "Successfully logged out.", NULL);
}
