/* DELETE /auth/sessions: ends all tokens and sessions of the caller but the one of this request. It does what a change of
 * password does, and carries the caller over.
 * Flow: session_end_others -> confirmation.c -> confirmed -> others.c. */
#include "service.h"

#include "challenges/confirmation.h"
#include "sessions/others.h"

static void confirmed(struct http_request *req, void *arg)
{
	others_end(others_begin(req, "All other sessions were ended."));
}

void session_end_others(struct http_request *req)
{
	confirmation_want_header(req, confirmed, NULL);
}
