/* What of a notice needs no Redis: which messages of the channel are notices. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "auth/notice.h"

static enum status read_text(const char *text, struct notice *ret_notice)
{
	return notice_read(text, strlen(text), ret_notice);
}

static void test_a_notice_has_its_user_its_kind_and_its_time(void **state)
{
	struct notice notice;

	assert_int_equal(read_text("{\"user\":7,\"notice\":\"new_device\",\"at_ms\":1700000000123}", &notice), STATUS_OK);
	assert_int_equal(notice.user_id, 7);
	assert_string_equal(notice.kind, "new_device");
	assert_int_equal(notice.at_ms, 1700000000123);
}

static void test_another_message_is_no_notice(void **state)
{
	static const char *const texts[] = {
		"",
		"[]",
		"{}",
		"\"new_device\"",
		"{\"notice\":\"new_device\",\"at_ms\":1}",
		"{\"user\":7,\"at_ms\":1}",
		"{\"user\":7,\"notice\":\"new_device\"}",
		"{\"user\":\"7\",\"notice\":\"new_device\",\"at_ms\":1}",
		"{\"user\":7.5,\"notice\":\"new_device\",\"at_ms\":1}",
		"{\"user\":7,\"notice\":7,\"at_ms\":1}",
		"{\"user\":7,\"notice\":\"code\",\"at_ms\":1}",
		"{\"user\":7,\"notice\":\"new_device\",\"at_ms\":1",
	};
	struct notice notice = {.user_id = 1};

	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
		assert_int_equal(read_text(texts[i], &notice), STATUS_INVALID);
	assert_int_equal(notice.user_id, 1);
}

static void test_a_message_beyond_the_limit_is_no_notice(void **state)
{
	static const char text[] = "{\"user\":7,\"notice\":\"new_device\",\"at_ms\":1}";
	char padded[NOTICE_BYTES_MAX + 2];
	struct notice notice;

	snprintf(padded, sizeof padded, "%-*s", NOTICE_BYTES_MAX, text);
	assert_int_equal(read_text(padded, &notice), STATUS_OK);
	snprintf(padded, sizeof padded, "%-*s", NOTICE_BYTES_MAX + 1, text);
	assert_int_equal(read_text(padded, &notice), STATUS_INVALID);
}

static void test_what_carries_a_code_or_a_link_is_no_kind_of_notice(void **state)
{
	assert_null(notice_kind_find("code"));
	assert_null(notice_kind_find("email_link"));
	assert_null(notice_kind_find("password_reset"));
	assert_null(notice_kind_find(""));
	assert_string_equal(notice_kind_find("password_changed"), "password_changed");
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_notice_has_its_user_its_kind_and_its_time),
		cmocka_unit_test(test_another_message_is_no_notice),
		cmocka_unit_test(test_a_message_beyond_the_limit_is_no_notice),
		cmocka_unit_test(test_what_carries_a_code_or_a_link_is_no_kind_of_notice),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
