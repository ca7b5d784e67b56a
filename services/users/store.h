/* Every SQL statement of the users service. Above each statement stand its parameters and, after the arrow, its columns; below
 * it the names of those columns. "user" stands for the columns COLUMN_USER_*, with which several statements begin. "origin" is
 * who causes it, and from where (events/event_origin.h): the statement records an event about what it changes. */
#ifndef ABACUS_USERS_STORE_H
#define ABACUS_USERS_STORE_H

#include "postgres/postgres.h"

enum {
	COLUMN_USER_ID,
	COLUMN_USER_USERNAME,
	COLUMN_USER_EMAIL,
	COLUMN_USER_IS_ACTIVE,
	COLUMN_USER_IS_ADMIN,
	COLUMN_USER_PASSWORD_HASH,
	COLUMN_USER_END
};

/* ---- accounts ---- */

/* username, email, password hash, origin -> id; CONFLICT when username or email is taken */
extern const struct postgres_statement store_user_insert;
enum { COLUMN_INSERTED_ID };

/* username, email, password hash, admin; affects no row when username or email is taken. The daemon does not prepare it,
 * because only manage uses it. */
extern const struct postgres_statement store_user_insert_if_absent;

/* username, email, password hash, factor id; the same, for a user who confirms sensitive actions by mTAN. */
extern const struct postgres_statement store_user_insert_with_mtan;

/* id -> user */
extern const struct postgres_statement store_user_by_id;

/* after id, limit -> users */
extern const struct postgres_statement store_users_page;

/* limit, text|null, active|null, admin|null, after -> those users who have the text in their name or e-mail, whatever its case,
 * and are so; in place of the password hash the id up to which was looked if there may be more behind it, else null; and
 * whether there is the user of `after`, without which a place in an order by a text is not known. If none is found, one row
 * whose id is null. after: the id of a user. 0: from the start, but the largest number by id descending. */
extern const struct postgres_statement store_users_found_by_id, store_users_found_by_id_descending;
extern const struct postgres_statement store_users_found_by_username, store_users_found_by_username_descending;
extern const struct postgres_statement store_users_found_by_email, store_users_found_by_email_descending;
enum { COLUMN_FOUND_EDGE = COLUMN_USER_PASSWORD_HASH, COLUMN_FOUND_BEGINS };

/* id, active|null, admin|null, now_ms, username|null, email|null, origin -> user, and the end of its dead tokens. A row whose
 * id is null: this is the last active admin, and nothing was changed. CONFLICT when username or email is taken. Another email
 * ends the links of resets, and the address of before is notified by mail; codes by message go on to the address of before,
 * unless the user made the change. */
extern const struct postgres_statement store_user_change;
enum { COLUMN_CHANGED_DEAD_UNTIL_MS = COLUMN_USER_END };

/* id, token lifetime in s, password hash|null, origin -> id; null: this is the last active admin, and nothing was deleted. No
 * row: there is no such user, or that hash is not the user's any more. Of the user's events the changes stay. */
extern const struct postgres_statement store_user_delete;
enum { COLUMN_DELETED_ID };

/* id, username|null, email|null, password hash, origin -> user; no row: the hash is not the user's any more, or the user is
 * inactive or deleted. CONFLICT when username or email is taken. Another email does the same as above. */
extern const struct postgres_statement store_account_change;
/* id, username|null, email, password hash, origin, lifetime of the link in s, most messages as of store_email_link -> user; the
 * same, but the email waits for a link that is sent to it. A row whose id is null: the user's messages are used up, and nothing
 * was changed. CONFLICT when username is taken. */
extern const struct postgres_statement store_account_change_waits;

/* username|null, email|null, id of the user who may have them -> has another user the username, or one that looks like it; has
 * another user the email */
extern const struct postgres_statement store_user_taken;
enum { COLUMN_TAKEN_USERNAME, COLUMN_TAKEN_EMAIL };

