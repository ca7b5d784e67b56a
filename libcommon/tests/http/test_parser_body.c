/* Where a body ends, so that two readers cannot disagree: RFC 9112 §6 and §7. */
#include "tests/http/parser_fixture.h"

#define POST "POST / HTTP/1.1\r\nHost: a\r\n"
#define HEAD "POST / 1.1\nHost: a\n"
#define CHUNKED POST "Transfer-Encoding: chunked\r\n\r\n"
#define SIZE "A chunk's size is not a hexadecimal number."
#define LINE_END "A line does not end in CRLF."
#define EXTENSION "A chunk's extension is not a name, or a name and a value."
#define OF_HEAD "A trailer holds what only a head may hold."

/* The body without its head. */
static void assert_chunks(const char *chunks, const char *body)
{
	char message[4000], text[4000];

	snprintf(message, sizeof message, CHUNKED "%s", chunks);
	snprintf(text, sizeof text, HEAD "Transfer-Encoding: chunked\n\n%s", body);
	assert_true(assert_read(message, text).is_chunked);
}

static void refuse_chunks(const char *chunks, int code, const char *sentence)
{
	char *message = malloc(sizeof CHUNKED + strlen(chunks));

	strcpy(message, CHUNKED);
	strcat(message, chunks);
	assert_refused(message, code, sentence);
	free(message);
}

static void refuse_post(const char *fields, int code, const char *sentence)
{
	char message[1000];

	snprintf(message, sizeof message, POST "%s\r\n", fields);
	assert_refused(message, code, sentence);
}

/* ---- a length ---- */

/* RFC 9112 §6.3, point 7 */
static void test_a_request_without_a_length_has_no_body(void **state)
{
	assert_read(POST "\r\n", HEAD "\n");
}

/* RFC 9112 §6.2 */
static void test_a_body_has_its_length(void **state)
{
	assert_int_equal(assert_read(POST "Content-Length: 11\r\n\r\n{\"index\":7}", HEAD "Content-Length: 11\n\n{\"index\":7}")
				 .content_length,
			 11);
	assert_read(POST "content-length:002 \r\n\r\n{}", HEAD "content-length: 002\n\n{}");
	assert_read(POST "Content-Length: 0\r\n\r\n", NULL);
	assert_unfinished(POST "Content-Length: 3\r\n\r\n{}");
	assert_unfinished(POST "Content-Length: 3\r\n\r\n");
}

static void test_a_body_may_hold_any_byte(void **state)
{
	char message[400] = POST "Content-Length: 256\r\n\r\n";
	size_t len = strlen(message);

	for (int c = 0; c < 256; c++)
		message[len + (size_t)c] = (char)c;
	assert_bytes_read(message, len + 256, NULL);
}

/* RFC 9110 §9.3.1 */
static void test_a_get_may_have_a_body(void **state)
{
	assert_read("GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\n{}", "GET / 1.1\nHost: a\nContent-Length: 2\n\n{}");
}

/* RFC 9112 §6.3, point 5 */
static void test_a_length_that_is_not_digits_alone_is_refused(void **state)
{
	static const char *const lengths[] = {"",    "+3",  "-1",  "0x3",      "3,3", "3, 3",
					      "1e1", "3.0", "3 3", "\xD9\xA3", "3;",  "\"3\""};
	char field[100];

	for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++) {
		snprintf(field, sizeof field, "Content-Length: %s\r\n", lengths[i]);
		refuse_post(field, 400, "Content-Length is not a number.");
	}
}

/* RFC 9110 §5.6.3 allows it, but llhttp, for one, refuses it. */
static void test_a_tab_behind_a_length_or_a_coding_is_refused(void **state)
{
	refuse_post("Content-Length: 2\t\r\n", 400, "Content-Length is not a number.");
	refuse_post("Transfer-Encoding: chunked \t\r\n", 400, "Transfer-Encoding is not exactly chunked.");
	assert_read(POST "X: y\t\r\nContent-Length:\t0\r\n\r\n", HEAD "X: y\nContent-Length: 0\n\n");
	assert_read(POST "Transfer-Encoding: \t chunked\r\n\r\n0\r\n\r\n", NULL);
}

