/* The statements about logins, the tokens of requests, sessions and devices. */
#ifndef ABACUS_USERS_STORE_SESSIONS_H
#define ABACUS_USERS_STORE_SESSIONS_H

#include "statements.h"

/* email -> user, and more. Always one row; its id is null when there is no such user. */
extern const struct postgres_statement store_user_by_email;
/* email or username -> the same */
extern const struct postgres_statement store_user_by_login;
enum {
	COLUMN_LOGIN_DEAD_UNTIL_MS = COLUMN_USER_END,
	COLUMN_LOGIN_NAME, /* lower case: the user's e-mail, whichever name was given; the parameter if there is no such user */
	COLUMN_LOGIN_LEGACY_COST,  /* of the dearest bcrypt hash of any user; null: there is none */
	COLUMN_LOGIN_WANTS_FACTOR, /* the user has one, which is asked at every login */
	COLUMN_LOGIN_IS_VERIFIED   /* the e-mail was proven to be the user's */
};

/* id, jti, ms of issue, sid|null -> user, and more */
extern const struct postgres_statement store_user_of_token;
enum {
	COLUMN_TOKEN_IS_REVOKED = COLUMN_USER_END,
	COLUMN_TOKEN_IS_INACTIVE, /* issued to a user who was inactive */
	COLUMN_TOKEN_HAS_FACTOR
};

/* "session" stands for these columns. A session is good while its user is active, no change has ended the user's tokens since
 * the password was read (generation), and neither its stored limit nor the limits of today have passed. "limits": seconds from
 * the login of a remembered session, from the login of any other, and from its last use. */
enum {
	COLUMN_SESSION_ID,
	COLUMN_SESSION_USER_AGENT,
	COLUMN_SESSION_ADDRESS,
	COLUMN_SESSION_CREATED_AT, /* RFC 3339, as the next two */
	COLUMN_SESSION_USED_AT,
	COLUMN_SESSION_EXPIRES_AT,
	COLUMN_SESSION_IS_REMEMBERED,
	COLUMN_SESSION_END
};

/* id, user id, dead_until_ms as it was when the password was read, remember, cookie, user agent, address, limit in s, most
 * sessions of a user, end of its tokens in Unix s, factor, origin, id of the session whose cookie is replaced|null -> session,
 * and more; a row for each session that is ended, which was replaced, or the user's least recently used and one too many, or
 * one row. No row: the user has been changed since, and nothing was stored. */
extern const struct postgres_statement store_session_insert;
enum { COLUMN_STARTED_AUTHENTICATED_S = COLUMN_SESSION_END, COLUMN_STARTED_SURPLUS_ID /* null: none */ };

/* [{place, id, counter, cookie, address}], limits -> as store_session_refresh, and the place of the session: the counter was
 * the session's and has become the next one. No row for a place: it was not, the session is not good, is locked by another
 * statement, or has a row for another place. */
extern const struct postgres_statement store_sessions_rotate;

/* id, counter, cookie, address, retry in s, limits -> session, and more: the counter was the session's and has become the next
 * one, or was the one before, replaced less than retry ago. No row: neither, or the session is not good. */
extern const struct postgres_statement store_session_refresh;
enum {
	COLUMN_REFRESHED_USER_ID = COLUMN_SESSION_END,
	COLUMN_REFRESHED_IS_ADMIN,
	COLUMN_REFRESHED_GENERATION,
	COLUMN_REFRESHED_COUNTER,
	COLUMN_REFRESHED_AUTHENTICATED_S,
	COLUMN_REFRESHED_REMAINING_S,
	COLUMN_REFRESHED_FACTOR,
	COLUMN_ROTATED_PLACE /* of store_sessions_rotate alone */
};

/* id, counter, retry in s, end of its tokens in Unix s, origin -> user id, now. Marks a session whose counter has passed this
 * one for longer than retry, revokes its access tokens, and notifies the user by mail. now: this call did so; a row with false:
 * an earlier one did. */
extern const struct postgres_statement store_session_misused;
enum { COLUMN_MISUSED_USER_ID, COLUMN_MISUSED_NOW };

/* user id, limits -> sessions, the last used first */
extern const struct postgres_statement store_sessions_of_user;

/* id, user id, end of its tokens in Unix s, origin -> id; removes the session and revokes its access tokens. Also a row when
 * that was done before. */
extern const struct postgres_statement store_session_end;

/* user id, id|null, now_ms, origin|null -> revocation, and more. Ends all tokens and sessions of the user but that one. No row:
 * there is no such active user. */
extern const struct postgres_statement store_sessions_end_others;
enum {
	COLUMN_OTHERS_WAS_DEAD_UNTIL_MS = 2, /* before this change */
	COLUMN_OTHERS_AUTHENTICATED_S,       /* of the session that stays; null: there is none */
	COLUMN_OTHERS_REMAINING_S,
	COLUMN_OTHERS_END
};

/* user id, digest of the user agent, address, most devices of a user, most notices of a user in an hour, origin -> id. Notes
 * that the user was logged in by this device, and notifies the user by mail if it is a further one. No row: it is none, or was
 * reported often enough. */
extern const struct postgres_statement store_device_note;

/* after id, limit, limits, now in s -> the last id of the page; removes those of the page that are not good, and what has
 * expired of challenges, logins with a passkey and revocations; each an hour later, in case a clock is ahead */
extern const struct postgres_statement store_sessions_prune;
enum { COLUMN_PRUNED_LAST_ID };

#endif
