/* What a handler is given and what its client gets: routes, parameters, bodies, replies, pages. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "tests/http/server_fixture.h"

/* ---- routes ---- */

static void test_a_path_finds_its_route(void **state)
{
	get("/hello", "");
	assert_code(200);
	assert_has(&raw, "Content-Type: text/plain\r\n");
	assert_has(&raw, "Content-Length: 5\r\n");
	assert_body("hello");
}

static void test_a_leading_api_is_cut_off(void **state)
{
	get("/api/hello", "");
	assert_code(200);
}

static void test_parameters_are_percent_decoded(void **state)
{
	get("/params/a%20b%3F/and/%c3%bc", "");
	assert_body("<a b?|\xc3\xbc>");
}

static void test_a_parameter_is_one_whole_segment_of_bounded_length(void **state)
{
	static const char *const paths[] = {"/params//and/b",    "/params/a%2fb/and/c", "/params/a%00/and/c",
					    "/params/a%2/and/c", "/params/a%zz/and/c",  "/params/a/and/b/",
					    "/params/a/and",     "/params/a/b/and/c",   "/params/a/and/b/and/c"};
	char path[400];

	for (size_t i = 0; i < sizeof paths / sizeof *paths; i++) {
		get(paths[i], "");
		assert_code(404);
	}
	snprintf(path, sizeof path, "/params/%0256d/and/c", 1);
	get(path, "");
	assert_code(404);
}

static void test_an_unknown_path_is_404_in_the_envelope(void **state)
{
	get("/unknown", "X-Request-ID: mine\r\n");
	assert_code(404);
	assert_has(&raw, "Content-Type: application/json\r\n");
	assert_body("{\"status\":\"fail\",\"message\":\"Not found.\",\"code\":\"not_found\",\"request_id\":\"mine\"}");
}

static void test_a_method_that_a_path_has_not_is_405_with_those_it_has(void **state)
{
	exchange(SENT("PUT /hello") "Connection: close\r\nContent-Length: 0\r\n\r\n", "");
	assert_code(405);
	assert_has(&raw, "Allow: GET, HEAD, POST, DELETE\r\n");
}

static void test_head_is_answered_as_get_without_the_body(void **state)
{
	exchange(SENT("HEAD /hello") "Connection: close\r\n\r\n", "");
	assert_code(200);
	assert_has(&raw, "Content-Length: 5\r\n");
	assert_body("");
}

static void test_query_parameters_are_decoded(void **state)
{
	get("/query?other=x&name=a%20b%26c", "");
	assert_body("a b&c");
	get("/query?other=x", "");
	assert_body("none");
}

static void test_a_query_parameter_without_a_value_is_empty_and_spoils_no_other(void **state)
{
	get("/query?name=ada&strict", "");
	assert_body("ada");
	get("/query?x&&name", "");
	assert_body("");
	get("/query?%zz&name=ada", "");
	assert_body("ada");
	get("/query?", "");
	assert_body("none");
}

static void test_the_first_of_two_query_parameters_counts(void **state)
{
	get("/query?name=ada&name=eve", "");
	assert_body("ada");
}

static void test_an_absolute_target_has_the_path_behind_its_authority(void **state)
{
	get("http://a/query?name=ada", "");
	assert_body("ada");
	get("http://a", "");
	assert_code(404);
}

/* ---- bodies ---- */

static void post_json(const char *content_type, const char *body)
{
	char head[300];

	snprintf(head, sizeof head, SENT("POST /json") "Connection: close\r\n%sContent-Length: %zu\r\n\r\n", content_type,
		 strlen(body));
	exchange(head, body);
}

static void test_a_json_object_reaches_its_handler(void **state)
{
	post_json("Content-Type: application/json\r\n", "{\"name\":\"ada\"}");
	assert_body("ada");
	post_json("Content-Type: Application/JSON; charset=utf-8\r\n", "{\"name\":\"ada\"}");
	assert_body("ada");
}

static void test_a_chunked_body_reaches_its_handler(void **state)
{
	exchange(SENT("POST /json") "Connection: close\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n",
		 "5\r\n{\"nam\r\n9\r\ne\":\"ada\"}\r\n0\r\n\r\n");
	assert_body("ada");
}

static void test_another_type_of_body_is_415(void **state)
{
	static const char *const types[] = {"", "Content-Type: text/plain\r\n", "Content-Type: application/jsonx\r\n",
					    "Content-Type: application/json,text/plain\r\n"};

	for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
		post_json(types[i], "{\"name\":\"ada\"}");
		assert_code(415);
	}
}

static void test_a_body_that_is_no_json_is_malformed(void **state)
{
	post_json("Content-Type: application/json\r\n", "{\"name\":");
	assert_code(400);
	assert_has(&raw, "\"malformed_json\"");
}

