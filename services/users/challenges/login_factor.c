#include "challenges/login_factor.h"

#include <string.h>

#include "challenges/challenge.h"
#include "factors/methods.h"
#include "http/reply.h"

struct check {
	const char *code;
	answered *done;
	void *arg;
};

static void start(struct credentials *credentials, bool is_remembered, bool is_cookie, challenge_started *done, void *arg)
{
	const struct challenge_start start = {.user_id = credentials->user_id,
					      .dead_until_ms = credentials->dead_until_ms,
					      .is_remembered = is_remembered,
					      .is_cookie = is_cookie};

	credentials_accept_password(credentials);
	challenge_start(credentials->req, &start, done, arg);
}

static void asked(struct http_request *req, const char *id, cJSON *data, void *arg)
{
	http_reply_fail_data(req, 401, "second_factor_required", "Please confirm with your second factor.", data);
}

void login_factor_ask(struct credentials *credentials, bool is_remembered, bool is_cookie)
{
	start(credentials, is_remembered, is_cookie, asked, NULL);
}

static void begun(struct http_request *req, const char *id, cJSON *data, void *arg)
{
	const struct check *check = arg;

	cJSON_Delete(data);
	answer_challenge(req, id, method_of_code(check->code), check->code, check->done, check->arg);
}

void login_factor_check(struct credentials *credentials, const char *code, answered *done, void *arg)
{
	struct check *check = http_request_alloc(credentials->req, sizeof *check, NULL);

	*check = (struct check){.code = code, .done = done, .arg = arg};
	start(credentials, false, false, begun, check);
}
