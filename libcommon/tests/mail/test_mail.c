/* What of the mail protocol needs no Redis. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "mail/mail.h"

static void test_an_id_is_a_uuid_in_lower_case(void **state)
{
	assert_true(mail_is_id("0190a1b2-c3d4-7e5f-8a9b-0c1d2e3f4a5b"));
	assert_false(mail_is_id(""));
	assert_false(mail_is_id("0190a1b2"));
	assert_false(mail_is_id("0190A1B2-c3d4-7e5f-8a9b-0c1d2e3f4a5b"));
	assert_false(mail_is_id("0190a1b2-c3d4-7e5f-8a9b-0c1d2e3f4a5b0"));
	assert_false(mail_is_id("0190a1b2-c3d4-7e5f-8a9b-0c1d2e3f4a5"));
	assert_false(mail_is_id("0190a1b2xc3d4-7e5f-8a9b-0c1d2e3f4a5b"));
	assert_false(mail_is_id("0190a1b2-c3d4-7e5f-8a9b-0c1d2e3f4a5\n"));
}

static void test_a_channel_has_a_name_and_none_is_email(void **state)
{
	for (int channel = 0; channel < MAIL_CHANNELS; channel++)
		assert_int_equal(mail_channel_find(mail_channel_name((enum mail_channel)channel)), channel);
	assert_int_equal(mail_channel_find(""), MAIL_EMAIL);
	assert_int_equal(mail_channel_find("pigeon"), MAIL_CHANNELS);
}

static void test_a_priority_has_a_name_and_any_other_is_ordinary(void **state)
{
	for (int priority = 0; priority < MAIL_PRIORITIES; priority++)
		assert_int_equal(mail_priority_find(mail_priority_name((enum mail_priority)priority)), priority);
	assert_int_equal(mail_priority_find(""), MAIL_PRIORITY_ORDINARY);
	assert_int_equal(mail_priority_find("codes"), MAIL_PRIORITY_ORDINARY);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_an_id_is_a_uuid_in_lower_case),
		cmocka_unit_test(test_a_channel_has_a_name_and_none_is_email),
		cmocka_unit_test(test_a_priority_has_a_name_and_any_other_is_ordinary),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
