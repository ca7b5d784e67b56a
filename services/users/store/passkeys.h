/* The statements about passkeys. */
#ifndef ABACUS_USERS_STORE_PASSKEYS_H
#define ABACUS_USERS_STORE_PASSKEYS_H

#include "statements.h"

/* user id, a handle for a user who has none -> what a new passkey is made for. No row: the user has not enrolled a factor. */
extern const struct postgres_statement store_passkey_user;
enum {
	COLUMN_PASSKEY_USER_HANDLE,
	COLUMN_PASSKEY_USER_NAME,
	COLUMN_PASSKEY_USER_EMAIL,
	COLUMN_PASSKEY_USER_CREDENTIALS /* ids of the user's passkeys, with blanks between */
};

/* credential id, challenge -> an active user's passkey */
extern const struct postgres_statement store_passkey_of_credential;
enum {
	COLUMN_PASSKEY_USER_ID,
	COLUMN_PASSKEY_IS_ADMIN,
	COLUMN_PASSKEY_GENERATION,
	COLUMN_PASSKEY_IS_VERIFIED, /* the user's e-mail */
	COLUMN_PASSKEY_FACTOR_ID,
	COLUMN_PASSKEY_KEY,
	COLUMN_PASSKEY_SIGN_COUNT,
	COLUMN_PASSKEY_HANDLE,
	COLUMN_PASSKEY_IS_ANSWERED /* the challenge was used */
};

/* challenge, s until it is too old to be answered, factor id, counter, origin -> user id; accepts a login with a passkey alone,
 * once. No row: the challenge was used before, or the counter has not grown, which notifies the user as the next one does. */
extern const struct postgres_statement store_passkey_login;

/* factor id, origin -> user id; notifies the user by mail that a passkey was copied. No row: that happened within the last
 * hour. */
extern const struct postgres_statement store_passkey_copied;

/* id, seconds in which a confirmation is used, factor id, counter, origin -> user id; accepts the answer to a challenge, as
 * store_challenge_totp does. No row also when the counter has not grown, which notifies the user as store_passkey_copied. */
extern const struct postgres_statement store_challenge_passkey;

#endif
