#include "store.h"

#include <string.h>

#include "base/log.h"

/* Looks for calculations before it inserts them, because ON CONFLICT alone would leave a dead row for each that exists already.
 * Locks those that are pending, so that none of them is cancelled until these submissions are committed; one that was cancelled
 * first is a new one. For the same reason a new one that another statement has inserted meanwhile is updated, which changes
 * nothing but locks it. Locks and inserts in order, so that two statements with the same calculations wait for each other and
 * never deadlock. */
#define ASKED                                                                                                       \
	"WITH looked AS MATERIALIZED ("                                                                             \
	"  SELECT n, user_id, looked.kind, looked.index, known.state"                                               \
	"  FROM unnest($1::bigint[], $2::text[], $3::bigint[]) WITH ORDINALITY AS looked (user_id, kind, index, n)" \
	"  LEFT JOIN calculations known ON known.kind = looked.kind AND known.index = looked.index),"               \
	" locked AS MATERIALIZED (SELECT calculations.kind, calculations.index, calculations.state"                 \
	"  FROM (SELECT DISTINCT kind, index FROM looked WHERE state = 'pending') AS pending"                       \
	"  JOIN calculations ON calculations.kind = pending.kind AND calculations.index = pending.index"            \
	"  ORDER BY kind, index FOR KEY SHARE OF calculations),"                                                    \
	" asked AS MATERIALIZED (SELECT n, user_id, coalesce(user_id, 0) AS owner, looked.kind, looked.index,"      \
	"   CASE looked.state WHEN 'pending' THEN locked.state ELSE looked.state END AS state"                      \
	"  FROM looked LEFT JOIN locked ON locked.kind = looked.kind AND locked.index = looked.index),"
#define ADD_NEW " ON CONFLICT (kind, index) DO UPDATE SET state = calculations.state),"

const struct postgres_statement store_values_insert = {
	"values_insert",
	ASKED " calculated AS (INSERT INTO calculations (kind, index, first_user_id)"
	      "  SELECT DISTINCT ON (kind, index) kind, index, owner FROM asked WHERE state IS NULL"
	      "  ORDER BY kind, index, n" ADD_NEW
	      " taken AS MATERIALIZED (SELECT n, nextval(pg_get_serial_sequence('\"values\"', 'id')) AS id FROM asked),"
	      " stored AS (INSERT INTO \"values\" (id, user_id, kind, index) OVERRIDING SYSTEM VALUE"
	      "  SELECT id, user_id, kind, index FROM asked JOIN taken USING (n))"
	      " SELECT id, state FROM asked JOIN taken USING (n) ORDER BY n"};

/* The same, but for those new calculations of a user for which it has no room left. If several users ask for a new one, it
 * counts for the one with the most room, so that none is refused because another is at the limit. Users are counted in order,
 * so that two statements wait for each other and never deadlock. What is refused says so, because a null id alone may also come
 * from a server that answers wrongly. */
const struct postgres_statement store_values_insert_limited = {
	"values_insert_limited", ASKED
	" rooms AS MATERIALIZED (SELECT owner, $4::bigint - pending_of(owner, $4::bigint) AS room"
	"  FROM (SELECT DISTINCT owner FROM asked WHERE state IS NULL ORDER BY owner) AS owners),"
	" fresh AS MATERIALIZED (SELECT kind, index, owner, room, row_number() OVER (PARTITION BY owner ORDER BY n) AS place"
	"  FROM (SELECT DISTINCT ON (kind, index) kind, index, owner, room, n FROM asked JOIN rooms USING (owner)"
	"   WHERE state IS NULL ORDER BY kind, index, room DESC, n) AS asked_by_most_room),"
	" refused AS MATERIALIZED (SELECT kind, index FROM fresh WHERE place > room),"
	" taken AS MATERIALIZED (SELECT n, nextval(pg_get_serial_sequence('\"values\"', 'id')) AS id, user_id, kind, index"
	"  FROM asked WHERE (kind, index) NOT IN (SELECT kind, index FROM refused)),"
	" calculated AS (INSERT INTO calculations (kind, index, first_user_id) SELECT kind, index, owner FROM fresh"
	"  WHERE place <= room ORDER BY kind, index" ADD_NEW
	" stored AS (INSERT INTO \"values\" (id, user_id, kind, index) OVERRIDING SYSTEM VALUE"
	"  SELECT id, user_id, kind, index FROM taken)"
	" SELECT id, CASE WHEN id IS NULL THEN 'refused' ELSE state END FROM asked LEFT JOIN taken USING (n) ORDER BY n"};

