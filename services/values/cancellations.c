/* Flow: cancellations_add -> taken_off -> (submitted again: looked_up -> added). Postgres is asked once more because another
 * user may have submitted the same calculation between the two steps, and then it was its job that was taken off. Only that job
 * is added again: a refill would let any user cause a look at everything that is pending, by taking back and submitting. It is
 * added as a submission is, behind those that wait for its lane, because a user could otherwise get before them in this way. */
#include "cancellations.h"

#include "refill.h"
#include "service.h"
#include "store.h"

static void taken_off(enum status status, const struct job_key *keys, int n, void *arg);
static void looked_up(enum status status, const struct postgres_rows *rows, void *arg);
static void small_added(enum status status, const enum job_state *states, void *arg);
static void large_added(enum status status, const enum job_state *states, void *arg);

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
	struct job_result result;

	if (status != STATUS_OK)
		return refill_soon(values->refill);
	for (int i = 0; i < postgres_count(rows); i++)
		if (store_calculation_read(rows, i, &result) && result.state == JOB_PENDING) {
			const struct job_to_add job = {result.key, "submitted-again"};

			jobs_add(values->redis, &values->scope, values_room(values), &job, 1,
				 jobs_lane_of(job.key) == JOBS_SMALL ? small_added : large_added, values);
		}
}

static void added(struct values *values, enum jobs_lane lane, enum status status, const enum job_state *states)
{
	if (status != STATUS_OK)
		refill_soon(values->refill);
	else if (states[0] == JOB_ABSENT)
		refill_when_there_is_room(values->refill, lane);
}

static void small_added(enum status status, const enum job_state *states, void *arg)
{
	added(arg, JOBS_SMALL, status, states);
}

static void large_added(enum status status, const enum job_state *states, void *arg)
{
	added(arg, JOBS_LARGE, status, states);
}