/* RFC 9112 §6.3, point 5 */
static void test_two_lengths_are_refused_though_they_agree(void **state)
{
	refuse_post("Content-Length: 7\r\ncontent-length: 7\r\n", 400, "There is more than one Content-Length.");
	refuse_post("Content-Length: 0\r\nContent-Length: 1\r\n", 400, "There is more than one Content-Length.");
}

/* RFC 9110 §8.6, §15.5.14 */
static void test_a_length_over_the_limit_is_refused_however_large(void **state)
{
	refuse_post("Content-Length: 131073\r\n", 413, "The body is too large.");
	refuse_post("Content-Length: 9223372036854775807\r\n", 413, "The body is too large.");
	refuse_post("Content-Length: 18446744073709551616\r\n", 413, "The body is too large.");
	refuse_post("Content-Length: 99999999999999999999999999999999999999999\r\n", 413, "The body is too large.");
	assert_unfinished(POST "Content-Length: 131072\r\n\r\n");
}

/* RFC 9110 §9.3.2, §9.3.6, §9.3.8 */
static void test_head_trace_and_connect_have_no_body(void **state)
{
	static const char *const lines[] = {"HEAD /", "TRACE /", "CONNECT a:80"};
	char message[200];

	for (size_t i = 0; i < 3; i++) {
		snprintf(message, sizeof message, "%s HTTP/1.1\r\nHost: a\r\nContent-Length: 7\r\n\r\n", lines[i]);
		assert_refused(message, 400, "This method has no body.");
		snprintf(message, sizeof message, "%s HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n", lines[i]);
		assert_refused(message, 400, "This method has no body.");
		snprintf(message, sizeof message, "%s HTTP/1.1\r\nHost: a\r\nContent-Length: 000\r\n\r\n", lines[i]);
		assert_read(message, NULL);
	}
}

/* ---- a transfer coding ---- */

/* RFC 9112 §6.1, §7 */
static void test_a_coding_is_exactly_chunked(void **state)
{
	static const char *const codings[] = {"",         "gzip",        "gzip, chunked", "chunked, gzip",
					      "identity", "xchunked",    "chunked;a=b",   "chunked,chunked",
					      "chunked,", "\"chunked\"", "chunke",        "chunked x"};
	char field[100];

	for (size_t i = 0; i < sizeof codings / sizeof *codings; i++) {
		snprintf(field, sizeof field, "Transfer-Encoding: %s\r\n", codings[i]);
		refuse_post(field, 400, "Transfer-Encoding is not exactly chunked.");
	}
	refuse_post("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n", 400,
		    "Transfer-Encoding is not exactly chunked.");
	assert_read(POST "transfer-encoding:CHUNKED \r\n\r\n0\r\n\r\n", HEAD "transfer-encoding: CHUNKED\n\n");
}

/* RFC 9112 §6.1, §6.3 */
static void test_a_length_and_a_coding_exclude_each_other(void **state)
{
	refuse_post("Content-Length: 7\r\nTransfer-Encoding: chunked\r\n", 400,
		    "Content-Length and Transfer-Encoding exclude each other.");
	refuse_post("Transfer-Encoding: chunked\r\nContent-Length: 0\r\n", 400,
		    "Content-Length and Transfer-Encoding exclude each other.");
}

/* RFC 9112 §6.1 */
static void test_http_1_0_has_no_transfer_coding(void **state)
{
	assert_refused("POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400,
		       "HTTP/1.0 has no Transfer-Encoding.");
}

/* ---- chunks ---- */

