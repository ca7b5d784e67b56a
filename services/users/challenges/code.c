/* Flow: code_send -> sent -> the caller's `done`. */
#include "challenges/code.h"

#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/mem.h"
#include "challenges/challenge.h"
#include "challenges/confirmation.h"
#include "factors/factor.h"
#include "factors/mtan.h"
#include "mail/outbox.h"
#include "service.h"
#include "store/mtan.h"

struct sending {
	struct http_request *req;
	char nonce[37];
	code_sent *done;
	void *arg;
};

static void sent(enum status status, const struct postgres_rows *rows, void *arg);

static struct sending *begin(struct http_request *req, code_sent *done, void *arg)
{
	struct sending *sending = http_request_alloc(req, sizeof *sending, NULL);
	uint8_t nonce[JWT_JTI_BYTES];

	*sending = (struct sending){.req = req, .done = done, .arg = arg};
	jwt_jti_make(clock_unix_ms(), nonce);
	jwt_jti_format(nonce, sending->nonce);
	return sending;
}

static void add_common(struct sending *sending, struct postgres_params *params)
{
	postgres_param_text(params, sending->nonce);
	postgres_param_int(params, MTAN_MESSAGES);
	postgres_param_int(params, MTAN_WINDOW_S);
	postgres_param_text(params, users_of(sending->req)->config->mtan_test_codes);
}

void code_send(struct http_request *req, const char *challenge, code_sent *done, void *arg)
{
	struct sending *sending = begin(req, done, arg);
	char id_text[37], client[CHALLENGE_CLIENT_LEN + 1];
	struct postgres_params params = {0};
	uint8_t id[JWT_JTI_BYTES];

	if (jwt_jti_parse(challenge, id) != STATUS_OK)
		return done(CODE_ENDED, 0, arg);
	jwt_jti_format(id, id_text);
	challenge_client(req, client);
	postgres_param_text(&params, id_text);
	postgres_param_text(&params, client);
	postgres_param_int(&params, CHALLENGE_TRIES);
	add_common(sending, &params);
	postgres_exec(users_of(req)->postgres, http_request_scope(req), &store_mtan_send, &params, sent, sending);
}

void code_send_for_factor(struct http_request *req, const char *factor, code_sent *done, void *arg)
{
	struct sending *sending = begin(req, done, arg);
	struct postgres_params params = {0};

	postgres_param_text(&params, factor);
	postgres_param_int(&params, http_request_user_id(req));
	postgres_param_int(&params, FACTOR_PENDING_S);
	add_common(sending, &params);
	postgres_param_int(&params, MTAN_S);
	postgres_exec(users_of(req)->postgres, http_request_scope(req), &store_mtan_send_for_factor, &params, sent, sending);
}

static void sent(enum status status, const struct postgres_rows *rows, void *arg)
{
	struct sending *sending = arg;

	if (status != STATUS_OK)
		return sending->done(CODE_FAILED, 0, sending->arg);
	if (postgres_count(rows) == 0)
		return sending->done(CODE_ENDED, 0, sending->arg);
	if (!postgres_is_null(rows, 0, COLUMN_SENT_RETRY_S))
		return sending->done(CODE_TOO_MANY, (long)postgres_int(rows, 0, COLUMN_SENT_RETRY_S), sending->arg);
	outbox_wake(users_of(sending->req)->outbox);
	sending->done(CODE_SENT, 0, sending->arg);
}

/* ---- publishing ---- */

/* A challenge that is bound to an action without a name was stored by a process of the version before the names. */
static const char *action_of(const struct mtan *mtan, const cJSON *json)
{
	const char *action = json_text(json, "action");

	return mtan->binding && !action ? "" : action;
}

static char *values_of(const struct users *users, const char *message, const cJSON *json)
{
	struct mtan mtan = {.subject = json_text(json, "mtan"), .binding = json_text(json, "binding"), .nonce = message};
	char code[MTAN_DIGITS + 1];

	if (!mtan.subject || json_int(json, "user", &mtan.user_id) != STATUS_OK)
		return NULL;
	mtan_code(users->key.secret, &mtan, code);
	return mem_printf("{\"code\":\"%s\",\"action\":\"%s\"}", code, confirmation_text(action_of(&mtan, json)));
}

char *code_values(const struct users *users, const char *message, const char *parameters)
{
	cJSON *json = NULL;
	char *values;

	if (json_parse(parameters, strlen(parameters), &json) != STATUS_OK)
		return NULL;
	values = values_of(users, message, json);
	cJSON_Delete(json);
	return values;
}
