/* Sends a code by message (factors/mtan.h), as a row of the outbox that has all but the code: users computes it when it
 * publishes the message. A user gets MTAN_MESSAGES in MTAN_WINDOW_S, the last three for logins. */
#ifndef ABACUS_USERS_CODE_H
#define ABACUS_USERS_CODE_H

#include "http/request.h"

struct users;

enum code_result {
	CODE_SENT,     /* or MTAN_TEST_CODES has one for this user */
	CODE_TOO_MANY, /* none more for retry_s seconds */
	CODE_ENDED,    /* no code answers this: it has ended, is another client's, or its user has no such factor */
	CODE_FAILED    /* Postgres did not answer */
};
typedef void code_sent(enum code_result result, long retry_s, void *arg);
/* A code that answers the challenge: any text. It is good as long as that is, and the codes from before are void. */
void code_send(struct http_request *req, const char *challenge, code_sent *done, void *arg);
/* A code that activates the caller's factor: an id. */
void code_send_for_factor(struct http_request *req, const char *factor, code_sent *done, void *arg);

/* What the template of the message is filled with, {"code":…,"action":…}, from its id and its parameters in the outbox; the
 * caller frees it with mem_free_secret(). NULL: the parameters are of another message. */
char *code_values(const struct users *users, const char *message, const char *parameters);

#endif
