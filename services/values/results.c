/* Flow: results_complete -> looked_up -> (legacy_looked_up ->) (Redis has no result of some: asked_again ->) done. Postgres is
 * asked again because the result may have been written, and taken out of Redis, between the two questions; and its job may have
 * been added once more since then. What failed in Postgres is looked up too: a late worker may have finished it since. */
#include "results.h"

#include <string.h>

#include "previews.h"
#include "refill.h"
#include "service.h"
#include "store.h"

struct completion {
	struct http_request *req;
	struct job_result *results;
	int n;
	results_completed *done;
	void *arg;
	bool is_missing[JOBS_LANES]; /* Redis did not know one of this lane that is pending */
	int open_count;
	int open[]; /* places in results of those that may be done by now */
};

static void looked_up(enum status status, const struct job_result *found, int n, void *arg);
static void legacy_looked_up(enum status status, const struct job_result *found, int n, void *arg);
static void ask_again(struct completion *completion);
static void asked_again(enum status status, const struct postgres_rows *rows, void *arg);

bool results_are_complete(const struct job_result *results, int n)
{
	for (int i = 0; i < n; i++)
		if (results[i].state != JOB_DONE)
			return false;
	return true;
}

static void keep_preview(struct http_request *req, struct job_result *result)
{
	char *copy = http_request_alloc(req, result->preview_len + 1, NULL);

	memcpy(copy, result->preview, result->preview_len);
	result->preview = copy;
}

static void copy_keys(const struct completion *completion, struct job_key *keys)
{
	for (int i = 0; i < completion->open_count; i++)
		keys[i] = completion->results[completion->open[i]].key;
}

void results_complete(struct http_request *req, struct job_result *results, int n, results_completed *done, void *arg)
{
	struct completion *completion =
		http_request_alloc(req, sizeof *completion + (size_t)n * sizeof *completion->open, NULL);
	struct job_key keys[RESULTS_MAX];

	completion->req = req;
	completion->results = results;
	completion->n = n;
	completion->done = done;
	completion->arg = arg;
	for (int i = 0; i < n; i++)
		if (results[i].state == JOB_DONE)
			keep_preview(req, &results[i]);
		else
			completion->open[completion->open_count++] = i;
	copy_keys(completion, keys);
	jobs_look_up(values_of(req)->redis, http_request_scope(req), keys, completion->open_count, looked_up, completion);
}

/* What is found takes the place of what Postgres said. What Redis has neither as done nor as failed stays open. */
static void merge(struct completion *completion, const struct job_result *found)
{
	int open_count = 0;

	for (int i = 0; i < completion->open_count; i++) {
		int place = completion->open[i];
		struct job_result *result = &completion->results[place];

		if (found[i].state == JOB_ABSENT && result->state == JOB_PENDING)
			completion->is_missing[jobs_lane_of(result->key)] = true;
		if (found[i].state == JOB_ABSENT || found[i].state == JOB_PENDING) {
			completion->open[open_count++] = place;
			continue;
		}
		*result = found[i];
		if (result->state == JOB_DONE) {
			keep_preview(completion->req, result);
			previews_keep(values_of(completion->req)->previews, result);
		}
	}
	completion->open_count = open_count;
}

static void looked_up(enum status status, const struct job_result *found, int n, void *arg)
{
	struct completion *completion = arg;
	struct values *values = values_of(completion->req);
	struct job_key keys[RESULTS_MAX];

	if (status != STATUS_OK)
		return completion->done(status, completion->arg);
	merge(completion, found);
	if (completion->open_count == 0 || !refill_sees_legacy(values->refill))
		return ask_again(completion);
	copy_keys(completion, keys);
	jobs_legacy_look_up(values->redis, http_request_scope(completion->req), keys, completion->open_count, legacy_looked_up,
			    completion);
}

static void legacy_looked_up(enum status status, const struct job_result *found, int n, void *arg)
{
	struct completion *completion = arg;

	if (status == STATUS_OK)
		merge(completion, found);
	ask_again(completion);
}

static void ask_again(struct completion *completion)
{
	struct job_key keys[RESULTS_MAX];
	struct postgres_params params = {0};
	struct buf kinds = {0}, indexes = {0};

	if (completion->open_count == 0)
		return completion->done(STATUS_OK, completion->arg);
	copy_keys(completion, keys);
	store_param_keys(&params, keys, completion->open_count, &kinds, &indexes);
	postgres_exec(values_of(completion->req)->postgres, http_request_scope(completion->req), &store_calculations_named,
		      &params, asked_again, completion);
	buf_free(&kinds);
	buf_free(&indexes);
}

static bool is_pending(const struct completion *completion)
{
	for (int i = 0; i < completion->n; i++)
		if (completion->results[i].state == JOB_PENDING)
			return true;
	return false;
}

/* What is still pending waits in Postgres, or Redis has lost it. */
static void asked_again(enum status status, const struct postgres_rows *rows, void *arg)
{
	struct completion *completion = arg;
	int count = status == STATUS_OK ? postgres_count(rows) : 0;

	for (int i = 0; i < count; i++) {
		int64_t place = postgres_int(rows, i, COLUMN_NAMED_PLACE) - 1;
		struct job_result *result;

		if (place < 0 || place >= completion->open_count) /* of no row that Postgres sends */
			continue;
		result = &completion->results[completion->open[place]];
		if (store_calculation_read(rows, i, result) && result->state == JOB_DONE)
			keep_preview(completion->req, result);
	}
	for (int lane = 0; lane < JOBS_LANES; lane++)
		if (completion->is_missing[lane] && is_pending(completion))
			refill_missing(values_of(completion->req)->refill, (enum jobs_lane)lane);
	completion->done(status, completion->arg);
}