const struct postgres_statement store_values_all = {
	"values_all", "SELECT id, index FROM \"values\" WHERE id > $1::bigint ORDER BY id LIMIT $2::bigint", true};

#define CALCULATION(table)                                                             \
	"SELECT " table ".kind, " table ".index, state, digits, preview, duration_us," \
	" (extract(epoch FROM calculated_at) * 1000)::bigint"

const struct postgres_statement store_values_of_user = {
	"values_of_user",
	CALCULATION("own") ", id, (extract(epoch FROM submitted_at) * 1000)::bigint"
			   " FROM \"values\" own LEFT JOIN calculations ON calculations.kind = own.kind AND calculations.index "
			   "= own.index"
			   " WHERE user_id = $1::bigint AND id < $2::bigint ORDER BY id DESC LIMIT $3::bigint",
	true};

/* ---- a user's submissions, found by filters ----
 * $1 user id, $2 kinds, $3 and $4 the lowest and the highest index, $5 a state or null. What may match is either near, which is
 * all of it and not much, or seen, which is a window of the user's submissions behind the cursor. So each of these costs a
 * bounded number of rows, whatever is asked for and however much the user has. */

#define NEAR_MAX "1000"
#define SEEN_NEWEST_MAX "2000"
#define SEEN_ORDERED_MAX "1000" /* for each kind */

/* In the order of the index values_of_user, kind by kind, because Postgres would not know an order of several kinds at once. */
#define OWN_OF_KINDS(more, order, most)                                                                       \
	"SELECT own.kind, own.index, own.id FROM unnest($2::text[]) AS wanted (kind), LATERAL ("              \
	"SELECT kind, index, id FROM \"values\" WHERE user_id = $1::bigint AND \"values\".kind = wanted.kind" \
	" AND index BETWEEN $3::bigint AND $4::bigint" more " ORDER BY " order " LIMIT " most ") AS own"

/* Little is pending or failed, as a rule; then that is where to begin. */
#define NEAR                                                                                                                   \
	"WITH few AS MATERIALIZED ("                                                                                           \
	"  (SELECT kind, index FROM calculations WHERE $5::text = 'pending' AND state = 'pending' LIMIT 1 + " NEAR_MAX ")"     \
	"  UNION ALL (SELECT kind, index FROM calculations WHERE $5::text = 'failed' AND state = 'failed' LIMIT 1 + " NEAR_MAX \
	")),"                                                                                                                  \
	" is_few AS MATERIALIZED ("                                                                                            \
	"  SELECT coalesce($5::text IN ('pending', 'failed'), false) AND count(*) <= " NEAR_MAX " AS yes FROM few),"           \
	" near AS MATERIALIZED ("                                                                                              \
	"  (SELECT own.kind, own.index, own.id FROM few, LATERAL ("                                                            \
	"    SELECT kind, index, id FROM \"values\" WHERE user_id = $1::bigint AND \"values\".kind = few.kind"                 \
	"    AND \"values\".index = few.index ORDER BY id LIMIT 1 + " NEAR_MAX ") AS own"                                      \
	"   WHERE (SELECT yes FROM is_few) AND few.kind = ANY ($2::text[]) AND few.index BETWEEN $3::bigint AND $4::bigint"    \
	"   LIMIT 1 + " NEAR_MAX ")"                                                                                           \
	"  UNION ALL (" OWN_OF_KINDS(" AND NOT (SELECT yes FROM is_few)", "index, id",                                         \
				     "1 + " NEAR_MAX) " LIMIT 1 + " NEAR_MAX ")),"                                             \
						      " is_near AS MATERIALIZED (SELECT count(*) <= " NEAR_MAX                 \
						      " AS yes FROM near),"

