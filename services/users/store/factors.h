/* The statements about factors, except those about codes by message (store/mtan.h). */
#ifndef ABACUS_USERS_STORE_FACTORS_H
#define ABACUS_USERS_STORE_FACTORS_H

#include "sessions.h"

/* user id -> one row for each activated factor, or one without. The settings are null when the user never had one. */
extern const struct postgres_statement store_factors_of_user;
enum {
	COLUMN_FACTORS_ASKED,
	COLUMN_FACTORS_RECOVERY_CODES, /* how many are left */
	COLUMN_FACTORS_ID,
	COLUMN_FACTORS_METHOD,
	COLUMN_FACTORS_CREATED_AT, /* RFC 3339, as the next one, which is null before the first use */
	COLUMN_FACTORS_USED_AT,
	COLUMN_FACTORS_NAME, /* null: none */
	COLUMN_FACTORS_IS_BY_SMS,
	COLUMN_FACTORS_CODES_GO_TO /* of codes by message: the number or the address */
};

/* user id, id, method, sealed secret, most factors of a user, name|null, phone|null -> id. Replaces an enrolment that was not
 * activated. No row: the user has as many factors already, or codes by message that go there. */
extern const struct postgres_statement store_factor_enrol;
enum { COLUMN_ENROLLED_ID };

/* user id, id, age in s -> an enrolment that is no older */
extern const struct postgres_statement store_factor_pending;
enum { COLUMN_PENDING_SECRET, COLUMN_PENDING_METHOD };

/* The next four change a factor, notify the user by mail, and end all tokens and sessions of the user but one, as
 * store_sessions_end_others does, in one statement; their rows begin with its columns. No row: there is nothing to change.
 * user id, session id|null, now_ms, id, step, age in s, hashes, origin, and of a passkey credential id|null, public key|null,
 * counter|null -> whether the hashes have become the recovery codes, because this is the first factor. Codes by message replace
 * those that went elsewhere. CONFLICT: a user has this passkey. */
extern const struct postgres_statement store_factor_activate;
enum { COLUMN_ACTIVATED_HAS_CODES = COLUMN_OTHERS_END };
/* user id, session id|null, now_ms, id, origin; the recovery codes go with the last factor */
extern const struct postgres_statement store_factor_remove;
/* user id, session id|null, now_ms, hashes, origin */
extern const struct postgres_statement store_recovery_codes_replace;
/* user id, session id|null, now_ms, 'login' or 'sensitive', origin */
extern const struct postgres_statement store_factor_ask;

/* after id, limit -> id, user id, sealed secret; and id, old, new: replaces it. The daemon prepares neither, because only
 * manage uses them. */
extern const struct postgres_statement store_factor_secrets, store_factor_reseal;
enum { COLUMN_SECRET_ID, COLUMN_SECRET_USER_ID, COLUMN_SECRET_SEALED };

#endif
