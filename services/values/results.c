/* Flow: results_complete -> looked_up -> (legacy_looked_up ->) (Redis has no result of some: asked_again ->) done. Postgres is
 * asked again because the result may have been written, and taken out of Redis, between the two questions; and its job may have
 * been added once more since then. */
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
	bool is_missing[JOBS_LANES]; /* Redis did not know one of this lane */
	int pending_count;           /* of this question */
	int pending[];               /* their places in results */
};

static void looked_up(enum status status, const struct job_result *found, int n, void *arg);
static void legacy_looked_up(enum status status, const struct job_result *found, int n, void *arg);
static void ask_again(struct completion *completion);
static void asked_again(enum status status, const struct postgres_rows *rows, void *arg);

bool results_are_complete(const struct job_result *results, int n)
{
	for (int i = 0; i < n; i++)
		if (results[i].state == JOB_PENDING)
			return false;
	return true;
}

static void keep_preview(struct http_request *req, struct job_result *result)
{
	char *copy = http_request_alloc(req, result->preview_len + 1, NULL);

	memcpy(copy, result->preview, result->preview_len);
	result->preview = copy;
}

static int places_of(const struct job_result *results, int n, enum job_state state, int *places)
{
	int count = 0;

	for (int i = 0; i < n; i++)
		if (results[i].state == state)
			places[count++] = i;
	return count;
}

static void copy_keys(const struct completion *completion, struct job_key *keys)
{
	for (int i = 0; i < completion->pending_count; i++)
		keys[i] = completion->results[completion->pending[i]].key;
}

void results_complete(struct http_request *req, struct job_result *results, int n, results_completed *done, void *arg)
{
	struct completion *completion =
		http_request_alloc(req, sizeof *completion + (size_t)n * sizeof *completion->pending, NULL);
	struct job_key keys[RESULTS_MAX];

	completion->req = req;
	completion->results = results;
	completion->n = n;
	completion->done = done;
	completion->arg = arg;
	for (int i = 0; i < n; i++)
		if (results[i].state == JOB_DONE)
			keep_preview(req, &results[i]);
	completion->pending_count = places_of(results, n, JOB_PENDING, completion->pending);
	copy_keys(completion, keys);
	jobs_look_up(values_of(req)->redis, http_request_scope(req), keys, completion->pending_count, looked_up, completion);
}

/* What is found takes the place of what was pending; what Redis does not know becomes absent. */
static void merge(struct completion *completion, const struct job_result *found)
{
	for (int i = 0; i < completion->pending_count; i++) {
		struct job_result *result = &completion->results[completion->pending[i]];

		*result = found[i];
		if (result->state == JOB_DONE) {
			keep_preview(completion->req, result);
			previews_keep(values_of(completion->req)->previews, result);
		}
	}
}

static void looked_up(enum status status, const struct job_result *found, int n, void *arg)
{
	struct completion *completion = arg;
	struct values *values = values_of(completion->req);
	struct job_key keys[RESULTS_MAX];

	if (status != STATUS_OK)
		return completion->done(status, completion->arg);
	merge(completion, found);
	if (!refill_sees_legacy(values->refill))
		return ask_again(completion);
	completion->pending_count = places_of(completion->results, completion->n, JOB_ABSENT, completion->pending);
	if (completion->pending_count == 0)
		return ask_again(completion);
	copy_keys(completion, keys);
	jobs_legacy_look_up(values->redis, http_request_scope(completion->req), keys, completion->pending_count,
			    legacy_looked_up, completion);
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
	struct postgres_params params = {0};
	struct buf kinds = {0}, indexes = {0};

	for (int i = 0; i < completion->n; i++)
		if (completion->results[i].state == JOB_ABSENT) {
			completion->is_missing[jobs_lane_of(completion->results[i].key)] = true;
			completion->results[i].state = JOB_PENDING;
		}
	completion->pending_count = places_of(completion->results, completion->n, JOB_PENDING, completion->pending);
	if (completion->pending_count == 0)
		return completion->done(STATUS_OK, completion->arg);
	for (int i = 0; i < completion->pending_count; i++) {
		const struct job_key *key = &completion->results[completion->pending[i]].key;

		buf_text(&kinds, i ? "," : "{");
		buf_text(&kinds, kind_name(key->kind));
		buf_text(&indexes, i ? "," : "{");
		buf_int(&indexes, key->index);
	}
	buf_text(&kinds, "}");
	buf_text(&indexes, "}");
	postgres_param_text(&params, kinds.bytes);
	postgres_param_text(&params, indexes.bytes);
	postgres_exec(values_of(completion->req)->postgres, http_request_scope(completion->req), &store_calculations_named,
		      &params, asked_again, completion);
	buf_free(&kinds);
	buf_free(&indexes);
}

/* What is still pending waits in Postgres, or Redis has lost it. */
static void asked_again(enum status status, const struct postgres_rows *rows, void *arg)
{
	struct completion *completion = arg;
	int count = status == STATUS_OK ? postgres_count(rows) : 0;

	for (int i = 0; i < count; i++) {
		int64_t place = postgres_int(rows, i, COLUMN_NAMED_PLACE) - 1;
		struct job_result *result;

		if (place < 0 || place >= completion->pending_count) /* of no row that Postgres sends */
			continue;
		result = &completion->results[completion->pending[place]];
		if (store_calculation_read(rows, i, result) && result->state == JOB_DONE)
			keep_preview(completion->req, result);
	}
	for (int lane = 0; lane < JOBS_LANES; lane++)
		if (completion->is_missing[lane] && !results_are_complete(completion->results, completion->n))
			refill_missing(values_of(completion->req)->refill, (enum jobs_lane)lane);
	completion->done(status, completion->arg);
}
