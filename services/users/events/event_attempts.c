/* Flow: event_attempts_note -> (the timer) -> flush -> written, and after an error again. At the end: event_attempts_finish ->
 * flush -> written -> the caller's `finished`. */
#include "events/event_attempts.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json_write.h"
#include "base/log.h"
#include "base/loop.h"
#include "base/mem.h"
#include "events/event_origin.h"
#include "net/forwarded.h"
#include "service.h"
#include "store/events.h"

#define PAUSE_MS 1000
/* Of different users and networks. More come only while Postgres does not answer, because each costs a password's hash or a
 * try of a challenge; those beyond are only logged. */
#define ATTEMPTS_MAX 1000
#define REQUEST_ID_BYTES 65

struct attempt {
	int64_t user_id, count;
	enum event_attempt what;
	char network[ADDRESS_NETWORK_BYTES], agent[EVENT_ORIGIN_AGENT_LEN + 1], request[REQUEST_ID_BYTES];
};

struct event_attempts {
	struct users *users;
	struct scope scope;
	struct loop_timer *timer;
	struct attempt *attempts; /* ATTEMPTS_MAX of them */
	int count, sent;          /* the first `sent` are on their way to Postgres */
	int64_t dropped;
	void (*finished)(void *arg); /* NULL: the process goes on */
	void *finished_arg;
};

static const char *const names[] = {[EVENT_LOGIN_FAILED] = "login_failed",
				    [EVENT_FACTOR_AWAITED] = "factor_awaited",
				    [EVENT_CODE_WRONG] = "code_wrong",
				    [EVENT_PASSWORD_WRONG] = "password_wrong"};

static void written(enum status status, const struct postgres_rows *rows, void *arg);

static struct attempt *find(struct event_attempts *attempts, enum event_attempt what, int64_t user_id, const char *network)
{
	for (int i = attempts->sent; i < attempts->count; i++) {
		struct attempt *attempt = &attempts->attempts[i];

		if (attempt->user_id == user_id && attempt->what == what && strcmp(attempt->network, network) == 0)
			return attempt;
	}
	return NULL;
}

static struct attempt *add(struct event_attempts *attempts, enum event_attempt what, int64_t user_id, const char *network)
{
	struct attempt *attempt;

	if (attempts->count == ATTEMPTS_MAX)
		return NULL;
	attempt = &attempts->attempts[attempts->count++];
	*attempt = (struct attempt){.user_id = user_id, .what = what};
	snprintf(attempt->network, sizeof attempt->network, "%s", network);
	return attempt;
}

void event_attempts_note(struct http_request *req, enum event_attempt what, int64_t user_id)
{
	struct event_attempts *attempts = users_of(req)->event_attempts;
	char network[ADDRESS_NETWORK_BYTES];
	struct attempt *attempt;

	address_network(http_request_remote_ip(req), network);
	attempt = find(attempts, what, user_id, network);
	if (!attempt)
		attempt = add(attempts, what, user_id, network);
	if (!attempt) {
		attempts->dropped++;
		return;
	}
	attempt->count++;
	event_origin_agent(req, attempt->agent);
	snprintf(attempt->request, sizeof attempt->request, "%s", http_request_id(req));
	if (!loop_timer_is_running(attempts->timer))
		loop_timer_start(attempts->timer, PAUSE_MS);
}

static void add_json(struct buf *json, const struct attempt *attempt)
{
	json_write_object(json);
	json_write_member_int(json, "id", attempt->user_id);
	json_write_member_text(json, "event", names[attempt->what]);
	json_write_member_text(json, "network", attempt->network);
	json_write_member_text(json, "agent", attempt->agent);
	json_write_member_text(json, "request", attempt->request);
	json_write_member_int(json, "count", attempt->count);
	json_write_object_end(json);
}

static void flush(struct event_attempts *attempts)
{
	struct postgres_params params = {0};
	struct buf json = {0};

	if (attempts->sent > 0 || attempts->count == 0)
		return;
	json_write_array(&json);
	for (int i = 0; i < attempts->count; i++)
		add_json(&json, &attempts->attempts[i]);
	json_write_array_end(&json);
	attempts->sent = attempts->count;
	postgres_param_text(&params, json.bytes);
	postgres_exec(attempts->users->postgres, &attempts->scope, &store_events_attempted, &params, written, attempts);
	buf_free(&json);
}

static void due(void *arg)
{
	flush(arg);
}

static void finish(struct event_attempts *attempts)
{
	flush(attempts);
	if (attempts->sent == 0)
		attempts->finished(attempts->finished_arg);
}

void event_attempts_finish(struct event_attempts *attempts, void (*finished)(void *arg), void *arg)
{
	attempts->finished = finished;
	attempts->finished_arg = arg;
	finish(attempts);
}

/* They may have been written nevertheless, and are then counted twice. Not after an error that would come again, which
 * postgres/ has logged. */
static bool is_worth_repeating(enum status status)
{
	return status == STATUS_UNAVAILABLE || status == STATUS_TIMEOUT || status == STATUS_BUSY;
}

static void written(enum status status, const struct postgres_rows *rows, void *arg)
{
	struct event_attempts *attempts = arg;

	if (!is_worth_repeating(status)) {
		attempts->count -= attempts->sent;
		memmove(attempts->attempts, attempts->attempts + attempts->sent,
			(size_t)attempts->count * sizeof *attempts->attempts);
	}
	attempts->sent = 0;
	if (status == STATUS_OK && attempts->dropped > 0) {
		log_line(LOG_WARN, "too many failed logins at once; some are not in the trail of their users",
			 LOG_INT("attempts", attempts->dropped));
		attempts->dropped = 0;
	}
	if (attempts->finished && status == STATUS_OK)
		finish(attempts);
	else if (attempts->finished)
		attempts->finished(attempts->finished_arg);
	else if (attempts->count > 0 && !loop_timer_is_running(attempts->timer))
		loop_timer_start(attempts->timer, PAUSE_MS);
}

struct event_attempts *event_attempts_new(struct event_base *base, struct users *users)
{
	struct event_attempts *attempts = mem_alloc(sizeof *attempts);

	attempts->users = users;
	scope_init(&attempts->scope);
	attempts->attempts = mem_alloc(ATTEMPTS_MAX * sizeof *attempts->attempts);
	attempts->timer = loop_timer_new(base, due, attempts);
	return attempts;
}

void event_attempts_free(struct event_attempts *attempts)
{
	scope_cancel(&attempts->scope);
	loop_timer_free(attempts->timer);
	free(attempts->attempts);
	free(attempts);
}
