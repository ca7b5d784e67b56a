/* The second factor of a login, after its password was right. */
#ifndef ABACUS_USERS_LOGIN_FACTOR_H
#define ABACUS_USERS_LOGIN_FACTOR_H

#include "challenges/answer.h"
#include "sessions/credentials.h"

/* Answers 401 second_factor_required with a challenge, whose answer gives a session (challenges/challenge_respond.c). The
 * failed attempts are not forgotten, because a password alone would then be a way around their limit. */
void login_factor_ask(struct credentials *credentials, bool is_remembered, bool is_cookie);
/* The same for a call whose refusal has no challenge: a code by message is sent, if the user has no other factor, and refuse
 * replies. */
void login_factor_send(struct credentials *credentials, void (*refuse)(struct http_request *req));
/* For calls that send a code beside the password: makes a challenge and answers it. */
void login_factor_check(struct credentials *credentials, const char *code, answered *done, void *arg);
/* The same with a code by message: answers the challenge of an earlier call, which the code was sent for. */
void login_factor_check_mtan(struct credentials *credentials, const char *code, answered *done, void *arg);

#endif
