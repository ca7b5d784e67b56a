/* Which texts are URLs of a daemon, what their parts are, and percent-decoding. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "net/url.h"

static void assert_url(const char *text, const char *host, int port, const char *authority, const char *path)
{
	struct url url;

	assert_int_equal(url_parse(text, &url), STATUS_OK);
	assert_string_equal(url.host, host);
	assert_int_equal(url.port, port);
	assert_string_equal(url.authority, authority);
	assert_string_equal(url.path, path);
}

static void test_a_url_is_split_into_its_parts(void **state)
{
	assert_url("http://users", "users", 80, "users", "/");
	assert_url("HTTP://users:8001/", "users", 8001, "users:8001", "/");
	assert_url("http://10.0.0.1:65535/readyz?x=/y", "10.0.0.1", 65535, "10.0.0.1:65535", "/readyz?x=/y");
	assert_url("http://[::1]/a", "::1", 80, "[::1]", "/a");
	assert_url("http://[fe80::2]:81/a", "fe80::2", 81, "[fe80::2]:81", "/a");
}

static void test_a_url_too_long_is_invalid(void **state)
{
	char url[URL_BYTES_MAX + 10];
	struct url parts;

	memset(url, 'a', sizeof url);
	memcpy(url, "http://a/", 9);
	url[URL_BYTES_MAX + 1] = '\0';
	assert_int_equal(url_parse(url, &parts), STATUS_INVALID);
	url[URL_BYTES_MAX] = '\0';
	assert_int_equal(url_parse(url, &parts), STATUS_OK);
}

static void test_a_malformed_url_is_invalid(void **state)
{
	static const char *const urls[] = {
		"",
		"http:/",
		"http://",
		"http:///path",
		"https://a/",
		"a:80/path",
		"/path",
		"http://a:/",
		"http://a:0/",
		"http://a:65536/",
		"http://a:080800/",
		"http://a:8x/",
		"http://a:-1/",
		"http://me@a/",
		"http://me:secret@a/",
		"http://a b/",
		"http://a/b c",
		"http://a/\r\nX: y",
		"http://a/\xc3\xbc",
		"http://a/#part",
		"http://a?x",
		"http://[::1/",
		"http://[::1]x/",
		"http://[::1%lo]/",
		"http://[127.0.0.1]/",
		"http://[]/",
		"http://::1/",
		"http://.a/",
		"http://-a/",
	};
	struct url url;

	for (size_t i = 0; i < sizeof urls / sizeof *urls; i++) {
		if (url_parse(urls[i], &url) != STATUS_INVALID)
			fail_msg("taken: %s", urls[i]);
	}
}

static void assert_decoded(const char *encoded, const char *expected)
{
	char text[32];

	assert_int_equal(url_decode(encoded, strlen(encoded), text, sizeof text), STATUS_OK);
	assert_string_equal(text, expected);
}

static void test_escapes_become_their_bytes(void **state)
{
	assert_decoded("", "");
	assert_decoded("plain", "plain");
	assert_decoded("a%20b", "a b");
	assert_decoded("%41%5a%7A%c3%BC", "AZz\xc3\xbc");
	assert_decoded("%2f%25%FF", "/%\xff");
	assert_decoded("%2541", "%41");
	assert_decoded("1+1", "1+1");
}

static void test_every_byte_but_nul_can_be_encoded(void **state)
{
	for (int byte = 1; byte < 256; byte++) {
		char encoded[4], text[2];

		snprintf(encoded, sizeof encoded, byte % 2 ? "%%%02x" : "%%%02X", byte);
		assert_int_equal(url_decode(encoded, 3, text, sizeof text), STATUS_OK);
		assert_int_equal((unsigned char)text[0], byte);
		assert_int_equal(text[1], 0);
	}
}

static void test_an_encoded_text_decodes_to_itself_and_is_unreserved_ascii(void **state)
{
	char every[256] = "", decoded[256];
	struct buf encoded = {0};

	for (int byte = 1; byte < 256; byte++)
		every[byte - 1] = (char)byte;
	url_encode_query(&encoded, every);
	assert_int_equal(strspn(encoded.bytes, "%abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~"),
			 encoded.len);
	assert_int_equal(url_decode_query(encoded.bytes, encoded.len, decoded, sizeof decoded), STATUS_OK);
	assert_string_equal(decoded, every);
	buf_free(&encoded);
	url_encode_query(&encoded, "a b&c=>\r\n");
	assert_string_equal(encoded.bytes, "a%20b%26c%3D%3E%0D%0A");
	buf_free(&encoded);
}

static void test_plus_is_a_space_in_a_query_alone(void **state)
{
	char text[32];

	assert_int_equal(url_decode_query("a+b%2B%20+", 10, text, sizeof text), STATUS_OK);
	assert_string_equal(text, "a b+  ");
	assert_decoded("a+b%2B", "a+b+");
}

static void test_a_broken_escape_is_invalid(void **state)
{
	static const char *const texts[] = {"%", "a%", "%4", "a%4", "%zz", "%4g", "%g4", "%+1", "% 1", "%-1", "%0x", "%%41"};
	char text[32];

	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
		if (url_decode(texts[i], strlen(texts[i]), text, sizeof text) != STATUS_INVALID ||
		    url_decode_query(texts[i], strlen(texts[i]), text, sizeof text) != STATUS_INVALID)
			fail_msg("taken: %s", texts[i]);
	}
}

/* Hexadecimal digits may follow in memory, as part of the next segment. */
static void test_an_escape_does_not_reach_beyond_the_length(void **state)
{
	char text[32];

	assert_int_equal(url_decode("a%41", 3, text, sizeof text), STATUS_INVALID);
	assert_int_equal(url_decode("a%41", 2, text, sizeof text), STATUS_INVALID);
	assert_int_equal(url_decode("a%41", 1, text, sizeof text), STATUS_OK);
	assert_string_equal(text, "a");
}