/* The calculations are looked up in the order of the result, and no more of them than it takes. OFFSET keeps the subquery one.
 */
#define FOUND(before, order, found_order, limit, edge)                                                                         \
	" SELECT found.kind, found.index, state, digits, preview, duration_us,"                                                \
	" (extract(epoch FROM calculated_at) * 1000)::bigint, found.id,"                                                       \
	" (SELECT (extract(epoch FROM submitted_at) * 1000)::bigint FROM \"values\" WHERE id = found.id), edge.index, edge.id" \
	" FROM (SELECT) AS one LEFT JOIN (" edge ") AS edge ON true LEFT JOIN ("                                               \
	"  SELECT own.kind, own.index, own.id, known.* FROM ("                                                                 \
	"   SELECT kind, index, id FROM near WHERE (SELECT yes FROM is_near) AND " before                                      \
	"   UNION ALL SELECT kind, index, id FROM seen WHERE kind = ANY ($2::text[]) AND index BETWEEN $3::bigint AND "        \
	"$4::bigint"                                                                                                           \
	"   ORDER BY " order ") AS own LEFT JOIN LATERAL ("                                                                    \
	"   SELECT state, digits, preview, duration_us, calculated_at FROM calculations"                                       \
	"   WHERE calculations.kind = own.kind AND calculations.index = own.index OFFSET 0) AS known ON true"                  \
	"  WHERE $5::text IS NULL OR coalesce(state, 'pending') = $5::text ORDER BY " order " LIMIT " limit                    \
	") AS found ON true ORDER BY " found_order

/* Only ids at first, which the index values_user_id has in this order. Asked for more, Postgres would read all that the user
 * has in the order of another index and sort it, because it expects that to be little. */
const struct postgres_statement store_values_found_newest = {
	"values_found_newest",
	NEAR " seen AS MATERIALIZED (SELECT kind, index, id FROM (SELECT id AS seen_id FROM \"values\""
	     "  WHERE NOT (SELECT yes FROM is_near) AND user_id = $1::bigint AND id < $6::bigint"
	     "  ORDER BY id DESC LIMIT " SEEN_NEWEST_MAX ") AS newest, LATERAL ("
	     "  SELECT kind, index, id FROM \"values\" WHERE id = seen_id OFFSET 0) AS own)" FOUND(
		     "id < $6::bigint", "id DESC", "found.id DESC", "$7::bigint",
		     "SELECT NULL::bigint AS index, id FROM seen ORDER BY id DESC"
		     " OFFSET " SEEN_NEWEST_MAX " - 1"),
	true};

#define BY_INDEX(name, behind, order, found_order)                                                                   \
	{                                                                                                            \
		name,                                                                                                \
			NEAR " seen AS MATERIALIZED (" OWN_OF_KINDS(                                                 \
				" AND NOT (SELECT yes FROM is_near) AND (index, id) " behind, order,                 \
				SEEN_ORDERED_MAX) " ORDER BY " order " LIMIT " SEEN_ORDERED_MAX                      \
						  ")" FOUND("(index, id) " behind, order, found_order, "$8::bigint", \
							    "SELECT index, id FROM seen ORDER BY " order             \
							    " OFFSET " SEEN_ORDERED_MAX " - 1"),                     \
			true                                                                                         \
	}

const struct postgres_statement store_values_found_lowest =
	BY_INDEX("values_found_lowest", "> ($6::bigint, $7::bigint)", "index, id", "found.index, found.id");

