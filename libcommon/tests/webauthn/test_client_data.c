/* What a browser has to say of the page that used a passkey. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "webauthn/client_data.h"

static const struct client_data_expected expected = {"webauthn.get", "Y2g", "https://abacus.example:8443"};

static enum status check(const char *type, const char *challenge, const char *origin, const char *more)
{
	char text[600];
	int len = snprintf(text, sizeof text, "{\"type\":\"%s\",\"challenge\":\"%s\",\"origin\":\"%s\"%s}", type, challenge,
			   origin, more);

	return client_data_check((const uint8_t *)text, (size_t)len, &expected);
}

static void test_what_is_expected_is_accepted_with_members_that_are_not_known(void **state)
{
	assert_int_equal(check("webauthn.get", "Y2g", "https://abacus.example:8443", ""), STATUS_OK);
	assert_int_equal(check("webauthn.get", "Y2g", "https://abacus.example:8443", ",\"crossOrigin\":false,\"other\":[1]"),
			 STATUS_OK);
	assert_int_equal(
		check("webauthn.get", "Y2g", "https://abacus.example:8443", ",\"tokenBinding\":{\"status\":\"supported\"}"),
		STATUS_OK);
}

static void test_another_type_challenge_or_origin_is_invalid(void **state)
{
	static const char *const origins[] = {"https://abacus.example",
					      "http://abacus.example:8443",
					      "https://abacus.example:8443/",
					      "https://ABACUS.example:8443",
					      "https://abacus.example:84430",
					      "null",
					      ""};

	assert_int_equal(check("webauthn.create", "Y2g", expected.origin, ""), STATUS_INVALID);
	assert_int_equal(check("webauthn.get", "Y2h", expected.origin, ""), STATUS_INVALID);
	assert_int_equal(check("webauthn.get", "Y2g=", expected.origin, ""), STATUS_INVALID);
	for (size_t i = 0; i < sizeof origins / sizeof *origins; i++)
		assert_int_equal(check("webauthn.get", "Y2g", origins[i], ""), STATUS_INVALID);
}

static void test_a_frame_in_another_page_is_refused(void **state)
{
	static const char *const members[] = {",\"crossOrigin\":true", ",\"crossOrigin\":1", ",\"crossOrigin\":\"false\"",
					      ",\"topOrigin\":\"https://evil.example\""};

	for (size_t i = 0; i < sizeof members / sizeof *members; i++)
		assert_int_equal(check("webauthn.get", "Y2g", expected.origin, members[i]), STATUS_INVALID);
}

static void test_a_member_twice_and_a_token_binding_are_refused(void **state)
{
	assert_int_equal(check("webauthn.get", "Y2g", expected.origin, ",\"origin\":\"https://evil.example\""), STATUS_INVALID);
	assert_int_equal(
		check("webauthn.get", "Y2g", expected.origin, ",\"tokenBinding\":{\"status\":\"present\",\"id\":\"AA\"}"),
		STATUS_INVALID);
}

static void test_what_is_no_object_or_too_long_is_invalid(void **state)
{
	static const char *const texts[] = {"", "null", "[]", "{}", "{\"type\":\"webauthn.get\"}", "\xEF\xBB\xBF{}"};
	char text[CLIENT_DATA_BYTES_MAX + 100];
	int len = snprintf(text, sizeof text, "{\"type\":\"webauthn.get\",\"challenge\":\"Y2g\",\"origin\":\"%s\"}",
			   expected.origin);

	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
		assert_int_equal(client_data_check((const uint8_t *)texts[i], strlen(texts[i]), &expected), STATUS_INVALID);
	memset(text + len, ' ', sizeof text - (size_t)len);
	assert_int_equal(client_data_check((uint8_t *)text, CLIENT_DATA_BYTES_MAX, &expected), STATUS_OK);
	assert_int_equal(client_data_check((uint8_t *)text, CLIENT_DATA_BYTES_MAX + 1, &expected), STATUS_INVALID);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_what_is_expected_is_accepted_with_members_that_are_not_known),
		cmocka_unit_test(test_another_type_challenge_or_origin_is_invalid),
		cmocka_unit_test(test_a_frame_in_another_page_is_refused),
		cmocka_unit_test(test_a_member_twice_and_a_token_binding_are_refused),
		cmocka_unit_test(test_what_is_no_object_or_too_long_is_invalid),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
