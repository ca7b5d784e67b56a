/* Flow: answer_challenge -> found -> counted -> tried -> the method's prove -> answer_store -> accepted -> the handler's
 * `done`. The network's attempt is counted first, so that one that is refused for it uses up no try of the challenge or its
 * user. */
#include "challenges/answer.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "challenges/challenge.h"
#include "events/event_attempts.h"
#include "service.h"
#include "sessions/login_attempts.h"
#include "store/challenges.h"

static void found(enum status status, const struct postgres_rows *rows, void *arg);
static void counted(bool may_try, long retry_s, void *arg);
static void tried(enum status status, const struct postgres_rows *rows, void *arg);
static void accepted(enum status status, const struct postgres_rows *rows, void *arg);

static void answer_drop(void *memory)
{
	struct answer *answer = memory;

	free(answer->login_name);
	free(answer->password_hash);
	free(answer->binding);
}

/* One answer for every challenge that can not be answered, whatever the reason. */
void answer_refuse_ended(struct http_request *req)
{
	http_reply_fail(req, 401, "challenge_ended", "This challenge has ended. Please begin again.");
}

void answer_refuse_wrong(struct http_request *req)
{
	http_reply_fail(req, 401, "code_wrong", "That is wrong, or was used before.");
}

static void add_challenge(const struct answer *answer, struct postgres_params *params)
{
	postgres_param_text(params, answer->right.challenge);
	postgres_param_text(params, answer->client);
	postgres_param_int(params, CHALLENGE_TRIES);
}

void answer_challenge(struct http_request *req, const char *challenge, const struct method *method, const char *proof,
		      answered *done, void *arg)
{
	struct answer *answer = http_request_alloc(req, sizeof *answer, answer_drop);
	struct postgres_params params = {0};
	uint8_t id[JWT_JTI_BYTES];

	if (jwt_jti_parse(challenge, id) != STATUS_OK)
		return answer_refuse_ended(req);
	answer->req = req;
	answer->proof = proof;
	answer->done = done;
	answer->arg = arg;
	answer->right.method = method;
	answer->right.issued_ms = clock_unix_ms();
	jwt_jti_format(id, answer->right.challenge);
	challenge_client(req, answer->client);
	add_challenge(answer, &params);
	postgres_exec(users_of(req)->postgres, http_request_scope(req), &store_challenge_account, &params, found, answer);
}

static void found(enum status status, const struct postgres_rows *rows, void *arg)
{
	struct answer *answer = arg;

	if (status != STATUS_OK)
		return http_reply_status(answer->req, status);
	if (postgres_count(rows) == 0)
		return answer_refuse_ended(answer->req);
	answer->login_name = mem_strdup(postgres_text(rows, 0, COLUMN_CHALLENGE_LOGIN_NAME));
	login_attempts_count(answer->req, answer->login_name, counted, answer);
}

static void counted(bool may_try, long retry_s, void *arg)
{
	struct answer *answer = arg;
	struct postgres_params params = {0};

	if (!may_try)
		return login_attempts_refuse(answer->req, retry_s);
	add_challenge(answer, &params);
	postgres_param_int(&params, CHALLENGE_USER_TRIES);
	postgres_param_int(&params, CHALLENGE_USER_WINDOW_S);
	postgres_exec(users_of(answer->req)->postgres, http_request_scope(answer->req), &store_challenge_try, &params, tried,
		      answer);
}

static void read_factor(struct answer *answer, const struct postgres_rows *rows, int row)
{
	struct answer_factor *factor = &answer->factors[answer->factor_count++];

	snprintf(factor->id, sizeof factor->id, "%s", postgres_text(rows, row, COLUMN_TRY_FACTOR_ID));
	snprintf(factor->secret, sizeof factor->secret, "%s", postgres_text(rows, row, COLUMN_TRY_SECRET));
	factor->method = method_find(postgres_text(rows, row, COLUMN_TRY_METHOD));
	factor->last_step = postgres_int(rows, row, COLUMN_TRY_LAST_STEP);
}

