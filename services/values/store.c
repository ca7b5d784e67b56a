#include "store.h"

/* Looked for before it is inserted: ON CONFLICT alone would write a dead row for each submission of an index that is known
 * already. */
const struct db_statement store_value_insert = {
	"value_insert",
	"WITH calculation AS (INSERT INTO calculations (kind, index) SELECT $2::text, $3::bigint"
	" WHERE NOT EXISTS (SELECT FROM calculations WHERE kind = $2::text AND index = $3::bigint) ON CONFLICT DO NOTHING)"
	" INSERT INTO \"values\" (user_id, kind, index) VALUES ($1::bigint, $2::text, $3::bigint) RETURNING id"};

const struct db_statement store_values_all = {
	"values_all", "SELECT id, index FROM \"values\" WHERE id > $1::bigint ORDER BY id LIMIT $2::bigint"};

const struct db_statement store_values_of_user = {
	"values_of_user", "SELECT id, kind, index, (extract(epoch FROM submitted_at) * 1000)::bigint FROM \"values\""
			  " WHERE user_id = $1::bigint AND id < $2::bigint ORDER BY id DESC LIMIT $3::bigint"};

const struct db_statement store_calculations_of = {
	"calculations_of",
	"SELECT index FROM calculations WHERE kind = $1::text AND index > $2::bigint ORDER BY index LIMIT $3::bigint"};

const struct db_statement store_calculation_exists = {
	"calculation_exists", "SELECT 1 FROM calculations WHERE kind = $1::text AND index = $2::bigint"};

const struct db_statement store_calculations_page = {
	"calculations_page", "SELECT kind, index FROM calculations WHERE (kind, index) > ($1::text, $2::bigint)"
			     " ORDER BY kind, index LIMIT $3::bigint"};

const struct db_statement *const store_statements[] = {
	&store_value_insert,
	&store_values_all,
	&store_values_of_user,
	&store_calculations_of,
	&store_calculation_exists,
	&store_calculations_page,
	NULL,
};
