/* The parser's request line: RFC 9112 §2 and §3; RFC 3986 for what a target may hold. */
#include "tests/http/parser_fixture.h"

#define HOST "Host: a\r\n\r\n"
#define REQUEST_LINE "The request line is not a method, a target and a version with one space between them."
#define LINE_END "A line does not end in CRLF."
#define TARGET "The request target holds a character that a URI cannot have."
#define FORM "The request target has none of the forms that the method allows."
#define VERSION "The version is not HTTP, a slash, a digit, a dot and a digit."
#define TOKEN_CHARACTERS "!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"

/* RFC 9112 §2.1 */
static void test_a_request_is_a_line_fields_and_an_empty_line(void **state)
{
	assert_read("GET /users/7?strict HTTP/1.1\r\nHost: abacus.example\r\nAccept: */*\r\n\r\n",
		    "GET /users/7?strict 1.1\nHost: abacus.example\nAccept: */*\n\n");
	assert_unfinished("GET / HTTP/1.1\r\nHost: a\r\n\r");
	assert_unfinished("");
}

/* RFC 9112 §9.3.2 */
static void test_what_follows_a_message_is_left_for_the_next_one(void **state)
{
	static const char two[] = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\n{}GET / HTTP/1.1\r\n" HOST;
	struct reading reading = read_bytes(two, strlen(two));

	assert_int_equal(reading.result, HTTP_PARSER_END);
	assert_int_equal(reading.end, strstr(two, "GET") - two);
	assert_int_equal(http_parser_read(&reading.parser, two, strlen(two)), HTTP_PARSER_END);
	reading_free(&reading);
}

/* RFC 9112 §2.2 */
static void test_one_empty_line_before_the_request_line_is_ignored(void **state)
{
	assert_read("\r\nGET / HTTP/1.1\r\n" HOST, "GET / 1.1\nHost: a\n\n");
	assert_refused("\r\n\r\nGET / HTTP/1.1\r\n" HOST, 400, LINE_END);
	assert_refused("\nGET / HTTP/1.1\r\n" HOST, 400, LINE_END);
	assert_refused("\rGET / HTTP/1.1\r\n" HOST, 400, LINE_END);
	assert_refused(" \r\nGET / HTTP/1.1\r\n" HOST, 400, "The method is not a token.");
}

/* RFC 9112 §2.2 */
static void test_a_request_line_ends_in_crlf_alone(void **state)
{
	assert_refused("GET / HTTP/1.1\n" HOST, 400, LINE_END);
	assert_refused("GET / HTTP/1.1\rHost: a\r\n\r\n", 400, LINE_END);
	assert_refused("GET / HTTP/1.1\r\r\n" HOST, 400, LINE_END);
	assert_refused("GET\r\n\r\n", 400, LINE_END);
	assert_refused("GET /\n\n", 400, LINE_END);
}

/* RFC 9112 §3.1, RFC 9110 §5.6.2 */
static void test_a_method_is_any_token_and_keeps_its_case(void **state)
{
	assert_read("get / HTTP/1.1\r\n" HOST, "get / 1.1\nHost: a\n\n");
	assert_read("BREW / HTTP/1.1\r\n" HOST, "BREW / 1.1\nHost: a\n\n");
	assert_read(TOKEN_CHARACTERS " / HTTP/1.1\r\n" HOST, TOKEN_CHARACTERS " / 1.1\nHost: a\n\n");
}

static void test_a_method_that_is_no_token_is_refused(void **state)
{
	for (int c = 0; c < 256; c++) {
		char message[] = "G.T / HTTP/1.1\r\n" HOST;

		message[1] = (char)c;
		if (c == ' ' || (c && strchr(TOKEN_CHARACTERS, c)))
			continue;
		assert_bytes_refused(message, strlen("G.T / HTTP/1.1\r\n" HOST), 400,
				     c == '\r' || c == '\n' ? LINE_END : "The method is not a token.");
	}
	assert_refused(" / HTTP/1.1\r\n" HOST, 400, "The method is not a token.");
}

/* RFC 9112 §3 */
static void test_one_space_stands_between_the_parts_of_the_request_line(void **state)
{
	assert_refused("GET  / HTTP/1.1\r\n" HOST, 400, REQUEST_LINE);
	assert_refused("GET /  HTTP/1.1\r\n" HOST, 400, REQUEST_LINE);
	assert_refused("GET\t/ HTTP/1.1\r\n" HOST, 400, "The method is not a token.");
	assert_refused("GET /\tHTTP/1.1\r\n" HOST, 400, TARGET);
	assert_refused("GET / HTTP/1.1 \r\n" HOST, 400, REQUEST_LINE);
	assert_refused("GET / x HTTP/1.1\r\n" HOST, 400, VERSION);
	assert_refused("GET HTTP/1.1\r\n" HOST, 400, REQUEST_LINE);
	assert_refused("GET /\r\n" HOST, 400, REQUEST_LINE);
}

