/* Refreshes in groups: those that arrive while a group is on its way to Postgres make up the next one, which is one statement
 * and one commit. So a busy process pays for one round trip where it would pay for many, and an idle one never waits.
 *
 * A group does only what is usual: the token is the session's newest, and no other statement has the session. Everything else
 * (a reply that was lost, a copied token, a session that has ended, the same token twice) is for store_session_refresh. */
#ifndef ABACUS_USERS_ROTATIONS_H
#define ABACUS_USERS_ROTATIONS_H

#include <stdbool.h>

#include "auth/refresh_token.h"
#include "base/scope.h"
#include "postgres/postgres.h"

struct event_base;
struct users;
struct rotations;

#define ROTATIONS_NO_ROW (-1)

/* OK: the session is that row of rows (COLUMN_REFRESHED_*), or nothing was done and row is ROTATIONS_NO_ROW. */
typedef void rotations_done(enum status status, const struct postgres_rows *rows, int row, void *arg);

struct rotations *rotations_new(struct event_base *base, struct users *users);
/* No scope may be left that a rotation belongs to. */
void rotations_free(struct rotations *rotations);
/* The token and the address are copied. What waits is limited by the requests that may be open. */
void rotations_add(struct rotations *rotations, struct scope *scope, const struct refresh_token *token, bool is_cookie,
		   const char *address, rotations_done *done, void *arg);

#endif
