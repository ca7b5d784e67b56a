#include "challenges/login_factor.h"

#include <string.h>

#include "challenges/challenge.h"
#include "events/event_attempts.h"
#include "factors/methods.h"
#include "http/reply.h"
#include "service.h"
#include "store/mtan.h"

struct legacy_refusal {
	void (*refuse)(struct http_request *req);
};

struct check {
	struct credentials *credentials;
	const char *code;
	answered *done;
	void *arg;
};

static void start(struct credentials *credentials, bool is_remembered, bool is_cookie, bool is_quiet, challenge_started *done,
		  void *arg)
{
	const struct challenge_start start = {.user_id = credentials->user_id,
					      .dead_until_ms = credentials->dead_until_ms,
					      .is_remembered = is_remembered,
					      .is_cookie = is_cookie,
					      .is_quiet = is_quiet};

	credentials_accept_password(credentials);
	if (!is_quiet)
		event_attempts_note(credentials->req, EVENT_FACTOR_AWAITED, credentials->user_id);
	challenge_start(credentials->req, &start, done, arg);
}

static void asked(struct http_request *req, const char *id, cJSON *data, void *arg)
{
	http_reply_fail_data(req, 401, "second_factor_required", "Please confirm with your second factor.", data);
}

void login_factor_ask(struct credentials *credentials, bool is_remembered, bool is_cookie)
{
	start(credentials, is_remembered, is_cookie, false, asked, NULL);
}

static void sent(struct http_request *req, const char *id, cJSON *data, void *arg)
{
	const struct legacy_refusal *legacy = arg;

	cJSON_Delete(data);
	legacy->refuse(req);
}

void login_factor_send(struct credentials *credentials, void (*refuse)(struct http_request *req))
{
	struct legacy_refusal *legacy = http_request_alloc(credentials->req, sizeof *legacy, NULL);

	legacy->refuse = refuse;
	start(credentials, false, false, false, sent, legacy);
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
	start(credentials, false, false, true, begun, check);
}

static void found(enum status status, const struct postgres_rows *rows, void *arg)
{
	const struct check *check = arg;
	struct http_request *req = check->credentials->req;

	if (status != STATUS_OK)
		return http_reply_status(req, status);
	if (postgres_count(rows) > 0)
		return answer_challenge(req, postgres_text(rows, 0, COLUMN_MTAN_CHALLENGE), &method_mtan, check->code,
					check->done, check->arg);
	event_attempts_note(req, EVENT_CODE_WRONG, check->credentials->user_id);
	check->done(req, NULL, check->arg);
}

void login_factor_check_mtan(struct credentials *credentials, const char *code, answered *done, void *arg)
{
	struct http_request *req = credentials->req;
	struct check *check = http_request_alloc(req, sizeof *check, NULL);
	char client[CHALLENGE_CLIENT_LEN + 1];
	struct postgres_params params = {0};

	*check = (struct check){.credentials = credentials, .code = code, .done = done, .arg = arg};
	credentials_accept_password(credentials);
	challenge_client(req, client);
	postgres_param_int(&params, credentials->user_id);
	postgres_param_text(&params, client);
	postgres_param_int(&params, CHALLENGE_TRIES);
	postgres_exec(users_of(req)->postgres, http_request_scope(req), &store_mtan_of_login, &params, found, check);
}