/* RFC 9112 §3.2.1, RFC 3986 §3.3, §3.4 */
static void test_a_target_holds_only_what_a_path_and_a_query_may(void **state)
{
	static const char allowed[] = "-._~!$&'()*+,;=:@/?%0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";

	for (int c = 0; c < 256; c++) {
		char message[] = "GET /a.b HTTP/1.1\r\n" HOST;
		size_t len = strlen(message);

		message[6] = (char)c;
		if (c && strchr(allowed, c))
			assert_bytes_read(message, len, NULL);
		else
			assert_bytes_refused(message, len, 400,
					     c == '\n'   ? LINE_END
					     : c == '\r' ? REQUEST_LINE
					     : c == ' '  ? VERSION
							 : TARGET);
	}
	assert_refused("GET /a#fragment HTTP/1.1\r\n" HOST, 400, TARGET);
}

/* RFC 9112 §3.2.2; RFC 9110 §4.2.1 and §4.2.4 for the host and for user information */
static void test_a_target_in_absolute_form_has_a_scheme_and_a_host(void **state)
{
	static const char *const targets[] = {
		"http://a",         "HTTP://a/", "https://a.example:8080/x?y=z", "http://a?x", "http://[2001:db8::1]",
		"http://[::1]:80/", "http://a:/"};
	static const char *const wrong[] = {"http://",
					    "http:///x",
					    "http://?x",
					    "http:/a",
					    "http:a",
					    "ftp://a/",
					    "http://u@a/",
					    "http://u:p@a/",
					    "http://a:b/",
					    "http://[",
					    "http://[]/",
					    "http://[::1/",
					    "http://[::1]x/",
					    "http://[g]/",
					    "http://a/[b]",
					    "a",
					    "http://a:1:2/",
					    "http://a:123456/",
					    "://a/",
					    "x",
					    "?x",
					    "*",
					    "**",
					    "httpx://a/"};
	char message[200];

	for (size_t i = 0; i < sizeof targets / sizeof *targets; i++) {
		snprintf(message, sizeof message, "GET %s HTTP/1.1\r\n" HOST, targets[i]);
		assert_read(message, NULL);
	}
	for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
		snprintf(message, sizeof message, "GET %s HTTP/1.1\r\n" HOST, wrong[i]);
		assert_refused(message, 400, FORM);
	}
	assert_refused("GET http://\xC3\xA4/ HTTP/1.1\r\n" HOST, 400, TARGET);
}

/* RFC 9112 §3.2.3, RFC 9110 §9.3.6 */
static void test_connect_alone_has_a_host_and_a_port_for_its_target(void **state)
{
	assert_read("CONNECT a.example:443 HTTP/1.1\r\n" HOST, "CONNECT a.example:443 1.1\nHost: a\n\n");
	assert_read("CONNECT [::1]:443 HTTP/1.1\r\n" HOST, NULL);
	assert_refused("CONNECT a.example HTTP/1.1\r\n" HOST, 400, FORM);
	assert_refused("CONNECT a.example: HTTP/1.1\r\n" HOST, 400, FORM);
	assert_refused("CONNECT :443 HTTP/1.1\r\n" HOST, 400, FORM);
	assert_refused("CONNECT / HTTP/1.1\r\n" HOST, 400, FORM);
	assert_refused("CONNECT http://a:443/ HTTP/1.1\r\n" HOST, 400, FORM);
	assert_refused("GET a.example:443 HTTP/1.1\r\n" HOST, 400, FORM);
}

/* RFC 9112 §3.2.4 */
static void test_options_alone_may_ask_of_the_whole_server(void **state)
{
	assert_read("OPTIONS * HTTP/1.1\r\n" HOST, "OPTIONS * 1.1\nHost: a\n\n");
	assert_read("OPTIONS /x HTTP/1.1\r\n" HOST, NULL);
	assert_refused("GET * HTTP/1.1\r\n" HOST, 400, FORM);
	assert_refused("OPTIONS *x HTTP/1.1\r\n" HOST, 400, FORM);
	assert_refused("options * HTTP/1.1\r\n" HOST, 400, FORM);
}

/* RFC 9112 §2.3 */
static void test_a_version_that_is_not_well_formed_is_refused(void **state)
{
	static const char *const versions[] = {"HTTP/01.1", "HTTP/1.10", "HTTP/1",    "HTTP/1.",   "HTTP/.1",
					       "HTTP/1,1",  "HTTP/a.1",  "http/1.1",  "HTTP1.1",   "HTTP /1.1",
					       "XTTP/1.1",  "HTTP//1.1", "HTTP/-1.1", "HTTPS/1.1", "1.1"};
	char message[100];

	for (size_t i = 0; i < sizeof versions / sizeof *versions; i++) {
		snprintf(message, sizeof message, "GET / %s\r\n" HOST, versions[i]);
		assert_refused(message, 400, strchr(versions[i], ' ') ? REQUEST_LINE : VERSION);
	}
}

