#include "sessions/login_attempts.h"

#include <stdio.h>
#include <string.h>

#include "base/int64.h"
#include "net/forwarded.h"
#include "service.h"

#define COUNTERS_KEY "login_attempts"
/* Beyond that, the oldest counter is removed, so that names without end do not fill Redis, which has about 130 bytes of each.
 * Forgetting one counter in this way takes an attacker as many attempts. */
#define COUNTERS_MAX "50000"
#define NAME_BYTES 400

REDIS_SCRIPT(services_users_sessions, login_attempts_count, login_attempts_count);
REDIS_SCRIPT(services_users_sessions, login_attempts_undo, login_attempts_undo);

struct attempt {
	struct http_request *req;
	login_attempts_counted *done;
	void *arg;
};

static void make_name(struct http_request *req, const char *account, char name[NAME_BYTES])
{
	char network[ADDRESS_NETWORK_BYTES];

	address_network(http_request_remote_ip(req), network);
	snprintf(name, NAME_BYTES, "%s:%.260s", network, account);
}

static bool is_pair_of_integers(const redisReply *reply)
{
	return reply->type == REDIS_REPLY_ARRAY && reply->elements == 2 && reply->element[0]->type == REDIS_REPLY_INTEGER &&
	       reply->element[1]->type == REDIS_REPLY_INTEGER;
}

static void counted(enum status status, const redisReply *reply, void *arg)
{
	struct attempt *attempt = arg;
	bool is_known = status == STATUS_OK && is_pair_of_integers(reply);

	attempt->done(!is_known || reply->element[0]->integer <= users_of(attempt->req)->config->attempts_max,
		      is_known ? (long)reply->element[1]->integer : 0, attempt->arg);
}

void login_attempts_count(struct http_request *req, const char *account, login_attempts_counted *done, void *arg)
{
	struct attempt *attempt = http_request_alloc(req, sizeof *attempt, NULL);
	char name[NAME_BYTES], window_s[INT64_TEXT_BYTES];

	*attempt = (struct attempt){.req = req, .done = done, .arg = arg};
	make_name(req, account, name);
	int64_format(users_of(req)->config->attempts_window_s, window_s);
	redis_eval(users_of(req)->redis, http_request_scope(req), &login_attempts_count_script, 1, 4,
		   (const char *[]){COUNTERS_KEY, name, window_s, COUNTERS_MAX}, NULL, counted, attempt);
}

void login_attempts_refuse(struct http_request *req, long retry_s)
{
	char retry[INT64_TEXT_BYTES];

	int64_format(retry_s > 0 ? retry_s : 1, retry);
	http_reply_header(req, "Retry-After", retry);
	http_reply_fail(req, 429, "too_many_attempts", "Too many attempts. Please try again later.");
}

/* Of what nothing depends on: the client gets its reply either way. */
static void ignored(enum status status, const redisReply *reply, void *arg)
{
}

static void undo(struct http_request *req, const char *account, const char *takes_one)
{
	char name[NAME_BYTES];

	make_name(req, account, name);
	redis_eval(users_of(req)->redis, http_request_scope(req), &login_attempts_undo_script, 1, 3,
		   (const char *[]){COUNTERS_KEY, name, takes_one}, NULL, ignored, NULL);
}

void login_attempts_forget(struct http_request *req, const char *account)
{
	undo(req, account, "0");
}

void login_attempts_undo(struct http_request *req, const char *account)
{
	undo(req, account, "1");
}
