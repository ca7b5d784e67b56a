/* POST /values/{kind}/{index}/retry: puts a failed calculation back: the caller's own, or for an admin anybody's. It counts as
 * a submission in the limit of the rate. users says who is an admin, because a token outlives the end of that right.
 * Flow: value_retry -> (rate.c -> counted ->) change -> changed -> (another user's, and the token is an admin's: answered ->
 * change -> changed ->) put_back -> reply. */
#include "service.h"

#include "base/int64.h"
#include "rate.h"
#include "refill.h"
#include "store.h"

struct retry {
	struct http_request *req;
	struct job_key key;
	bool was_failed; /* in Postgres, where it is pending now */
	bool is_for_anybody;
};

static void counted(const struct rate_verdict *verdict, void *arg);
static void change(struct retry *retry);
static void changed(enum status status, const struct postgres_rows *rows, void *arg);
static void ask_users(struct retry *retry);
static void answered(enum auth_verdict verdict, const struct introspection_user *user, void *arg);
static void put_back(enum status status, void *arg);
static void reply(struct retry *retry, const char *state);

static void reply_unknown(struct http_request *req)
{
	http_reply_fail(req, 404, "not_found", "You have not submitted that.");
}

void value_retry(struct http_request *req)
{
	struct retry *retry = http_request_alloc(req, sizeof *retry, NULL);
	struct values *values = values_of(req);

	retry->req = req;
	if (kind_parse(http_request_param(req, "kind"), &retry->key.kind) < 0 ||
	    int64_parse(http_request_param(req, "index"), &retry->key.index) != STATUS_OK || retry->key.index < 0)
		return reply_unknown(req);
	if (values->config->rate)
		rate_take(values->rate, http_request_scope(req), http_request_user_id(req), http_request_remote_ip(req),
			  counted, retry);
	else
		change(retry);
}

static void counted(const struct rate_verdict *verdict, void *arg)
{
	struct retry *retry = arg;

	if (value_submit_is_within_rate(retry->req, verdict))
		change(retry);
}

/* Postgres first: if the job does not get to Redis, because that fails or the client leaves, refill adds it. */
static void change(struct retry *retry)
{
	struct http_request *req = retry->req;
	struct postgres_params params = {0};

	postgres_param_text(&params, kind_name(retry->key.kind));
	postgres_param_int(&params, retry->key.index);
	if (retry->is_for_anybody)
		postgres_param_text(&params, NULL);
	else
		postgres_param_int(&params, http_request_user_id(req));
	postgres_exec(values_of(req)->postgres, http_request_scope(req), &store_calculation_retry_own, &params, changed, retry);
}

/* One that is pending may have a dead letter of which Postgres has not learned yet. */
static void changed(enum status status, const struct postgres_rows *rows, void *arg)
{
	struct retry *retry = arg;
	struct http_request *req = retry->req;
	enum job_state state;

	if (status != STATUS_OK)
		return http_reply_status(req, status);
	if (postgres_count(rows) == 0 && values_is_admin(req) && !retry->is_for_anybody)
		return ask_users(retry);
	if (postgres_count(rows) == 0)
		return reply_unknown(req);
	state = store_state_read(rows, 0, COLUMN_RETRIED_STATE);
	if (state == JOB_DONE)
		return reply(retry, "done");
	retry->was_failed = state == JOB_FAILED;
	jobs_retry(values_of(req)->redis, http_request_scope(req), retry->key, retry->was_failed, put_back, retry);
}

static void ask_users(struct retry *retry)
{
	struct http_request *req = retry->req;

	if (!introspection_ask(values_of(req)->introspection, http_request_scope(req), NULL,
			       http_request_header(req, "Authorization"), answered, retry))
		auth_refuse(req, AUTH_UNKNOWN);
}

static void answered(enum auth_verdict verdict, const struct introspection_user *user, void *arg)
{
	struct retry *retry = arg;

	if (verdict != AUTH_OK)
		return auth_refuse(retry->req, verdict);
	if (!user->is_admin)
		return reply_unknown(retry->req);
	retry->is_for_anybody = true;
	change(retry);
}

/* Without Redis's answer, what was pending in Postgres before may become failed there yet. */
static void put_back(enum status status, void *arg)
{
	struct retry *retry = arg;

	if (status != STATUS_OK && status != STATUS_NOT_FOUND) {
		if (!retry->was_failed)
			return http_reply_status(retry->req, status);
		refill_soon(values_of(retry->req)->refill);
	}
	reply(retry, "pending");
}

static void reply(struct retry *retry, const char *state)
{
	cJSON *data = cJSON_CreateObject();

	cJSON_AddStringToObject(data, "kind", kind_name(retry->key.kind));
	cJSON_AddNumberToObject(data, "index", (double)retry->key.index);
	cJSON_AddStringToObject(data, "state", state);
	http_reply_success(retry->req, 200, NULL, data);
}
