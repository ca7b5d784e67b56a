/* Which origins may use the cookie of a session. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "sessions/session_cookie.h"

static void test_the_origin_of_the_host_itself_is_allowed(void **state)
{
	assert_true(session_cookie_is_same_origin("http://abacus.test:8080", "abacus.test:8080", NULL));
	assert_true(session_cookie_is_same_origin("https://abacus.test", "abacus.test", NULL));
	assert_true(session_cookie_is_same_origin("https://abacus.test", "ABACUS.test", "https"));
	assert_true(session_cookie_is_same_origin("https://[::1]:8443", "[::1]:8443", "https"));
}

static void test_a_default_port_may_be_written_or_not(void **state)
{
	assert_true(session_cookie_is_same_origin("https://abacus.test", "abacus.test:443", NULL));
	assert_true(session_cookie_is_same_origin("http://abacus.test:80", "abacus.test", NULL));
	assert_false(session_cookie_is_same_origin("https://abacus.test", "abacus.test:80", NULL));
	assert_false(session_cookie_is_same_origin("http://abacus.test", "abacus.test:443", NULL));
}

static void test_another_host_port_or_scheme_is_refused(void **state)
{
	static const char *const origins[] = {"",
					      "null",
					      "abacus.test",
					      "http://",
					      "https://",
					      "http://evil.test",
					      "http://abacus.test.evil.test",
					      "http://evil.test/abacus.test",
					      "http://evilabacus.test",
					      "http://abacus.tes",
					      "http://abacus.test:8081",
					      "http://abacus.test@evil.test",
					      "ftp://abacus.test",
					      "file://",
					      "HTTPX://abacus.test",
					      "http://abacus.test, http://evil.test"};

	for (size_t i = 0; i < sizeof origins / sizeof *origins; i++) {
		assert_false(session_cookie_is_same_origin(origins[i], "abacus.test", NULL));
		assert_false(session_cookie_is_same_origin(origins[i], "", NULL));
	}
}

/* A page that came without TLS may have been changed on its way. */
static void test_a_page_without_tls_may_not_use_a_host_with_tls(void **state)
{
	assert_true(session_cookie_is_same_origin("http://abacus.test", "abacus.test", "http"));
	assert_false(session_cookie_is_same_origin("http://abacus.test", "abacus.test", "https"));
	assert_false(session_cookie_is_same_origin("http://abacus.test", "abacus.test", "HTTPS"));
}

/* A proxy before nginx may end TLS. */
static void test_a_page_with_tls_may_use_a_host_that_is_reached_without(void **state)
{
	assert_true(session_cookie_is_same_origin("https://abacus.test", "abacus.test", "http"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_the_origin_of_the_host_itself_is_allowed),
		cmocka_unit_test(test_a_default_port_may_be_written_or_not),
		cmocka_unit_test(test_another_host_port_or_scheme_is_refused),
		cmocka_unit_test(test_a_page_without_tls_may_not_use_a_host_with_tls),
		cmocka_unit_test(test_a_page_with_tls_may_use_a_host_that_is_reached_without),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
