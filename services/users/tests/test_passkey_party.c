/* The origin and the id that passkeys have of PUBLIC_URL, and the challenges that they sign. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "passkeys/passkey_challenge.h"
#include "passkeys/passkey_party.h"

#define KEY "a secret of thirty-two characters"
#define OTHER "another secret of thirty characters"

static void test_the_origin_is_as_browsers_write_it(void **state)
{
	static const struct {
		const char *url, *origin, *rp_id;
	} rows[] = {
		{"https://abacus.example", "https://abacus.example", "abacus.example"},
		{"https://Abacus.Example/app", "https://abacus.example", "abacus.example"},
		{"https://abacus.example:443", "https://abacus.example", "abacus.example"},
		{"https://abacus.example:80", "https://abacus.example:80", "abacus.example"},
		{"http://localhost:8080", "http://localhost:8080", "localhost"},
		{"http://localhost:80/", "http://localhost", "localhost"},
	};

	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct passkey_party party;

		assert_int_equal(passkey_party_read(rows[i].url, false, &party), STATUS_OK);
		assert_string_equal(party.origin, rows[i].origin);
		assert_string_equal(party.rp_id, rows[i].rp_id);
	}
}

static void test_an_address_has_no_passkeys(void **state)
{
	static const char *const urls[] = {"http://127.0.0.1:8080", "http://[::1]:8080", "https://[2001:db8::1]"};

	for (size_t i = 0; i < sizeof urls / sizeof *urls; i++) {
		struct passkey_party party;

		assert_int_equal(passkey_party_read(urls[i], false, &party), STATUS_OK);
		assert_string_equal(party.rp_id, "");
	}
}

static void test_what_is_no_url_of_a_page_is_invalid(void **state)
{
	static const char *const urls[] = {"",
					   "abacus.example",
					   "ftp://abacus.example",
					   "https://",
					   "https:///app",
					   "https://a:b@abacus.example",
					   "https://abacus.example:",
					   "https://abacus.example:0",
					   "https://abacus.example:65536",
					   "https://abacus.example:1x",
					   "https://aba cus.example",
					   "https://:443"};
	struct passkey_party party;

	for (size_t i = 0; i < sizeof urls / sizeof *urls; i++)
		assert_int_equal(passkey_party_read(urls[i], false, &party), STATUS_INVALID);
	assert_int_equal(passkey_party_read("http://abacus.example", true, &party), STATUS_INVALID);
	assert_int_equal(passkey_party_read("https://abacus.example", true, &party), STATUS_OK);
}

static void test_any_change_of_what_is_signed_makes_another_challenge(void **state)
{
	static const struct passkey_challenge first = {PASSKEY_ANSWER, 7, "subject", "binding"};
	static const struct passkey_challenge others[] = {
		{PASSKEY_ENROLMENT, 7, "subject", "binding"}, {PASSKEY_LOGIN, 7, "subject", "binding"},
		{PASSKEY_ANSWER, 8, "subject", "binding"},    {PASSKEY_ANSWER, 7, "subjects", "binding"},
		{PASSKEY_ANSWER, 7, "subject", "bindings"},   {PASSKEY_ANSWER, 7, "subject", NULL},
	};
	char text[PASSKEY_CHALLENGE_LEN + 1], other[PASSKEY_CHALLENGE_LEN + 1];

	passkey_challenge_make(KEY, &first, text);
	passkey_challenge_make(KEY, &first, other);
	assert_string_equal(text, other);
	assert_int_equal(strlen(text), PASSKEY_CHALLENGE_LEN);
	for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
		passkey_challenge_make(KEY, &others[i], other);
		assert_string_not_equal(text, other);
	}
	passkey_challenge_make(OTHER, &first, other);
	assert_string_not_equal(text, other);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_the_origin_is_as_browsers_write_it),
		cmocka_unit_test(test_an_address_has_no_passkeys),
		cmocka_unit_test(test_what_is_no_url_of_a_page_is_invalid),
		cmocka_unit_test(test_any_change_of_what_is_signed_makes_another_challenge),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