static void test_json_that_is_no_object_is_invalid(void **state)
{
	static const char *const bodies[] = {"", "[]", "7", "null"};

	for (size_t i = 0; i < sizeof bodies / sizeof *bodies; i++) {
		post_json("Content-Type: application/json\r\n", bodies[i]);
		assert_code(400);
		assert_has(&raw, "\"invalid_payload\"");
	}
}

/* ---- replies ---- */

static void test_a_sane_request_id_is_kept(void **state)
{
	get("/hello", "X-Request-ID: A-z_0.9\r\n");
	assert_has(&raw, "X-Request-ID: A-z_0.9\r\n");
}

static void test_an_insane_request_id_is_replaced(void **state)
{
	static const char *const ids[] = {"",
					  "a b",
					  "a\"b",
					  "a;b",
					  "a/b",
					  "\xc3\xbc",
					  "12345678901234567890123456789012345678901234567890123456789012345"};

	for (size_t i = 0; i < sizeof ids / sizeof *ids; i++) {
		char header[200];
		const char *id;

		snprintf(header, sizeof header, "X-Request-ID: %s\r\n", ids[i]);
		get("/hello", header);
		assert_has_not(&raw, header);
		id = strstr(raw.got.bytes, "X-Request-ID: ");
		assert_non_null(id);
		assert_int_equal(strspn(id + strlen("X-Request-ID: "), "0123456789abcdef"), 32);
	}
}

static void test_a_reply_header_with_a_line_break_is_dropped_alone(void **state)
{
	get("/headers", "");
	assert_code(200);
	assert_has(&raw, "X-Good: good\r\n");
	assert_has_not(&raw, "Smuggled");
	assert_has_not(&raw, "X-Split");
}

static void test_a_large_reply_comes_whole(void **state)
{
	get("/large", "");
	assert_has(&raw, "Content-Length: 10000\r\n");
	assert_int_equal(strlen(strstr(raw.got.bytes, "\r\n\r\n") + 4), 10000);
}

static void test_an_answer_of_304_has_neither_body_nor_length(void **state)
{
	get("/unchanged", "");
	assert_code(304);
	assert_has_not(&raw, "Content-Length");
	assert_body("");
}

static void test_failures_say_when_to_come_back_and_how_to_authenticate(void **state)
{
	get("/codes/503", "");
	assert_has(&raw, "\"status\":\"error\"");
	assert_has(&raw, "Retry-After: 1\r\n");
	get("/codes/429", "");
	assert_has(&raw, "\"status\":\"fail\"");
	assert_has(&raw, "Retry-After: 1\r\n");
	get("/codes/401", "");
	assert_has(&raw, "WWW-Authenticate: Bearer");
	get("/codes/409", "");
	assert_has_not(&raw, "Retry-After");
	assert_has_not(&raw, "WWW-Authenticate");
}

static void test_an_invalid_payload_lists_each_field(void **state)
{
	get("/invalid", "");
	assert_code(400);
	assert_has(&raw, "\"errors\":[{\"field\":\"name\",\"message\":\"must be there\"},"
			 "{\"field\":\"age\",\"message\":\"must be \\\"old\\\"\"}]");
}

/* ---- pages ---- */

static void test_a_page_is_bounded(void **state)
{
	static const char *const refused[] = {"limit=0",
					      "limit=51",
					      "limit=-1",
					      "limit=x",
					      "limit=",
					      "limit=1x",
					      "limit=+1",
					      "after=-1",
					      "after=x",
					      "after=",
					      "after=9223372036854775808"};

	for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
		char path[100];

		snprintf(path, sizeof path, "/page?%s", refused[i]);
		get(path, "");
		assert_code(400);
		snprintf(path, sizeof path, "\"field\":\"%.5s\"", refused[i]);
		assert_has(&raw, path);
	}
}

static void test_a_page_has_defaults(void **state)
{
	get("/page", "");
	assert_body("10 0");
	get("/page?limit=50&after=9223372036854775807", "");
	assert_body("50 9223372036854775807");
}

static void test_a_page_by_number_begins_after_a_number_and_an_id(void **state)
{
	static const char *const refused[] = {"7",
					      "7-",
					      "-7",
					      "7--8",
					      "7-8-9",
					      "x-1",
					      "1-x",
					      "9223372036854775808-1",
					      "00000000000000000000000000000000000000001-1"};
	char path[100];

	get("/page-by-number", "");
	assert_body("-1 0");
	get("/page-by-number?after=0-9223372036854775807", "");
	assert_body("0 9223372036854775807");
	for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
		snprintf(path, sizeof path, "/page-by-number?after=%s", refused[i]);
		get(path, "");
		assert_code(400);
		assert_has(&raw, "\"field\":\"after\"");
	}
}

