/* Flow: passkey_assert -> loaded -> (on a thread: verify) -> verified -> (copied) -> the caller's `done`. */
#include "passkeys/passkey_assert.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/pool.h"
#include "events/event_origin.h"
#include "mail/outbox.h"
#include "passkeys/passkey_json.h"
#include "passkeys/passkeys.h"
#include "service.h"
#include "store/passkeys.h"

struct asserting {
	struct http_request *req;
	struct passkey_challenge challenge;
	struct passkey_assertion assertion;
	struct passkey passkey;
	uint32_t stored_count;
	passkey_asserted *done;
	void *arg;
};

struct job { /* what a thread works on: copies, because the request may end meanwhile */
	struct webauthn_bytes key, client_data, authenticator_data, signature;
	bool is_right;
	uint8_t bytes[];
};

static void loaded(enum status status, const struct postgres_rows *rows, void *arg);
static void verify(void *memory);
static void verified(enum status status, void *memory, void *arg);
static void copied(enum status status, const struct postgres_rows *rows, void *arg);

static void finish(const struct asserting *asserting, enum status status)
{
	asserting->done(status, *asserting->passkey.factor_id ? &asserting->passkey : NULL, asserting->arg);
}

void passkey_assert(struct http_request *req, const struct passkey_challenge *challenge, passkey_asserted *done, void *arg)
{
	struct asserting *asserting = http_request_alloc(req, sizeof *asserting, NULL);
	const cJSON *json = cJSON_GetObjectItemCaseSensitive(http_request_json(req), "assertion");
	struct postgres_params params = {0};

	*asserting = (struct asserting){.req = req, .challenge = *challenge, .done = done, .arg = arg};
	if (passkey_json_read_assertion(req, json, &asserting->assertion) != STATUS_OK)
		return finish(asserting, STATUS_INVALID);
	postgres_param_text(&params, asserting->assertion.id);
	postgres_param_text(&params, challenge->subject);
	postgres_exec(users_of(req)->postgres, http_request_scope(req), &store_passkey_of_credential, &params, loaded,
		      asserting);
}

static void read_passkey(struct asserting *asserting, const struct postgres_rows *rows)
{
	struct passkey *passkey = &asserting->passkey;

	passkey->user_id = postgres_int(rows, 0, COLUMN_PASSKEY_USER_ID);
	passkey->is_admin = postgres_bool(rows, 0, COLUMN_PASSKEY_IS_ADMIN);
	passkey->is_verified = postgres_bool(rows, 0, COLUMN_PASSKEY_IS_VERIFIED);
	passkey->dead_until_ms = postgres_int(rows, 0, COLUMN_PASSKEY_GENERATION);
	snprintf(passkey->factor_id, sizeof passkey->factor_id, "%s", postgres_text(rows, 0, COLUMN_PASSKEY_FACTOR_ID));
	asserting->stored_count = (uint32_t)postgres_int(rows, 0, COLUMN_PASSKEY_SIGN_COUNT);
}

static bool is_of_user(const struct asserting *asserting, const char *handle)
{
	const char *given = asserting->assertion.user_handle;

	if (asserting->challenge.user_id && asserting->challenge.user_id != asserting->passkey.user_id)
		return false;
	return given ? strcmp(given, handle) == 0 : asserting->challenge.user_id != 0;
}

/* Challenges of the key before are good too, so that a login survives the change of SECRET_KEY. */
static enum status check(struct asserting *asserting)
{
	const struct users *users = users_of(asserting->req);
	const struct webauthn_party *party = passkeys_party(users->passkeys);
	const struct passkey_assertion *assertion = &asserting->assertion;
	const char *keys[] = {users->key.secret, users->key.previous_secret};
	char challenge[PASSKEY_CHALLENGE_LEN + 1];

