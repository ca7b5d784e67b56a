/* The statements about passwords, and about the links that reset one. */
#ifndef ABACUS_USERS_STORE_PASSWORDS_H
#define ABACUS_USERS_STORE_PASSWORDS_H

#include "statements.h"

/* id, new hash, old hash, now_ms, origin -> revocation, and COLUMN_LOGIN_NAME; no row when the old hash is not the user's any
 * more. Ends all tokens and links of resets, and notifies the user by mail. */
extern const struct postgres_statement store_password_set;
/* id, reset -> user; no row: no such link is good. It is good while it has not expired or been used, and its user is active and
 * has the e-mail that it was sent to. */
extern const struct postgres_statement store_user_of_reset;
/* id, reset, new hash, now_ms, origin; the same, once for each link that is good; no row when it is not. The next login asks
 * for a factor, if the user has one. The first proof of an e-mail that the user chose removes all factors, passkeys and
 * recovery codes, and notifies the user of that too. */
extern const struct postgres_statement store_password_reset;
enum { COLUMN_PASSWORD_LOGIN_NAME = 2 };
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

#endif
