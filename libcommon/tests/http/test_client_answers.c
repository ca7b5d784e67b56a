/* Answers of a peer, from correct to malformed to endless, and what the caller gets. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "tests/http/client_fixture.h"

static void test_a_body_comes_back_as_it_was_sent(void **state)
{
	get_from(PEER_STAYS, "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 5\r\n\r\nready");
	assert_ok(200, "ready");
	assert_true(answer.ms > 0);
}

static void test_the_request_names_host_and_path_and_wants_the_connection_closed(void **state)
{
	char start[100];

	peer_open(&peer, PEER_CLOSES, "HTTP/1.1 204 No Content\r\n\r\n");
	ask(&answer, url_of(&peer, "/metrics?a=b"), LONG_MS);
	WAIT_FOR(answer.is_there);
	snprintf(start, sizeof start, "GET /metrics?a=b HTTP/1.1\r\nHost: 127.0.0.1:%d\r\n", peer.port);
	assert_memory_equal(peer.request, start, strlen(start));
	assert_non_null(strstr(peer.request, "\r\nConnection: close\r\n"));
}

static void test_an_answer_of_503_is_an_answer(void **state)
{
	get_from(PEER_CLOSES, "HTTP/1.1 503 Service Unavailable\r\nContent-Length: 8\r\n\r\ndraining");
	assert_ok(503, "draining");
}

static void test_a_redirect_is_an_answer_and_not_followed(void **state)
{
	char text[300];
	struct peer elsewhere;

	peer_open(&elsewhere, PEER_CLOSES, "HTTP/1.1 200 OK\r\n\r\n");
	snprintf(text, sizeof text, "HTTP/1.1 302 Found\r\nLocation: %s\r\nContent-Length: 0\r\n\r\n", url_of(&elsewhere, "/"));
	get_from(PEER_CLOSES, text);
	assert_ok(302, "");
	assert_int_equal(elsewhere.accepted, 0);
	peer_close(&elsewhere);
}

static void test_chunks_are_joined(void **state)
{
	get_from(PEER_STAYS, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
			     "3\r\nrea\r\n2;note=x\r\ndy\r\n0\r\nTrailer: x\r\n\r\n");
	assert_ok(200, "ready");
}

static void test_many_small_chunks_do_not_count_as_head(void **state)
{
	char text[BODY_MAX * 40] = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
	size_t len = strlen(text);

	for (int i = 0; i < BODY_MAX; i++)
		len += (size_t)sprintf(text + len, "1;%s\r\na\r\n", "a-long-note-on-this-chunk");
	sprintf(text + len, "0\r\n\r\n");
	get_from(PEER_STAYS, text);
	assert_int_equal(answer.status, STATUS_OK);
	assert_int_equal(answer.len, BODY_MAX);
}

static void test_a_body_without_a_length_ends_with_the_connection(void **state)
{
	get_from(PEER_CLOSES, "HTTP/1.0 200 OK\r\n\r\nready");
	assert_ok(200, "ready");
}

static void test_a_code_without_a_body_ends_with_its_head(void **state)
{
	get_from(PEER_STAYS, "HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n");
	assert_ok(304, "");
}

static void test_an_interim_answer_is_skipped(void **state)
{
	get_from(PEER_STAYS, "HTTP/1.1 103 Early Hints\r\nLink: </>\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nready");
	assert_ok(200, "ready");
}

static void test_a_body_may_hold_nul(void **state)
{
	static const char text[] = "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\na\0b";

	peer_open_bytes(&peer, PEER_STAYS, text, sizeof text - 1);
	get_in(LONG_MS);
	assert_int_equal(answer.len, 3);
	assert_memory_equal(answer.body, "a\0b", 3);
}

static void test_a_body_of_exactly_the_limit_is_accepted(void **state)
{
	char text[BODY_MAX + 100];

	sprintf(text, "HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%0*d", BODY_MAX, BODY_MAX, 7);
	get_from(PEER_STAYS, text);
	assert_int_equal(answer.status, STATUS_OK);
	assert_int_equal(answer.len, BODY_MAX);
}

/* ---- limits ---- */

