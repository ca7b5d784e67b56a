#include "sessions/login_attempts.h"

#include <stdio.h>

#include "base/int64.h"
#include "net/forwarded.h"
#include "redis/limit.h"
#include "service.h"

#define KEY "login_attempts"
#define NAME_BYTES 400

struct attempt {
	login_attempts_counted *done;
	void *arg;
};

static void make_name(struct http_request *req, const char *account, char name[NAME_BYTES])
{
	char network[ADDRESS_NETWORK_BYTES];

	address_network(http_request_remote_ip(req), network);
	snprintf(name, NAME_BYTES, "%s:%.260s", network, account);
}

static void counted(enum status status, long retry_s, void *arg)
{
	struct attempt *attempt = arg;

	attempt->done(status != STATUS_OK || retry_s == 0, retry_s, attempt->arg);
}

void login_attempts_count(struct http_request *req, const char *account, login_attempts_counted *done, void *arg)
{
	const struct users_config *config = users_of(req)->config;
	struct attempt *attempt = http_request_alloc(req, sizeof *attempt, NULL);
	char name[NAME_BYTES];

	*attempt = (struct attempt){done, arg};
	make_name(req, account, name);
	limit_count(users_of(req)->redis, http_request_scope(req),
		    &(struct limit){KEY, name, config->attempts_max, config->attempts_window_s}, 1, counted, attempt);
}

void login_attempts_refuse(struct http_request *req, long retry_s)
{
	char retry[INT64_TEXT_BYTES];

	int64_format(retry_s > 0 ? retry_s : 1, retry);
	http_reply_header(req, "Retry-After", retry);
	http_reply_fail(req, 429, "too_many_attempts", "Too many attempts. Please try again later.");
}

void login_attempts_forget(struct http_request *req, const char *account)
{
	char name[NAME_BYTES];

	make_name(req, account, name);
	limit_forget(users_of(req)->redis, http_request_scope(req), KEY, name);
}

void login_attempts_undo(struct http_request *req, const char *account)
{
	char name[NAME_BYTES];

	make_name(req, account, name);
	limit_undo(users_of(req)->redis, http_request_scope(req), KEY, name);
}