	for (size_t i = 0; party && i < sizeof keys / sizeof *keys && keys[i]; i++) {
		passkey_challenge_make(keys[i], &asserting->challenge, challenge);
		if (webauthn_assert(party, challenge, assertion->client_data, assertion->authenticator_data,
				    &asserting->passkey.sign_count) == STATUS_OK)
			return STATUS_OK;
	}
	return STATUS_INVALID;
}

static struct webauthn_bytes copy(struct job *job, size_t *used, struct webauthn_bytes from)
{
	struct webauthn_bytes to = {job->bytes + *used, from.len};

	memcpy(job->bytes + *used, from.bytes, from.len);
	*used += from.len;
	return to;
}

static struct job *job_new(const struct passkey_assertion *assertion, struct webauthn_bytes key)
{
	size_t used = 0;
	struct job *job = mem_alloc(sizeof *job + key.len + assertion->client_data.len + assertion->authenticator_data.len +
				    assertion->signature.len);

	job->is_right = false;
	job->key = copy(job, &used, key);
	job->client_data = copy(job, &used, assertion->client_data);
	job->authenticator_data = copy(job, &used, assertion->authenticator_data);
	job->signature = copy(job, &used, assertion->signature);
	return job;
}

static void submit(struct asserting *asserting, const char *key_text)
{
	uint8_t key[COSE_KEY_BYTES_MAX + 2];
	size_t len, text_len = strlen(key_text);

	if (text_len > BASE64URL_LEN(COSE_KEY_BYTES_MAX) || base64url_decode(key_text, text_len, key, &len) != STATUS_OK)
		return finish(asserting, STATUS_INTERNAL);
	pool_submit(passkeys_pool(users_of(asserting->req)->passkeys), http_request_scope(asserting->req), verify, verified,
		    free, job_new(&asserting->assertion, (struct webauthn_bytes){key, len}), asserting);
}

static void loaded(enum status status, const struct postgres_rows *rows, void *arg)
{
	struct asserting *asserting = arg;

	if (status != STATUS_OK || postgres_count(rows) == 0)
		return finish(asserting, status == STATUS_OK ? STATUS_INVALID : status);
	read_passkey(asserting, rows);
	if (!is_of_user(asserting, postgres_text(rows, 0, COLUMN_PASSKEY_HANDLE)) || check(asserting) != STATUS_OK)
		return finish(asserting, STATUS_INVALID);
	/* A client that lost the reply may send the same again, which must not look like a copy. */
	if (postgres_bool(rows, 0, COLUMN_PASSKEY_IS_ANSWERED))
		return finish(asserting, STATUS_NOT_FOUND);
	submit(asserting, postgres_text(rows, 0, COLUMN_PASSKEY_KEY));
}

static void verify(void *memory)
{
	struct job *job = memory;

	job->is_right = webauthn_verify(job->key, job->client_data, job->authenticator_data, job->signature) == STATUS_OK;
}

/* §7.2 step 21: an authenticator that counts has to count on. */
static bool is_copy(const struct asserting *asserting)
{
	uint32_t count = asserting->passkey.sign_count, stored = asserting->stored_count;

	return (count != 0 || stored != 0) && count <= stored;
}

static void verified(enum status status, void *memory, void *arg)
{
	struct asserting *asserting = arg;
	const struct job *job = memory;
	struct postgres_params params = {0};

	if (status != STATUS_OK || !job->is_right)
		return finish(asserting, status == STATUS_OK ? STATUS_INVALID : status);
	if (!is_copy(asserting))
		return finish(asserting, STATUS_OK);
	postgres_param_text(&params, asserting->passkey.factor_id);
	postgres_param_text(&params, event_origin_of(asserting->req, 0, NULL));
	postgres_exec(users_of(asserting->req)->postgres, http_request_scope(asserting->req), &store_passkey_copied, &params,
		      copied, asserting);
}

static void copied(enum status status, const struct postgres_rows *rows, void *arg)
{
	struct asserting *asserting = arg;

	if (status == STATUS_OK)
		outbox_wake(users_of(asserting->req)->outbox);
	finish(asserting, status == STATUS_OK ? STATUS_INVALID : status);
}
