/* POST /auth/passkey and POST /auth/passkey/{id} {assertion, remember?, cookie?}: logs in with a passkey alone. It has verified
 * its user, so no further factor is asked. Beginning stores nothing: the id has its time, and the challenge is computed of the
 * id and the client, so it is neither good later nor for another client. What is stored is that it was used. Flow:
 * passkey_begin; passkey_login -> passkey_assert.c -> asserted -> accepted -> session_start.c. */
#include "service.h"

#include "accounts/email_link.h"
#include "base/clock.h"
#include "base/json.h"
#include "challenges/answer.h"
#include "challenges/challenge.h"
#include "events/event_attempts.h"
#include "events/event_origin.h"
#include "passkeys/passkey_assert.h"
#include "passkeys/passkey_json.h"
#include "passkeys/passkeys.h"
#include "sessions/credentials.h"
#include "sessions/session_cookie.h"
#include "sessions/session_start.h"
#include "store/passkeys.h"

#define CLOCKS_DIFFER_S 30 /* at most, those of two instances of users */

struct login {
	struct http_request *req;
	char id[37], client[CHALLENGE_CLIENT_LEN + 1];
	struct session_start start;
};

static void asserted(enum status status, const struct passkey *passkey, void *arg);
static void accepted(enum status status, const struct postgres_rows *rows, void *arg);

static struct login *login_new(struct http_request *req)
{
	struct login *login = http_request_alloc(req, sizeof *login, NULL);

	login->req = req;
	challenge_client(req, login->client);
	return login;
}

static struct passkey_challenge challenge_of(const struct login *login)
{
	return (struct passkey_challenge){PASSKEY_LOGIN, 0, login->id, login->client};
}

void passkey_begin(struct http_request *req)
{
	struct login *login = login_new(req);
	struct passkey_challenge challenge;
	char text[PASSKEY_CHALLENGE_LEN + 1];
	uint8_t id[JWT_JTI_BYTES];
	cJSON *data;

	if (!passkeys_are_offered(req))
		return;
	jwt_jti_make(clock_unix_ms(), id);
	jwt_jti_format(id, login->id);
	challenge = challenge_of(login);
	passkey_challenge_make(users_of(req)->key.secret, &challenge, text);
	data = cJSON_CreateObject();
	cJSON_AddStringToObject(data, "challenge", login->id);
	cJSON_AddItemToObject(data, "public_key", passkey_json_request(passkeys_party(users_of(req)->passkeys), text, ""));
	cJSON_AddNumberToObject(data, "expires_in", CHALLENGE_S);
	http_reply_success(req, 201, "Please use a passkey.", data);
}

/* ---- the answer ---- */

/* Whether an id of that time may still be answered. Only a client that was given it has its challenge, so the time is ours. */
static bool is_fresh(const uint8_t id[JWT_JTI_BYTES])
{
	int64_t age_ms = clock_unix_ms() - jwt_jti_unix_ms(id);

	return age_ms < CHALLENGE_S * 1000 && age_ms > -CLOCKS_DIFFER_S * 1000;
}

static bool read_request(struct login *login)
{
	const cJSON *json = http_request_json(login->req);
	cJSON *errors = session_start_read_flags(NULL, json, &login->start);

	if (!cJSON_IsObject(cJSON_GetObjectItemCaseSensitive(json, "assertion")))
		errors = http_errors_add(errors, "assertion", "is required and must be an object");
	if (errors)
		http_reply_invalid(login->req, errors);
	return !errors && (!login->start.is_cookie || session_cookie_is_allowed(login->req));
}

void passkey_login(struct http_request *req)
{
	struct login *login = login_new(req);
	struct passkey_challenge challenge;
	uint8_t id[JWT_JTI_BYTES];

	if (!passkeys_are_offered(req) || !read_request(login))
		return;
	if (jwt_jti_parse(http_request_param(req, "id"), id) != STATUS_OK || !is_fresh(id))
		return answer_refuse_ended(req);
	jwt_jti_format(id, login->id);
	login->start.issued_ms = clock_unix_ms();
	challenge = challenge_of(login);
	passkey_assert(req, &challenge, asserted, login);
}

static void refuse(struct http_request *req, const struct passkey *passkey)
{
	event_attempts_note(req, EVENT_LOGIN_FAILED, passkey ? passkey->user_id : 0);
	http_reply_fail(req, 401, "login_failed", "Login failed.");
}

static void store(struct login *login, const struct passkey *passkey)
{
	struct postgres_params params = {0};

	login->start.user_id = passkey->user_id;
	login->start.is_admin = passkey->is_admin;
	login->start.dead_until_ms = passkey->dead_until_ms;
	login->start.factor = JWT_FACTOR_PASSKEY_ALONE;
	postgres_param_text(&params, login->id);
	postgres_param_int(&params, CHALLENGE_S + CLOCKS_DIFFER_S);
	postgres_param_text(&params, passkey->factor_id);
	postgres_param_int(&params, passkey->sign_count);
	postgres_param_text(&params, event_origin_of(login->req, passkey->user_id, NULL));
	postgres_exec(users_of(login->req)->postgres, http_request_scope(login->req), &store_passkey_login, &params, accepted,
		      login);
}

static void asserted(enum status status, const struct passkey *passkey, void *arg)
{
	struct login *login = arg;
	struct credentials credentials = {.req = login->req};

	if (status == STATUS_INVALID)
		return refuse(login->req, passkey);
	if (status == STATUS_NOT_FOUND)
		return answer_refuse_ended(login->req);
	if (status != STATUS_OK)
		return http_reply_status(login->req, status);
	credentials.user_id = passkey->user_id;
	credentials.is_verified = passkey->is_verified;
	if (email_link_is_wanted(&credentials))
		return email_link_refuse(&credentials, email_link_refuse_login);
	store(login, passkey);
}

static void accepted(enum status status, const struct postgres_rows *rows, void *arg)
{
	struct login *login = arg;

	if (status != STATUS_OK)
		return http_reply_status(login->req, status);
	if (postgres_count(rows) == 0)
		return answer_refuse_ended(login->req);
	http_request_set_user(login->req, login->start.user_id);
	session_start(login->req, &login->start);
}
