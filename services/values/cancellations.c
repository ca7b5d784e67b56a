/* Flow: cancellations_add -> taken_off -> looked_up. Postgres is asked once more because another user may have submitted the
 * same calculation between the two steps, and then it was its job that was taken off. */
#include "cancellations.h"

#include "refill.h"
#include "service.h"
#include "store.h"

static void taken_off(enum status status, const struct job_key *keys, int n, void *arg);
static void looked_up(enum status status, const struct postgres_rows *rows, void *arg);

static bool read_cancelled(const struct postgres_rows *rows, int row, struct job_key *ret_key)
{
	ret_key->index = postgres_int(rows, row, COLUMN_DELETED_INDEX);
	return postgres_bool(rows, row, COLUMN_DELETED_IS_CANCELLED) &&
	       kind_parse(postgres_text(rows, row, COLUMN_DELETED_KIND), &ret_key->kind) == 0;
}

/* In the service's scope, because the client may disconnect. */
void cancellations_add(struct values *values, const struct postgres_rows *rows)
{
	struct job_key keys[JOBS_BATCH_MAX];
	int n = 0;

	for (int i = 0; i < postgres_count(rows); i++) {
		n += read_cancelled(rows, i, &keys[n]);
		if (n == JOBS_BATCH_MAX || (n > 0 && i == postgres_count(rows) - 1)) {
			jobs_cancel(values->redis, &values->scope, keys, n, taken_off, values);
			n = 0;
		}
	}
}

static void taken_off(enum status status, const struct job_key *keys, int n, void *arg)
{
	struct values *values = arg;
	struct postgres_params params = {0};
	struct buf kinds = {0}, indexes = {0};

	if (status != STATUS_OK)
		return;
	store_param_keys(&params, keys, n, &kinds, &indexes);
	postgres_exec(values->postgres, &values->scope, &store_calculations_named, &params, looked_up, values);
	buf_free(&kinds);
	buf_free(&indexes);
}

static void looked_up(enum status status, const struct postgres_rows *rows, void *arg)
{
	struct values *values = arg;

	if (status != STATUS_OK || postgres_count(rows) > 0)
		refill_soon(values->refill);
}
