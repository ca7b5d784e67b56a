/* Every SQL statement of the values service. Above each statement stand its parameters and, after the arrow, its columns; below
 * it the names of those columns. */
#ifndef ABACUS_VALUES_STORE_H
#define ABACUS_VALUES_STORE_H

#include "jobs/jobs.h"
#include "postgres/postgres.h"

/* user ids, kinds, indexes: three array literals, NULL as user id where the submission is anonymous -> ids in that order, each
 * with the state of its calculation: NULL if it is new */
extern const struct postgres_statement store_values_insert;
enum { COLUMN_INSERTED_ID, COLUMN_INSERTED_STATE };

/* The same, and how many pending calculations a user may have caused -> the same; where that would be more, nothing was stored,
 * the id is null and the state is none: store_is_refused() */
extern const struct postgres_statement store_values_insert_limited;

/* after id, limit -> values of all users */
extern const struct postgres_statement store_values_all;
enum { COLUMN_ALL_ID, COLUMN_ALL_INDEX };

/* What every statement that reads calculations begins with. */
enum {
	COLUMN_KIND,
	COLUMN_INDEX,
	COLUMN_STATE,
	COLUMN_DIGITS,
	COLUMN_PREVIEW,
	COLUMN_DURATION_US,
	COLUMN_CALCULATED_UNIX_MS,
	COLUMNS_OF_CALCULATION
};

/* user id, before id, limit -> values of one user, newest first: calculation, id, time */
extern const struct postgres_statement store_values_of_user;
enum { COLUMN_VALUE_ID = COLUMNS_OF_CALCULATION, COLUMN_VALUE_SUBMITTED_UNIX_MS };

/* user id, kinds (an array literal), lowest index, highest index, state or null, before id, limit -> those of one user's values
 * that match, newest first: as above, and the place up to which was looked if there may be more behind it, else null. If there
 * is none, one row whose id is null. A value that just got another state in Redis has the state that Postgres has. */
extern const struct postgres_statement store_values_found_newest;
enum { COLUMN_FOUND_EDGE_INDEX = COLUMN_VALUE_SUBMITTED_UNIX_MS + 1, COLUMN_FOUND_EDGE_ID };
/* The same by index, and of one index by id; instead of before id: index and id of the one before. */
extern const struct postgres_statement store_values_found_lowest;
extern const struct postgres_statement store_values_found_highest;

/* What every statement that deletes values answers, for cancellations_add(): a calculation that was pending and has no value
 * left is deleted too. */
enum { COLUMN_DELETED_ID, COLUMN_DELETED_KIND, COLUMN_DELETED_INDEX, COLUMN_DELETED_IS_CANCELLED };

/* user id, id -> it, if it was this user's; it is deleted */
extern const struct postgres_statement store_value_delete;

/* user id, limit -> the oldest ones of this user, which are deleted */
extern const struct postgres_statement store_values_delete_of_user;

/* Unix time in ms, after id, limit -> those among the next ones that are older, which are deleted */
extern const struct postgres_statement store_values_delete_old;

/* kind, after index, limit -> indexes */
extern const struct postgres_statement store_calculations_of;
enum { COLUMN_OF_KIND_INDEX };

/* kind, after index, limit -> calculations */
extern const struct postgres_statement store_calculations_page;

/* kinds, indexes: two array literals -> those calculations that exist, in no order, each with its place in the arrays from 1 on
 */
extern const struct postgres_statement store_calculations_named;
enum { COLUMN_NAMED_PLACE = COLUMNS_OF_CALCULATION };

/* limit, kinds, and of each the highest index that is small: two array literals, large ones? -> pending calculations, either
 * the large or the small ones: the first of each user that waits, then the second of each, …; true where a user has no more
 * turns, although more of it may wait */
extern const struct postgres_statement store_calculations_waiting;
enum { COLUMN_WAITING_KIND, COLUMN_WAITING_INDEX, COLUMN_WAITING_IS_LAST };

/* nothing -> how many calculations are pending, at most STORE_PENDING_MAX. Reads the index of those that are, and nothing of
 * those that are done. */
extern const struct postgres_statement store_calculations_pending;
#define STORE_PENDING_MAX "1000000"
enum { COLUMN_PENDING_COUNT };

/* after id -> the last submission that was looked at (null: there was none), whether more may follow, and how many of them have
 * no calculation. Looks at STORE_MISSING_ROWS, and not at those before the last ten times as many. */
extern const struct postgres_statement store_calculations_missing;
#define STORE_MISSING_ROWS "10000"
enum { COLUMN_MISSING_LAST_ID, COLUMN_MISSING_HAS_MORE, COLUMN_MISSING_COUNT };
/* after id -> nothing. Adds what the same submissions lack. */
extern const struct postgres_statement store_calculations_restore;

/* kinds, indexes, states, digits, previews, durations in microseconds, Unix times in ms: seven array literals -> nothing.
 * Changes what is pending, and what failed and is done after all; adds what is done and was cancelled. */
extern const struct postgres_statement store_calculations_finish;

/* nothing -> calculations that failed */
extern const struct postgres_statement store_calculations_failed;
enum { COLUMN_FAILED_KIND, COLUMN_FAILED_INDEX };

/* kind, index -> a row if it had failed; it is pending from now on */
extern const struct postgres_statement store_calculation_retry;

/* kind, index, user id -> the state it had, if this user (NULL: any) has submitted it; if it had failed, it is pending from now
 * on */
extern const struct postgres_statement store_calculation_retry_own;
enum { COLUMN_RETRIED_STATE };

/* What the daemon prepares; ends with NULL. */
extern const struct postgres_statement *const store_statements[];

/* Reads the columns of a calculation, which are null where a value's calculation is missing: then it is pending. The preview is
 * borrowed from the rows. False, after logging it: the kind is not known. */
bool store_calculation_read(const struct postgres_rows *rows, int row, struct job_result *ret_result);
/* Adds kinds and indexes as two array literals, which the caller frees after postgres_exec(). */
void store_param_keys(struct postgres_params *params, const struct job_key *keys, int n, struct buf *kinds,
		      struct buf *indexes);
/* Of store_values_insert_limited. */
bool store_is_refused(const struct postgres_rows *rows, int row);
/* JOB_PENDING if it is null. */
enum job_state store_state_read(const struct postgres_rows *rows, int row, int column);

#endif
