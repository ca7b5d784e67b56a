/* Who may see what (docs/decisions/0031-a-public-status.md). A reader sees all if STATUS_PUBLIC is full, on the private
 * listener (DASHBOARD_PORT) under an own name (own_name.h), or with the token of an admin; any other reads whether each part is
 * up or down. Only an admin changes something, wherever the request arrives. */
#ifndef ABACUS_HEALTHCHECK_AUDIENCE_H
#define ABACUS_HEALTHCHECK_AUDIENCE_H

#include <stdbool.h>

#include "auth/introspection.h"
#include "http/request.h"

/* Of http_server_set_auth(): answers, or goes on to the handler. */
http_handler audience_admit;
/* For the handlers that have something for every reader. */
bool audience_sees_all(const struct http_request *req);
/* Whether only operators can send such a request: it has an admin's token, or arrived at the private port. */
bool audience_is_operator(const struct http_request *req);
/* The admin who asks; NULL: the reader sees all without a token, or does not. Lives as long as the request. */
const struct introspection_user *audience_admin(const struct http_request *req);

#endif
