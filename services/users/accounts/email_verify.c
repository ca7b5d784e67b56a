/* POST /auth/email/verify {token}: the token of a link proves that its user has the address, once, and makes it the user's.
 * The signature is checked first, so that a client without a link has Postgres read nothing. Flow: email_verify -> verified ->
 * reply. */
#include "service.h"

#include "accounts/email_link.h"
#include "base/json.h"
#include "events/event_origin.h"
#include "mail/outbox.h"
#include "store/accounts.h"

static void verified(enum status status, const struct postgres_rows *rows, void *arg);

/* Used, expired, replaced by a newer one, of a user who is inactive or gone, never signed by us, or of an address that another
 * user has got meanwhile. */
static void refuse(struct http_request *req)
{
	http_reply_fail(req, 400, "link_invalid", "This link is not valid any more. Please ask for a new one.");
}

void email_verify(struct http_request *req)
{
	const char *text = json_text(http_request_json(req), "token");
	struct postgres_params params = {0};
	struct signed_id link;
	char id[37];

	if (!text)
		return http_reply_invalid(req, http_errors_add(NULL, "token", "is required and must be text"));
	if (email_link_parse(users_of(req), text, &link) != STATUS_OK)
		return refuse(req);
	jwt_jti_format(link.id, id);
	postgres_param_int(&params, link.number);
	postgres_param_text(&params, id);
	postgres_param_text(&params, event_origin(req));
	postgres_exec(users_of(req)->postgres, http_request_scope(req), &store_email_verify, &params, verified, req);
}

static void verified(enum status status, const struct postgres_rows *rows, void *arg)
{
	struct http_request *req = arg;

	if (status == STATUS_CONFLICT || (status == STATUS_OK && postgres_count(rows) == 0))
		return refuse(req);
	if (status != STATUS_OK)
		return http_reply_status(req, status);
	outbox_wake(users_of(req)->outbox);
	http_reply_success(req, 200, "Your email address is confirmed.", NULL);
}
