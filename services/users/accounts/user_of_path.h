/* The user that a path names: /users/{id}. */
#ifndef ABACUS_USERS_USER_OF_PATH_H
#define ABACUS_USERS_USER_OF_PATH_H

#include <stdbool.h>
#include <stdint.h>

#include "base/status.h"
#include "http/request.h"
#include "postgres/postgres.h"

struct revoking;

/* False: {id} is no id, and the request has been answered. */
bool user_of_path(struct http_request *req, int64_t *ret_id) MUST_CHECK;
/* Whether store_user_change or store_user_delete did what it was asked; false: the request has been answered, and if it is
 * certain that nothing was written, nothing is revoked. revoking NULL: nothing would have been. */
bool user_of_path_was_written(struct http_request *req, enum status status, const struct postgres_rows *rows,
			      struct revoking *revoking) MUST_CHECK;
void user_of_path_not_found(struct http_request *req);

#endif
