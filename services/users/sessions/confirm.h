/* The caller's current password, which confirms a change of the own account. */
#ifndef ABACUS_USERS_CONFIRM_H
#define ABACUS_USERS_CONFIRM_H

#include "http/request.h"

/* Verifies the member `current` of the request's JSON, which counts as a login attempt, and calls confirmed when it is right.
 * Otherwise the request is answered here: 400 when it is wrong, 429 after too many. */
void confirm_password(struct http_request *req, void (*confirmed)(struct http_request *req, void *arg), void *arg);

/* Answers 409, because the hash that the password was compared with is not the account's any more. */
void confirm_refuse_outdated(struct http_request *req);

#endif
