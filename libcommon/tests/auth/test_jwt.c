/* Signatures against the documents' own vectors, what is issued, and jti. What is refused: test_jwt_hostile.c. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "auth/base64url.h"
#include "auth/jwt_internal.h"
#include "base/clock.h"

static const struct jwt_key key = {.issuer = "abacus", .secret = "a secret of thirty-two characters"};

static void expect_hmac(const char *secret, const char *text, const char *hex, size_t bytes)
{
	static const char digits[] = "0123456789abcdef";
	uint8_t signature[JWT_SIGNATURE_BYTES];
	char got[2 * JWT_SIGNATURE_BYTES + 1];

	jwt_sign(secret, text, strlen(text), signature);
	for (size_t i = 0; i < bytes; i++) {
		got[2 * i] = digits[signature[i] >> 4];
		got[2 * i + 1] = digits[signature[i] & 15];
	}
	got[2 * bytes] = '\0';
	assert_string_equal(got, hex);
}

static const char *repeated(char c, size_t count)
{
	static char texts[2][200];
	static int turn;
	char *text = texts[turn ^= 1];

	memset(text, c, count);
	text[count] = '\0';
	return text;
}

/* ---- RFC 4231 §4 ---- */

static void test_rfc_4231_case_1(void **state)
{
	expect_hmac(repeated(0x0b, 20), "Hi There", "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7", 32);
}

static void test_rfc_4231_case_2_a_key_shorter_than_the_hash(void **state)
{
	expect_hmac("Jefe", "what do ya want for nothing?", "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843",
		    32);
}

static void test_rfc_4231_case_3(void **state)
{
	expect_hmac(repeated((char)0xaa, 20), repeated((char)0xdd, 50),
		    "773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe", 32);
}

static void test_rfc_4231_case_4(void **state)
{
	char secret[26] = "";

	for (char i = 0; i < 25; i++)
		secret[(int)i] = (char)(i + 1);
	expect_hmac(secret, repeated((char)0xcd, 50), "82558a389a443c0ea4cc819899f2083a85f0faa3e578f8077a2e3ff46729665b", 32);
}

static void test_rfc_4231_case_5_truncated(void **state)
{
	expect_hmac(repeated(0x0c, 20), "Test With Truncation", "a3b6167473100ee06e0c796c2955552b", 16);
}

static void test_rfc_4231_case_6_a_key_longer_than_a_block(void **state)
{
	expect_hmac(repeated((char)0xaa, 131), "Test Using Larger Than Block-Size Key - Hash Key First",
		    "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54", 32);
}

static void test_rfc_4231_case_7_key_and_data_longer_than_a_block(void **state)
{
	expect_hmac(repeated((char)0xaa, 131),
		    "This is a test using a larger than block-size key and a larger than block-size data. The key needs to be "
		    "hashed before being used by the HMAC algorithm.",
		    "9b09ffa71b942fcb27635fbcd5b0e944bfdc63644f0713938a7f51535c3a35e2", 32);
}

/* ---- RFC 7515 appendix A.1 ---- */

static void test_rfc_7515_appendix_a_1(void **state)
{
	static const char key_text[] = "AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow",
			  input[] = "eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogI"
				    "mh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ";
	uint8_t secret[65] = {0}, signature[JWT_SIGNATURE_BYTES];
	char text[BASE64URL_LEN(JWT_SIGNATURE_BYTES) + 1] = "";
	size_t len;

	assert_int_equal(base64url_decode(key_text, strlen(key_text), secret, &len), STATUS_OK);
	assert_int_equal(len, 64);
	assert_int_equal(strlen((char *)secret), 64); /* no NUL in it: a secret of ours could be this one */
	jwt_sign((char *)secret, input, strlen(input), signature);
	base64url_encode(signature, sizeof signature, text);
	assert_string_equal(text, "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk");
}

/* ---- issuing ---- */

static void test_an_issued_token_verifies_with_the_same_claims(void **state)
{
	struct jwt_claims issued = {0}, verified = {0};
	char *token = jwt_issue(&key, &(struct jwt_subject){42, true}, 3600, &issued);

	assert_int_equal(jwt_verify(&key, token, strlen(token), issued.issued_s, &verified), JWT_VALID);
	assert_int_equal(verified.user_id, 42);
	assert_true(verified.is_admin);
	assert_int_equal(verified.issued_s, issued.issued_s);
	assert_int_equal(verified.not_before_s, issued.issued_s);
	assert_int_equal(verified.expires_s, issued.issued_s + 3600);
	assert_memory_equal(verified.jti, issued.jti, JWT_JTI_BYTES);
	free(token);
}

