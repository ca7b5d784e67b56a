/* The rules for user names, e-mail addresses and passwords. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "accounts/validation.h"

/* The character, so many times. */
static const char *repeated(const char *character, int times)
{
	static char text[2000];

	text[0] = '\0';
	for (int i = 0; i < times; i++)
		strcat(text, character);
	return text;
}

static void test_a_missing_field_is_required(void **state)
{
	assert_string_equal(username_problem(NULL), "is required and must be text");
	assert_string_equal(email_problem(NULL), "is required and must be text");
	assert_string_equal(password_problem(NULL), "is required and must be text");
}

static void test_user_names_from_3_to_128_characters_are_accepted(void **state)
{
	assert_null(username_problem("ada"));
	assert_null(username_problem(repeated("x", 128)));
}

static void test_shorter_and_longer_user_names_are_refused(void **state)
{
	assert_non_null(username_problem(""));
	assert_non_null(username_problem("ab"));
	assert_non_null(username_problem(repeated("x", 129)));
}

static void test_the_length_of_a_user_name_counts_characters_not_bytes(void **state)
{
	assert_non_null(username_problem("äö"));
	assert_null(username_problem("äöü"));
	assert_null(username_problem(repeated("😀", 128)));
	assert_non_null(username_problem(repeated("😀", 129)));
}

static void test_user_names_may_contain_spaces_and_any_script(void **state)
{
	assert_null(username_problem("Ada Lovelace"));
	assert_null(username_problem("Ада Лавлейс"));
}

static void test_control_characters_in_user_names_are_refused(void **state)
{
	static const char *const names[] = {"ada\n", "\tada", "a\x01z", "ada\x7f"};

	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		assert_non_null(username_problem(names[i]));
}

/* A name of another script needs none of them, and no other skeleton would come of them. */
static void test_characters_that_change_the_direction_of_a_user_name_are_refused(void **state)
{
	static const char *const names[] = {"\u202Enimda", "ada\u202A", "\u2066ada", "ada\u2069"};

	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		assert_non_null(username_problem(names[i]));
	assert_null(username_problem("\u05D0\u05D1\u05D2"));
	assert_null(username_problem("\u2029ada\u202F")); /* the neighbours of the first range */
	assert_null(username_problem("ada\u2065\u206A"));
}

static void test_usual_addresses_are_accepted(void **state)
{
	static const char *const addresses[] = {"ada@example.com",
						"a@b.c",
						"ada.lovelace+abacus@mail.example.co.uk",
						"ADA@EXAMPLE.COM",
						"o'brien@example.com",
						"a_b-c@x-y.example",
						"!#$%&'*+-/=?^_`{|}~@example.com",
						"1@2.example"};

	for (size_t i = 0; i < sizeof addresses / sizeof *addresses; i++)
		if (email_problem(addresses[i]))
			fail_msg("%s: %s", addresses[i], email_problem(addresses[i]));
}

static void test_text_that_is_not_an_address_is_refused(void **state)
{
	static const char *const texts[] = {"",
					    "ada",
					    "@",
					    "ada@",
					    "@example.com",
					    "ada@example",
					    "ada@@example.com",
					    "a@b@example.com",
					    "ada@.com",
					    "ada@example.",
					    "ada@example..com",
					    "ada@-example.com",
					    "ada@example-.com",
					    ".ada@example.com",
					    "ada.@example.com",
					    "a..b@example.com",
					    "a b@example.com",
					    "ada@exa mple.com",
					    "ada@example.com ",
					    " ada@example.com",
					    "ada@example.com\n",
					    "ada@exam_ple.com",
					    "\"a b\"@example.com",
					    "ada@[127.0.0.1]",
					    "äda@example.com",
					    "ada@exämple.com",
					    "Ada <ada@example.com>",
					    "ada,eve@example.com"};

	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
		if (!email_problem(texts[i]))
			fail_msg("%s", texts[i]);
}

static void test_a_local_part_of_64_bytes_is_accepted_and_a_longer_one_refused(void **state)
{
	char address[200];

	snprintf(address, sizeof address, "%s@example.com", repeated("x", 64));
	assert_null(email_problem(address));
	snprintf(address, sizeof address, "%s@example.com", repeated("x", 65));
	assert_non_null(email_problem(address));
}

static void test_a_label_of_63_bytes_is_accepted_and_a_longer_one_refused(void **state)
{
	char address[200];

	snprintf(address, sizeof address, "ada@%s.com", repeated("x", 63));
	assert_null(email_problem(address));
	snprintf(address, sizeof address, "ada@%s.com", repeated("x", 64));
	assert_non_null(email_problem(address));
}