const struct postgres_statement store_values_found_highest = BY_INDEX("values_found_highest", "< ($6::bigint, $7::bigint)",
								      "index DESC, id DESC", "found.index DESC, found.id DESC");

/* The function sees what the statement around it has deleted, because it is volatile and its arguments need all of it. */
#define DELETE_VALUES(where)                                                                                 \
	"WITH gone AS MATERIALIZED (DELETE FROM \"values\" WHERE " where " RETURNING id, kind, index)"       \
	" SELECT id, kind, index, cancelled_kind IS NOT NULL FROM gone LEFT JOIN calculations_cancel("       \
	"  (SELECT array_agg(kind ORDER BY id) FROM gone), (SELECT array_agg(index ORDER BY id) FROM gone))" \
	" ON cancelled_kind = kind AND cancelled_index = index"

const struct postgres_statement store_value_delete = {"value_delete",
						      DELETE_VALUES("user_id = $1::bigint AND id = $2::bigint")};

/* In arrays, because Postgres would expect a tenth of all rows behind a LIMIT that it does not know, and read the whole table.
 * In order, so that two of these statements wait for each other and never deadlock. */
const struct postgres_statement store_values_delete_of_user = {
	"values_delete_of_user", DELETE_VALUES("id = ANY (ARRAY(SELECT id FROM \"values\" WHERE user_id = $1::bigint"
					       " ORDER BY id LIMIT $2::bigint FOR UPDATE))")};

/* Ids are given in the order of time, but for what is stored at the same moment. */
const struct postgres_statement store_values_delete_old = {
	"values_delete_old", DELETE_VALUES("id = ANY (ARRAY(SELECT id FROM \"values\" WHERE id = ANY (ARRAY("
					   "  SELECT id FROM (SELECT id, submitted_at FROM \"values\" WHERE id > $2::bigint "
					   "ORDER BY id LIMIT $3::bigint) AS "
					   "first"
					   "  WHERE submitted_at < to_timestamp($1::bigint / 1000.0)))"
					   " ORDER BY id FOR UPDATE SKIP LOCKED))")};

const struct postgres_statement store_calculations_of = {
	"calculations_of",
	"SELECT index FROM calculations WHERE kind = $1::text AND index > $2::bigint ORDER BY index LIMIT $3::bigint", true};

const struct postgres_statement store_calculations_page = {
	"calculations_page",
	CALCULATION("calculations") " FROM calculations WHERE kind = $1::text AND index > $2::bigint ORDER BY index LIMIT "
				    "$3::bigint",
	true};

const struct postgres_statement store_calculations_named = {
	"calculations_named",
	CALCULATION("calculations") ", n FROM calculations, unnest($1::text[], $2::bigint[]) WITH ORDINALITY AS asked (kind, "
				    "index, n)"
				    " WHERE calculations.kind = asked.kind AND calculations.index = asked.index",
	true};

/* Goes from user to user in the partial index, and reads of each no more than four times its share, so that a user with very
 * many costs no more than others. */
const struct postgres_statement store_calculations_waiting = {
	"calculations_waiting",
	"WITH RECURSIVE of_users (user_id) AS ("
	"  (SELECT first_user_id FROM calculations WHERE state = 'pending' ORDER BY first_user_id LIMIT 1)"
	"  UNION ALL SELECT (SELECT first_user_id FROM calculations WHERE state = 'pending' AND first_user_id > user_id"
	"   ORDER BY first_user_id LIMIT 1) FROM of_users WHERE user_id IS NOT NULL),"
	" waiting AS MATERIALIZED (SELECT user_id FROM of_users WHERE user_id IS NOT NULL LIMIT $1::bigint),"
	" most AS MATERIALIZED (SELECT least($1::bigint, 1 + 4 * $1::bigint / greatest(count(*), 1)) AS turns FROM waiting)"
	" SELECT kind, index, turn = (SELECT turns FROM most) FROM waiting, LATERAL ("
	"  SELECT kind, index, row_number() OVER (ORDER BY first_submitted_at, kind, index) AS turn"
	"  FROM (SELECT kind, index, first_submitted_at FROM calculations WHERE state = 'pending' AND first_user_id = user_id"
	"   AND (index > ($3::bigint[])[array_position($2::text[], kind)]) = $4::boolean"
	"   ORDER BY first_submitted_at, kind, index LIMIT (SELECT turns FROM most)) AS own) AS of_user"
	" ORDER BY turn, user_id LIMIT $1::bigint",
	true};

