/* Who makes a request: the token of a route that wants one, checked against Postgres. */
#ifndef ABACUS_USERS_AUTHENTICATE_H
#define ABACUS_USERS_AUTHENTICATE_H

#include "auth/jwt.h"
#include "http/request.h"

struct caller { /* an active user, with a valid token */
	struct jwt_claims claims;
	char *username, *email, *password_hash;
	bool is_admin, has_factor;
};

/* For http_server_set_auth(). */
void users_authenticate(struct http_request *req);
/* Borrowed for as long as the request lives; NULL when the route wants no token, or PUBLIC_USERS opens it. */
const struct caller *users_caller(const struct http_request *req);
/* True when the caller is an admin; otherwise the request has been answered. */
bool users_require_admin(struct http_request *req);

/* Whether the request may see more of that user than its name: its own record, as an admin, or because of PUBLIC_USERS. */
bool users_may_see(const struct http_request *req, int64_t user_id);

#endif
