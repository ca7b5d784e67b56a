/* Codes by message (mTAN): six digits that answer one challenge, or activate one factor. A code is computed whenever it is
 * needed, and stored nowhere: a truncated HMAC SHA-256 over the user, the challenge, what that is bound to and a nonce, under a
 * key of SECRET_KEY. So a change of the action or of one of its parameters (factors/binding.h) makes another code. */
#ifndef ABACUS_USERS_MTAN_H
#define ABACUS_USERS_MTAN_H

#include <stdbool.h>
#include <stdint.h>

#define MTAN_DIGITS 6
#define MTAN_S 300 /* in which a code is good; the templates of mailer and the API's document mention it */
#define MTAN_TRIES 5
/* Messages with a code that a user gets in a window, however many challenges a client begins. The last three are for logins. */
#define MTAN_MESSAGES 10
#define MTAN_WINDOW_S 3600

#define MTAN_RECIPIENT_LEN_MAX 254 /* an e-mail address; a telephone number is shorter */

struct mtan {
	int64_t user_id;
	const char *subject; /* id of the challenge, or of the factor that is enrolled */
	const char *binding; /* of the challenge (factors/binding.h); NULL: a login, or an enrolment */
	const char *nonce;   /* id of the message */
};

void mtan_code(const char *secret_key, const struct mtan *mtan, char ret_code[MTAN_DIGITS + 1]);
/* Whether the code is the one that either key makes; compares in constant time. previous_key NULL: there is none. */
bool mtan_is(const char *secret_key, const char *previous_key, const struct mtan *mtan, const char *code)
	__attribute__((warn_unused_result));

/* ---- MTAN_TEST_CODES: email:code,… whose users have that code in place of one by message ---- */

#define MTAN_TEST_CODE_LEN_MAX 6
/* What is wrong with the list, a static text; NULL when it is valid. */
const char *mtan_test_codes_problem(const char *list);
/* The code of a recipient, whatever its case: an address, because a number has none. False: the list, which may be NULL, has
 * none. */
bool mtan_test_code(const char *list, const char *email, char ret_code[MTAN_TEST_CODE_LEN_MAX + 1])
	__attribute__((warn_unused_result));

#endif
