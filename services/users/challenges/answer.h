/* One answer to a challenge. Its try is counted before the proof is looked at, so that parallel tries gain nothing, and a right
 * proof is accepted once: the statement that accepts it decides. */
#ifndef ABACUS_USERS_ANSWER_H
#define ABACUS_USERS_ANSWER_H

#include <stdbool.h>
#include <stdint.h>

#include "challenges/challenge.h"
#include "factors/methods.h"
#include "factors/mtan.h"
#include "factors/seal.h"
#include "http/request.h"
#include "postgres/postgres.h"

#define FACTORS_PER_USER 10 /* and one more, if two are activated at once */
#define CONFIRMATION_S 300  /* in which a confirmed action is done */

/* What the right answer opens. */
struct answer_right {
	char challenge[37];
	int64_t user_id;
	bool is_admin;
	int64_t issued_ms;     /* before the user was loaded */
	int64_t dead_until_ms; /* of the user */
	const char *binding;   /* of the action (factors/binding.h); NULL: a login */
	bool is_remembered, is_cookie;
	const struct method *method;
};

/* right NULL: the proof is wrong, or was used before. It lives as long as the request. */
typedef void answered(struct http_request *req, const struct answer_right *right, void *arg);

/* When the challenge has ended or is another client's, when too many proofs were wrong, or when the check itself fails, the
 * request is answered here. challenge: any text. proof: borrowed from the request; NULL for a
 * method whose proof is an object. */
void answer_challenge(struct http_request *req, const char *challenge, const struct method *method, const char *proof,
		      answered *done, void *arg);
/* 401 code_wrong, 401 challenge_ended */
void answer_refuse_wrong(struct http_request *req);
void answer_refuse_ended(struct http_request *req);

/* ---- for the methods ---- */

struct answer_factor { /* an activated one of the user */
	char id[37], secret[SEAL_LEN_MAX + 1];
	const struct method *method; /* NULL: of a version to come */
	int64_t last_step;
};

struct answer {
	struct http_request *req;
	struct answer_right right;
	const char *proof;
	char client[CHALLENGE_CLIENT_LEN + 1];
	char *login_name, *password_hash, *binding;
	char mtan_nonce[37]; /* of the code by message that was sent for this challenge; "" none, or a newer one was sent */
	char mtan_recipient[MTAN_RECIPIENT_LEN_MAX + 1]; /* to which that was sent */
	struct answer_factor factors[FACTORS_PER_USER + 1];
	int factor_count;
	answered *done;
	void *arg;
};

void answer_wrong(struct answer *answer);
/* The parameters with which each statement of answer_store() begins. */
void answer_params(struct answer *answer, struct postgres_params *params);
/* Accepts the proof by one of store_challenge_*: without a row it was used before. */
void answer_store(struct answer *answer, const struct postgres_statement *statement, const struct postgres_params *params);

#endif
