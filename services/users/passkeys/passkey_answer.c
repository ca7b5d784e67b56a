/* Flow: passkey_answer -> passkey_assert.c -> asserted -> answer_store | answer_wrong. */
#include "passkeys/passkey_answer.h"

#include "challenges/answer.h"
#include "events/event_origin.h"
#include "passkeys/passkey_assert.h"
#include "passkeys/passkey_json.h"
#include "passkeys/passkeys.h"
#include "service.h"
#include "sessions/login_attempts.h"
#include "store/passkeys.h"

static void asserted(enum status status, const struct passkey *passkey, void *arg);

cJSON *passkey_answer_options(struct http_request *req, int64_t user_id, const char *id, const char *binding,
			      const char *credentials)
{
	const struct webauthn_party *party = passkeys_party(users_of(req)->passkeys);
	const struct passkey_challenge challenge = {PASSKEY_ANSWER, user_id, id, binding};
	char text[PASSKEY_CHALLENGE_LEN + 1];

	if (!party || !*credentials)
		return NULL;
	passkey_challenge_make(users_of(req)->key.secret, &challenge, text);
	return passkey_json_request(party, text, credentials);
}

void passkey_answer(struct answer *answer)
{
	const struct answer_right *right = &answer->right;
	const struct passkey_challenge challenge = {PASSKEY_ANSWER, right->user_id, right->challenge, right->binding};

	passkey_assert(answer->req, &challenge, asserted, answer);
}

static void asserted(enum status status, const struct passkey *passkey, void *arg)
{
	struct answer *answer = arg;
	struct postgres_params params = {0};

	if (status == STATUS_INVALID)
		return answer_wrong(answer);
	if (status == STATUS_NOT_FOUND)
		return answer_refuse_ended(answer->req);
	if (status != STATUS_OK) {
		login_attempts_undo(answer->req, answer->login_name);
		return http_reply_status(answer->req, status);
	}
	answer_params(answer, &params);
	postgres_param_text(&params, passkey->factor_id);
	postgres_param_int(&params, passkey->sign_count);
	postgres_param_text(&params, event_origin_of(answer->req, answer->right.user_id, NULL));
	answer_store(answer, &store_challenge_passkey, &params);
}