/* In the order of the partial index, so that whatever Postgres believes of how many are pending, a walk along that index is the
 * cheapest plan. */
const struct postgres_statement store_calculations_pending = {
	"calculations_pending",
	"SELECT count(*) FROM (SELECT FROM calculations WHERE state = 'pending'"
	" ORDER BY first_user_id, first_submitted_at, kind, index LIMIT " STORE_PENDING_MAX ") AS counted",
	true};

/* Of those that are newer nothing is known yet: their statement may not be committed. The subquery with OFFSET stays one, so
 * that each submission costs a look at the primary key, and never all calculations are read. */
#define SUBMISSIONS_AFTER                                                                                      \
	"(SELECT id, user_id, kind, index FROM \"values\""                                                     \
	"  WHERE id > greatest($1::bigint, (SELECT max(id) FROM \"values\") - 10 * " STORE_MISSING_ROWS ")"    \
	"  AND submitted_at < now() - interval '20 seconds' ORDER BY id LIMIT " STORE_MISSING_ROWS ") AS seen" \
	" LEFT JOIN LATERAL (SELECT true AS is_there FROM calculations"                                        \
	"  WHERE calculations.kind = seen.kind AND calculations.index = seen.index OFFSET 0) AS known ON true"

const struct postgres_statement store_calculations_missing = {
	"calculations_missing",
	"SELECT max(id), count(*) = " STORE_MISSING_ROWS ", count(*) FILTER (WHERE is_there IS NULL) FROM " SUBMISSIONS_AFTER,
	true};

const struct postgres_statement store_calculations_restore = {
	"calculations_restore", "INSERT INTO calculations (kind, index, first_user_id)"
				" SELECT DISTINCT ON (kind, index) kind, index, coalesce(user_id, 0) FROM " SUBMISSIONS_AFTER
				" WHERE is_there IS NULL ORDER BY kind, index, id ON CONFLICT DO NOTHING"};

/* A calculation that is in a batch twice is done rather than failed. A result is kept although its calculation was cancelled
 * between its end and now, because a user may have seen it; ON CONFLICT also finds those that were done already. */
const struct postgres_statement store_calculations_finish = {
	"calculations_finish",
	"WITH new AS MATERIALIZED (SELECT DISTINCT ON (kind, index) kind, index, state, digits, preview, duration_us,"
	"  to_timestamp(unix_ms / 1000.0) AS calculated_at"
	"  FROM unnest($1::text[], $2::bigint[], $3::text[], $4::bigint[], $5::text[], $6::bigint[], $7::bigint[])"
	"   AS finished (kind, index, state, digits, preview, duration_us, unix_ms) ORDER BY kind, index, state),"
	" changed AS (UPDATE calculations SET state = new.state, digits = new.digits, preview = new.preview,"
	"  duration_us = new.duration_us, calculated_at = new.calculated_at FROM new"
	"  WHERE calculations.kind = new.kind AND calculations.index = new.index"
	"  AND (calculations.state = 'pending' OR (calculations.state = 'failed' AND new.state = 'done'))"
	"  RETURNING calculations.kind, calculations.index)"
	" INSERT INTO calculations (kind, index, state, digits, preview, duration_us, calculated_at)"
	" SELECT * FROM new WHERE state = 'done' AND (kind, index) NOT IN (SELECT kind, index FROM changed) ON CONFLICT DO "
	"NOTHING"};

