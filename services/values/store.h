/* Every SQL statement of the values service. */
#ifndef ABACUS_VALUES_STORE_H
#define ABACUS_VALUES_STORE_H

#include "postgres/postgres.h"

extern const struct postgres_statement store_values_insert; /* user id|null, kind, index -> id */
extern const struct postgres_statement store_values_all;    /* after id, limit -> id, index */
extern const struct postgres_statement
	store_values_of_user; /* user id, before id, limit -> id, kind, index, submitted in Unix ms */
extern const struct postgres_statement store_calculations_of;    /* kind, after index, limit -> index */
extern const struct postgres_statement store_calculation_exists; /* kind, index -> a row, or none */
extern const struct postgres_statement store_calculations_page;  /* after kind, after index, limit -> kind, index */
extern const struct postgres_statement *const store_statements[];

#endif
