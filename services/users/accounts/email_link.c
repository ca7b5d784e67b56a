/* Flow: email_link_send -> made -> the caller's `done`. */
#include "accounts/email_link.h"

#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "mail/outbox.h"
#include "service.h"
#include "sessions/credentials.h"
#include "sessions/login_attempts.h"
#include "store/accounts.h"

static const char purpose[] = "abacus address token 1:";

struct sending {
	struct http_request *req;
	email_link_sent *done;
	void *arg;
};

struct refusal {
	void (*refuse)(struct http_request *req);
};

static void made(enum status status, const struct postgres_rows *rows, void *arg);

void email_link_send(struct http_request *req, int64_t user_id, email_link_sent *done, void *arg)
{
	struct sending *sending = http_request_alloc(req, sizeof *sending, NULL);
	struct postgres_params params = {0};

	*sending = (struct sending){.req = req, .done = done, .arg = arg};
	postgres_param_int(&params, user_id);
	postgres_param_int(&params, EMAIL_LINK_S);
	postgres_param_int(&params, EMAIL_LINKS_MAX);
	postgres_exec(users_of(req)->postgres, http_request_scope(req), &store_email_link, &params, made, sending);
}

static void made(enum status status, const struct postgres_rows *rows, void *arg)
{
	struct sending *sending = arg;

	if (status == STATUS_OK && postgres_count(rows) == 0)
		status = STATUS_UNAVAILABLE; /* the user was changed since the request began: the client has to try again */
	if (status != STATUS_OK)
		return http_reply_status(sending->req, status);
	outbox_wake(users_of(sending->req)->outbox);
	sending->done(sending->req, postgres_bool(rows, 0, COLUMN_LINK_IS_MADE), sending->arg);
}

void email_link_refuse_more(struct http_request *req)
{
	login_attempts_refuse(req, EMAIL_LINKS_WINDOW_S);
}

/* ---- logins ---- */

bool email_link_is_wanted(const struct credentials *credentials)
{
	return users_of(credentials->req)->config->email_verification == VERIFICATION_REQUIRED && !credentials->is_verified;
}

static void refused(struct http_request *req, bool is_made, void *arg)
{
	const struct refusal *refusal = arg;

	refusal->refuse(req);
}

void email_link_refuse(const struct credentials *credentials, void (*refuse)(struct http_request *req))
{
	struct refusal *refusal = http_request_alloc(credentials->req, sizeof *refusal, NULL);

	refusal->refuse = refuse;
	email_link_send(credentials->req, credentials->user_id, refused, refusal);
}

void email_link_refuse_login(struct http_request *req)
{
	http_reply_fail(req, 403, "email_unverified", "Please open the link that was sent to your email address.");
}

/* ---- tokens ---- */

enum status email_link_parse(const struct users *users, const char *text, struct signed_id *ret_link)
{
	return signed_id_parse(purpose, users->key.secret, users->key.previous_secret, text, ret_link);
}

char *email_link_values(const struct users *users, const char *parameters)
{
	cJSON *json = NULL;
	struct signed_id link;
	char text[SIGNED_ID_LEN + 1], *values = NULL;
	const char *id;

	if (json_parse(parameters, strlen(parameters), &json) != STATUS_OK)
		return NULL;
	id = json_text(json, "link");
	if (id && jwt_uuid_parse(id, link.id) == STATUS_OK && json_int(json, "user", &link.number) == STATUS_OK) {
		signed_id_format(purpose, users->key.secret, &link, text);
		values = mem_printf("{\"token\":\"%s\"}", text);
	}
	cJSON_Delete(json);
	return values;
}