static void test_a_nul_is_invalid(void **state)
{
	char text[32];

	assert_int_equal(url_decode("a%00b", 5, text, sizeof text), STATUS_INVALID);
	assert_int_equal(url_decode("a\0b", 3, text, sizeof text), STATUS_INVALID);
	assert_int_equal(url_decode_query("%00", 3, text, sizeof text), STATUS_INVALID);
}

static void test_the_size_bounds_the_decoded_text_with_its_nul(void **state)
{
	char text[5] = "...|";

	assert_int_equal(url_decode("%41%42%43", 9, text, 4), STATUS_OK);
	assert_string_equal(text, "ABC");
	memcpy(text, "...|", 5);
	assert_int_equal(url_decode("%41%42%43", 9, text, 3), STATUS_INVALID);
	assert_int_equal(text[2], '.');
	assert_int_equal(url_decode("", 0, text, 1), STATUS_OK);
	assert_int_equal(url_decode("", 0, text, 0), STATUS_INVALID);
}

static void test_a_text_can_be_decoded_in_its_own_place(void **state)
{
	char text[] = "%41b%43d";

	assert_int_equal(url_decode(text, strlen(text), text, sizeof text), STATUS_OK);
	assert_string_equal(text, "AbCd");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_url_is_split_into_its_parts),
		cmocka_unit_test(test_a_url_too_long_is_invalid),
		cmocka_unit_test(test_a_malformed_url_is_invalid),
		cmocka_unit_test(test_escapes_become_their_bytes),
		cmocka_unit_test(test_every_byte_but_nul_can_be_encoded),
		cmocka_unit_test(test_plus_is_a_space_in_a_query_alone),
		cmocka_unit_test(test_a_broken_escape_is_invalid),
		cmocka_unit_test(test_an_escape_does_not_reach_beyond_the_length),
		cmocka_unit_test(test_an_encoded_text_decodes_to_itself_and_is_unreserved_ascii),
		cmocka_unit_test(test_a_nul_is_invalid),
		cmocka_unit_test(test_the_size_bounds_the_decoded_text_with_its_nul),
		cmocka_unit_test(test_a_text_can_be_decoded_in_its_own_place),
	};

	return cmocka_run_group_tests_name("test_url", tests, NULL, NULL);
}
