/* POST /auth/factors {method: "totp", current?}: a new secret for an authenticator app. It counts once a code of it has
 * activated it. Flow: factor_enrol -> confirmation.c -> confirmed -> stored -> reply. */
#include "service.h"

#include <mbedtls/platform_util.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/random.h"
#include "challenges/answer.h"
#include "challenges/confirmation.h"
#include "factors/base32.h"
#include "factors/factor.h"
#include "factors/seal.h"
#include "factors/totp.h"
#include "sessions/authenticate.h"
#include "store.h"

struct enrolment {
	struct http_request *req;
	char id[37], secret[BASE32_LEN(TOTP_SECRET_BYTES) + 1];
};

static void confirmed(struct http_request *req, void *arg);
static void stored(enum status status, const struct postgres_rows *rows, void *arg);

void factor_enrol(struct http_request *req)
{
	const char *method = json_text(http_request_json(req), "method");

	if (!method || strcmp(method, method_totp.name) != 0)
		return http_reply_invalid(req, http_errors_add(NULL, "method", "must be totp"));
	confirmation_want(req, confirmed, NULL);
}

static void enrolment_drop(void *memory)
{
	mbedtls_platform_zeroize(memory, sizeof(struct enrolment));
}

static void confirmed(struct http_request *req, void *arg)
{
	struct enrolment *enrolment = http_request_alloc(req, sizeof *enrolment, enrolment_drop);
	char about[METHOD_ABOUT_BYTES], sealed[SEAL_LEN_MAX + 1];
	uint8_t id[JWT_JTI_BYTES], secret[TOTP_SECRET_BYTES];
	struct postgres_params params = {0};

	enrolment->req = req;
	jwt_jti_make(clock_unix_ms(), id);
	jwt_jti_format(id, enrolment->id);
	random_fill(secret, sizeof secret);
	base32_encode(secret, sizeof secret, enrolment->secret);
	method_about(enrolment->id, http_request_user_id(req), about);
	seal(users_of(req)->key.secret, about, secret, sizeof secret, sealed);
	mbedtls_platform_zeroize(secret, sizeof secret);
	postgres_param_int(&params, http_request_user_id(req));
	postgres_param_text(&params, enrolment->id);
	postgres_param_text(&params, method_totp.name);
	postgres_param_text(&params, sealed);
	postgres_param_int(&params, FACTORS_PER_USER);
	postgres_exec(users_of(req)->postgres, http_request_scope(req), &store_factor_enrol, &params, stored, enrolment);
}

static void stored(enum status status, const struct postgres_rows *rows, void *arg)
{
	struct enrolment *enrolment = arg;
	struct http_request *req = enrolment->req;
	cJSON *data;
	char *uri;

	if (status != STATUS_OK)
		return http_reply_status(req, status);
	if (postgres_count(rows) == 0)
		return http_reply_fail(req, 409, "too_many_factors", "You have as many factors as possible.");
	uri = totp_uri(users_caller(req)->email, enrolment->secret);
	data = cJSON_CreateObject();
	cJSON_AddStringToObject(data, "id", enrolment->id);
	cJSON_AddStringToObject(data, "method", method_totp.name);
	cJSON_AddStringToObject(data, "secret", enrolment->secret);
	cJSON_AddStringToObject(data, "uri", uri);
	cJSON_AddNumberToObject(data, "expires_in", FACTOR_PENDING_S);
	mem_free_secret(uri);
	http_reply_success(req, 201, "Please enter a code of your app.", data);
}
