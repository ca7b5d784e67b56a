#include "store.h"

/* Looks for calculations before it inserts them, because ON CONFLICT alone would leave a dead row for each that exists already.
 * Inserts them in order, so that two statements with the same calculations wait for each other and never deadlock. */
const struct postgres_statement store_values_insert = {
	"values_insert",
	"WITH asked AS MATERIALIZED ("
	"  SELECT n, nextval(pg_get_serial_sequence('\"values\"', 'id')) AS id, user_id, kind, index"
	"  FROM unnest($1::bigint[], $2::text[], $3::bigint[]) WITH ORDINALITY AS asked (user_id, kind, index, n)),"
	" calculated AS (INSERT INTO calculations (kind, index) SELECT DISTINCT kind, index FROM asked"
	"  WHERE NOT EXISTS (SELECT FROM calculations known WHERE known.kind = asked.kind AND known.index = asked.index)"
	"  ORDER BY kind, index ON CONFLICT DO NOTHING),"
	" stored AS (INSERT INTO \"values\" (id, user_id, kind, index) OVERRIDING SYSTEM VALUE"
	"  SELECT id, user_id, kind, index FROM asked)"
	" SELECT id FROM asked ORDER BY n"};

const struct postgres_statement store_values_all = {
	"values_all", "SELECT id, index FROM \"values\" WHERE id > $1::bigint ORDER BY id LIMIT $2::bigint", true};

const struct postgres_statement store_values_of_user = {
	"values_of_user",
	"SELECT id, kind, index, (extract(epoch FROM submitted_at) * 1000)::bigint FROM \"values\""
	" WHERE user_id = $1::bigint AND id < $2::bigint ORDER BY id DESC LIMIT $3::bigint",
	true};

const struct postgres_statement store_calculations_of = {
	"calculations_of",
	"SELECT index FROM calculations WHERE kind = $1::text AND index > $2::bigint ORDER BY index LIMIT $3::bigint", true};

const struct postgres_statement store_calculation_exists = {
	"calculation_exists", "SELECT 1 FROM calculations WHERE kind = $1::text AND index = $2::bigint", true};

const struct postgres_statement store_calculations_page = {
	"calculations_page",
	"SELECT kind, index FROM calculations WHERE (kind, index) > ($1::text, $2::bigint)"
	" ORDER BY kind, index LIMIT $3::bigint",
	true};

const struct postgres_statement *const store_statements[] = {
	&store_values_insert,
	&store_values_all,
	&store_values_of_user,
	&store_calculations_of,
	&store_calculation_exists,
	&store_calculations_page,
	NULL,
};
