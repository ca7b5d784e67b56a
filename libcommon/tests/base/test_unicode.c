/* The normal form NFC, and which characters can be seen. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>

#include "base/unicode.h"

static void expect_nfc(const char *text, const char *expected)
{
	char *normal = unicode_nfc(text);

	assert_non_null(normal);
	assert_string_equal(normal, expected);
	free(normal);
}

/* NormalizationTest.txt of Unicode has such rows. */
static void test_a_text_becomes_its_normal_form(void **state)
{
	expect_nfc("", "");
	expect_nfc("plain", "plain");
	expect_nfc("e\u0301", "\u00E9");
	expect_nfc("\u00E9", "\u00E9");
	expect_nfc("\u212B", "\u00C5");
	expect_nfc("o\u0302\u0323", "\u1ED9");      /* marks in another order */
	expect_nfc("\u1112\u1161\u11AB", "\uD55C"); /* Hangul */
	expect_nfc("\u0958", "\u0915\u093C");       /* one that is never composed */
	expect_nfc("\uFB01", "\uFB01");             /* a ligature is another character, in NFC */
}

static void test_malformed_text_has_no_normal_form(void **state)
{
	assert_null(unicode_nfc("\x80"));
	assert_null(unicode_nfc("a\xE4"));
	assert_null(unicode_nfc("\xC0\xAF"));
	assert_null(unicode_nfc("\xED\xA0\x80"));
}

static void expect_kind(const char *text, size_t len, enum unicode_kind expected)
{
	enum unicode_kind kind;

	assert_int_equal(unicode_read(text, &kind), len);
	assert_int_equal(kind, expected);
}

static void test_a_character_has_its_length_and_kind(void **state)
{
	expect_kind("a ", 1, UNICODE_VISIBLE);
	expect_kind("\u00E9", 2, UNICODE_VISIBLE);
	expect_kind("\u20AC", 3, UNICODE_VISIBLE);
	expect_kind("\U0001F9EE", 4, UNICODE_VISIBLE);
	expect_kind(" ", 1, UNICODE_SPACE);
	expect_kind("\u3000", 3, UNICODE_SPACE);
	expect_kind("\t", 1, UNICODE_CONTROL);
	expect_kind("\u202E", 3, UNICODE_CONTROL);
	expect_kind("\u2028", 3, UNICODE_CONTROL);
	expect_kind("\u0301", 2, UNICODE_INVISIBLE);
	expect_kind("\u3164", 3, UNICODE_INVISIBLE);
	expect_kind("\u2800", 3, UNICODE_SPACE);
	expect_kind("\uE000", 3, UNICODE_INVISIBLE);
}

static void test_a_malformed_character_has_no_length(void **state)
{
	enum unicode_kind kind;

	assert_int_equal(unicode_read("\xE2\x82", &kind), 0);
	assert_int_equal(unicode_read("\x80", &kind), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_text_becomes_its_normal_form),
		cmocka_unit_test(test_malformed_text_has_no_normal_form),
		cmocka_unit_test(test_a_character_has_its_length_and_kind),
		cmocka_unit_test(test_a_malformed_character_has_no_length),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
