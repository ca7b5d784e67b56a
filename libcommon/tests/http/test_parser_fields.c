/* The parser's fields: RFC 9112 §5, RFC 9110 §5, and the few that it must understand itself. */
#include "tests/http/parser_fixture.h"

#define GET "GET / HTTP/1.1\r\n"
#define HOST "Host: a\r\n"
#define LINE_END "A line does not end in CRLF."
#define NAME "A header's name is not a token."
#define TOKEN_CHARACTERS "!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"

static struct http_parser get(const char *fields)
{
	char message[2000];

	snprintf(message, sizeof message, GET HOST "%s\r\n", fields);
	return assert_read(message, NULL);
}

static void refuse_get(const char *fields, int code, const char *sentence)
{
	char message[2000];

	snprintf(message, sizeof message, GET HOST "%s\r\n", fields);
	assert_refused(message, code, sentence);
}

/* RFC 9112 §5, RFC 9110 §5.5 */
static void test_white_space_around_a_value_is_not_part_of_it(void **state)
{
	assert_read(GET HOST "A:b\r\nC: d\r\nE: \t f g\t h \t \r\nI:\r\nJ: \t\r\n\r\n",
		    "GET / 1.1\nHost: a\nA: b\nC: d\nE: f g\t h\nI: \nJ: \n\n");
}

/* RFC 9110 §5.1, §5.6.2 */
static void test_a_name_is_a_token(void **state)
{
	assert_read(GET HOST TOKEN_CHARACTERS ": x\r\n\r\n", "GET / 1.1\nHost: a\n" TOKEN_CHARACTERS ": x\n\n");
	for (int c = 0; c < 256; c++) {
		char message[] = GET HOST "X.Y: z\r\n\r\n";
		size_t len = strlen(message);

		message[strlen(GET HOST "X")] = (char)c;
		if (c == ':' || (c && strchr(TOKEN_CHARACTERS, c)))
			continue;
		assert_bytes_refused(message, len, 400,
				     c == ' ' || c == '\t'    ? "White space stands before a header's colon."
				     : c == '\r' || c == '\n' ? LINE_END
							      : NAME);
	}
	refuse_get(": empty\r\n", 400, NAME);
	refuse_get("no colon\r\n", 400, "White space stands before a header's colon.");
	refuse_get("colonless\r\n", 400, LINE_END);
}

/* RFC 9112 §5.1 */
static void test_white_space_before_a_colon_is_refused(void **state)
{
	refuse_get("Content-Length : 2\r\n", 400, "White space stands before a header's colon.");
	refuse_get("Content-Length\t: 2\r\n", 400, "White space stands before a header's colon.");
}

/* RFC 9112 §5.2, §2.2 */
static void test_a_folded_field_is_refused(void **state)
{
	refuse_get("X: a\r\n b\r\n", 400, "A header is folded over two lines.");
	refuse_get("X: a\r\n\tb\r\n", 400, "A header is folded over two lines.");
	refuse_get("X:\r\n \r\n", 400, "A header is folded over two lines.");
	assert_refused(GET " " HOST "\r\n", 400, "A header is folded over two lines.");
}

/* RFC 9110 §5.5 */
static void test_a_value_has_no_control_character_but_tabs(void **state)
{
	for (int c = 0; c < 256; c++) {
		char message[] = GET HOST "X: y.z\r\n\r\n";
		size_t len = strlen(message);

		message[strlen(GET HOST "X: y")] = (char)c;
		if (c == '\r' || c == '\n')
			assert_bytes_refused(message, len, 400, LINE_END);
		else if (c == 127 || (c < ' ' && c != '\t'))
			assert_bytes_refused(message, len, 400, "A header's value holds a control character.");
		else
			assert_bytes_read(message, len, NULL);
	}
}

