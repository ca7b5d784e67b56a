/* The statements about users and their addresses. */
#ifndef ABACUS_USERS_STORE_ACCOUNTS_H
#define ABACUS_USERS_STORE_ACCOUNTS_H

#include "statements.h"

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

/* id, end of its tokens in Unix s, password hash|null, origin -> id; null: this is the last active admin, and nothing was
 * deleted. No row: there is no such user, or that hash is not the user's any more. Of the user's events the changes stay. */
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

#endif
