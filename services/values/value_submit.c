/* POST /values {kind?, index}: stores a submission and queues its calculation.
 * Flow: value_submit -> submissions.c -> taken -> reply. */
#include "service.h"

#include <string.h>

#include "base/int64.h"
#include "base/json.h"
#include "base/json_write.h"
#include "base/metrics.h"
#include "submissions.h"

struct submission {
	struct http_request *req;
	struct job_key key;
};

static struct metric *submitted_total[KIND_COUNT];

static cJSON *problems(struct submission *submission, const cJSON *json, bool *ret_is_huge);
static void taken(enum status status, int64_t id, enum job_state state, void *arg);

void value_submit_register_metrics(void)
{
	struct buf labels = {0};

	for (int kind = 0; kind < KIND_COUNT; kind++) {
		labels.len = 0;
		metrics_label(&labels, "kind", kind_name((enum kind)kind));
		submitted_total[kind] = metrics_counter("values_submitted_total", labels.bytes, "Submissions acknowledged.");
	}
	buf_free(&labels);
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
	if (submissions_are_full(values->submissions))
		return http_reply_status(req, STATUS_BUSY);
	submissions_add(values->submissions, http_request_scope(req), http_request_user_id(req), submission->key,
			http_request_id(req), taken, submission);
}

static enum status read_index(const cJSON *json, int64_t *ret_index, bool *ret_is_huge)
{
	const char *text = json_text(json, "index");
	enum status status = text ? int64_parse(text, ret_index) : json_int(json, "index", ret_index);

	/* A whole number of more digits than an int64 holds: too high rather than wrong. */
	*ret_is_huge = text && *text >= '1' && *text <= '9' && strlen(text) >= 19 && text[strspn(text, "0123456789")] == '\0';
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

static void taken(enum status status, int64_t id, enum job_state state, void *arg)
{
	struct submission *submission = arg;
	struct buf json = {0};
	char id_text[INT64_TEXT_BYTES];

	if (status != STATUS_OK)
		return http_reply_status(submission->req, status);
	int64_format(id, id_text);
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