/* RFC 9112 §7.1 */
static void test_chunks_are_taken_apart(void **state)
{
	assert_chunks("0\r\n\r\n", "");
	assert_chunks("5\r\nhello\r\n0\r\n\r\n", "hello");
	assert_chunks("1\r\na\r\n0002\r\nbc\r\n000\r\n\r\n", "abc");
	assert_chunks("A\r\n0123456789\r\na\r\nabcdefghij\r\n0\r\n\r\n", "0123456789abcdefghij");
	assert_chunks("4\r\n\r\n\r\n\r\n0\r\n\r\n", "\r\n\r\n");
	assert_unfinished(CHUNKED "1\r\na\r\n");
	assert_unfinished(CHUNKED "0\r\n");
}

/* RFC 9112 §7.1 */
static void test_a_size_is_hexadecimal_digits_alone(void **state)
{
	static const char *const sizes[] = {"",    "0x1",    "0X1", "+1",     "-1",       "1g", "g",  " 1", "1 ",
					    "1\t", "1 ;a=b", "1.",  "1 junk", "\xD9\xA1", ";a", "1,", "h"};
	char chunks[100];

	for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
		snprintf(chunks, sizeof chunks, "%s\r\nx\r\n0\r\n\r\n", sizes[i]);
		refuse_chunks(chunks, 400, SIZE);
	}
	assert_bytes_refused(CHUNKED "1\0\r\nx\r\n0\r\n\r\n", sizeof CHUNKED "1\0\r\nx\r\n0\r\n\r\n" - 1, 400, SIZE);
}

/* RFC 9112 §2.2, §7.1 */
static void test_the_lines_of_chunks_end_in_crlf_alone(void **state)
{
	refuse_chunks("1\nx\r\n0\r\n\r\n", 400, LINE_END);
	refuse_chunks("1\rx\r\n0\r\n\r\n", 400, LINE_END);
	refuse_chunks("1\r\nx\n0\r\n\r\n", 400, LINE_END);
	refuse_chunks("1\r\nx\rx0\r\n\r\n", 400, LINE_END);
	refuse_chunks("0\r\n\n", 400, LINE_END);
	refuse_chunks("0\r\n\rx", 400, LINE_END);
	refuse_chunks("0;a\n\r\n", 400, LINE_END);
}

static void test_a_chunk_ends_where_its_size_says(void **state)
{
	refuse_chunks("2\r\n{}X\r\n0\r\n\r\n", 400, "A chunk does not end where its size says.");
	refuse_chunks("3\r\n{}\r\n0\r\n\r\n", 400, LINE_END);
	refuse_chunks("1\r\nx0\r\n\r\n", 400, "A chunk does not end where its size says.");
}

/* RFC 9112 §7.1, RFC 9110 §15.5.14 */
static void test_chunks_over_the_limit_are_refused_as_soon_as_they_say_so(void **state)
{
	refuse_chunks("20001", 413, "The body is too large.");
	refuse_chunks("1\r\nx\r\n20000", 413, "The body is too large.");
	refuse_chunks("7fffffffffffffff\r\n", 413, "The body is too large.");
	refuse_chunks("fffffffffffffffff\r\n", 413, "The body is too large.");
	refuse_chunks("10000000000000001\r\n", 413, "The body is too large.");
	assert_unfinished(CHUNKED "20000\r\n");
	assert_unfinished(CHUNKED "1\r\nx\r\n1ffff\r\n");
}

/* RFC 9112 §7.1.1 */
static void test_the_extensions_of_a_chunk_are_dropped(void **state)
{
	assert_chunks("1;a\r\nx\r\n0\r\n\r\n", "x");
	assert_chunks("1;a=b\r\nx\r\n0;last\r\n\r\n", "x");
	assert_chunks("1;a;b=c;d=\"e;f=\\\"g\\\\ \t\xC3\xA4\";h\r\nx\r\n0;i=\"\"\r\n\r\n", "x");
}

