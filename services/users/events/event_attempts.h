/* What any client can cause by wrong passwords and codes. No request waits until it is recorded, and none causes a statement of
 * its own: each process collects attempts, and writes those of about a second at once. Those with a name that no account has
 * are collected too, as of user 0, so that neither a reply nor the work after it says who has an account. A process that is
 * killed loses that second. */
#ifndef ABACUS_USERS_EVENT_ATTEMPTS_H
#define ABACUS_USERS_EVENT_ATTEMPTS_H

#include <stdint.h>

#include "http/request.h"

struct event_base;
struct users;
struct event_attempts;

enum event_attempt {
	EVENT_LOGIN_FAILED,
	EVENT_FACTOR_AWAITED, /* the password of a login was right; a login follows, unless the client does not have the factor
			       */
	EVENT_CODE_WRONG,
	EVENT_PASSWORD_WRONG /* that should have confirmed an action */
};

struct event_attempts *event_attempts_new(struct event_base *base, struct users *users);
void event_attempts_free(struct event_attempts *attempts);
/* user_id 0: the name is no account's. */
void event_attempts_note(struct http_request *req, enum event_attempt attempt, int64_t user_id);
/* Writes what there is, because the process is about to end, and reports that Postgres has answered, whatever it said. No
 * request may be left that could note another one. */
void event_attempts_finish(struct event_attempts *attempts, void (*finished)(void *arg), void *arg);

#endif
