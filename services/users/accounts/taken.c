/* Flow: taken_refuse -> found -> reply. Postgres is asked, because its error names one index, and both may be taken. */
#include "accounts/taken.h"

#include "accounts/user_fields.h"
#include "http/reply.h"
#include "service.h"
#include "store/accounts.h"

struct refusal {
	struct http_request *req;
	int http_status;
	const char *message;
};

static void found(enum status status, const struct postgres_rows *rows, void *arg);

void taken_refuse(struct http_request *req, int64_t own_id, int http_status, const char *message)
{
	struct refusal *refusal = http_request_alloc(req, sizeof *refusal, NULL);
	struct postgres_params params = {0};

	*refusal = (struct refusal){req, http_status, message};
	user_fields_params(&params, http_request_json(req));
	postgres_param_int(&params, own_id);
	postgres_exec(users_of(req)->postgres, http_request_scope(req), &store_user_taken, &params, found, refusal);
}

static cJSON *add_name(cJSON *errors)
{
	return http_errors_add(errors, "username", "is taken, or looks like one that is");
}

void taken_refuse_name(struct http_request *req, int http_status, const char *message)
{
	http_reply_fail_fields(req, http_status, "user_exists", message, add_name(NULL));
}

/* Neither is taken if the other user has just been changed or deleted; the conflict stands. So it does without an answer. */
static void found(enum status status, const struct postgres_rows *rows, void *arg)
{
	struct refusal *refusal = arg;
	cJSON *errors = NULL;

	if (status == STATUS_OK && postgres_bool(rows, 0, COLUMN_TAKEN_USERNAME))
		errors = add_name(errors);
	if (status == STATUS_OK && postgres_bool(rows, 0, COLUMN_TAKEN_EMAIL))
		errors = http_errors_add(errors, "email", "belongs to another user");
	http_reply_fail_fields(refusal->req, refusal->http_status, "user_exists", refusal->message, errors);
}
