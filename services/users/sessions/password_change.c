/* PUT /auth/password {current, new}: changes the password. Every token issued before is revoked, also that of this request.
 * Flow: password_change -> confirmation.c -> confirmed -> hashed -> password_store.c. */
#include "service.h"

#include "accounts/validation.h"
#include "base/clock.h"
#include "base/json.h"
#include "challenges/confirmation.h"
#include "events/event_origin.h"
#include "hashing.h"
#include "passwords/password_store.h"
#include "sessions/authenticate.h"
#include "sessions/confirm.h"
#include "store/passwords.h"

struct change {
	struct http_request *req;
	const char *new_password; /* borrowed from the request */
};

static void confirmed(struct http_request *req, void *arg);
static void hashed(enum status status, const char *phc, const char *problem, void *arg);

void password_change(struct http_request *req)
{
	struct change *change = http_request_alloc(req, sizeof *change, NULL);
	const char *problem;

	change->req = req;
	change->new_password = json_text(http_request_json(req), "new");
	if ((problem = password_problem(change->new_password)))
		return http_reply_invalid(req, http_errors_add(NULL, "new", problem));
	confirmation_want(req, confirmed, change);
}

static void confirmed(struct http_request *req, void *arg)
{
	const struct caller *caller = users_caller(req);
	const char *const about[] = {caller->username, caller->email, NULL};
	struct change *change = arg;
	struct hashing_turn turn;

	password_hash(users_of(req)->hasher, http_request_scope(req),
		      hashing_turn_of_user(req, http_request_user_id(req), &turn), change->new_password, about, hashed, change);
}

static void hashed(enum status status, const char *phc, const char *problem, void *arg)
{
	struct change *change = arg;
	struct postgres_params params = {0};

	if (problem)
		return http_reply_invalid(change->req, http_errors_add(NULL, "new", problem));
	if (status != STATUS_OK)
		return hashing_reply_status(change->req, status);
	postgres_param_int(&params, http_request_user_id(change->req));
	postgres_param_text(&params, phc);
	postgres_param_text(&params, users_caller(change->req)->password_hash);
	postgres_param_int(&params, clock_unix_ms());
	postgres_param_text(&params, event_origin(change->req));
	password_store(change->req, http_request_user_id(change->req), &store_password_set, &params, confirm_refuse_outdated);
}
