/* Flow: confirm_password -> counted -> verified -> the handler's `confirmed`. A wrong password counts like a failed login,
 * because otherwise a stolen token would be a way around that limit. */
#include "sessions/confirm.h"

#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "events/event_attempts.h"
#include "hashing.h"
#include "service.h"
#include "sessions/authenticate.h"
#include "sessions/credentials.h"
#include "sessions/login_attempts.h"

struct confirmation {
	struct http_request *req;
	char *name;
	void (*confirmed)(struct http_request *req, void *arg);
	void *arg;
};

static void counted(bool may_try, long retry_s, void *arg);
static void verified(enum status status, bool matches, const char *new_phc, void *arg);

static void confirmation_drop(void *memory)
{
	free(((struct confirmation *)memory)->name);
}

/* As Postgres lowers it (COLUMN_LOGIN_NAME): an address is ASCII. */
static char *name_of(const struct caller *caller)
{
	char *name = mem_strdup(caller->email);

	for (char *at = name; *at; at++)
		if (*at >= 'A' && *at <= 'Z')
			*at = (char)(*at - 'A' + 'a');
	return name;
}

static void refuse(struct http_request *req)
{
	http_reply_invalid(req, http_errors_add(NULL, "current", "is not your password"));
}

void confirm_password(struct http_request *req, void (*confirmed)(struct http_request *req, void *arg), void *arg)
{
	struct confirmation *confirmation = http_request_alloc(req, sizeof *confirmation, confirmation_drop);
	const char *current = json_text(http_request_json(req), "current");

	if (!current || strlen(current) > CREDENTIALS_BYTES_MAX)
		return refuse(req);
	confirmation->req = req;
	confirmation->name = name_of(users_caller(req));
	confirmation->confirmed = confirmed;
	confirmation->arg = arg;
	login_attempts_count(req, confirmation->name, counted, confirmation);
}

static void counted(bool may_try, long retry_s, void *arg)
{
	struct confirmation *confirmation = arg;
	struct http_request *req = confirmation->req;
	const struct password_stored stored = {.phc = users_caller(req)->password_hash};
	struct hashing_turn turn;

	if (!may_try)
		return login_attempts_refuse(req, retry_s);
	password_verify(users_of(req)->hasher, http_request_scope(req),
			hashing_turn_of_user(req, http_request_user_id(req), &turn), &stored,
			json_text(http_request_json(req), "current"), verified, confirmation);
}

static void verified(enum status status, bool matches, const char *new_phc, void *arg)
{
	struct confirmation *confirmation = arg;
	struct http_request *req = confirmation->req;

	if (status != STATUS_OK) {
		login_attempts_undo(req, confirmation->name);
		return hashing_reply_status(req, status);
	}
	if (!matches) {
		event_attempts_note(req, EVENT_PASSWORD_WRONG, http_request_user_id(req));
		return refuse(req);
	}
	login_attempts_forget(req, confirmation->name);
	confirmation->confirmed(req, confirmation->arg);
}

void confirm_refuse_outdated(struct http_request *req)
{
	http_reply_fail(req, 409, "password_changed", "The password was changed meanwhile.");
}