static void test_the_greatest_user_id_survives_in_a_token(void **state)
{
	struct jwt_claims issued = {0}, verified = {0};
	char *token = jwt_issue(&key, &(struct jwt_subject){INT64_MAX}, 1, &issued);

	assert_int_equal(jwt_verify(&key, token, strlen(token), issued.issued_s, &verified), JWT_VALID);
	assert_true(verified.user_id == INT64_MAX);
	assert_false(verified.is_admin);
	free(token);
}

static void test_two_tokens_of_one_moment_differ(void **state)
{
	struct jwt_claims first = {0}, second = {0};
	char *token = jwt_issue(&key, &(struct jwt_subject){1}, 1, &first),
	     *other = jwt_issue(&key, &(struct jwt_subject){1}, 1, &second);

	assert_memory_not_equal(first.jti, second.jti, JWT_JTI_BYTES);
	assert_string_not_equal(token, other);
	free(token);
	free(other);
}

static void test_claims_are_left_alone_when_a_token_is_refused(void **state)
{
	struct jwt_claims issued = {0}, untouched, verified;
	char *token = jwt_issue(&key, &(struct jwt_subject){42, true}, 1, &issued);

	memset(&untouched, 0x5a, sizeof untouched);
	verified = untouched;
	assert_int_equal(jwt_verify(&key, token, strlen(token), issued.expires_s, &verified), JWT_EXPIRED);
	assert_memory_equal(&verified, &untouched, sizeof verified);
	free(token);
}

/* ---- jti ---- */

static void test_a_jti_follows_the_last_end_of_the_users_tokens(void **state)
{
	const struct jwt_subject subject = {.user_id = 1, .dead_until_ms = 1645557742000};
	struct jwt_claims claims = {0};

	free(jwt_issue(&key, &subject, 1, &claims));
	assert_true(jwt_jti_unix_ms(claims.jti) == 1645557742001);
	assert_int_equal(claims.jti[6] >> 4, 7); /* version and variant, RFC 9562 §5.7 */
	assert_int_equal(claims.jti[8] >> 6, 2);
}

static void test_rfc_9562_appendix_a_6_is_read_and_written(void **state)
{
	static const char example[] = "017f22e2-79b0-7cc3-98c4-dc0c0c07398f";
	uint8_t jti[JWT_JTI_BYTES];
	char text[37];

	assert_int_equal(jwt_jti_parse(example, jti), STATUS_OK);
	assert_true(jwt_jti_unix_ms(jti) == 1645557742000); /* Tuesday, February 22, 2022 2:22:22 PM GMT-05:00 */
	jwt_jti_format(jti, text);
	assert_string_equal(text, example);
}

static void test_a_jti_of_another_form_is_refused(void **state)
{
	static const char *const texts[] = {
		"",
		"017f22e2",
		"017f22e279b07cc398c4dc0c0c07398f",
		"017F22E2-79B0-7CC3-98C4-DC0C0C07398F",
		"017f22e2-79b0-7cc3-98c4-dc0c0c07398",
		"017f22e2-79b0-7cc3-98c4-dc0c0c07398f0",
		"017f22e2-79b0-7cc3-98c4-dc0c0c07398f ",
		" 017f22e2-79b0-7cc3-98c4-dc0c0c07398f",
		"{017f22e2-79b0-7cc3-98c4-dc0c0c07398f}",
		"017f22e2_79b0_7cc3_98c4_dc0c0c07398f",
		"017f22e-279b0-7cc3-98c4-dc0c0c07398f",
		"017f22eg-79b0-7cc3-98c4-dc0c0c07398f",
		"017f22e2-79b0-4cc3-98c4-dc0c0c07398f", /* version 4 */
		"017f22e2-79b0-7cc3-c8c4-dc0c0c07398f", /* another variant */
		"00000000-0000-0000-0000-000000000000",
	};
	uint8_t jti[JWT_JTI_BYTES];

	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
		if (jwt_jti_parse(texts[i], jti) != STATUS_INVALID)
			fail_msg("accepted: \"%s\"", texts[i]);
}

