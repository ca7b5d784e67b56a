/* The user that a path names: /users/{id}. */
#ifndef ABACUS_USERS_USER_OF_PATH_H
#define ABACUS_USERS_USER_OF_PATH_H

#include <stdbool.h>
#include <stdint.h>

#include "base/status.h"
#include "http/request.h"
#include "postgres/postgres.h"

/* False: {id} is no id, and the request has been answered. */
bool user_of_path(struct http_request *req, int64_t *ret_id) MUST_CHECK;
/* Whether store_user_change or store_user_delete did what it was asked; false: the request has been answered. */
bool user_of_path_was_written(struct http_request *req, enum status status, const struct postgres_rows *rows) MUST_CHECK;
void user_of_path_not_found(struct http_request *req);

#endif
