/* POST /auth/factors/{id} {code | credential}: a code proves that the app has the secret, or that the message has arrived, or
 * the passkey is there, and the factor counts from now on. With the first factor come recovery codes. All other sessions end.
 * Flow: factor_activate -> loaded -> (mtan_tried) -> activate -> activated -> others.c. */
#include "service.h"

#include <mbedtls/platform_util.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "challenges/answer.h"
#include "events/event_origin.h"
#include "factors/factor.h"
#include "factors/mtan.h"
#include "factors/recovery_codes.h"
#include "factors/seal.h"
#include "factors/totp.h"
#include "mail/outbox.h"
#include "passkeys/passkey_enrol.h"
#include "sessions/others.h"
#include "store/factors.h"
#include "store/mtan.h"

struct activation {
	struct http_request *req;
	struct others *others;
	struct recovery_codes *codes;
	struct passkey_made passkey; /* NULL and 0 for other methods */
};

static void loaded(enum status status, const struct postgres_rows *rows, void *arg);
static void try_mtan(struct activation *activation);
static void mtan_tried(enum status status, const struct postgres_rows *rows, void *arg);
static void activated(enum status status, const struct postgres_rows *rows, void *arg);

void factor_activate(struct http_request *req)
{
	struct activation *activation = http_request_alloc(req, sizeof *activation, NULL);
	struct postgres_params params = {0};

	activation->req = req;
	if (!json_text(http_request_json(req), "code") && !json_has(http_request_json(req), "credential"))
		return http_reply_invalid(req, http_errors_add(NULL, "code", "is required and must be text"));
	if (!factor_of_path(req))
		return;
	postgres_param_int(&params, http_request_user_id(req));
	postgres_param_text(&params, http_request_param(req, "id"));
	postgres_param_int(&params, FACTOR_PENDING_S);
	postgres_exec(users_of(req)->postgres, http_request_scope(req), &store_factor_pending, &params, loaded, activation);
}

static bool find_step(struct http_request *req, const char *sealed, int64_t *ret_step)
{
	const struct jwt_key *key = &users_of(req)->key;
	const char *code = json_text(http_request_json(req), "code");
	char about[METHOD_ABOUT_BYTES];
	uint8_t secret[TOTP_SECRET_BYTES];
	bool is_previous, is_found;

	method_about(http_request_param(req, "id"), http_request_user_id(req), about);
	is_found =
		seal_open(key->secret, key->previous_secret, about, sealed, secret, sizeof secret, &is_previous) == STATUS_OK &&
		totp_find_step(secret, code, clock_unix_ms() / 1000, 0, ret_step);
	mbedtls_platform_zeroize(secret, sizeof secret);
	return is_found;
}

static void activate(struct activation *activation, int64_t step)
{
	struct http_request *req = activation->req;
	struct postgres_params params = {0};
	char session[37];

	activation->codes = recovery_codes_make(req);
	factor_add_caller(req, &params, session);
	postgres_param_text(&params, http_request_param(req, "id"));
	postgres_param_int(&params, step);
	postgres_param_int(&params, FACTOR_PENDING_S);
	postgres_param_text(&params, recovery_codes_hashes(activation->codes));
	postgres_param_text(&params, event_origin(req));
	postgres_param_text(&params, activation->passkey.credential_id);
	postgres_param_text(&params, activation->passkey.key);
	postgres_param_int(&params, activation->passkey.sign_count);
	activation->others = others_begin(req, "Your second factor is active.");
	postgres_exec(users_of(req)->postgres, http_request_scope(req), &store_factor_activate, &params, activated, activation);
}

static void refuse_wrong(struct http_request *req, const char *problem)
{
	http_reply_invalid(req, http_errors_add(NULL, "code", problem));
}

static void refuse_credential(struct http_request *req, const char *problem)
{
	http_reply_invalid(req, http_errors_add(NULL, "credential", problem));
}

static void try_passkey(struct activation *activation)
{
	struct http_request *req = activation->req;

	if (passkey_enrol_finish(req, http_request_param(req, "id"), &activation->passkey) == STATUS_OK)
		activate(activation, 0);
	else
		refuse_credential(req, "is not a passkey that was made for this enrolment");
}

/* Tries with an app or a passkey are not counted, because the caller knows the secret. */
static void loaded(enum status status, const struct postgres_rows *rows, void *arg)
{
	struct activation *activation = arg;
	const struct method *method;
	int64_t step;

	if (status != STATUS_OK)
		return http_reply_status(activation->req, status);
	if (postgres_count(rows) == 0)
		return factor_not_found(activation->req);
	method = method_find(postgres_text(rows, 0, COLUMN_PENDING_METHOD));
	if (method == &method_passkey)
		return try_passkey(activation);
	if (!json_text(http_request_json(activation->req), "code"))
		return refuse_wrong(activation->req, "is required and must be text");
	if (method == &method_mtan)
		return try_mtan(activation);
	if (find_step(activation->req, postgres_text(rows, 0, COLUMN_PENDING_SECRET), &step))
		activate(activation, step);
	else
		refuse_wrong(activation->req, "is not a code of this app");
}

static void try_mtan(struct activation *activation)
{
	struct http_request *req = activation->req;
	struct postgres_params params = {0};

	postgres_param_int(&params, http_request_user_id(req));
	postgres_param_text(&params, http_request_param(req, "id"));
	postgres_param_int(&params, FACTOR_PENDING_S);
	postgres_param_int(&params, MTAN_TRIES);
	postgres_param_int(&params, MTAN_S);
	postgres_exec(users_of(req)->postgres, http_request_scope(req), &store_mtan_try_for_factor, &params, mtan_tried,
		      activation);
}

static bool is_mtan(struct http_request *req, const char *nonce, const char *recipient)
{
	const struct users *users = users_of(req);
	const struct mtan mtan = {http_request_user_id(req), http_request_param(req, "id"), NULL, nonce};
	const char *code = json_text(http_request_json(req), "code");
	char test_code[MTAN_TEST_CODE_LEN_MAX + 1];

	if (mtan_test_code(users->config->mtan_test_codes, recipient, test_code))
		return strcmp(test_code, code) == 0;
	return mtan_is(users->key.secret, users->key.previous_secret, &mtan, code);
}

static void mtan_tried(enum status status, const struct postgres_rows *rows, void *arg)
{
	struct activation *activation = arg;
	struct http_request *req = activation->req;

	if (status != STATUS_OK)
		http_reply_status(req, status);
	else if (postgres_count(rows) == 1 && is_mtan(req, postgres_text(rows, 0, COLUMN_FACTOR_TRY_NONCE),
						      postgres_text(rows, 0, COLUMN_FACTOR_TRY_RECIPIENT)))
		activate(activation, 0);
	else
		refuse_wrong(req, "is not the code of the newest message, or was tried too often");
}

static void activated(enum status status, const struct postgres_rows *rows, void *arg)
{
	struct activation *activation = arg;

	if (status == STATUS_CONFLICT) {
		others_spare(activation->others);
		return refuse_credential(activation->req, "is a passkey of an account already");
	}
	if (status != STATUS_OK)
		return http_reply_status(activation->req, status);
	if (postgres_count(rows) == 0) {
		others_spare(activation->others);
		return factor_not_found(activation->req);
	}
	outbox_wake(users_of(activation->req)->outbox);
	if (postgres_bool(rows, 0, COLUMN_ACTIVATED_HAS_CODES))
		others_add(activation->others, recovery_codes_add, activation->codes);
	others_ended(activation->others, rows);
}