/* ---- addresses ---- */

/* user id, lifetime of the link in s, most messages of a user and to an address in an hour -> made. Sends a link to the user's
 * address, which takes the place of the one before. made: false: the user's messages are used up. No row: there is no such
 * active user. */
extern const struct postgres_statement store_email_link;
enum { COLUMN_LINK_IS_MADE };
/* id, link, origin -> id; proves that the user has the address of the link, and makes it the e-mail; the address of before is
 * notified by mail. No row: no such link is good: it was used, replaced or has expired, or the user's tokens were ended since.
 * CONFLICT: another user has got the address meanwhile. */
extern const struct postgres_statement store_email_verify;

/* ---- sessions ---- */

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
 * sessions of a user, token lifetime in s, factor, origin, id of the session whose cookie is replaced|null -> session, and
 * more; a row for each session that is ended, which was replaced, or the user's least recently used and one too many, or one
 * row. No row: the user has been changed since, and nothing was stored. */
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

/* id, counter, retry in s, token lifetime in s, origin -> user id, now. Marks a session whose counter has passed this one for
 * longer than retry, revokes its access tokens, and notifies the user by mail. now: this call did so; a row with false: an
 * earlier one did. */
extern const struct postgres_statement store_session_misused;
enum { COLUMN_MISUSED_USER_ID, COLUMN_MISUSED_NOW };

/* user id, limits -> sessions, the last used first */
extern const struct postgres_statement store_sessions_of_user;

/* id, user id, token lifetime in s, origin -> id; removes the session and revokes its access tokens. Also a row when that was
 * done before. */
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

/* after id, limit, limits -> the last id of the page; removes those of the page that are not good, and what has expired of
 * challenges, logins with a passkey and revocations */
extern const struct postgres_statement store_sessions_prune;
enum { COLUMN_PRUNED_LAST_ID };

/* id, new hash, old hash, now_ms, origin -> COLUMN_LOGIN_NAME; no row when the old hash is not the user's any more. Ends all
 * tokens and links of resets, and notifies the user by mail. */
extern const struct postgres_statement store_password_set;
/* id, reset -> user; no row: no such link is good. It is good while it has not expired or been used, and its user is active and
 * has the e-mail that it was sent to. */
extern const struct postgres_statement store_user_of_reset;
/* id, reset, new hash, now_ms, origin; the same, once for each link that is good; no row when it is not. The next login asks
 * for a factor, if the user has one. */
extern const struct postgres_statement store_password_reset;
enum { COLUMN_PASSWORD_LOGIN_NAME };
/* id, new hash, old hash; the same, but tokens stay valid */
extern const struct postgres_statement store_password_replace;

/* e-mail, largest number, origin; notes that a new password was asked for the address, unless as many wait already. Waits for
 * no other statement than the same one for the same address. */
extern const struct postgres_statement store_password_forgotten;
/* links of one user at a time, their lifetime in s; forgets the addresses of seconds that are over, and writes a message
 * with a link to each that an active user has. */
extern const struct postgres_statement store_password_resets_begin;
/* id, links of a user at a time, their lifetime in s, origin; writes a message with a link to the user. No row: there is no
 * such user. */
extern const struct postgres_statement store_user_reset;
enum { COLUMN_RESET_IS_ACTIVE, COLUMN_RESET_IS_SENT };

/* ---- factors ---- */

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

/* The next three change a factor, notify the user by mail, and end all tokens and sessions of the user but one, as
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

/* user id, 'login' or 'sensitive', origin -> user id; no row: the user has no factor */
extern const struct postgres_statement store_factor_ask;

/* after id, limit -> id, user id, sealed secret; and id, old, new: replaces it. The daemon prepares neither, because only
 * manage uses them. */
extern const struct postgres_statement store_factor_secrets, store_factor_reseal;
enum { COLUMN_SECRET_ID, COLUMN_SECRET_USER_ID, COLUMN_SECRET_SEALED };