static void read_rows(struct answer *answer, const struct postgres_rows *rows)
{
	struct answer_right *right = &answer->right;

	right->user_id = postgres_int(rows, 0, COLUMN_TRY_USER_ID);
	right->is_admin = postgres_bool(rows, 0, COLUMN_TRY_IS_ADMIN);
	right->dead_until_ms = postgres_int(rows, 0, COLUMN_TRY_GENERATION);
	right->is_remembered = postgres_bool(rows, 0, COLUMN_TRY_REMEMBER);
	right->is_cookie = postgres_bool(rows, 0, COLUMN_TRY_COOKIE);
	answer->password_hash = mem_strdup(postgres_text(rows, 0, COLUMN_TRY_PASSWORD_HASH));
	if (!postgres_is_null(rows, 0, COLUMN_TRY_BINDING))
		right->binding = answer->binding = mem_strdup(postgres_text(rows, 0, COLUMN_TRY_BINDING));
	if (!postgres_is_null(rows, 0, COLUMN_TRY_MTAN_NONCE))
		snprintf(answer->mtan_nonce, sizeof answer->mtan_nonce, "%s", postgres_text(rows, 0, COLUMN_TRY_MTAN_NONCE));
	if (!postgres_is_null(rows, 0, COLUMN_TRY_MTAN_RECIPIENT))
		snprintf(answer->mtan_recipient, sizeof answer->mtan_recipient, "%s",
			 postgres_text(rows, 0, COLUMN_TRY_MTAN_RECIPIENT));
	for (int i = 0; i < postgres_count(rows) && i <= FACTORS_PER_USER; i++) {
		if (!postgres_is_null(rows, i, COLUMN_TRY_FACTOR_ID))
			read_factor(answer, rows, i);
	}
}

/* Of the user, whatever the network. */
static bool is_limited(const struct answer *answer, const struct postgres_rows *rows)
{
	return !postgres_is_null(rows, 0, COLUMN_TRY_RETRY_S) && answer->right.method->is_guessable;
}

/* What is not looked at does not count for the network either, so that its user has attempts left for a recovery code. */
static void tried(enum status status, const struct postgres_rows *rows, void *arg)
{
	struct answer *answer = arg;

	if (status == STATUS_OK && postgres_count(rows) > 0 && !is_limited(answer, rows)) {
		read_rows(answer, rows);
		return answer->right.method->prove(answer);
	}
	login_attempts_undo(answer->req, answer->login_name);
	if (status != STATUS_OK)
		http_reply_status(answer->req, status);
	else if (postgres_count(rows) == 0)
		answer_refuse_ended(answer->req);
	else
		login_attempts_refuse(answer->req, (long)postgres_int(rows, 0, COLUMN_TRY_RETRY_S));
}

void answer_wrong(struct answer *answer)
{
	event_attempts_note(answer->req, answer->right.method == &method_password ? EVENT_PASSWORD_WRONG : EVENT_CODE_WRONG,
			    answer->right.user_id);
	answer->done(answer->req, NULL, answer->arg);
}

void answer_params(struct answer *answer, struct postgres_params *params)
{
	postgres_param_text(params, answer->right.challenge);
	postgres_param_int(params, CONFIRMATION_S);
}

void answer_store(struct answer *answer, const struct postgres_statement *statement, const struct postgres_params *params)
{
	postgres_exec(users_of(answer->req)->postgres, http_request_scope(answer->req), statement, params, accepted, answer);
}

static void accepted(enum status status, const struct postgres_rows *rows, void *arg)
{
	struct answer *answer = arg;

	if (status != STATUS_OK)
		return http_reply_status(answer->req, status);
	if (postgres_count(rows) == 0)
		return answer_wrong(answer);
	login_attempts_forget(answer->req, answer->login_name);
	http_request_set_user(answer->req, answer->right.user_id);
	answer->done(answer->req, &answer->right, answer->arg);
}