static void assert_cut(const char *head)
{
	get_from(PEER_FLOODS, head);
	assert_unavailable("the body is larger than allowed");
	assert_true(peer.flooded < 16 << 20); /* what the sockets buffer, and not 2 GB */
	peer_close(&peer);
}

static void test_a_body_over_the_limit_is_unavailable_however_it_is_framed(void **state)
{
	assert_cut("HTTP/1.1 200 OK\r\nContent-Length: 2147483648\r\n\r\n");
	assert_cut("HTTP/1.1 200 OK\r\n\r\n");
	assert_cut("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n80000000\r\n");
	peer.listener = NULL;
}

static void test_an_endless_head_is_unavailable(void **state)
{
	get_from(PEER_FLOODS, "HTTP/1.1 200 OK\r\nX-Endless: ");
	assert_unavailable("the answer's head is larger than allowed");
}

static void test_an_endless_chunk_size_is_unavailable(void **state)
{
	char text[400];

	sprintf(text, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n%0300d", 1);
	get_from(PEER_STAYS, text);
	assert_unavailable("the answer is not HTTP");
}

static void assert_timeout_from(enum peer_habit habit, const char *text, const char *reason)
{
	peer_open(&peer, habit, text);
	get_in(SHORT_MS);
	assert_int_equal(answer.status, STATUS_TIMEOUT);
	assert_string_equal(answer.reason, reason);
}

static void test_no_answer_is_a_timeout(void **state)
{
	assert_timeout_from(PEER_STAYS, "", "no answer in time");
}

static void test_a_body_that_comes_byte_by_byte_is_a_timeout(void **state)
{
	assert_timeout_from(PEER_DRIPS, "HTTP/1.1 200 OK\r\nContent-Length: 999\r\n\r\n", "the answer took too long");
}

static void test_a_head_that_comes_byte_by_byte_is_a_timeout(void **state)
{
	assert_timeout_from(PEER_DRIPS, "HTTP/1.1 200 OK\r\nX-Slow: ", "the answer took too long");
}

/* ---- not HTTP ---- */

static void test_an_answer_cut_off_is_unavailable(void **state)
{
	static const char *const cut[] = {
		"HTTP/1.1 2",
		"HTTP/1.1 200 OK\r\nContent-Le",
		"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nread",
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nready\r\n",
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nready\r\n0\r\n",
	};

	for (size_t i = 0; i < sizeof cut / sizeof *cut; i++) {
		get_from(PEER_CLOSES, cut[i]);
		assert_unavailable("the answer was cut off");
		peer_close(&peer);
	}
	peer.listener = NULL;
}

static void test_an_answer_that_is_not_http_is_unavailable(void **state)
{
	static const char head[] = "HTTP/1.1 200 OK\r\n", chunked[] = "Transfer-Encoding: chunked\r\n";
	static const struct {
		const char *head, *more;
	} garbage[] = {
		{"", "SSH-2.0-OpenSSH_9.2\r\n"},
		{"", "\r\n"},
		{"", "HTTP/2 200\r\n\r\n"},
		{"", "HTTP/1.1 20\r\n\r\n"},
		{"", "HTTP/1.1 2000 OK\r\n\r\n"},
		{"", "HTTP/1.1 999 OK\r\n\r\n"},
		{"", "HTTP/1.1  200 OK\r\n\r\n"},
		{"", "HTTP/1.1 101 Switching Protocols\r\n\r\n"},
		{head, "no colon\r\n\r\n"},
		{head, "Name : value\r\n\r\n"},
		{head, " folded\r\n\r\n"},
		{head, "Content-Length: -1\r\n\r\n"},
		{head, "Content-Length: 1x\r\n\r\n"},
		{head, "Content-Length: 18446744073709551617\r\n\r\n"},
		{head, "Content-Length: 1\r\nContent-Length: 2\r\n\r\n"},
		{head, "Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n"},
		{head, "Transfer-Encoding: gzip, chunked\r\n\r\n"},
		{chunked, "x\r\n"},
		{chunked, "-1\r\n"},
		{chunked, "0x5\r\nready\r\n"},
		{chunked, "5\r\nready!\r\n"},
		{chunked, "ffffffffffffffffff\r\n"},
	};

	for (size_t i = 0; i < sizeof garbage / sizeof *garbage; i++) {
		char text[300];

		snprintf(text, sizeof text, "%s%s%s%s", garbage[i].head == chunked ? head : "", garbage[i].head,
			 garbage[i].head == chunked ? "\r\n" : "", garbage[i].more);
		get_from(PEER_STAYS, text);
		if (answer.status != STATUS_UNAVAILABLE)
			fail_msg("taken: %s", text);
		peer_close(&peer);
	}
	peer.listener = NULL;
}

static void test_a_nul_in_the_head_is_not_http(void **state)
{
	static const char text[] = "HTTP/1.1 200 OK\0\r\n\r\n";

	peer_open_bytes(&peer, PEER_STAYS, text, sizeof text - 1);
	get_in(LONG_MS);
	assert_unavailable("the answer is not HTTP");
}

static void test_a_post_carries_its_type_and_its_body_with_its_length(void **state)
{
	struct buf body = {0};

	answer = (struct answer){0};
	buf_text(&body, "{\"a\":1}");
	peer_open(&peer, PEER_CLOSES, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}");
	http_client_post(client, &scope, url_of(&peer, "/v1/traces"), "application/json", &body, LONG_MS, BODY_MAX, answered,
			 &answer);
	buf_free(&body);
	WAIT_FOR(answer.is_there);
	assert_ok(200, "{}");
	assert_memory_equal(peer.request, "POST /v1/traces HTTP/1.1\r\n", strlen("POST /v1/traces HTTP/1.1\r\n"));
	assert_non_null(strstr(peer.request, "\r\nContent-Type: application/json\r\nContent-Length: 7\r\n\r\n{\"a\":1}"));
}

static void test_a_post_to_no_url_is_invalid(void **state)
{
	struct buf body = {0};

	answer = (struct answer){0};
	buf_text(&body, "{}");
	http_client_post(client, &scope, "https://127.0.0.1/", "application/json", &body, LONG_MS, BODY_MAX, answered, &answer);
	buf_free(&body);
	WAIT_FOR(answer.is_there);
	assert_int_equal(answer.status, STATUS_INVALID);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		CLIENT_TEST(test_a_body_comes_back_as_it_was_sent),
		CLIENT_TEST(test_the_request_names_host_and_path_and_wants_the_connection_closed),
		CLIENT_TEST(test_an_answer_of_503_is_an_answer),
		CLIENT_TEST(test_a_redirect_is_an_answer_and_not_followed),
		CLIENT_TEST(test_chunks_are_joined),
		CLIENT_TEST(test_many_small_chunks_do_not_count_as_head),
		CLIENT_TEST(test_a_body_without_a_length_ends_with_the_connection),
		CLIENT_TEST(test_a_code_without_a_body_ends_with_its_head),
		CLIENT_TEST(test_an_interim_answer_is_skipped),
		CLIENT_TEST(test_a_body_may_hold_nul),
		CLIENT_TEST(test_a_body_of_exactly_the_limit_is_accepted),
		CLIENT_TEST(test_a_body_over_the_limit_is_unavailable_however_it_is_framed),
		CLIENT_TEST(test_an_endless_head_is_unavailable),
		CLIENT_TEST(test_an_endless_chunk_size_is_unavailable),
		CLIENT_TEST(test_no_answer_is_a_timeout),
		CLIENT_TEST(test_a_body_that_comes_byte_by_byte_is_a_timeout),
		CLIENT_TEST(test_a_head_that_comes_byte_by_byte_is_a_timeout),
		CLIENT_TEST(test_an_answer_cut_off_is_unavailable),
		CLIENT_TEST(test_an_answer_that_is_not_http_is_unavailable),
		CLIENT_TEST(test_a_nul_in_the_head_is_not_http),
		CLIENT_TEST(test_a_post_carries_its_type_and_its_body_with_its_length),
		CLIENT_TEST(test_a_post_to_no_url_is_invalid),
	};

	return cmocka_run_group_tests_name("test_client_answers", tests, NULL, NULL);
}