/* ---- challenges: each statement about one locks the user, the challenge, a factor and the settings in this order ---- */

/* id, user id, dead_until_ms as it was when the password was read|null, client, binding|null, remember, cookie, lifetime in s,
 * most challenges of a user, action|null -> how it can be answered. No row: the user has been changed since. */
extern const struct postgres_statement store_challenge_insert;
enum {
	COLUMN_CHALLENGE_METHODS, /* of the user's factors, with blanks between */
	COLUMN_CHALLENGE_RECOVERY_CODES,
	COLUMN_CHALLENGE_CREDENTIALS /* ids of the user's passkeys, likewise */
};

/* id, client, tries of a challenge, tries of a user in a window, its length in s -> a row for each activated factor, or one
 * without. Counts a try. No row: the challenge has ended, or is another client's. */
extern const struct postgres_statement store_challenge_try;
enum {
	COLUMN_TRY_USER_ID,
	COLUMN_TRY_LOGIN_NAME, /* COLUMN_LOGIN_NAME */
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
	COLUMN_TRY_MTAN_NONCE, /* of the newest code by message, if it is of this challenge and was sent to the user's present
				  address or number */
	COLUMN_TRY_MTAN_RECIPIENT /* of that code; null: there is none */
};

/* The next five accept the answer to a challenge, once -> user id; no row: the proof was used before, or the challenge was.
 * Each begins with: id, seconds in which a confirmation is used. … factor id, step, newly sealed secret|null, origin */
extern const struct postgres_statement store_challenge_totp;
/* … hash of a recovery code, origin */
extern const struct postgres_statement store_challenge_recovery;
/* … nonce of the newest code by message, origin */
extern const struct postgres_statement store_challenge_mtan;
/* … the hash that the password was verified against, origin; of a user without a factor */
extern const struct postgres_statement store_challenge_password;

/* … factor id, counter, origin; no row also when the counter has not grown, which notifies the user as store_passkey_copied */
extern const struct postgres_statement store_challenge_passkey;

/* id, user id, binding -> id; removes an answered challenge. No row: there is none. */
extern const struct postgres_statement store_confirmation_use;

/* ---- passkeys ---- */

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
 * hour.
 */
extern const struct postgres_statement store_passkey_copied;

/* ---- codes by message. Each user has at most one that is good: the newest (factors/mtan.h) ---- */

/* challenge, client, tries of a challenge, nonce, most messages of a user in a window, its length in s, MTAN_TEST_CODES|null
 * -> retry. Sends a code that answers the challenge, unless the user has one of MTAN_TEST_CODES. No row: the challenge can not
 * be answered by one. */
extern const struct postgres_statement store_mtan_send;
/* factor, user id, its age in s, …, seconds in which the code is good -> the same for the enrolment of a factor */
extern const struct postgres_statement store_mtan_send_for_factor;
enum { COLUMN_SENT_RETRY_S /* null unless the messages are used up: until they are not */ };

/* user id, factor, its age in s, tries of a code, seconds in which it is good -> nonce, recipient. Counts a try. No row: no
 * code of this enrolment is good. */
extern const struct postgres_statement store_mtan_try_for_factor;
enum { COLUMN_FACTOR_TRY_NONCE, COLUMN_FACTOR_TRY_RECIPIENT };

/* user id, client, tries of a challenge -> the challenge of the newest code, if it is a login that this client can answer */
extern const struct postgres_statement store_mtan_of_login;
enum { COLUMN_MTAN_CHALLENGE };

/* ---- revocations. tokens_dead_until_ms grows with each change, whatever the clocks say (auth/revocations.h) ---- */

/* id, now_ms, origin|null -> revocation, or no row when there is no such user */
extern const struct postgres_statement store_tokens_end;
/* id -> revocation, also of a deleted user; no row: there never was such a user, or all its tokens have expired */
extern const struct postgres_statement store_user_revocation;
enum { COLUMN_REVOCATION_UNTIL_MS, COLUMN_REVOCATION_IS_INACTIVE };

