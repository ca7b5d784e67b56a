/* What the tests of the HTTP server share: a server with a few routes, one of which replies only when the test releases it, and
 * a raw client. Include after cmocka.h. */
#ifndef ABACUS_HTTP_SERVER_FIXTURE_H
#define ABACUS_HTTP_SERVER_FIXTURE_H

#include "base/log.h"
#include "http/page.h"
#include "http/reply.h"
#include "http/server.h"
#include "net/url.h"
#include "tests/http/http_fixture.h"

#define HEADER_MAX 2048
#define BODY_MAX 1024
#define CONNECTIONS_MAX 10
#define DEADLINE_MS 200
#define FOREVER_MS 3600000
#define SENT(text) text " HTTP/1.1\r\nHost: a\r\n"
#define LAST SENT("GET /hello") "Connection: close\r\n\r\n"

static struct http_server *server;
static struct raw raw;

/* What the slow route holds until the test releases it. */
static struct {
	struct http_request *req; /* NULL: it is not being answered */
	struct op op;
	unsigned begun, dropped;
} slow;

static inline void reply_text(struct http_request *req, const char *text)
{
	http_reply(req, 200, "text/plain", text, strlen(text));
}

static inline void say_hello(struct http_request *req)
{
	reply_text(req, "hello");
}

static inline void say_params(struct http_request *req)
{
	char text[600];

	snprintf(text, sizeof text, "<%s|%s>", http_request_param(req, "first"), http_request_param(req, "second"));
	reply_text(req, text);
}

static inline void say_query(struct http_request *req)
{
	const char *name = http_request_query(req, "name");

	reply_text(req, name ? name : "none");
}

static inline void say_json(struct http_request *req)
{
	reply_text(req, cJSON_GetStringValue(cJSON_GetObjectItem(http_request_json(req), "name")));
}

static inline void say_remote_ip(struct http_request *req)
{
	reply_text(req, http_request_remote_ip(req));
}

static inline void slow_dropped(void *memory)
{
	slow.dropped++;
	slow.req = NULL;
}

static inline void begin_slowly(struct http_request *req)
{
	http_request_alloc(req, 100, slow_dropped);
	op_start(http_request_scope(req), &slow.op);
	slow.req = req;
	slow.begun++;
}

static inline void say_page(struct http_request *req)
{
	const char *query = http_request_query(req, "query");
	struct http_page page;
	struct buf more = {0};
	char text[100];

	if (!http_page_read(req, 10, 50, &page))
		return;
	buf_text(&more, query ? "&query=" : "");
	url_encode_query(&more, query ? query : "");
	http_page_link_next_as(req, &page, "42", more.bytes ? more.bytes : "");
	buf_free(&more);
	snprintf(text, sizeof text, "%ld %lld", page.limit, (long long)page.after);
	reply_text(req, text);
}

static inline void say_page_by_number(struct http_request *req)
{
	struct http_page page;
	char text[100];

	if (!http_page_read_by(req, 10, 50, &page))
		return;
	snprintf(text, sizeof text, "%lld %lld", (long long)page.after_number, (long long)page.after);
	reply_text(req, text);
}

static inline void say_headers(struct http_request *req)
{
	http_reply_header(req, "X-Good", "good");
	http_reply_header(req, "X-Split", "a\r\nX-Smuggled: b");
	http_reply_header(req, "X-Newline", "a\nX-Smuggled: b");
	say_hello(req);
}

static inline void say_large(struct http_request *req)
{
	struct buf text = {0};

	for (int i = 0; i < 10000; i++)
		buf_int(&text, i % 10);
	http_reply_buf(req, 200, &text);
}

static inline void say_code(struct http_request *req)
{
	http_reply_fail(req, atoi(http_request_param(req, "code")), "some_code", "Some message.");
}

static inline void say_unchanged(struct http_request *req)
{
	http_reply(req, 304, "text/plain", "hello", 5);
}

static inline void say_invalid(struct http_request *req)
{
	http_reply_invalid(req, http_errors_add(http_errors_add(NULL, "name", "must be there"), "age", "must be \"old\""));
}

