/* POST /values: store the submission, then see to it that somebody calculates it.
 * Flow: value_submit -> submissions.c -> taken. */
#include "service.h"

#include <string.h>

#include "base/int64.h"
#include "base/json.h"
#include "base/metrics.h"

struct submission {
	struct http_request *req;
	struct job_key key;
};

static struct metric *submitted_total[KIND_COUNT];

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

static void taken(enum status status, int64_t id, enum job_state state, void *arg)
{
	struct submission *submission = arg;
	struct buf json = {0};

	if (status != STATUS_OK)
		return http_reply_status(submission->req, status);
	buf_text(&json, "{\"working\":true,\"id\":\"");
	buf_int(&json, id);
	buf_text(&json, "\",\"kind\":\"");
	buf_text(&json, kind_name(submission->key.kind));
	buf_text(&json, "\",\"index\":");
	buf_int(&json, submission->key.index);
	buf_text(&json, state == JOB_DONE     ? ",\"state\":\"done\"}"
			: state == JOB_FAILED ? ",\"state\":\"failed\"}"
					      : ",\"state\":\"pending\"}");
	metrics_add(submitted_total[submission->key.kind], 1);
	http_reply_buf(submission->req, 200, &json);
}

static enum status read_index(const cJSON *json, int64_t *ret_index, bool *ret_is_huge)
{
	const char *text = json_text(json, "index");
	enum status status = text ? int64_parse(text, ret_index) : json_int(json, "index", ret_index);

	/* More digits than an int64 holds, but a whole number all the same: too high rather than wrong. */
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
