/* A session begins: what every call has in common that logs in with one. */
#ifndef ABACUS_USERS_SESSION_START_H
#define ABACUS_USERS_SESSION_START_H

#include <stdbool.h>
#include <stdint.h>

#include <cjson/cJSON.h>

#include "http/request.h"

struct session_start {
	int64_t user_id;
	bool is_admin;
	int64_t issued_ms;     /* before the user was loaded */
	int64_t dead_until_ms; /* of the user, when the password or the passkey was loaded */
	bool is_remembered, is_cookie;
	const char *factor; /* as jwt_session.factor */
};

/* Reads `remember` and `cookie`, which may be absent. Adds what is wrong with them to errors, as http_errors_add(). */
cJSON *session_start_read_flags(cJSON *errors, const cJSON *json, struct session_start *start);

/* Stores the session and answers 201 with its tokens; 503 when the user was changed since the password or the passkey was
 * loaded. Ends the session whose cookie this one replaces, of whichever user it is. */
void session_start(struct http_request *req, const struct session_start *start);

#endif
