/* Telephone numbers: of which countries they are. test_validation.c has what is one. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "factors/phone.h"

static void test_a_list_has_codes_of_countries_with_commas_between(void **state)
{
	static const char *const right[] = {"1", "49", "49,43,41", "1246,4915115"};
	static const char *const wrong[] = {"",  ",",   "49,",   ",49",    "49,,43", "+49",
					    "0", "049", "49 43", "49,43 ", "de",     "12345678"};

	for (size_t i = 0; i < sizeof right / sizeof *right; i++)
		assert_null(phone_countries_problem(right[i]));
	for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
		assert_non_null(phone_countries_problem(wrong[i]));
}

static void test_a_number_is_of_a_country_that_it_begins_with(void **state)
{
	assert_true(phone_is_of_countries(NULL, "+33123456789"));
	assert_true(phone_is_of_countries("49", "+4915112345678"));
	assert_true(phone_is_of_countries("43,49", "+4915112345678"));
	assert_true(phone_is_of_countries("43,4915", "+4915112345678"));
	assert_false(phone_is_of_countries("43,4917", "+4915112345678"));
	assert_false(phone_is_of_countries("15", "+4915112345678"));
	assert_false(phone_is_of_countries("49151123456", "+4915112"));
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_list_has_codes_of_countries_with_commas_between),
		cmocka_unit_test(test_a_number_is_of_a_country_that_it_begins_with),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