/* jti, user id, inactive, expires in Unix s, origin|null; also removes rows that have expired */
extern const struct postgres_statement store_token_revoke;

/* jti or sid -> expires in Unix s; no row: it is not revoked */
extern const struct postgres_statement store_token_revocation;
enum { COLUMN_TOKEN_REVOCATION_EXPIRES_S };

/* after jti, limit -> tokens and sessions that were revoked one by one */
extern const struct postgres_statement store_revoked_tokens;
enum { COLUMN_REVOKED_TOKEN_JTI, COLUMN_REVOKED_TOKEN_IS_INACTIVE, COLUMN_REVOKED_TOKEN_EXPIRES_S };

/* after id, limit, oldest ms that matters -> users of whom tokens were revoked */
extern const struct postgres_statement store_revoked_users;
enum { COLUMN_REVOKED_USER_ID, COLUMN_REVOKED_USER_UNTIL_MS, COLUMN_REVOKED_USER_IS_INACTIVE };

/* ---- events: what happened to accounts (docs/decisions/0025-events.md) ---- */

/* user id, origin; for a login that changes nothing else */
extern const struct postgres_statement store_event_login;
/* [{id, event, network, agent, request, count}, …]; counts attempts, in one row for each user, event, network and day */
extern const struct postgres_statement store_events_attempted;
/* limit, days; removes the oldest, as many as are older */
extern const struct postgres_statement store_events_prune;
/* user id, before id, limit -> what happened to the user, and what the user did to others, the last first. One row, whose event
 * is null, when there is none. */
extern const struct postgres_statement store_events_of_user;
enum {
	COLUMN_EVENTS_USER_EXISTS,
	COLUMN_EVENTS_ID,
	COLUMN_EVENTS_EVENT,
	COLUMN_EVENTS_AT, /* RFC 3339, as COLUMN_EVENTS_LAST_AT */
	COLUMN_EVENTS_USER_ID,
	COLUMN_EVENTS_ACTOR_ID,   /* null: a client that had not logged in, or manage */
	COLUMN_EVENTS_SESSION_ID, /* null: none */
	COLUMN_EVENTS_NETWORK,    /* "": not known, as the next two */
	COLUMN_EVENTS_USER_AGENT,
	COLUMN_EVENTS_REQUEST_ID,
	COLUMN_EVENTS_COUNT,
	COLUMN_EVENTS_LAST_AT
};

/* ---- mail: messages that are not sent yet (mail/outbox.h) ---- */

/* limit, lease in s -> the messages that are due, of the channels that mail/mail.h knows: one of a newer users waits for that.
 * Each is due again after the lease, unless it is settled before. */
extern const struct postgres_statement store_outbox_claim;
enum {
	COLUMN_CLAIMED_ID,
	COLUMN_CLAIMED_ATTEMPT,
	COLUMN_CLAIMED_CHANNEL,
	COLUMN_CLAIMED_TEMPLATE,
	COLUMN_CLAIMED_RECIPIENT,
	COLUMN_CLAIMED_PARAMETERS,
	COLUMN_CLAIMED_DEADLINE_MS
};

/* [{id, attempt, deferred}, …], first pause in s, longest pause in s. Removes what was sent or refused for ever, and has what
 * was deferred wait. Applied twice it changes nothing, and neither does a report of an attempt before the last. */
extern const struct postgres_statement store_outbox_settle;

/* -> one row; removes the messages that have expired, and the links of resets too */
extern const struct postgres_statement store_outbox_prune;
enum { COLUMN_OUTBOX_EXPIRED, COLUMN_OUTBOX_WAITING, COLUMN_OUTBOX_OLDEST_S };

/* What the daemon prepares; ends with NULL. */
extern const struct postgres_statement *const store_statements[];

#endif