/* RFC 9112 §7.1.1: white space is bad white space there, which no sound client sends. */
static void test_an_unsound_extension_is_refused(void **state)
{
	static const char *const extensions[] = {";",           ";;a",           ";=b",        ";a=",      ";a==b",
						 ";a=b=c",      "; a",           ";a ",        ";a =b",    ";a= b",
						 ";a=\"b\"c",   ";a=\"b\" ",     ";a\"b\"",    ";a,b",     ";a=(b)",
						 ";a=\"\x01\"", ";a=\"\\\x7F\"", ";a=\"b\"=c", ";\xC3\xA4"};
	char chunks[100];

	for (size_t i = 0; i < sizeof extensions / sizeof *extensions; i++) {
		char next = extensions[i][strlen(extensions[i]) - 1];

		snprintf(chunks, sizeof chunks, "1%s\r\nx\r\n0\r\n\r\n", extensions[i]);
		refuse_chunks(chunks, 400, (next == ';' || next == '=') ? LINE_END : EXTENSION);
	}
	refuse_chunks("1;a=\"b\r\nx\r\n0\r\n\r\n", 400, LINE_END);
	refuse_chunks("1;a=\"\\\r\nx\r\n0\r\n\r\n", 400, LINE_END);
}

/* RFC 9112 §7.1.1 */
static void test_a_chunk_line_has_a_limit(void **state)
{
	char chunks[HTTP_CHUNK_LINE_BYTES_MAX + 100];

	sprintf(chunks, "%0*d\r\n\r\n", HTTP_CHUNK_LINE_BYTES_MAX - 2, 0);
	assert_chunks(chunks, "");
	sprintf(chunks, "%0*d\r\n\r\n", HTTP_CHUNK_LINE_BYTES_MAX - 1, 0);
	refuse_chunks(chunks, 400, "A chunk's extensions are too long.");
	sprintf(chunks, "1;%0*d\r\nx\r\n0\r\n\r\n", HTTP_CHUNK_LINE_BYTES_MAX, 0);
	refuse_chunks(chunks, 400, "A chunk's extensions are too long.");
}

/* RFC 9112 §7.1.1 */
static void test_all_extensions_of_a_message_have_a_limit(void **state)
{
	char *chunks = calloc(1, (size_t)HTTP_CHUNK_EXTENSIONS_BYTES_MAX * 2);
	size_t len = 0;

	for (size_t bytes = 0; bytes <= HTTP_CHUNK_EXTENSIONS_BYTES_MAX; bytes += 200)
		len += (size_t)sprintf(chunks + len, "1;%0200d\r\nx\r\n", 0);
	refuse_chunks(chunks, 400, "A chunk's extensions are too long.");
	free(chunks);
}

/* ---- trailers ---- */

/* RFC 9112 §7.1.2 */
static void test_trailers_are_dropped(void **state)
{
	assert_chunks("1\r\nx\r\n0\r\nX-Checksum: 7\r\nY:\r\n\r\n", "x");
	assert_unfinished(CHUNKED "0\r\nX: y\r\n");
}

/* RFC 9110 §6.5.1 */
static void test_a_trailer_that_frames_routes_or_modifies_is_refused(void **state)
{
	refuse_chunks("0\r\nContent-Length: 1\r\n\r\n", 400, OF_HEAD);
	refuse_chunks("0\r\nX: y\r\ntransfer-encodinG: chunked\r\n\r\n", 400, OF_HEAD);
	refuse_chunks("0\r\nHost: b\r\n\r\n", 400, OF_HEAD);
	refuse_chunks("0\r\nConnection: close\r\n\r\n", 400, OF_HEAD);
	refuse_chunks("0\r\nExpect: 100-continue\r\n\r\n", 400, OF_HEAD);
	assert_chunks("0\r\nHos: b\r\nHosts: b\r\nTransfer-Encodings: x\r\nA-Very-Long-Name-That-Is-Content-Length: 1\r\n\r\n",
		      "");
}