static void test_a_token_may_be_of_an_earlier_moment_and_ends_that_much_earlier(void **state)
{
	struct jwt_claims issued, verified;
	int64_t issued_ms = clock_unix_ms() - 90123;
	char *token = jwt_issue_at(&key, &(struct jwt_subject){42}, issued_ms, 3600, &issued);

	assert_int_equal(jwt_verify(&key, token, strlen(token), issued_ms / 1000 + 3599, &verified), JWT_VALID);
	assert_true(verified.issued_s == issued_ms / 1000);
	assert_int_equal(jwt_verify(&key, token, strlen(token), issued_ms / 1000 + 3600, &verified), JWT_EXPIRED);
	free(token);
}

/* The end was at a process whose clock is ahead, or has been set back since. */
static void test_a_token_that_follows_an_end_to_come_is_good_at_once_and_no_longer_than_others(void **state)
{
	struct jwt_claims issued, verified;
	int64_t now_s = clock_unix_ms() / 1000, later_ms = (now_s + 3600) * 1000;
	char *token = jwt_issue(&key, &(struct jwt_subject){42, .dead_until_ms = later_ms}, 600, &issued);

	assert_int_equal(jwt_verify(&key, token, strlen(token), now_s, &verified), JWT_VALID);
	assert_true(jwt_jti_unix_ms(verified.jti) == later_ms + 1);
	assert_int_equal(jwt_verify(&key, token, strlen(token), now_s + 602, &verified), JWT_EXPIRED);
	free(token);
}

/* A lifetime that was shortened: revocations are kept for the lifetime of now alone, so an older token must not outlive it. */
static void test_a_token_issued_under_a_longer_lifetime_ends_with_the_lifetime_of_now(void **state)
{
	struct jwt_key shortened = key;
	struct jwt_claims issued, verified;
	char *token = jwt_issue(&key, &(struct jwt_subject){42}, 86400, &issued);

	shortened.lifetime_s = 3600;
	assert_int_equal(jwt_verify(&shortened, token, strlen(token), issued.issued_s + 3599, &verified), JWT_VALID);
	assert_int_equal(verified.ends_s - issued.issued_s, 3600);
	assert_int_equal(verified.expires_s - issued.issued_s, 86400);
	assert_int_equal(jwt_verify(&shortened, token, strlen(token), issued.issued_s + 3600, &verified), JWT_EXPIRED);
	free(token);
}

static void test_a_token_issued_under_a_shorter_lifetime_ends_with_its_own(void **state)
{
	struct jwt_key lengthened = key;
	struct jwt_claims issued, verified;
	char *token = jwt_issue(&key, &(struct jwt_subject){42}, 3600, &issued);

	lengthened.lifetime_s = 86400;
	assert_int_equal(issued.ends_s - issued.issued_s, 3600);
	assert_int_equal(jwt_verify(&lengthened, token, strlen(token), issued.issued_s + 3599, &verified), JWT_VALID);
	assert_int_equal(verified.ends_s - issued.issued_s, 3600);
	assert_int_equal(jwt_verify(&lengthened, token, strlen(token), issued.issued_s + 3600, &verified), JWT_EXPIRED);
	free(token);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rfc_4231_case_1),
		cmocka_unit_test(test_rfc_4231_case_2_a_key_shorter_than_the_hash),
		cmocka_unit_test(test_rfc_4231_case_3),
		cmocka_unit_test(test_rfc_4231_case_4),
		cmocka_unit_test(test_rfc_4231_case_5_truncated),
		cmocka_unit_test(test_rfc_4231_case_6_a_key_longer_than_a_block),
		cmocka_unit_test(test_rfc_4231_case_7_key_and_data_longer_than_a_block),
		cmocka_unit_test(test_rfc_7515_appendix_a_1),
		cmocka_unit_test(test_an_issued_token_verifies_with_the_same_claims),
		cmocka_unit_test(test_the_greatest_user_id_survives_in_a_token),
		cmocka_unit_test(test_two_tokens_of_one_moment_differ),
		cmocka_unit_test(test_claims_are_left_alone_when_a_token_is_refused),
		cmocka_unit_test(test_a_jti_follows_the_last_end_of_the_users_tokens),
		cmocka_unit_test(test_rfc_9562_appendix_a_6_is_read_and_written),
		cmocka_unit_test(test_a_jti_of_another_form_is_refused),
		cmocka_unit_test(test_a_token_issued_under_a_longer_lifetime_ends_with_the_lifetime_of_now),
		cmocka_unit_test(test_a_token_issued_under_a_shorter_lifetime_ends_with_its_own),
		cmocka_unit_test(test_a_token_may_be_of_an_earlier_moment_and_ends_that_much_earlier),
		cmocka_unit_test(test_a_token_that_follows_an_end_to_come_is_good_at_once_and_no_longer_than_others),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
