/* The refusal of a user name or an e-mail that another user has. */
#ifndef ABACUS_USERS_TAKEN_H
#define ABACUS_USERS_TAKEN_H

#include <stdint.h>

#include "http/request.h"

/* Answers a request whose username or email, in its JSON, was in conflict with another user's: code user_exists, with the HTTP
 * status and the message given, and "errors" says which of the two is taken. own_id: the user who may have them; 0: none.
 * message is static. */
void taken_refuse(struct http_request *req, int64_t own_id, int http_status, const char *message);
/* The same when the e-mail was not in conflict, and the client must not learn whether another user has it. */
void taken_refuse_name(struct http_request *req, int http_status, const char *message);

#endif
