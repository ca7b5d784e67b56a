/* Sets a password, which ends all tokens and sessions of the user: what a change and a reset have in common. */
#ifndef ABACUS_USERS_PASSWORD_STORE_H
#define ABACUS_USERS_PASSWORD_STORE_H

#include <stdint.h>

#include "http/request.h"
#include "postgres/postgres.h"

/* Runs the statement (store_password_set, store_password_reset), revokes the user's tokens, and replies; refuse replies when
 * the statement returned no row. */
void password_store(struct http_request *req, int64_t user_id, const struct postgres_statement *statement,
		    const struct postgres_params *params, void (*refuse)(struct http_request *req));

#endif
