/* POST /auth/factors {method: "totp" | "mtan" | "passkey", name?, phone?, current?}: a new secret for an authenticator app, a
 * code by message to the user's e-mail or to a telephone number, or what a browser makes a passkey of. The factor counts once a
 * code or the passkey has activated it. Flow: factor_enrol -> confirmation.c -> confirmed -> (phone.c) -> store -> stored ->
 * (code.c -> sent | passkey_enrol.c -> passkey_begun) -> reply. */
#include "service.h"

#include <mbedtls/platform_util.h>
#include <string.h>

#include "accounts/validation.h"
#include "base/clock.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/random.h"
#include "challenges/answer.h"
#include "challenges/code.h"
#include "challenges/confirmation.h"
#include "factors/base32.h"
#include "factors/factor.h"
#include "factors/mtan.h"
#include "factors/phone.h"
#include "factors/seal.h"
#include "factors/totp.h"
#include "passkeys/passkey_enrol.h"
#include "passkeys/passkeys.h"
#include "sessions/authenticate.h"
#include "sessions/login_attempts.h"
#include "store/factors.h"

struct enrolment {
	struct http_request *req;
	const struct method *method;
	char id[37], secret[BASE32_LEN(TOTP_SECRET_BYTES) + 1];
};

static void confirmed(struct http_request *req, void *arg);
static void store(void *arg);
static void stored(enum status status, const struct postgres_rows *rows, void *arg);
static void sent(enum code_result result, long retry_s, void *arg);
static void passkey_begun(struct http_request *req, cJSON *public_key, void *arg);

/* NULL: none that can be enrolled. */
static const struct method *method_of(struct http_request *req)
{
	const char *name = json_text(http_request_json(req), "method");
	const struct method *method = name ? method_find(name) : NULL;

	return method == &method_totp || method == &method_mtan || method == &method_passkey ? method : NULL;
}

/* NULL: it is fine, or there is none. */
static const char *name_problem(struct http_request *req, const struct method *method)
{
	if (!json_has(http_request_json(req), "name"))
		return NULL;
	if (method != &method_passkey)
		return "is for passkeys only";
	return factor_name_problem(json_text(http_request_json(req), "name"));
}

static bool wants_phone(const struct http_request *req)
{
	return json_has(http_request_json(req), "phone");
}

void factor_enrol(struct http_request *req)
{
	const struct method *method = method_of(req);
	const char *problem;

	if (!method)
		return http_reply_invalid(req, http_errors_add(NULL, "method", "must be totp, mtan or passkey"));
	problem = name_problem(req, method);
	if (problem)
		return http_reply_invalid(req, http_errors_add(NULL, "name", problem));
	if (method == &method_passkey && !passkeys_are_offered(req))
		return;
	if (wants_phone(req) && method != &method_mtan)
		return http_reply_invalid(req, http_errors_add(NULL, "phone", "is for codes by message only"));
	if (wants_phone(req) && !phone_is_allowed(req))
		return;
	confirmation_want(req, confirmed, NULL);
}

static void enrolment_drop(void *memory)
{
	mbedtls_platform_zeroize(memory, sizeof(struct enrolment));
}

static void make_secret(struct enrolment *enrolment, char sealed[SEAL_LEN_MAX + 1])
{
	struct http_request *req = enrolment->req;
	uint8_t secret[TOTP_SECRET_BYTES];
	char about[METHOD_ABOUT_BYTES];

	random_fill(secret, sizeof secret);
	base32_encode(secret, sizeof secret, enrolment->secret);
	method_about(enrolment->id, http_request_user_id(req), about);
	seal(users_of(req)->key.secret, about, secret, sizeof secret, sealed);
	mbedtls_platform_zeroize(secret, sizeof secret);
}

static void confirmed(struct http_request *req, void *arg)
{
	struct enrolment *enrolment = http_request_alloc(req, sizeof *enrolment, enrolment_drop);

	enrolment->req = req;
	enrolment->method = method_of(req);
	if (wants_phone(req))
		phone_count(req, store, enrolment);
	else
		store(enrolment);
}

static void store(void *arg)
{
	struct enrolment *enrolment = arg;
	struct http_request *req = enrolment->req;
	char sealed[SEAL_LEN_MAX + 1] = "";
	struct postgres_params params = {0};
	uint8_t id[JWT_JTI_BYTES];

	jwt_jti_make(clock_unix_ms(), id);
	jwt_jti_format(id, enrolment->id);
	if (enrolment->method == &method_totp)
		make_secret(enrolment, sealed);
	postgres_param_int(&params, http_request_user_id(req));
	postgres_param_text(&params, enrolment->id);
	postgres_param_text(&params, enrolment->method->name);
	postgres_param_text(&params, sealed);
	postgres_param_int(&params, FACTORS_PER_USER);
	postgres_param_text(&params, json_text(http_request_json(req), "name"));
	postgres_param_text(&params, json_text(http_request_json(req), "phone"));
	postgres_exec(users_of(req)->postgres, http_request_scope(req), &store_factor_enrol, &params, stored, enrolment);
}

static cJSON *data_of(const struct enrolment *enrolment, int expires_s)
{
	cJSON *data = cJSON_CreateObject();

	cJSON_AddStringToObject(data, "id", enrolment->id);
	cJSON_AddStringToObject(data, "method", enrolment->method->name);
	cJSON_AddNumberToObject(data, "expires_in", expires_s);
	return data;
}

static void reply_secret(const struct enrolment *enrolment)
{
	char *uri = totp_uri(users_caller(enrolment->req)->email, enrolment->secret);
	cJSON *data = data_of(enrolment, FACTOR_PENDING_S);

	cJSON_AddStringToObject(data, "secret", enrolment->secret);
	cJSON_AddStringToObject(data, "uri", uri);
	mem_free_secret(uri);
	http_reply_success(enrolment->req, 201, "Please enter a code of your app.", data);
}

static void stored(enum status status, const struct postgres_rows *rows, void *arg)
{
	struct enrolment *enrolment = arg;
	struct http_request *req = enrolment->req;

	if (status != STATUS_OK)
		return http_reply_status(req, status);
	if (postgres_count(rows) == 0)
		return http_reply_fail(req, 409, "too_many_factors", "You have as many factors as possible.");
	if (enrolment->method == &method_mtan)
		code_send_for_factor(req, enrolment->id, sent, enrolment);
	else if (enrolment->method == &method_passkey)
		passkey_enrol_begin(req, enrolment->id, passkey_begun, enrolment);
	else
		reply_secret(enrolment);
}

/* CODE_ENDED: a further enrolment has replaced this one meanwhile. */
static void sent(enum code_result result, long retry_s, void *arg)
{
	struct enrolment *enrolment = arg;
	struct http_request *req = enrolment->req;

	if (result == CODE_SENT)
		http_reply_success(req, 201, "Please enter the code of the message that is on its way.",
				   data_of(enrolment, MTAN_S));
	else if (result == CODE_TOO_MANY)
		login_attempts_refuse(req, retry_s);
	else
		http_reply_status(req, STATUS_UNAVAILABLE);
}

static void passkey_begun(struct http_request *req, cJSON *public_key, void *arg)
{
	cJSON *data = data_of(arg, FACTOR_PENDING_S);

	cJSON_AddItemToObject(data, "public_key", public_key);
	http_reply_success(req, 201, "Please make the passkey.", data);
}
