#include "factors/methods.h"

#include <inttypes.h>
#include <mbedtls/platform_util.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "challenges/answer.h"
#include "events/event_origin.h"
#include "factors/mtan.h"
#include "factors/recovery_code.h"
#include "factors/seal.h"
#include "factors/totp.h"
#include "hashing.h"
#include "passkeys/passkey_answer.h"
#include "service.h"
#include "sessions/login_attempts.h"
#include "store/challenges.h"

static void prove_totp(struct answer *answer);
static void prove_mtan(struct answer *answer);
static void prove_recovery(struct answer *answer);
static void prove_password(struct answer *answer);

const struct method method_totp = {"totp", "code", false, "otp", true, prove_totp};
const struct method method_mtan = {"mtan", "code", false, "otp", true, prove_mtan};
const struct method method_passkey = {"passkey", "assertion", true, "pop", false, passkey_answer};
const struct method method_recovery = {"recovery", "code", false, "otp", false, prove_recovery};
const struct method method_password = {"password", "password", false, "", true, prove_password};

static const struct method *const methods[] = {&method_totp,     &method_mtan,     &method_passkey,
					       &method_recovery, &method_password, NULL};

const struct method *method_find(const char *name)
{
	for (const struct method *const *method = methods; *method; method++) {
		if (strcmp((*method)->name, name) == 0)
			return *method;
	}
	return NULL;
}

const struct method *method_of_code(const char *code)
{
	return strlen(code) > TOTP_DIGITS ? &method_recovery : &method_totp;
}

void method_about(const char *factor_id, int64_t user_id, char ret_about[METHOD_ABOUT_BYTES])
{
	snprintf(ret_about, METHOD_ABOUT_BYTES, "factor %.36s of user %" PRId64, factor_id, user_id);
}

/* ---- totp ---- */

static bool open_secret(const struct answer *answer, const struct answer_factor *factor, uint8_t secret[TOTP_SECRET_BYTES],
			bool *ret_is_previous)
{
	const struct jwt_key *key = &users_of(answer->req)->key;
	char about[METHOD_ABOUT_BYTES];

	method_about(factor->id, answer->right.user_id, about);
	if (seal_open(key->secret, key->previous_secret, about, factor->secret, secret, TOTP_SECRET_BYTES, ret_is_previous) ==
	    STATUS_OK)
		return true;
	log_line(LOG_ERROR, "a factor's secret does not open with SECRET_KEY or SECRET_KEY_PREVIOUS",
		 LOG_INT("user", answer->right.user_id));
	return false;
}

/* A secret that the previous key sealed is sealed anew, so that it opens when that key is gone. */
static void store_step(struct answer *answer, const struct answer_factor *factor, int64_t step,
		       const uint8_t secret[TOTP_SECRET_BYTES], bool is_previous)
{
	char about[METHOD_ABOUT_BYTES], sealed[SEAL_LEN_MAX + 1];
	struct postgres_params params = {0};

	method_about(factor->id, answer->right.user_id, about);
	if (is_previous)
		seal(users_of(answer->req)->key.secret, about, secret, TOTP_SECRET_BYTES, sealed);
	answer_params(answer, &params);
	postgres_param_text(&params, factor->id);
	postgres_param_int(&params, step);
	postgres_param_text(&params, is_previous ? sealed : NULL);
	postgres_param_text(&params, event_origin_of(answer->req, answer->right.user_id, NULL));
	answer_store(answer, &store_challenge_totp, &params);
}

/* Each of the user's apps is tried, so that the time does not say whose code it is nearly. */
static void prove_totp(struct answer *answer)
{
	uint8_t secret[TOTP_SECRET_BYTES], found_secret[TOTP_SECRET_BYTES] = {0};
	const struct answer_factor *found = NULL;
	bool is_previous, found_previous = false;
	int64_t step, found_step = 0;

	for (int i = 0; i < answer->factor_count; i++) {
		const struct answer_factor *factor = &answer->factors[i];

		if (factor->method != &method_totp || !open_secret(answer, factor, secret, &is_previous) ||
		    !totp_find_step(secret, answer->proof, clock_unix_ms() / 1000, factor->last_step, &step))
			continue;
		memcpy(found_secret, secret, sizeof secret);
		found = factor;
		found_previous = is_previous;
		found_step = step;
	}
	if (found)
		store_step(answer, found, found_step, found_secret, found_previous);
	else
		answer_wrong(answer);
	mbedtls_platform_zeroize(secret, sizeof secret);
	mbedtls_platform_zeroize(found_secret, sizeof found_secret);
}

/* ---- mtan ---- */

static bool has_method(const struct answer *answer, const struct method *method)
{
	for (int i = 0; i < answer->factor_count; i++) {
		if (answer->factors[i].method == method)
			return true;
	}
	return false;
}

static bool is_newest_code(const struct answer *answer)
{
	const struct users *users = users_of(answer->req);
	const struct mtan mtan = {answer->right.user_id, answer->right.challenge, answer->right.binding, answer->mtan_nonce};
	char test_code[MTAN_TEST_CODE_LEN_MAX + 1];

	if (mtan_test_code(users->config->mtan_test_codes, answer->mtan_recipient, test_code))
		return strcmp(test_code, answer->proof) == 0;
	return mtan_is(users->key.secret, users->key.previous_secret, &mtan, answer->proof);
}

/* Only the newest code of a user has its nonce in Postgres, and the statement that accepts it removes the nonce. */
static void prove_mtan(struct answer *answer)
{
	struct postgres_params params = {0};

	if (!*answer->mtan_nonce || !has_method(answer, &method_mtan) || !is_newest_code(answer))
		return answer_wrong(answer);
	answer_params(answer, &params);
	postgres_param_text(&params, answer->mtan_nonce);
	postgres_param_text(&params, event_origin_of(answer->req, answer->right.user_id, NULL));
	answer_store(answer, &store_challenge_mtan, &params);
}

/* ---- recovery ---- */

static void prove_recovery(struct answer *answer)
{
	struct postgres_params params = {0};
	char hash[RECOVERY_HASH_LEN + 1];

	if (recovery_code_hash(answer->proof, hash) != STATUS_OK)
		return answer_wrong(answer);
	answer_params(answer, &params);
	postgres_param_text(&params, hash);
	postgres_param_text(&params, event_origin_of(answer->req, answer->right.user_id, NULL));
	answer_store(answer, &store_challenge_recovery, &params);
}

/* ---- password ---- */

static void verified(enum status status, bool matches, const char *new_phc, void *arg)
{
	struct answer *answer = arg;
	struct postgres_params params = {0};

	if (status != STATUS_OK) {
		login_attempts_undo(answer->req, answer->login_name);
		return hashing_reply_status(answer->req, status);
	}
	if (!matches)
		return answer_wrong(answer);
	answer_params(answer, &params);
	postgres_param_text(&params, answer->password_hash);
	postgres_param_text(&params, event_origin_of(answer->req, answer->right.user_id, NULL));
	answer_store(answer, &store_challenge_password, &params);
}

/* It is no second factor, so it answers no login, and confirms nothing of a user who has one. */
static void prove_password(struct answer *answer)
{
	const struct password_stored stored = {.phc = answer->password_hash};
	struct hashing_turn turn;

	if (!answer->right.binding || answer->factor_count > 0)
		return answer_wrong(answer);
	password_verify(users_of(answer->req)->hasher, http_request_scope(answer->req),
			hashing_turn_of_user(answer->req, answer->right.user_id, &turn), &stored, answer->proof, verified,
			answer);
}
