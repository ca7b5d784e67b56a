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

static void expect_refused(const char *const *names, size_t count, const char *problem)
{
	for (size_t i = 0; i < count; i++)
		if (!username_problem(names[i]) || strcmp(username_problem(names[i]), problem) != 0)
			fail_msg("name %zu: %s", i, username_problem(names[i]) ? username_problem(names[i]) : "accepted");
}
#define EXPECT_REFUSED(names, problem) expect_refused(names, sizeof(names) / sizeof *(names), problem)

static void test_control_and_format_characters_in_user_names_are_refused(void **state)
{
	static const char *const names[] = {
		"ada\n",          "\tada", "a\x01z", "ada\x7f", "ada\xC2\x85", /* next line, a control character beyond ASCII */
		"ad\u00ADa",                                                   /* soft hyphen */
		"ad\u200Ba",                                                   /* zero width space */
		"ad\u200Da",                                                   /* zero width joiner */
		"\uFEFFada",                                                   /* byte order mark */
		"ada\u2028lace",                                               /* line separator */
		"ada\u2029lace",                                               /* paragraph separator */
		"ada\u2060lace",                                               /* word joiner */
		"ada\U000E0041b",                                              /* a tag */
	};

	EXPECT_REFUSED(names, "must not contain control or format characters");
}

/* Behind U+202E "nimda" reads as "admin". */
static void test_characters_that_set_the_direction_of_text_are_refused_in_user_names(void **state)
{
	static const char *const names[] = {"\u202Enimda", "ada\u202A", "ada\u202B", "ada\u202C", "ada\u202D", "ada\u2066",
					    "ada\u2067",   "ada\u2068", "ada\u2069", "ada\u200E", "ada\u200F", "ada\u061C"};

	EXPECT_REFUSED(names, "must not contain control or format characters");
	assert_null(username_problem("\u05D0\u05D1\u05D2")); /* a name of another script needs none of them */
	assert_null(username_problem("\u2027ada\u2030"));    /* the neighbours of the ranges */
	assert_null(username_problem("ada\u2065"));
}

static void test_white_space_at_either_end_of_a_user_name_is_refused(void **state)
{
	static const char *const names[] = {
		" ada",       "ada ",       "\u00A0ada", "ada\u3000", "ada\u2003", "   ", "\u2800ada", /* Braille of no dots */
		"\u3164 ada", "ada \uFE0F", /* outside it stands what can not be seen either */
	};

	EXPECT_REFUSED(names, "must not begin or end with white space");
}

static void test_user_names_that_show_nothing_are_refused(void **state)
{
	static const char *const names[] = {
		"\u3164\u3164\u3164",                                             /* Hangul filler, a letter */
		"\u115F\u1160\uFFA0", "\uFE00\u034F\u180B", "\u0301\u0302\u0303", /* accents without a letter */
		"\uFE0F\uFE0F\uFE0F",                                             /* variation selectors */
		"\uE000\uE001\uE002",                                             /* private use */
	};

	EXPECT_REFUSED(names, "must contain a visible character");
}

static void test_marks_and_symbols_may_stand_beside_what_is_visible(void **state)
{
	assert_null(username_problem("Adé L\u0323"));
	assert_null(username_problem("\u2764\uFE0Fada"));
	assert_null(username_problem("आदा लव"));
	assert_null(username_problem("عدا لف"));
	assert_null(username_problem("王小明"));
}

static void test_the_length_of_a_user_name_is_that_of_its_normal_form(void **state)
{
	assert_non_null(username_problem("e\u0301e\u0301"));       /* two characters, written as four */
	assert_null(username_problem(repeated("e\u0301", 128)));   /* 256 as written */
	assert_non_null(username_problem(repeated("\u0958", 65))); /* each is two in NFC */
	assert_null(username_problem(repeated("\u0958", 64)));
}

static void test_malformed_user_names_and_passwords_are_refused(void **state)
{
	assert_string_equal(username_problem("ad\xE4"), "must be UTF-8");
	assert_string_equal(username_problem("\xC3\xA4\xC3\xA4\xC3"), "must be UTF-8");
	assert_string_equal(password_problem("passw\xF6rter"), "must be UTF-8");
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
	assert_non_null(password_problem(repeated("e\u0301", 7))); /* seven characters, written as fourteen */
	assert_null(password_problem(repeated("e\u0301", 128)));
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
			    "must be an email address");
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

static void test_a_telephone_number_is_plus_and_8_to_15_digits(void **state)
{
	static const char *const wrong[] = {"",
					    "+",
					    "+1234567",
					    "+1234567890123456",
					    "+0123456789",
					    "123456789",
					    "+49 1511234",
					    "+49-15112",
					    "+4915112345\n",
					    "+4915112345a",
					    "++4915112345"};

	assert_null(phone_problem("+12345678"));
	assert_null(phone_problem("+123456789012345"));
	assert_non_null(phone_problem(NULL));
	for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
		assert_non_null(phone_problem(wrong[i]));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_telephone_number_is_plus_and_8_to_15_digits),
		cmocka_unit_test(test_a_missing_field_is_required),
		cmocka_unit_test(test_user_names_from_3_to_128_characters_are_accepted),
		cmocka_unit_test(test_shorter_and_longer_user_names_are_refused),
		cmocka_unit_test(test_the_length_of_a_user_name_counts_characters_not_bytes),
		cmocka_unit_test(test_user_names_may_contain_spaces_and_any_script),
		cmocka_unit_test(test_control_and_format_characters_in_user_names_are_refused),
		cmocka_unit_test(test_characters_that_set_the_direction_of_text_are_refused_in_user_names),
		cmocka_unit_test(test_white_space_at_either_end_of_a_user_name_is_refused),
		cmocka_unit_test(test_user_names_that_show_nothing_are_refused),
		cmocka_unit_test(test_marks_and_symbols_may_stand_beside_what_is_visible),
		cmocka_unit_test(test_the_length_of_a_user_name_is_that_of_its_normal_form),
		cmocka_unit_test(test_malformed_user_names_and_passwords_are_refused),
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
