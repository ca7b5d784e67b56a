/* The one table of outcomes. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "base/status.h"

static void test_each_status_has_the_http_code_of_the_contract(void **state)
{
	static const int codes[STATUS_COUNT] = {200, 400, 404, 409, 503, 503, 504, 500};

	for (enum status status = STATUS_OK; status < STATUS_COUNT; status++)
		assert_int_equal(status_info(status)->http_code, codes[status]);
}

static void test_each_code_is_one_snake_case_word(void **state)
{
	for (enum status status = STATUS_OK; status < STATUS_COUNT; status++) {
		const char *code = status_info(status)->code;

		assert_true(*code != '\0');
		assert_int_equal(strspn(code, "abcdefghijklmnopqrstuvwxyz_"), strlen(code));
	}
}

static void test_no_two_statuses_share_a_code_or_a_name(void **state)
{
	for (enum status one = STATUS_OK; one < STATUS_COUNT; one++)
		for (enum status other = STATUS_OK; other < one; other++) {
			assert_string_not_equal(status_info(one)->code, status_info(other)->code);
			assert_string_not_equal(status_name(one), status_name(other));
		}
}

static void test_each_message_is_a_sentence(void **state)
{
	for (enum status status = STATUS_OK; status < STATUS_COUNT; status++) {
		const char *message = status_info(status)->message;

		assert_true(*message >= 'A' && *message <= 'Z');
		assert_int_equal(message[strlen(message) - 1], '.');
	}
}

static void test_the_names_in_logs_are_words(void **state)
{
	assert_string_equal(status_name(STATUS_OK), "ok");
	assert_string_equal(status_name(STATUS_TIMEOUT), "timeout");
}

static void test_an_unknown_status_counts_as_internal(void **state)
{
	assert_ptr_equal(status_info(STATUS_COUNT), status_info(STATUS_INTERNAL));
	assert_ptr_equal(status_info((enum status) - 1), status_info(STATUS_INTERNAL));
	assert_ptr_equal(status_name(STATUS_COUNT), status_name(STATUS_INTERNAL));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_each_status_has_the_http_code_of_the_contract),
		cmocka_unit_test(test_each_code_is_one_snake_case_word),
		cmocka_unit_test(test_no_two_statuses_share_a_code_or_a_name),
		cmocka_unit_test(test_each_message_is_a_sentence),
		cmocka_unit_test(test_the_names_in_logs_are_words),
		cmocka_unit_test(test_an_unknown_status_counts_as_internal),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