/* RFC 9112 §2.2 */
static void test_a_field_ends_in_crlf_alone(void **state)
{
	refuse_get("X: a\nY: b\r\n", 400, LINE_END);
	refuse_get("X: a\rY: b\r\n", 400, LINE_END);
	refuse_get("X: a\r\r\n", 400, LINE_END);
	refuse_get("X:\n", 400, LINE_END);
	assert_refused(GET HOST "\n", 400, LINE_END);
	assert_refused(GET HOST "\rX", 400, LINE_END);
}

/* RFC 6585 §5 */
static void test_a_head_has_no_more_than_so_many_fields(void **state)
{
	char message[HTTP_FIELDS_MAX * 6 + 100] = GET HOST;

	for (int i = 1; i < HTTP_FIELDS_MAX; i++)
		strcat(message, "X: y\r\n");
	strcat(message, "\r\n");
	assert_int_equal(assert_read(message, NULL).field_count, HTTP_FIELDS_MAX);
	strcpy(message + strlen(message) - 2, "X: y\r\n\r\n");
	assert_refused(message, 431, "There are too many headers.");
}

/* RFC 9110 §5.1 */
static void test_a_field_is_found_by_its_name_in_any_case(void **state)
{
	static const char message[] = GET HOST "X-One: 1\r\nX-On: 2\r\nx-one: 3\r\n\r\n";
	struct http_parser parser;

	http_parser_init(&parser, READING_HEAD_MAX, 0);
	assert_int_equal(http_parser_read(&parser, message, strlen(message)), HTTP_PARSER_HEAD);
	assert_memory_equal(message + http_parser_field(&parser, message, "x-ONE")->start, "1", 1);
	assert_int_equal(http_parser_field(&parser, message, "Host")->len, 1);
	assert_null(http_parser_field(&parser, message, "X"));
}

/* RFC 9112 §3.2 */
static void test_there_is_exactly_one_host(void **state)
{
	assert_refused(GET "\r\n", 400, "There must be exactly one Host.");
	assert_refused(GET HOST "hOST: a\r\n\r\n", 400, "There must be exactly one Host.");
	assert_refused(GET "Host:\r\nHost:\r\n\r\n", 400, "There must be exactly one Host.");
	assert_read(GET "Host:\r\n\r\n", "GET / 1.1\nHost: \n\n");
}

/* RFC 9112 §3.2 */
static void test_http_1_0_may_leave_the_host_out_but_not_double_it(void **state)
{
	assert_read("GET / HTTP/1.0\r\n\r\n", "GET / 1.0\n\n");
	assert_refused("GET / HTTP/1.0\r\n" HOST HOST "\r\n", 400, "There must be exactly one Host.");
}

/* RFC 9110 §7.2, RFC 3986 §3.2.2 */
static void test_a_host_is_a_name_or_an_address_and_a_port(void **state)
{
	static const char *const hosts[] = {
		"a", "abacus.example:8080", "127.0.0.1:80", "[::1]", "[2001:db8::7]:443", "a:", "a_b", "%41", "a,b"};
	static const char *const wrong[] = {"a b", "a/b", "u@a", "a:b",   ":80",      "[::1", "::1",      "[]",      "a:1:2",
					    "a#",  "a?",  "a\\", "\"a\"", "\xC3\xA4", "[:]]", "a:123456", "http://a"};
	char message[200];

	for (size_t i = 0; i < sizeof hosts / sizeof *hosts; i++) {
		snprintf(message, sizeof message, GET "Host: %s\r\n\r\n", hosts[i]);
		assert_read(message, NULL);
	}
	for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
		snprintf(message, sizeof message, GET "Host: %s\r\n\r\n", wrong[i]);
		assert_refused(message, 400, "Host is not a name or an address, and a port.");
	}
}