static void test_the_next_page_is_linked_as_the_client_sees_it(void **state)
{
	get("/page?limit=5", "");
	assert_has(&raw, "Link: </page?limit=5&after=42>; rel=\"next\"\r\n");
	get("/api/page?limit=5", "");
	assert_has(&raw, "Link: </api/page?limit=5&after=42>");
	get("/page?limit=5", "X-Forwarded-Prefix: /api\r\n");
	assert_has(&raw, "Link: </api/page?limit=5&after=42>");
	get("/page?limit=5", "X-Forwarded-Prefix: //evil\r\n");
	assert_has(&raw, "Link: </page?limit=5&after=42>");
}

static void test_the_next_page_is_of_what_the_path_names(void **state)
{
	get("/api/7/page?limit=5", "");
	assert_has(&raw, "Link: </api/7/page?limit=5&after=42>; rel=\"next\"\r\n");
	get("/a%3E%0D%0Ab/page?limit=5", "");
	assert_has(&raw, "Link: </a%3E%0D%0Ab/page?limit=5&after=42>");
}

static void test_the_next_page_of_a_search_repeats_it_encoded(void **state)
{
	get("/page?query=a%20b%3E%0D%0Ac&limit=5", "");
	assert_has(&raw, "Link: </page?limit=5&after=42&query=a%20b%3E%0D%0Ac>; rel=\"next\"\r\n");
}

static bool is_service_ready;

static bool is_ready(void *service, const char **ret_reason)
{
	return is_service_ready;
}

/* Connects before the server is ready. */
static void open_unready(void)
{
	struct http_config config = server_config();

	http_server_free(server);
	is_service_ready = false;
	server = http_server_new(base, &config, routes, NULL);
	http_server_accept_when(server, is_ready);
	assert_int_equal(http_server_listen(server), STATUS_OK);
	connect_to_server();
	raw_send(&raw, LAST);
}

static void test_who_comes_before_the_service_is_ready_waits_for_it(void **state)
{
	int64_t begin_us = clock_monotonic_us();

	open_unready();
	WAIT_FOR(clock_monotonic_us() - begin_us > 50000);
	assert_int_equal(raw.got.len, 0);
	is_service_ready = true;
	WAIT_FOR(raw.is_closed);
	assert_code(200);
}

static void test_nobody_waits_long_for_a_service_that_does_not_become_ready(void **state)
{
	int64_t begin_us = clock_monotonic_us();

	open_unready();
	WAIT_FOR(raw.is_closed);
	assert_code(200);
	assert_in_range(clock_monotonic_us() - begin_us, 900000, 10000000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		SERVER_TEST(test_a_path_finds_its_route),
		SERVER_TEST(test_a_leading_api_is_cut_off),
		SERVER_TEST(test_parameters_are_percent_decoded),
		SERVER_TEST(test_a_parameter_is_one_whole_segment_of_bounded_length),
		SERVER_TEST(test_an_unknown_path_is_404_in_the_envelope),
		SERVER_TEST(test_a_method_that_a_path_has_not_is_405_with_those_it_has),
		SERVER_TEST(test_head_is_answered_as_get_without_the_body),
		SERVER_TEST(test_query_parameters_are_decoded),
		SERVER_TEST(test_a_query_parameter_without_a_value_is_empty_and_spoils_no_other),
		SERVER_TEST(test_the_first_of_two_query_parameters_counts),
		SERVER_TEST(test_an_absolute_target_has_the_path_behind_its_authority),
		SERVER_TEST(test_a_json_object_reaches_its_handler),
		SERVER_TEST(test_a_chunked_body_reaches_its_handler),
		SERVER_TEST(test_another_type_of_body_is_415),
		SERVER_TEST(test_a_body_that_is_no_json_is_malformed),
		SERVER_TEST(test_json_that_is_no_object_is_invalid),
		SERVER_TEST(test_a_sane_request_id_is_kept),
		SERVER_TEST(test_an_insane_request_id_is_replaced),
		SERVER_TEST(test_a_reply_header_with_a_line_break_is_dropped_alone),
		SERVER_TEST(test_a_large_reply_comes_whole),
		SERVER_TEST(test_an_answer_of_304_has_neither_body_nor_length),
		SERVER_TEST(test_failures_say_when_to_come_back_and_how_to_authenticate),
		SERVER_TEST(test_an_invalid_payload_lists_each_field),
		SERVER_TEST(test_a_page_is_bounded),
		SERVER_TEST(test_a_page_has_defaults),
		SERVER_TEST(test_a_page_by_number_begins_after_a_number_and_an_id),
		SERVER_TEST(test_the_next_page_is_linked_as_the_client_sees_it),
		SERVER_TEST(test_the_next_page_is_of_what_the_path_names),
		SERVER_TEST(test_the_next_page_of_a_search_repeats_it_encoded),
		SERVER_TEST(test_who_comes_before_the_service_is_ready_waits_for_it),
		SERVER_TEST(test_nobody_waits_long_for_a_service_that_does_not_become_ready),
	};

	return cmocka_run_group_tests_name("test_server", tests, NULL, NULL);
}
