/* A new user, from the JSON of a request: what POST /auth/register and POST /users have in common. */
#ifndef ABACUS_USERS_REGISTRATION_H
#define ABACUS_USERS_REGISTRATION_H

#include <stdint.h>

#include "http/request.h"

typedef void registered(struct http_request *req, int64_t user_id);

/* Checks the JSON, hashes the password and stores the user, then calls done, which replies. When one of these fails, the
 * request is answered here; `conflict`, which is static, is the message when the username or e-mail is taken. */
void registration_start(struct http_request *req, const char *conflict, registered *done);

#endif
