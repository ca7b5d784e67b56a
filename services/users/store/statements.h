/* Every SQL statement of the users service is in this folder, in the file that has the name of its room or of what it is about.
 * In the headers, above each statement stand its parameters and, after the arrow, its columns; below it the names of those
 * columns. "user" stands for the columns COLUMN_USER_*, with which several statements begin. "origin" is who causes it, and
 * from where (events/event_origin.h): the statement records an event about what it changes. */
#ifndef ABACUS_USERS_STORE_STATEMENTS_H
#define ABACUS_USERS_STORE_STATEMENTS_H

#include "postgres/postgres.h"

enum {
	COLUMN_USER_ID,
	COLUMN_USER_USERNAME,
	COLUMN_USER_EMAIL,
	COLUMN_USER_IS_ACTIVE,
	COLUMN_USER_IS_ADMIN,
	COLUMN_USER_PASSWORD_HASH,
	COLUMN_USER_END
};

/* What the daemon prepares; ends with NULL. */
extern const struct postgres_statement *const store_statements[];

#endif