/* RFC 9110 §2.5, §15.6.6 */
static void test_another_major_version_is_not_supported(void **state)
{
	static const char *const versions[] = {"HTTP/0.9", "HTTP/2.0", "HTTP/3.0", "HTTP/9.9"};
	char message[100];

	for (size_t i = 0; i < sizeof versions / sizeof *versions; i++) {
		snprintf(message, sizeof message, "GET / %s\r\n" HOST, versions[i]);
		assert_refused(message, 505, "Only versions 1.0 and 1.1 of HTTP are supported.");
	}
}

/* RFC 9110 §2.5 */
static void test_a_later_minor_version_is_read_as_ours(void **state)
{
	assert_int_equal(assert_read("GET / HTTP/1.0\r\n" HOST, NULL).minor_version, 0);
	assert_int_equal(assert_read("GET / HTTP/1.1\r\n" HOST, NULL).minor_version, 1);
	assert_int_equal(assert_read("GET / HTTP/1.9\r\n" HOST, NULL).minor_version, 1);
}

/* RFC 9113 §3.4 */
static void test_the_preface_of_http_2_is_recognized(void **state)
{
	assert_refused("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505, "This is HTTP/2, and the port speaks HTTP/1.1.");
	assert_refused("PRI * HTTP/1.1\r\n" HOST, 400, FORM);
}

/* RFC 8446 §5.1 */
static void test_the_hello_of_tls_is_recognized_by_its_first_byte(void **state)
{
	assert_refused("\x16", 400, "This is TLS, and the port speaks plain HTTP.");
	assert_refused("\x16\x03\x01\x02 \x01\x01\xfc", 400, "This is TLS, and the port speaks plain HTTP.");
}

static char *request_of(size_t target_len, size_t value_len)
{
	char *message = malloc(target_len + value_len + 100);
	int len = sprintf(message, "GET /");

	memset(message + len, 'a', target_len);
	len += sprintf(message + len + target_len, " HTTP/1.1\r\nHost: a\r\nX: ") + (int)target_len;
	memset(message + len, 'b', value_len);
	strcpy(message + len + value_len, "\r\n\r\n");
	return message;
}

/* RFC 9112 §3, RFC 6585 §5 */
static void test_a_head_of_the_limit_is_read_and_one_byte_more_is_refused(void **state)
{
	char *message = request_of(0, READING_HEAD_MAX - strlen("GET / HTTP/1.1\r\nHost: a\r\nX: \r\n\r\n"));

	assert_int_equal(strlen(message), READING_HEAD_MAX);
	assert_read(message, NULL);
	free(message);
	message = request_of(1, READING_HEAD_MAX - strlen("GET / HTTP/1.1\r\nHost: a\r\nX: \r\n\r\n"));
	assert_refused(message, 431, "The headers are too large.");
	free(message);
	message = request_of(READING_HEAD_MAX, 0);
	assert_refused(message, 414, "The request line is too long.");
	free(message);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_request_is_a_line_fields_and_an_empty_line),
		cmocka_unit_test(test_what_follows_a_message_is_left_for_the_next_one),
		cmocka_unit_test(test_one_empty_line_before_the_request_line_is_ignored),
		cmocka_unit_test(test_a_request_line_ends_in_crlf_alone),
		cmocka_unit_test(test_a_method_is_any_token_and_keeps_its_case),
		cmocka_unit_test(test_a_method_that_is_no_token_is_refused),
		cmocka_unit_test(test_one_space_stands_between_the_parts_of_the_request_line),
		cmocka_unit_test(test_a_target_holds_only_what_a_path_and_a_query_may),
		cmocka_unit_test(test_a_target_in_absolute_form_has_a_scheme_and_a_host),
		cmocka_unit_test(test_connect_alone_has_a_host_and_a_port_for_its_target),
		cmocka_unit_test(test_options_alone_may_ask_of_the_whole_server),
		cmocka_unit_test(test_a_version_that_is_not_well_formed_is_refused),
		cmocka_unit_test(test_another_major_version_is_not_supported),
		cmocka_unit_test(test_a_later_minor_version_is_read_as_ours),
		cmocka_unit_test(test_the_preface_of_http_2_is_recognized),
		cmocka_unit_test(test_the_hello_of_tls_is_recognized_by_its_first_byte),
		cmocka_unit_test(test_a_head_of_the_limit_is_read_and_one_byte_more_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
