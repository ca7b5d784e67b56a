/* The statements about codes by message. Each user has at most one that is good: the newest (factors/mtan.h). */
#ifndef ABACUS_USERS_STORE_MTAN_H
#define ABACUS_USERS_STORE_MTAN_H

#include "statements.h"

/* challenge, client, tries of a challenge, nonce, most messages of a user in a window, its length in s, MTAN_TEST_CODES|null
 * -> retry. The last three of the messages are sent only for logins. Sends a code that answers the challenge, unless the user
 * has one of MTAN_TEST_CODES. No row: the challenge can not be answered by one. */
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

#endif
