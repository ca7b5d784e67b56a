/* Which texts are urls of a daemon, and what is in them. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

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

static void test_a_url_is_taken_apart(void **state)
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

static void test_an_odd_url_is_invalid(void **state)
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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_url_is_taken_apart),
		cmocka_unit_test(test_a_url_too_long_is_invalid),
		cmocka_unit_test(test_an_odd_url_is_invalid),
	};

	return cmocka_run_group_tests_name("test_http_url", tests, NULL, NULL);
}
