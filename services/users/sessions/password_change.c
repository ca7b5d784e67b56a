/* PUT /auth/password {current, new}: changes the password. Every token issued before is revoked, also that of this request.
 * Flow: password_change -> confirm.c -> confirmed -> hashed -> stored -> tokens_ended -> published -> reply. */
#include "service.h"

#include "accounts/validation.h"
#include "base/clock.h"
#include "base/json.h"
#include "hashing.h"
#include "mail/outbox.h"
#include "revocations/revoke.h"
#include "sessions/authenticate.h"
#include "sessions/confirm.h"
#include "store.h"

struct change {
	struct http_request *req;
	struct revoking *revoking;
	const char *new_password; /* borrowed from the request */
};

static void confirmed(struct http_request *req, void *arg);
static void hashed(enum status status, const char *phc, const char *problem, void *arg);
static void stored(enum status status, const struct postgres_rows *rows, void *arg);
static void tokens_ended(enum status status, const struct postgres_rows *rows, void *arg);
static void published(enum status status, void *arg);

void password_change(struct http_request *req)
{
	struct change *change = http_request_alloc(req, sizeof *change, NULL);
	const char *problem;

	change->req = req;
	change->new_password = json_text(http_request_json(req), "new");
	if ((problem = password_problem(change->new_password)))
		return http_reply_invalid(req, http_errors_add(NULL, "new", problem));
	confirm_password(req, confirmed, change);
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
	change->revoking = revoke_begin(change->req, http_request_user_id(change->req));
	postgres_exec(users_of(change->req)->postgres, http_request_scope(change->req), &store_password_set, &params, stored,
		      change);
}

/* Ends the tokens a second time. A login that verified the old hash loaded it before this moment, and dates its token from
 * before the loading: so this revokes its token too. */
static void stored(enum status status, const struct postgres_rows *rows, void *arg)
{
	struct change *change = arg;
	struct postgres_params params = {0};

	if (status != STATUS_OK)
		return http_reply_status(change->req, status);
	if (postgres_affected(rows) == 0)
		return confirm_refuse_outdated(change->req);
	outbox_wake(users_of(change->req)->outbox);
	postgres_param_int(&params, http_request_user_id(change->req));
	postgres_param_int(&params, clock_unix_ms());
	postgres_exec(users_of(change->req)->postgres, http_request_scope(change->req), &store_tokens_end, &params,
		      tokens_ended, change);
}

static void tokens_ended(enum status status, const struct postgres_rows *rows, void *arg)
{
	struct change *change = arg;

	if (status != STATUS_OK)
		http_reply_status(change->req, status);
	else if (postgres_count(rows) == 0)
		published(STATUS_OK, change); /* the user was deleted meanwhile, with all tokens */
	else
		revoke_user(change->revoking, postgres_bool(rows, 0, COLUMN_REVOCATION_IS_INACTIVE),
			    postgres_int(rows, 0, COLUMN_REVOCATION_UNTIL_MS), published, change);
}

static void published(enum status status, void *arg)
{
	struct change *change = arg;

	if (status != STATUS_OK)
		http_reply_status(change->req, status);
	else
		http_reply_success(change->req, 200, "Password changed. Please log in again.", NULL);
}
