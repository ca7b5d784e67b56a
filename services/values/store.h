/* Every SQL statement of the values service. Above each statement stand its parameters and, after the arrow, its columns; below
 * it the names of those columns. */
#ifndef ABACUS_VALUES_STORE_H
#define ABACUS_VALUES_STORE_H

#include "postgres/postgres.h"

/* user ids, kinds, indexes: three array literals, NULL as user id where the submission is anonymous -> ids in that order */
extern const struct postgres_statement store_values_insert;
enum { COLUMN_INSERTED_ID };

/* after id, limit -> values of all users */
extern const struct postgres_statement store_values_all;
enum { COLUMN_ALL_ID, COLUMN_ALL_INDEX };

/* user id, before id, limit -> values of one user, newest first */
extern const struct postgres_statement store_values_of_user;
enum { COLUMN_VALUE_ID, COLUMN_VALUE_KIND, COLUMN_VALUE_INDEX, COLUMN_VALUE_SUBMITTED_UNIX_MS };

/* kind, after index, limit -> indexes */
extern const struct postgres_statement store_calculations_of;
enum { COLUMN_OF_KIND_INDEX };

/* kind, index -> one row, or none */
extern const struct postgres_statement store_calculation_exists;

/* after kind, after index, limit -> calculations of all kinds */
extern const struct postgres_statement store_calculations_page;
enum { COLUMN_CALCULATION_KIND, COLUMN_CALCULATION_INDEX };

/* What the daemon prepares; ends with NULL. */
extern const struct postgres_statement *const store_statements[];

#endif