/* RFC 9112 §5, §7.1.2 */
static void test_trailers_obey_the_rules_of_fields(void **state)
{
	refuse_chunks("0\r\nX : y\r\n\r\n", 400, "White space stands before a header's colon.");
	refuse_chunks("0\r\nX: y\r\n z\r\n\r\n", 400, "A header is folded over two lines.");
	refuse_chunks("0\r\n X: y\r\n\r\n", 400, "A header is folded over two lines.");
	refuse_chunks("0\r\nX\r\n\r\n", 400, LINE_END);
	refuse_chunks("0\r\n: y\r\n\r\n", 400, "A header's name is not a token.");
	refuse_chunks("0\r\n(X): y\r\n\r\n", 400, "A header's name is not a token.");
	refuse_chunks("0\r\nX: \x01\r\n\r\n", 400, "A header's value holds a control character.");
	refuse_chunks("0\r\nX: y\n\r\n", 400, LINE_END);
	refuse_chunks("0\r\nX: y\rz\r\n\r\n", 400, LINE_END);
	refuse_chunks("0\r\nGET / HTTP/1.1\r\n\r\n", 400, "White space stands before a header's colon.");
}

/* RFC 9112 §7.1.2 */
static void test_trailers_have_a_limit(void **state)
{
	char *chunks = malloc(HTTP_TRAILER_BYTES_MAX + 100), *message = malloc(HTTP_TRAILER_BYTES_MAX + 200);

	sprintf(chunks, "0\r\nX: %0*d\r\n\r\n", HTTP_TRAILER_BYTES_MAX - 7, 0);
	sprintf(message, CHUNKED "%s", chunks);
	assert_read(message, NULL);
	sprintf(chunks, "0\r\nX: %0*d\r\n\r\n", HTTP_TRAILER_BYTES_MAX - 6, 0);
	refuse_chunks(chunks, 431, "The trailers are too large.");
	free(chunks);
	free(message);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_request_without_a_length_has_no_body),
		cmocka_unit_test(test_a_body_has_its_length),
		cmocka_unit_test(test_a_body_may_hold_any_byte),
		cmocka_unit_test(test_a_get_may_have_a_body),
		cmocka_unit_test(test_a_length_that_is_not_digits_alone_is_refused),
		cmocka_unit_test(test_a_tab_behind_a_length_or_a_coding_is_refused),
		cmocka_unit_test(test_two_lengths_are_refused_though_they_agree),
		cmocka_unit_test(test_a_length_over_the_limit_is_refused_however_large),
		cmocka_unit_test(test_head_trace_and_connect_have_no_body),
		cmocka_unit_test(test_a_coding_is_exactly_chunked),
		cmocka_unit_test(test_a_length_and_a_coding_exclude_each_other),
		cmocka_unit_test(test_http_1_0_has_no_transfer_coding),
		cmocka_unit_test(test_chunks_are_taken_apart),
		cmocka_unit_test(test_a_size_is_hexadecimal_digits_alone),
		cmocka_unit_test(test_the_lines_of_chunks_end_in_crlf_alone),
		cmocka_unit_test(test_a_chunk_ends_where_its_size_says),
		cmocka_unit_test(test_chunks_over_the_limit_are_refused_as_soon_as_they_say_so),
		cmocka_unit_test(test_the_extensions_of_a_chunk_are_dropped),
		cmocka_unit_test(test_an_unsound_extension_is_refused),
		cmocka_unit_test(test_a_chunk_line_has_a_limit),
		cmocka_unit_test(test_all_extensions_of_a_message_have_a_limit),
		cmocka_unit_test(test_trailers_are_dropped),
		cmocka_unit_test(test_a_trailer_that_frames_routes_or_modifies_is_refused),
		cmocka_unit_test(test_trailers_obey_the_rules_of_fields),
		cmocka_unit_test(test_trailers_have_a_limit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
