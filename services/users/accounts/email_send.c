/* POST /auth/email: sends a link to the caller's address, which proves that it is the caller's. Flow: email_send ->
 * email_link.c -> sent -> reply. */
#include "service.h"

#include "accounts/email_link.h"

static void sent(struct http_request *req, bool is_made, void *arg)
{
	if (is_made)
		http_reply_success(req, 202, "A message with a link is on its way.", NULL);
	else
		email_link_refuse_more(req);
}

void email_send(struct http_request *req)
{
	email_link_send(req, http_request_user_id(req), sent, NULL);
}
