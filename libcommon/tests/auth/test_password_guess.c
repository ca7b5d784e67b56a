/* Which passwords are too easy to guess, and the reason that is given. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include "auth/password_guess.h"

#define GUESSES_MIN 8

static const char *const ada[] = {"Ada Lovelace", "countess@analytical.example.com", NULL};
static const char *const unknown[] = {NULL};

static void expect_reason(const char *password, const char *reason)
{
	const char *problem = password_guess_problem(password, ada, GUESSES_MIN);

	if (!problem || !strstr(problem, reason))
		fail_msg("\"%s\": %s", password, problem ? problem : "accepted");
}

static void expect_accepted(const char *password, const char *const *about)
{
	const char *problem = password_guess_problem(password, about, GUESSES_MIN);

	if (problem)
		fail_msg("\"%s\" %s", password, problem);
}

static void test_each_kind_of_easy_password_is_refused_with_its_reason(void **state)
{
	expect_reason("password", "common words");
	expect_reason("a password", "common words");
	expect_reason("P4ssw0rd!", "common words");
	expect_reason("drowssap", "common words"); /* backwards */
	expect_reason("long enough", "common words");
	expect_reason("aaaaaaaaaaaaaaaaaaaaaaaa", "repeats itself");
	expect_reason("\u20AC\u20AC\u20AC\u20AC\u20AC\u20AC\u20AC\u20AC", "repeats itself");
	expect_reason("abcdefghijklmnop", "sequence");
	expect_reason("9876543210", "sequence");
	expect_reason("qwertyuiop[]", "keys are side by side");
	expect_reason("19840531", "a date or a year");
}

static void test_the_users_own_name_and_address_are_easy_to_guess(void **state)
{
	expect_reason("Ada Lovelace", "the username or the email");
	expect_reason("ada-lovelace1", "the username or the email");
	expect_reason("countess@analytical.example.com", "the username or the email");
	expect_reason("analytical-1", "the username or the email");
	expect_reason("c0untess!", "the username or the email");
}

static void test_the_same_words_are_hard_to_guess_for_another_user(void **state)
{
	expect_accepted("countess@analytical.example.com", unknown);
	expect_accepted("ada-lovelace-1815", unknown);
}

static void test_a_name_is_recognized_in_another_form_of_unicode(void **state)
{
	static const char *const zoe[] = {"Zoe\u0308\u0308\u0308\u0308\u0308", NULL};

	expect_accepted("xy Zo\u00EB\u0308\u0308\u0308\u0308", unknown);
	assert_non_null(password_guess_problem("xy Zo\u00EB\u0308\u0308\u0308\u0308", zoe, GUESSES_MIN));
}

static void test_the_name_of_the_service_is_easy_to_guess(void **state)
{
	expect_reason("Abacus-2026", "the name of this service");
	expect_reason("welcome2abacus", "the name of this service");
	expect_reason("fibonacci-abacus", "the name of this service");
	expect_accepted("abacus of brass beads", ada);
}

static void test_passphrases_and_random_characters_are_accepted(void **state)
{
	expect_accepted("correct horse battery staple", ada);
	expect_accepted("seven brass beads", ada);
	expect_accepted("xkqvzjwp", ada);
	expect_accepted("\u043F\u0430\u0440\u043E\u043B\u044C12", ada);
}

/* scripts, documents and tests log in with these. */
static void test_the_passwords_of_development_obey_the_rule(void **state)
{
	static const char *const admin[] = {"admin", "admin@abacus.test", NULL}, *const user[] = {"user", "user@abacus.test",
												  NULL};

	expect_accepted("abacus-admin-dev", admin);
	expect_accepted("abacus-user-dev", user);
}

static void test_with_a_limit_of_0_every_password_is_accepted(void **state)
{
	assert_null(password_guess_problem("password", ada, 0));
	assert_null(password_guess_problem("", ada, 0));
}

static void test_a_higher_limit_refuses_more(void **state)
{
	assert_null(password_guess_problem("correct horse", unknown, 8));
	assert_non_null(password_guess_problem("correct horse", unknown, 9));
	assert_null(password_guess_problem("xkqvzjwp", unknown, 11));
	assert_string_equal(password_guess_problem("xkqvzjwp", unknown, 12), "is too easy to guess: it is short");
}

/* zxcvbn looks at 100 bytes, so what is behind them does not count. */
static void test_a_long_password_counts_by_its_beginning(void **state)
{
	char password[512 + 1];

	memset(password, 'a', sizeof password - 1);
	password[sizeof password - 1] = '\0';
	assert_non_null(password_guess_problem(password, ada, GUESSES_MIN));
	memcpy(password, "xkqvzjwp", 8);
	assert_null(password_guess_problem(password, ada, GUESSES_MIN));
}

/* The name of a user is up to 128 characters that the user chooses. */
static void test_texts_of_many_words_are_searched_too(void **state)
{
	char name[512 + 1] = "";
	const char *about[] = {name, name, NULL};

	for (int i = 0; i < 128; i++)
		strcat(name, "abc.");
	assert_non_null(password_guess_problem("abc.abc.", about, GUESSES_MIN));
	assert_null(password_guess_problem("xkqvzjwp", about, GUESSES_MIN));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_each_kind_of_easy_password_is_refused_with_its_reason),
		cmocka_unit_test(test_the_users_own_name_and_address_are_easy_to_guess),
		cmocka_unit_test(test_the_same_words_are_hard_to_guess_for_another_user),
		cmocka_unit_test(test_a_name_is_recognized_in_another_form_of_unicode),
		cmocka_unit_test(test_the_name_of_the_service_is_easy_to_guess),
		cmocka_unit_test(test_passphrases_and_random_characters_are_accepted),
		cmocka_unit_test(test_the_passwords_of_development_obey_the_rule),
		cmocka_unit_test(test_with_a_limit_of_0_every_password_is_accepted),
		cmocka_unit_test(test_a_higher_limit_refuses_more),
		cmocka_unit_test(test_a_long_password_counts_by_its_beginning),
		cmocka_unit_test(test_texts_of_many_words_are_searched_too),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
