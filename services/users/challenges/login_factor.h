/* The second factor of a login, after its password was right. */
#ifndef ABACUS_USERS_LOGIN_FACTOR_H
#define ABACUS_USERS_LOGIN_FACTOR_H

#include "challenges/answer.h"
#include "sessions/credentials.h"

/* Answers 401 second_factor_required with a challenge, whose answer gives a session (challenges/challenge_respond.c). The
 * failed attempts are not forgotten, because a password alone would then be a way around their limit. */
void login_factor_ask(struct credentials *credentials, bool is_remembered, bool is_cookie);
/* For calls that send a code beside the password: makes a challenge and answers it. */
void login_factor_check(struct credentials *credentials, const char *code, answered *done, void *arg);

#endif
