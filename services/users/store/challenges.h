/* The statements about challenges, except the answer by a passkey (store/passkeys.h). Each locks the user, the challenge, a
 * factor and the settings in this order. */
#ifndef ABACUS_USERS_STORE_CHALLENGES_H
#define ABACUS_USERS_STORE_CHALLENGES_H

#include "statements.h"

/* id, user id, dead_until_ms as it was when the password was read|null, client, binding|null, remember, cookie, lifetime in s,
 * most challenges of a user for logins, or for actions, action|null -> how it can be answered. No row: the user has been
 * changed since. */
extern const struct postgres_statement store_challenge_insert;
enum {
	COLUMN_CHALLENGE_METHODS, /* of the user's factors, with blanks between */
	COLUMN_CHALLENGE_RECOVERY_CODES,
	COLUMN_CHALLENGE_CREDENTIALS /* ids of the user's passkeys, likewise */
};

/* id, client, tries of a challenge -> COLUMN_LOGIN_NAME of its user. No row: the challenge has ended, or is another client's.
 */
extern const struct postgres_statement store_challenge_account;
enum { COLUMN_CHALLENGE_LOGIN_NAME };

/* id, client, tries of a challenge, tries of a user in a window for challenges of its kind (a login or an action), its length
 * in s -> a row for each activated factor, or one without. Counts a try. No row: as of store_challenge_account. */
extern const struct postgres_statement store_challenge_try;
enum {
	COLUMN_TRY_USER_ID,
	COLUMN_TRY_IS_ADMIN,
	COLUMN_TRY_PASSWORD_HASH,
	COLUMN_TRY_GENERATION,
	COLUMN_TRY_BINDING, /* null: a login */
	COLUMN_TRY_REMEMBER,
	COLUMN_TRY_COOKIE,
	COLUMN_TRY_RETRY_S, /* null unless the user's tries are used up: until they are not */
	COLUMN_TRY_FACTOR_ID,
	COLUMN_TRY_METHOD,
	COLUMN_TRY_SECRET,
	COLUMN_TRY_LAST_STEP,
	COLUMN_TRY_MTAN_NONCE,    /* of the newest code by message; null unless that is of this challenge, and went to the
				     address or number that the user has now */
	COLUMN_TRY_MTAN_RECIPIENT /* of that code; null: there is none */
};

/* The next four accept the answer to a challenge, once -> user id; no row: the proof was used before, or the challenge was.
 * Each begins with: id, seconds in which a confirmation is used. … factor id, step, newly sealed secret|null, origin */
extern const struct postgres_statement store_challenge_totp;
/* … hash of a recovery code, origin */
extern const struct postgres_statement store_challenge_recovery;
/* … nonce of the newest code by message, origin */
extern const struct postgres_statement store_challenge_mtan;
/* … the hash that the password was verified against, origin; of a user without a factor */
extern const struct postgres_statement store_challenge_password;

/* id, user id, binding -> id; removes an answered challenge. No row: there is none. */
extern const struct postgres_statement store_confirmation_use;

#endif
