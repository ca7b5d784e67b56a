/* What the tests of the HTTP client share: a client, a peer, and the answer that the client got from it. Include after
 * cmocka.h. */
#ifndef ABACUS_TESTS_HTTP_CLIENT_FIXTURE_H
#define ABACUS_TESTS_HTTP_CLIENT_FIXTURE_H

#include "http/client.h"
#include "tests/http/http_fixture.h"

#define BODY_MAX 1000
#define LONG_MS 15000
#define SHORT_MS 100

struct answer {
	bool is_there;
	enum status status;
	int code;
	size_t len;
	char body[BODY_MAX + 1];
	char reason[100];
	double ms;
};

static struct http_client *client;
static struct peer peer;
static struct answer answer;

static inline void answered(enum status status, const struct http_response *response, const char *reason, void *arg)
{
	struct answer *into = arg;

	assert_false(into->is_there);
	assert_int_equal(response != NULL, status == STATUS_OK);
	assert_int_equal(*reason != '\0', status != STATUS_OK);
	into->is_there = true;
	into->status = status;
	snprintf(into->reason, sizeof into->reason, "%s", reason);
	if (!response)
		return;
	assert_true(response->len <= BODY_MAX);
	assert_int_equal(response->body[response->len], '\0');
	into->code = response->code;
	into->len = response->len;
	into->ms = response->duration_ms;
	memcpy(into->body, response->body, response->len + 1);
}

/* Checks in every call of every test that no callback runs before the call has returned. */
static inline void ask(struct answer *into, const char *url, long timeout_ms)
{
	*into = (struct answer){0};
	http_client_get(client, &scope, url, timeout_ms, BODY_MAX, answered, into);
	assert_false(into->is_there);
}

static inline const char *url_of(const struct peer *of, const char *path)
{
	static char url[200];

	snprintf(url, sizeof url, "http://127.0.0.1:%d%s", of->port, path);
	return url;
}

static inline void get_in(long timeout_ms)
{
	ask(&answer, url_of(&peer, "/readyz"), timeout_ms);
	WAIT_FOR(answer.is_there);
}

/* Asks a peer that sends these bytes and then behaves as given. */
static inline void get_from(enum peer_habit habit, const char *text)
{
	peer_open(&peer, habit, text);
	get_in(LONG_MS);
}

static inline void assert_ok(int code, const char *body)
{
	assert_int_equal(answer.status, STATUS_OK);
	assert_int_equal(answer.code, code);
	assert_string_equal(answer.body, body);
}

static inline void assert_unavailable(const char *reason)
{
	assert_int_equal(answer.status, STATUS_UNAVAILABLE);
	assert_string_equal(answer.reason, reason);
}

static inline int fixture_set_up(void **state)
{
	fixture_open_loop();
	client = http_client_new(base);
	peer = (struct peer){0};
	return 0;
}

static inline int fixture_tear_down(void **state)
{
	http_client_free(client);
	scope_cancel(&scope);
	if (peer.listener)
		peer_close(&peer);
	fixture_close_loop();
	return 0;
}

#define CLIENT_TEST(test) cmocka_unit_test_setup_teardown(test, fixture_set_up, fixture_tear_down)

#endif