const struct postgres_statement store_calculations_failed = {
	"calculations_failed", "SELECT kind, index FROM calculations WHERE state = 'failed' ORDER BY kind, index", true};

const struct postgres_statement store_calculation_retry = {"calculation_retry",
							   "UPDATE calculations SET state = 'pending' WHERE kind = $1::text "
							   "AND index = $2::bigint AND state = 'failed' RETURNING index"};

const struct postgres_statement store_calculation_retry_own = {
	"calculation_retry_own",
	"WITH found AS MATERIALIZED (SELECT kind, index, state FROM calculations WHERE kind = $1::text AND index = $2::bigint"
	"  AND ($3::bigint IS NULL OR EXISTS (SELECT FROM \"values\" own WHERE user_id = $3::bigint AND own.kind = $1::text"
	"   AND own.index = $2::bigint))),"
	" retried AS (UPDATE calculations SET state = 'pending' FROM found"
	"  WHERE calculations.kind = found.kind AND calculations.index = found.index AND calculations.state = 'failed')"
	" SELECT state FROM found"};

const struct postgres_statement *const store_statements[] = {
	&store_values_insert,
	&store_values_insert_limited,
	&store_values_all,
	&store_values_of_user,
	&store_values_found_newest,
	&store_values_found_lowest,
	&store_values_found_highest,
	&store_value_delete,
	&store_values_delete_of_user,
	&store_values_delete_old,
	&store_calculations_of,
	&store_calculations_page,
	&store_calculations_named,
	&store_calculations_waiting,
	&store_calculations_missing,
	&store_calculations_restore,
	&store_calculations_finish,
	&store_calculations_failed,
	&store_calculations_pending,
	&store_calculation_retry,
	&store_calculation_retry_own,
	NULL,
};

void store_param_keys(struct postgres_params *params, const struct job_key *keys, int n, struct buf *kinds, struct buf *indexes)
{
	for (int i = 0; i < n; i++) {
		buf_text(kinds, i ? "," : "{");
		buf_text(kinds, kind_name(keys[i].kind));
		buf_text(indexes, i ? "," : "{");
		buf_int(indexes, keys[i].index);
	}
	buf_text(kinds, "}");
	buf_text(indexes, "}");
	postgres_param_text(params, kinds->bytes);
	postgres_param_text(params, indexes->bytes);
}

enum job_state store_state_read(const struct postgres_rows *rows, int row, int column)
{
	const char *text = postgres_text(rows, row, column);

	return strcmp(text, "done") == 0 ? JOB_DONE : strcmp(text, "failed") == 0 ? JOB_FAILED : JOB_PENDING;
}

bool store_is_refused(const struct postgres_rows *rows, int row)
{
	return strcmp(postgres_text(rows, row, COLUMN_INSERTED_STATE), "refused") == 0;
}

bool store_calculation_read(const struct postgres_rows *rows, int row, struct job_result *ret_result)
{
	struct job_result *result = ret_result;

	*result = (struct job_result){.key.index = postgres_int(rows, row, COLUMN_INDEX)};
	if (kind_parse(postgres_text(rows, row, COLUMN_KIND), &result->key.kind) < 0) {
		log_line(LOG_ERROR, "Postgres has a calculation of an unknown kind", LOG_INT("index", result->key.index));
		return false;
	}
	result->state = store_state_read(rows, row, COLUMN_STATE);
	if (result->state != JOB_DONE)
		return true;
	result->digits = postgres_int(rows, row, COLUMN_DIGITS);
	result->preview = postgres_text(rows, row, COLUMN_PREVIEW);
	result->preview_len = strlen(result->preview);
	result->duration_us = postgres_int(rows, row, COLUMN_DURATION_US);
	result->calculated_unix_ms = postgres_int(rows, row, COLUMN_CALCULATED_UNIX_MS);
	return true;
}
