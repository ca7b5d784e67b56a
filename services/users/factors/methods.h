/* The ways to answer a challenge. A further one is a row of the table in methods.c with its function, and, unless it is derived
 * from something that exists, rows of the table factors. */
#ifndef ABACUS_USERS_METHODS_H
#define ABACUS_USERS_METHODS_H

#include <stdbool.h>
#include <stdint.h>

#include "auth/jwt.h"

struct answer;

struct method {
	const char *name;   /* in the API, and in factors.method */
	const char *member; /* of the request that carries the proof */
	bool is_object;     /* the proof is an object, which prove reads from the request; otherwise a text */
	const char *amr;    /* jwt_session.factor */
	bool is_guessable;  /* false: CHALLENGE_USER_TRIES does not keep its owner out */
	/* Looks whether the proof is right, and ends with answer_store() or answer_wrong() (challenges/answer.h), now or later.
	 */
	void (*prove)(struct answer *answer);
};

extern const struct method method_totp, method_mtan, method_passkey, method_recovery, method_password;

/* NULL: there is none of that name. */
const struct method *method_find(const char *name);
/* For a call that takes a code and no method: a recovery code is longer than any other. */
const struct method *method_of_code(const char *code);

/* What a factor's secret is sealed with beside the key (seal.h). */
#define METHOD_ABOUT_BYTES 96
void method_about(const char *factor_id, int64_t user_id, char ret_about[METHOD_ABOUT_BYTES]);

#endif
