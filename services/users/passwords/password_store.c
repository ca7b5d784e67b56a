/* Flow: password_store -> stored -> published -> reply. */
#include "passwords/password_store.h"

#include "mail/outbox.h"
#include "revocations/revoke.h"
#include "service.h"
#include "sessions/login_attempts.h"
#include "store/passwords.h"
#include "store/revocations.h"

struct storing {
	struct http_request *req;
	struct revoking *revoking;
	void (*refuse)(struct http_request *req);
};

static void stored(enum status status, const struct postgres_rows *rows, void *arg);
static void published(enum status status, void *arg);

void password_store(struct http_request *req, int64_t user_id, const struct postgres_statement *statement,
		    const struct postgres_params *params, void (*refuse)(struct http_request *req))
{
	struct storing *storing = http_request_alloc(req, sizeof *storing, NULL);

	storing->req = req;
	storing->refuse = refuse;
	storing->revoking = revoke_begin(req, user_id);
	postgres_exec(users_of(req)->postgres, http_request_scope(req), statement, params, stored, storing);
}

static void stored(enum status status, const struct postgres_rows *rows, void *arg)
{
	struct storing *storing = arg;

	if (status != STATUS_OK)
		return http_reply_status(storing->req, status);
	if (postgres_count(rows) == 0) {
		revoke_nothing(storing->revoking);
		return storing->refuse(storing->req);
	}
	outbox_wake(users_of(storing->req)->outbox);
	login_attempts_forget(storing->req, postgres_text(rows, 0, COLUMN_PASSWORD_LOGIN_NAME));
	revoke_user(storing->revoking, postgres_bool(rows, 0, COLUMN_REVOCATION_IS_INACTIVE),
		    postgres_int(rows, 0, COLUMN_REVOCATION_UNTIL_MS), published, storing);
}

static void published(enum status status, void *arg)
{
	struct storing *storing = arg;

	if (status != STATUS_OK)
		http_reply_status(storing->req, status);
	else
		http_reply_success(storing->req, 200, "Password changed. Please log in again.", NULL);
}
