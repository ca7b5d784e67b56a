/* What the calls that change factors share. */
#ifndef ABACUS_USERS_FACTOR_H
#define ABACUS_USERS_FACTOR_H

#include <stdbool.h>

#include "http/request.h"
#include "postgres/postgres.h"

#define FACTOR_PENDING_S 600 /* in which an enrolment is activated */

/* False: {id} is no id, and the request has been answered. */
bool factor_of_path(struct http_request *req) __attribute__((warn_unused_result));
void factor_not_found(struct http_request *req);
/* Answers 409, because the caller has no factor. */
void factor_none(struct http_request *req);
/* Adds the first parameters of the statements that change a factor: user id, session id, now. session: memory that lives as
 * long as params. */
void factor_add_caller(struct http_request *req, struct postgres_params *params, char session[37]);

#endif
