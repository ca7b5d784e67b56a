/* Flow: registration_start -> hashed -> inserted -> the handler's `done`, or taken.c. */
#include "accounts/registration.h"

#include "accounts/taken.h"
#include "accounts/validation.h"
#include "base/json.h"
#include "events/event_origin.h"
#include "hashing.h"
#include "service.h"
#include "store/accounts.h"

struct registration {
	struct http_request *req;
	const char *conflict;
	registered *done;
};

static void hashed(enum status status, const char *phc, const char *problem, void *arg);
static void inserted(enum status status, const struct postgres_rows *rows, void *arg);

void registration_start(struct http_request *req, const char *conflict, registered *done)
{
	struct registration *registration = http_request_alloc(req, sizeof *registration, NULL);
	const cJSON *json = http_request_json(req);
	const char *const about[] = {json_text(json, "username"), json_text(json, "email"), NULL};
	cJSON *errors = registration_errors(json);
	struct hashing_turn turn;

	if (errors)
		return http_reply_invalid(req, errors);
	*registration = (struct registration){.req = req, .conflict = conflict, .done = done};
	password_hash(users_of(req)->hasher, http_request_scope(req), hashing_turn_of_name(req, NULL, &turn),
		      json_text(json, "password"), about, hashed, registration);
}

static void hashed(enum status status, const char *phc, const char *problem, void *arg)
{
	struct registration *registration = arg;
	struct http_request *req = registration->req;
	struct postgres_params params = {0};

	if (problem)
		return http_reply_invalid(req, http_errors_add(NULL, "password", problem));
	if (status != STATUS_OK)
		return hashing_reply_status(req, status);
	postgres_param_text(&params, json_text(http_request_json(req), "username"));
	postgres_param_text(&params, json_text(http_request_json(req), "email"));
	postgres_param_text(&params, phc);
	postgres_param_text(&params, event_origin(req));
	postgres_exec(users_of(req)->postgres, http_request_scope(req), &store_user_insert, &params, inserted, registration);
}

static void inserted(enum status status, const struct postgres_rows *rows, void *arg)
{
	struct registration *registration = arg;

	if (status == STATUS_CONFLICT)
		taken_refuse(registration->req, 0, 400, registration->conflict);
	else if (status != STATUS_OK)
		http_reply_status(registration->req, status);
	else
		registration->done(registration->req, postgres_int(rows, 0, COLUMN_INSERTED_ID));
}
