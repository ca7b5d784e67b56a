/* POST /values {kind?, index}: stores a submission and queues its calculation.
 * Flow: value_submit -> (rate.c -> counted ->) store -> submissions.c -> taken -> (it failed: results.c -> completed ->) reply.
 */
#include "service.h"

#include <stdio.h>
#include <string.h>

#include "base/int64.h"
#include "base/json.h"
#include "base/json_write.h"
#include "base/metrics.h"
#include "rate.h"
#include "results.h"
#include "submissions.h"

#define INDEX_INEXACT 9007199254740992.0 /* 2^53 */

struct submission {
	struct http_request *req;
	struct job_key key;
	int64_t id;
	struct job_result result; /* of which only the state is shown */
};

static struct metric *submitted_total[KIND_COUNT], *refused_total, *refused_pending_total;

static cJSON *problems(struct submission *submission, const cJSON *json, bool *ret_is_huge);
static void counted(const struct rate_verdict *verdict, void *arg);
static void store(struct submission *submission);
static void taken(enum status status, int64_t id, enum job_state state, void *arg);
static void completed(enum status status, void *arg);
static void reply(const struct submission *submission);

void value_submit_register_metrics(void)
{
	struct buf labels = {0};

	for (int kind = 0; kind < KIND_COUNT; kind++) {
		labels.len = 0;
		metrics_label(&labels, "kind", kind_name((enum kind)kind));
		submitted_total[kind] = metrics_counter("values_submitted_total", labels.bytes, "Submissions acknowledged.");
	}
	buf_free(&labels);
	refused_total = metrics_counter("values_refused_total", "limit=\"rate\"", "Submissions refused because of a limit.");
	refused_pending_total =
		metrics_counter("values_refused_total", "limit=\"pending\"", "Submissions refused because of a limit.");
}

void value_submit(struct http_request *req)
{
	struct submission *submission = http_request_alloc(req, sizeof *submission, NULL);
	struct values *values = values_of(req);
	bool is_huge;
	cJSON *errors = problems(submission, http_request_json(req), &is_huge);

	submission->req = req;
	if (errors)
		return http_reply_invalid(req, errors);
	if (is_huge || submission->key.index > values->config->kinds.max[submission->key.kind])
		return http_reply_fail(req, 422, "index_too_high", "Index too high");
	if (values_needs_token(req, submission->key.index))
		return auth_refuse(req, AUTH_MISSING);
	if (submissions_are_full(values->submissions))
		return http_reply_status(req, STATUS_BUSY);
	if (values->config->rate)
		rate_take(values->rate, http_request_scope(req), http_request_user_id(req), http_request_remote_ip(req),
			  counted, submission);
	else
		store(submission);
}

/* An index that is too high to be read exactly: a JSON number of 2^53 or more (all doubles from there on are whole), or text of
 * more digits than an int64 holds. */
static bool index_is_huge(const cJSON *json)
{
	const cJSON *index = cJSON_GetObjectItemCaseSensitive(json, "index");
	const char *text = json_text(json, "index");

	if (!text)
		return cJSON_IsNumber(index) && index->valuedouble >= INDEX_INEXACT;
	return *text >= '1' && *text <= '9' && strlen(text) >= 19 && text[strspn(text, "0123456789")] == '\0';
}

static enum status read_index(const cJSON *json, int64_t *ret_index, bool *ret_is_huge)
{
	const char *text = json_text(json, "index");
	enum status status = text ? int64_parse(text, ret_index) : json_int(json, "index", ret_index);

	*ret_is_huge = index_is_huge(json);
	if (*ret_is_huge)
		return STATUS_OK;
	return status == STATUS_OK && *ret_index < 0 ? STATUS_INVALID : status;
}

static cJSON *problems(struct submission *submission, const cJSON *json, bool *ret_is_huge)
{
	const char *kind = json_text(json, "kind");
	cJSON *errors = NULL;

	submission->key.kind = KIND_FIBONACCI;
	if (json_has(json, "kind") && (!kind || kind_parse(kind, &submission->key.kind) < 0))
		errors = http_errors_add(errors, "kind", "must be one of the kinds that /values/kinds lists");
	if (read_index(json, &submission->key.index, ret_is_huge) != STATUS_OK)
		errors = http_errors_add(errors, "index", "must be a whole number, 0 or more");
	return errors;
}

static void add_number(struct http_request *req, const char *header, long number)
{
	char text[INT64_TEXT_BYTES];

	int64_format(number, text);
	http_reply_header(req, header, text);
}

/* https://datatracker.ietf.org/doc/html/draft-ietf-httpapi-ratelimit-headers-07 */
static void add_limit(struct http_request *req, const struct rate_verdict *verdict)
{
	add_number(req, "RateLimit-Limit", values_of(req)->config->burst);
	add_number(req, "RateLimit-Remaining", verdict->remaining);
	add_number(req, "RateLimit-Reset", verdict->full_in_s);
}

static void counted(const struct rate_verdict *verdict, void *arg)
{
	struct submission *submission = arg;

	if (value_submit_is_within_rate(submission->req, verdict))
		store(submission);
}

bool value_submit_is_within_rate(struct http_request *req, const struct rate_verdict *verdict)
{
	const struct values_config *config = values_of(req)->config;
	char message[120];

	add_limit(req, verdict);
	if (verdict->may_submit)
		return true;
	metrics_add(refused_total, 1);
	snprintf(message, sizeof message, "Too many submissions: %ld a second may come, and %ld at once.", config->rate,
		 config->burst);
	http_reply_fail(req, 429, "too_many_submissions", message); /* with Retry-After: 1, after which there are more tokens */
	return false;
}

static void store(struct submission *submission)
{
	struct http_request *req = submission->req;

	submissions_add(values_of(req)->submissions, http_request_scope(req), http_request_user_id(req), submission->key,
			http_request_id(req), http_request_trace(req), taken, submission);
}

/* Anonymous submissions are counted as those of one user. */
static void reply_too_many_pending(struct http_request *req)
{
	char message[120];

	metrics_add(refused_pending_total, 1);
	snprintf(message, sizeof message, "Too many unfinished calculations: %ld may be pending. Please wait for some.",
		 values_of(req)->config->pending_max);
	http_reply_fail(req, 429, "too_many_pending", message);
}

static void taken(enum status status, int64_t id, enum job_state state, void *arg)
{
	struct submission *submission = arg;

	if (status != STATUS_OK)
		return http_reply_status(submission->req, status);
	if (id == 0)
		return reply_too_many_pending(submission->req);
	submission->id = id;
	submission->result = (struct job_result){.key = submission->key, .state = state};
	if (state == JOB_FAILED)
		results_complete(submission->req, &submission->result, 1, completed, submission);
	else
		reply(submission);
}

/* While Redis is away, what failed is shown as Postgres has it. */
static void completed(enum status status, void *arg)
{
	reply(arg);
}

static void reply(const struct submission *submission)
{
	enum job_state state = submission->result.state;
	struct buf json = {0};
	char id_text[INT64_TEXT_BYTES];

	int64_format(submission->id, id_text);
	json_write_object(&json);
	json_write_member_bool(&json, "working", true);
	json_write_member_text(&json, "id", id_text);
	json_write_member_text(&json, "kind", kind_name(submission->key.kind));
	json_write_member_int(&json, "index", submission->key.index);
	json_write_member_text(&json, "state", state == JOB_DONE ? "done" : state == JOB_FAILED ? "failed" : "pending");
	json_write_object_end(&json);
	metrics_add(submitted_total[submission->key.kind], 1);
	http_reply_buf(submission->req, 200, &json);
}
