/* POST /auth/password/reset {token, password}: sets a new password by the token of a link, once, and revokes every token issued
 * before. The signature is checked first, so that a client without a link has Postgres read nothing and nothing hashed; and
 * then the link, so that one which is over has nothing hashed either. Flow: password_reset -> found -> hashed ->
 * password_store.c. */
#include "service.h"

#include "accounts/validation.h"
#include "auth/reset_token.h"
#include "base/clock.h"
#include "base/json.h"
#include "events/event_origin.h"
#include "hashing.h"
#include "passwords/password_store.h"
#include "store/passwords.h"

struct reset {
	struct http_request *req;
	const char *password; /* borrowed from the request */
	int64_t user_id;
	char id[37]; /* of the link */
};

static void found(enum status status, const struct postgres_rows *rows, void *arg);
static void hashed(enum status status, const char *phc, const char *problem, void *arg);

/* Used, expired, sent to an address that is not the user's any more, of a user who is inactive or gone, or never signed by us.
 */
static void refuse(struct http_request *req)
{
	http_reply_fail(req, 400, "link_invalid", "This link is not valid any more. Please ask for a new one.");
}

void password_reset(struct http_request *req)
{
	struct reset *reset = http_request_alloc(req, sizeof *reset, NULL);
	const char *text = json_text(http_request_json(req), "token");
	const struct jwt_key *key = &users_of(req)->key;
	struct postgres_params params = {0};
	struct reset_token token;
	const char *problem;

	reset->req = req;
	reset->password = json_text(http_request_json(req), "password");
	if (!text)
		return http_reply_invalid(req, http_errors_add(NULL, "token", "is required and must be text"));
	if ((problem = password_problem(reset->password)))
		return http_reply_invalid(req, http_errors_add(NULL, "password", problem));
	if (reset_token_parse(key->secret, key->previous_secret, text, &token) != STATUS_OK)
		return refuse(req);
	reset->user_id = token.user_id;
	jwt_jti_format(token.id, reset->id);
	postgres_param_int(&params, reset->user_id);
	postgres_param_text(&params, reset->id);
	postgres_exec(users_of(req)->postgres, http_request_scope(req), &store_user_of_reset, &params, found, reset);
}

static void found(enum status status, const struct postgres_rows *rows, void *arg)
{
	struct reset *reset = arg;
	struct http_request *req = reset->req;
	const char *about[PASSWORD_ABOUT_MAX + 1] = {0};
	struct hashing_turn turn;

	if (status != STATUS_OK)
		return http_reply_status(req, status);
	if (postgres_count(rows) == 0)
		return refuse(req);
	about[0] = postgres_text(rows, 0, COLUMN_USER_USERNAME);
	about[1] = postgres_text(rows, 0, COLUMN_USER_EMAIL);
	password_hash(users_of(req)->hasher, http_request_scope(req), hashing_turn_of_user(req, reset->user_id, &turn),
		      reset->password, about, hashed, reset);
}

/* A password that is too easy to guess spends no link. */
static void hashed(enum status status, const char *phc, const char *problem, void *arg)
{
	struct reset *reset = arg;
	struct postgres_params params = {0};

	if (problem)
		return http_reply_invalid(reset->req, http_errors_add(NULL, "password", problem));
	if (status != STATUS_OK)
		return hashing_reply_status(reset->req, status);
	postgres_param_int(&params, reset->user_id);
	postgres_param_text(&params, reset->id);
	postgres_param_text(&params, phc);
	postgres_param_int(&params, clock_unix_ms());
	postgres_param_text(&params, event_origin(reset->req));
	password_store(reset->req, reset->user_id, &store_password_reset, &params, refuse);
}