static inline void say_user(struct http_request *req)
{
	char text[100];

	snprintf(text, sizeof text, "user %lld", (long long)http_request_user_id(req));
	reply_text(req, text);
}

static const struct http_route routes[] = {
	{"GET", "/hello", say_hello, false, false},       {"POST", "/hello", say_hello, false, false},
	{"DELETE", "/hello", say_hello, false, false},    {"GET", "/params/{first}/and/{second}", say_params, false, false},
	{"GET", "/query", say_query, false, false},       {"POST", "/json", say_json, false, true},
	{"GET", "/remote", say_remote_ip, false, false},  {"GET", "/slow", begin_slowly, false, false},
	{"GET", "/page", say_page, false, false},         {"GET", "/page-by-number", say_page_by_number, false, false},
	{"GET", "/headers", say_headers, false, false},   {"GET", "/large", say_large, false, false},
	{"GET", "/codes/{code}", say_code, false, false}, {"GET", "/unchanged", say_unchanged, false, false},
	{"GET", "/invalid", say_invalid, false, false},   {"GET", "/token", say_user, true, false},
	{"GET", "/{of}/page", say_page, false, false},    {0},
};

static inline struct http_config server_config(void)
{
	return (struct http_config){.host = (char *)(uintptr_t) "127.0.0.1",
				    .body_bytes_max = BODY_MAX,
				    .header_bytes_max = HEADER_MAX,
				    .read_timeout_s = 3600,
				    .idle_timeout_s = 3600,
				    .deadline_ms = FOREVER_MS,
				    .connections_max = CONNECTIONS_MAX,
				    .buffer_bytes_max = 1 << 20,
				    .trusted_proxies = (char *)(uintptr_t) "127.0.0.0/8"};
}

static inline void server_open(const struct http_config *config)
{
	server = http_server_new(base, config, routes, NULL);
	assert_int_equal(http_server_listen(server), STATUS_OK);
	assert_true(http_server_port(server) > 0);
}

static inline int server_set_up(void **state)
{
	struct http_config config = server_config();

	log_init("test", "test", LOG_ERROR);
	memset(&slow, 0, sizeof slow);
	raw = (struct raw){0};
	fixture_open_loop();
	server_open(&config);
	return 0;
}

static inline int server_tear_down(void **state)
{
	raw_leave(&raw);
	http_server_free(server);
	fixture_close_loop();
	return 0;
}

/* Another server than the set-up's. */
static inline void server_replace(const struct http_config *config)
{
	http_server_free(server);
	server_open(config);
}

static inline void connect_to_server(void)
{
	raw_leave(&raw);
	raw_open(&raw, http_server_port(server));
}

/* Sends this and that on a new connection, and reads until the server closes it. */
static inline void exchange(const char *head, const char *body)
{
	connect_to_server();
	raw_send(&raw, head);
	raw_send(&raw, body);
	WAIT_FOR(raw.is_closed);
}

/* One request with its further headers; the answer is whole when this returns. */
static inline void get(const char *path, const char *headers)
{
	char text[4000];

	snprintf(text, sizeof text, SENT("GET %s") "Connection: close\r\n%s\r\n", path, headers);
	exchange(text, "");
}

static inline void assert_code(int code)
{
	char start[20];

	snprintf(start, sizeof start, "HTTP/1.1 %d ", code);
	if (strncmp(raw.got.bytes, start, strlen(start)) != 0)
		fail_msg("not %d: %s", code, raw.got.bytes);
	if (raw_count(&raw, "HTTP/1.1 ") != 1)
		fail_msg("more than one answer: %s", raw.got.bytes);
}

static inline void assert_body(const char *body)
{
	const char *end = strstr(raw.got.bytes, "\r\n\r\n");

	assert_non_null(end);
	assert_string_equal(end + 4, body);
}

#define SERVER_TEST(test) cmocka_unit_test_setup_teardown(test, server_set_up, server_tear_down)

#endif