/* RFC 9112 §9.3 */
static void test_a_connection_is_kept_unless_the_client_closes_it(void **state)
{
	assert_true(get("").keeps_alive);
	assert_true(get("Connection: keep-alive\r\n").keeps_alive);
	assert_true(get("Connection: Upgrade\r\n").keeps_alive);
	assert_true(get("Connection:\r\n").keeps_alive);
	assert_true(get("Connection: closed\r\n").keeps_alive);
	assert_true(get("X-Connection: close\r\n").keeps_alive);
	assert_false(get("Connection: close\r\n").keeps_alive);
	assert_false(get("connection:cLoSe\r\n").keeps_alive);
	assert_false(get("Connection: keep-alive, close\r\n").keeps_alive);
	assert_false(get("Connection: close\r\nConnection: keep-alive\r\n").keeps_alive);
	assert_false(get("Connection: , ,close\t, x ,\r\n").keeps_alive);
}

static void test_a_connection_of_http_1_0_is_kept_if_the_client_asks(void **state)
{
	assert_false(assert_read("GET / HTTP/1.0\r\n\r\n", NULL).keeps_alive);
	assert_true(assert_read("GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n", NULL).keeps_alive);
	assert_false(assert_read("GET / HTTP/1.0\r\nConnection: keep-alive, close\r\n\r\n", NULL).keeps_alive);
}

/* RFC 9110 §7.6.1 */
static void test_connection_is_a_list_of_tokens(void **state)
{
	refuse_get("Connection: keep alive\r\n", 400, "Connection is not a list of tokens.");
	refuse_get("Connection: close;\r\n", 400, "Connection is not a list of tokens.");
	refuse_get("Connection: \"close\"\r\n", 400, "Connection is not a list of tokens.");
	refuse_get("Connection: x, y\xFF\r\n", 400, "Connection is not a list of tokens.");
}

/* RFC 9110 §10.1.1 */
static void test_100_continue_can_be_expected_and_nothing_else(void **state)
{
	assert_true(get("Expect: 100-continue\r\nContent-Length: 0\r\n").expects_continue == false); /* there is no body */
	assert_true(assert_read("PUT / HTTP/1.1\r\n" HOST "Expect: 100-Continue\r\nContent-Length: 1\r\n\r\nx", NULL)
			    .expects_continue);
	assert_false(assert_read("PUT / HTTP/1.1\r\n" HOST "Content-Length: 1\r\n\r\nx", NULL).expects_continue);
	refuse_get("Expect: tea\r\n", 417, "Only 100-continue can be expected.");
	refuse_get("Expect:\r\n", 417, "Only 100-continue can be expected.");
	refuse_get("Expect: 100-continue, tea\r\n", 417, "Only 100-continue can be expected.");
	refuse_get("Expect: 100-continue\r\nExpect: tea\r\n", 417, "Only 100-continue can be expected.");
}

/* RFC 9110 §10.1.1 */
static void test_the_expectation_of_http_1_0_is_ignored(void **state)
{
	assert_false(
		assert_read("PUT / HTTP/1.0\r\nExpect: 100-continue\r\nContent-Length: 1\r\n\r\nx", NULL).expects_continue);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_white_space_around_a_value_is_not_part_of_it),
		cmocka_unit_test(test_a_name_is_a_token),
		cmocka_unit_test(test_white_space_before_a_colon_is_refused),
		cmocka_unit_test(test_a_folded_field_is_refused),
		cmocka_unit_test(test_a_value_has_no_control_character_but_tabs),
		cmocka_unit_test(test_a_field_ends_in_crlf_alone),
		cmocka_unit_test(test_a_head_has_no_more_than_so_many_fields),
		cmocka_unit_test(test_a_field_is_found_by_its_name_in_any_case),
		cmocka_unit_test(test_there_is_exactly_one_host),
		cmocka_unit_test(test_http_1_0_may_leave_the_host_out_but_not_double_it),
		cmocka_unit_test(test_a_host_is_a_name_or_an_address_and_a_port),
		cmocka_unit_test(test_a_connection_is_kept_unless_the_client_closes_it),
		cmocka_unit_test(test_a_connection_of_http_1_0_is_kept_if_the_client_asks),
		cmocka_unit_test(test_connection_is_a_list_of_tokens),
		cmocka_unit_test(test_100_continue_can_be_expected_and_nothing_else),
		cmocka_unit_test(test_the_expectation_of_http_1_0_is_ignored),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
