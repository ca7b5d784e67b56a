/* A user as replies show it. */
#ifndef ABACUS_USERS_USER_JSON_H
#define ABACUS_USERS_USER_JSON_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "postgres/postgres.h"

struct user_shown {
	int64_t id;
	const char *username, *email; /* borrowed */
	bool is_active, is_admin;
};

/* Adds {id, username, email, active} and, with_admin, admin. */
void user_json(struct buf *out, const struct user_shown *user, bool with_admin);
/* Adds {id, username}: what users see of each other. */
void user_json_name(struct buf *out, int64_t id, const char *username);
/* user_json() of a row that has the columns COLUMN_USER_*. */
void user_json_of_row(struct buf *out, const struct postgres_rows *rows, int row, bool with_admin);

#endif
