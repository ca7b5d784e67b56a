/* POST /auth/challenge/{id}/code: sends a code by message, or another one, which voids those from before.
 * Flow: challenge_code -> code.c -> sent -> reply. */
#include "service.h"

#include "challenges/answer.h"
#include "challenges/code.h"
#include "factors/mtan.h"
#include "sessions/login_attempts.h"

static void sent(enum code_result result, long retry_s, void *arg);

void challenge_code(struct http_request *req)
{
	code_send(req, http_request_param(req, "id"), sent, req);
}

static void sent(enum code_result result, long retry_s, void *arg)
{
	struct http_request *req = arg;

	if (result == CODE_SENT)
		http_reply_success(req, 200, "A code is on its way.", NULL);
	else if (result == CODE_TOO_MANY)
		login_attempts_refuse(req, retry_s);
	else if (result == CODE_ENDED)
		answer_refuse_ended(req);
	else
		http_reply_status(req, STATUS_UNAVAILABLE);
}
