/* Flow: passkey_enrol_begin -> loaded -> the caller's `done`. */
#include "passkeys/passkey_enrol.h"

#include <string.h>

#include "base/random.h"
#include "passkeys/passkey_challenge.h"
#include "passkeys/passkey_json.h"
#include "passkeys/passkeys.h"
#include "service.h"
#include "store/passkeys.h"

#define HANDLE_BYTES 32 /* at most 64 (WebAuthn §5.4.3) */

struct beginning {
	struct http_request *req;
	const char *factor;
	passkey_enrol_begun *done;
	void *arg;
};

static void loaded(enum status status, const struct postgres_rows *rows, void *arg);

static void make_challenge(struct http_request *req, const char *secret_key, const char *factor,
			   char text[PASSKEY_CHALLENGE_LEN + 1])
{
	const struct passkey_challenge challenge = {PASSKEY_ENROLMENT, http_request_user_id(req), factor, NULL};

	passkey_challenge_make(secret_key, &challenge, text);
}

void passkey_enrol_begin(struct http_request *req, const char *factor, passkey_enrol_begun *done, void *arg)
{
	struct beginning *beginning = http_request_alloc(req, sizeof *beginning, NULL);
	char handle[BASE64URL_LEN(HANDLE_BYTES) + 1];
	struct postgres_params params = {0};
	uint8_t bytes[HANDLE_BYTES];

	*beginning = (struct beginning){req, factor, done, arg};
	random_fill(bytes, sizeof bytes);
	handle[base64url_encode(bytes, sizeof bytes, handle)] = '\0';
	postgres_param_int(&params, http_request_user_id(req));
	postgres_param_text(&params, handle);
	postgres_exec(users_of(req)->postgres, http_request_scope(req), &store_passkey_user, &params, loaded, beginning);
}

static void loaded(enum status status, const struct postgres_rows *rows, void *arg)
{
	const struct beginning *beginning = arg;
	struct http_request *req = beginning->req;
	char challenge[PASSKEY_CHALLENGE_LEN + 1];
	struct passkey_user user;
	cJSON *public_key;

	if (status == STATUS_OK && postgres_count(rows) == 0)
		status = STATUS_UNAVAILABLE; /* the user was deleted meanwhile */
	if (status != STATUS_OK)
		return http_reply_status(req, status);
	make_challenge(req, users_of(req)->key.secret, beginning->factor, challenge);
	user = (struct passkey_user){.handle = postgres_text(rows, 0, COLUMN_PASSKEY_USER_HANDLE),
				     .name = postgres_text(rows, 0, COLUMN_PASSKEY_USER_EMAIL),
				     .display_name = postgres_text(rows, 0, COLUMN_PASSKEY_USER_NAME)};
	public_key = passkey_json_creation(passkeys_party(users_of(req)->passkeys), challenge, &user,
					   postgres_text(rows, 0, COLUMN_PASSKEY_USER_CREDENTIALS));
	beginning->done(req, public_key, beginning->arg);
}

/* ---- activation ---- */

/* Of the key before too, so that an enrolment survives the change of SECRET_KEY. */
static enum status check(struct http_request *req, const char *factor, const struct passkey_registration *registration,
			 struct webauthn_credential *ret_credential)
{
	const struct webauthn_party *party = passkeys_party(users_of(req)->passkeys);
	const char *keys[] = {users_of(req)->key.secret, users_of(req)->key.previous_secret};
	char challenge[PASSKEY_CHALLENGE_LEN + 1];

	for (size_t i = 0; party && i < sizeof keys / sizeof *keys && keys[i]; i++) {
		make_challenge(req, keys[i], factor, challenge);
		if (webauthn_register(party, challenge, registration->client_data, registration->attestation, ret_credential) ==
		    STATUS_OK)
			return STATUS_OK;
	}
	return STATUS_INVALID;
}

static const char *as_text(struct http_request *req, struct webauthn_bytes bytes)
{
	char *text = http_request_alloc(req, BASE64URL_LEN(bytes.len) + 1, NULL);

	base64url_encode(bytes.bytes, bytes.len, text);
	return text;
}

enum status passkey_enrol_finish(struct http_request *req, const char *factor, struct passkey_made *ret_made)
{
	const cJSON *json = cJSON_GetObjectItemCaseSensitive(http_request_json(req), "credential");
	struct passkey_registration registration;
	struct webauthn_credential credential;
	const char *id;

	if (passkey_json_read_registration(req, json, &registration) != STATUS_OK ||
	    check(req, factor, &registration, &credential) != STATUS_OK)
		return STATUS_INVALID;
	id = as_text(req, credential.id);
	if (strcmp(id, registration.id) != 0)
		return STATUS_INVALID;
	*ret_made = (struct passkey_made){id, as_text(req, credential.key), credential.sign_count};
	return STATUS_OK;
}