static void test_an_address_of_254_bytes_is_accepted_and_a_longer_one_refused(void **state)
{
	char address[300];

	snprintf(address, sizeof address, "aaaaaa@%s%s", repeated("0123456789.", 22), "abcde");
	assert_int_equal(strlen(address), 254);
	assert_null(email_problem(address));
	strcat(address, "f");
	assert_string_equal(email_problem(address), "must have at most 254 characters");
}

static void test_passwords_from_8_to_128_characters_of_any_kind_are_accepted(void **state)
{
	assert_null(password_problem("password"));
	assert_null(password_problem(repeated("x", 128)));
	assert_null(password_problem("        "));
	assert_null(password_problem("a\nb\tc\x01zz"));
}

static void test_shorter_and_longer_passwords_are_refused(void **state)
{
	assert_non_null(password_problem(""));
	assert_non_null(password_problem("1234567"));
	assert_non_null(password_problem(repeated("x", 129)));
}

static void test_the_length_of_a_password_counts_characters_not_bytes(void **state)
{
	assert_non_null(password_problem("ääääää1"));
	assert_null(password_problem(repeated("€", 128)));
}

static cJSON *errors_of(const char *text)
{
	cJSON *json = cJSON_Parse(text), *errors = registration_errors(json);

	cJSON_Delete(json);
	return errors;
}

static const char *field_of(const cJSON *errors, int at)
{
	return cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(cJSON_GetArrayItem(errors, at), "field"));
}

static void test_a_valid_registration_has_no_errors(void **state)
{
	assert_null(errors_of("{\"username\":\"ada\",\"email\":\"ada@example.com\",\"password\":\"greaterthaneight\"}"));
}

static void test_other_members_of_a_registration_are_ignored(void **state)
{
	assert_null(errors_of(
		"{\"username\":\"ada\",\"email\":\"ada@example.com\",\"password\":\"greaterthaneight\",\"admin\":true}"));
}

static void test_each_wrong_field_is_listed_once_with_its_problem(void **state)
{
	cJSON *errors = errors_of("{\"username\":\"ada\",\"email\":\"no\",\"password\":\"short\"}");

	assert_int_equal(cJSON_GetArraySize(errors), 2);
	assert_string_equal(field_of(errors, 0), "email");
	assert_string_equal(field_of(errors, 1), "password");
	assert_string_equal(cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(cJSON_GetArrayItem(errors, 0), "message")),
			    "must be an e-mail address");
	cJSON_Delete(errors);
}

static void test_missing_members_and_wrong_types_are_errors(void **state)
{
	static const char *const texts[] = {
		"{}", "{\"username\":1,\"email\":null,\"password\":[\"greaterthaneight\"]}",
		"{\"Username\":\"ada\",\"Email\":\"ada@example.com\",\"Password\":\"greaterthaneight\"}"};

	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
		cJSON *errors = errors_of(texts[i]);
		int count = cJSON_GetArraySize(errors);

		cJSON_Delete(errors);
		assert_int_equal(count, 3);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_missing_field_is_required),
		cmocka_unit_test(test_user_names_from_3_to_128_characters_are_accepted),
		cmocka_unit_test(test_shorter_and_longer_user_names_are_refused),
		cmocka_unit_test(test_the_length_of_a_user_name_counts_characters_not_bytes),
		cmocka_unit_test(test_user_names_may_contain_spaces_and_any_script),
		cmocka_unit_test(test_control_characters_in_user_names_are_refused),
		cmocka_unit_test(test_characters_that_change_the_direction_of_a_user_name_are_refused),
		cmocka_unit_test(test_usual_addresses_are_accepted),
		cmocka_unit_test(test_text_that_is_not_an_address_is_refused),
		cmocka_unit_test(test_a_local_part_of_64_bytes_is_accepted_and_a_longer_one_refused),
		cmocka_unit_test(test_a_label_of_63_bytes_is_accepted_and_a_longer_one_refused),
		cmocka_unit_test(test_an_address_of_254_bytes_is_accepted_and_a_longer_one_refused),
		cmocka_unit_test(test_passwords_from_8_to_128_characters_of_any_kind_are_accepted),
		cmocka_unit_test(test_shorter_and_longer_passwords_are_refused),
		cmocka_unit_test(test_the_length_of_a_password_counts_characters_not_bytes),
		cmocka_unit_test(test_a_valid_registration_has_no_errors),
		cmocka_unit_test(test_other_members_of_a_registration_are_ignored),
		cmocka_unit_test(test_each_wrong_field_is_listed_once_with_its_problem),
		cmocka_unit_test(test_missing_members_and_wrong_types_are_errors),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
