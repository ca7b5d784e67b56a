/* POST /auth/password/forgot {email}: asks for a link by e-mail that sets a new password. The reply says nothing about
 * accounts: the address is noted, and resets.c looks later whether an account has it. Flow: password_forgot -> noted -> reply.
 */
#include "service.h"

#include "accounts/validation.h"
#include "base/json.h"
#include "events/event_origin.h"
#include "passwords/resets.h"
#include "store/passwords.h"

static void noted(enum status status, const struct postgres_rows *rows, void *arg);

void password_forgot(struct http_request *req)
{
	const char *email = json_text(http_request_json(req), "email"), *problem = email_problem(email);
	struct postgres_params params = {0};

	if (problem)
		return http_reply_invalid(req, http_errors_add(NULL, "email", problem));
	postgres_param_text(&params, email);
	postgres_param_int(&params, RESETS_FORGOTTEN_MAX);
	postgres_param_text(&params, event_origin(req));
	postgres_exec(users_of(req)->postgres, http_request_scope(req), &store_password_forgotten, &params, noted, req);
}

static void noted(enum status status, const struct postgres_rows *rows, void *arg)
{
	struct http_request *req = arg;

	if (status != STATUS_OK)
		http_reply_status(req, status);
	else
		http_reply_success(req, 202, "If an account has this address, a message with a link is on its way to it.",
				   NULL);
}
