/* The calculations against known values and against each other. Index k of fibonacci is F(k + 1):
 * services/swagger/openapi.yaml. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "tests/random_input.h"
#include "calculate.h"

static mpz_t result;

static int set_up(void **state)
{
	mpz_init(result);
	return 0;
}

static int tear_down(void **state)
{
	mpz_clear(result);
	return 0;
}

static void assert_gives(enum kind kind, int64_t index, const char *expected)
{
	char *digits;
	int differs;

	calculate(kind, index, result);
	digits = mpz_get_str(NULL, 10, result);
	differs = strcmp(digits, expected);
	free(digits);
	if (differs)
		fail_msg("%s of %lld is not %s", kind_name(kind), (long long)index, expected);
}

static void test_fibonacci_gives_the_values_that_the_api_documents(void **state)
{
	assert_gives(KIND_FIBONACCI, 0, "1");
	assert_gives(KIND_FIBONACCI, 1, "1");
	assert_gives(KIND_FIBONACCI, 7, "21");
	assert_gives(KIND_FIBONACCI, 40, "165580141");
}

static void test_fibonacci_beyond_64_bits_is_exact(void **state)
{
	assert_gives(KIND_FIBONACCI, 92, "12200160415121876738");
	assert_gives(KIND_FIBONACCI, 93, "19740274219868223167");
	assert_gives(KIND_FIBONACCI, 99, "354224848179261915075");
}

static void test_lucas_gives_known_values(void **state)
{
	assert_gives(KIND_LUCAS, 0, "2");
	assert_gives(KIND_LUCAS, 1, "1");
	assert_gives(KIND_LUCAS, 10, "123");
	assert_gives(KIND_LUCAS, 100, "792070839848372253127");
}

static void test_factorial_gives_known_values(void **state)
{
	assert_gives(KIND_FACTORIAL, 0, "1");
	assert_gives(KIND_FACTORIAL, 1, "1");
	assert_gives(KIND_FACTORIAL, 20, "2432902008176640000");
	assert_gives(KIND_FACTORIAL, 25, "15511210043330985984000000");
}

static void test_primorial_gives_known_values(void **state)
{
	assert_gives(KIND_PRIMORIAL, 0, "1");
	assert_gives(KIND_PRIMORIAL, 1, "1");
	assert_gives(KIND_PRIMORIAL, 2, "2");
	assert_gives(KIND_PRIMORIAL, 3, "6");
	assert_gives(KIND_PRIMORIAL, 4, "6");
	assert_gives(KIND_PRIMORIAL, 30, "6469693230");
	assert_gives(KIND_PRIMORIAL, 100, "2305567963945518424753102147331756070");
}

static void test_each_kind_is_calculated(void **state)
{
	for (int kind = 0; kind < KIND_COUNT; kind++) {
		mpz_set_ui(result, 0);
		calculate((enum kind)kind, 5, result);
		if (mpz_sgn(result) <= 0)
			fail_msg("%s of 5 is not positive", kind_name((enum kind)kind));
	}
}

static void test_a_result_replaces_the_previous_number(void **state)
{
	mpz_set_ui(result, 99);
	assert_gives(KIND_PRIMORIAL, 0, "1");
	assert_gives(KIND_FACTORIAL, 3, "6");
}

/* GMP's own primorial uses another algorithm. */
static void test_primorials_agree_with_gmp(void **state)
{
	mpz_t expected;

	mpz_init(expected);
	for (int64_t index = 0; index < 3000; index++) {
		calculate(KIND_PRIMORIAL, index, result);
		mpz_primorial_ui(expected, (unsigned long)index);
		if (mpz_cmp(result, expected) != 0)
			fail_msg("primorial of %lld", (long long)index);
	}
	mpz_clear(expected);
}

static void test_a_large_primorial_agrees_with_gmp(void **state)
{
	mpz_t expected;
	int differs;

	mpz_init(expected);
	calculate(KIND_PRIMORIAL, 100003, result);
	mpz_primorial_ui(expected, 100003);
	differs = mpz_cmp(result, expected);
	mpz_clear(expected);
	assert_int_equal(differs, 0);
}

/* F(k + 1) = F(k) + F(k - 1), L(k) = F(k - 1) + F(k + 1), k! = k (k - 1)! at random indexes. */
static void test_random_results_satisfy_the_recurrences(void **state)
{
	mpz_t before, sum;

	mpz_inits(before, sum, NULL);
	random_input_start();
	for (int round = 0; round < 50; round++) {
		int64_t index = 2 + random() % 20000;

		calculate(KIND_FIBONACCI, index - 1, sum);
		calculate(KIND_FIBONACCI, index - 2, before);
		mpz_add(sum, sum, before);
		calculate(KIND_FIBONACCI, index, result);
		assert_int_equal(mpz_cmp(result, sum), 0);
		mpz_add(sum, result, before);
		calculate(KIND_LUCAS, index, result);
		assert_int_equal(mpz_cmp(result, sum), 0);
		calculate(KIND_FACTORIAL, index % 2000, before);
		mpz_mul_ui(sum, before, (unsigned long)(index % 2000 + 1));
		calculate(KIND_FACTORIAL, index % 2000 + 1, result);
		assert_int_equal(mpz_cmp(result, sum), 0);
	}
	mpz_clears(before, sum, NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_fibonacci_gives_the_values_that_the_api_documents, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_fibonacci_beyond_64_bits_is_exact, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_lucas_gives_known_values, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_factorial_gives_known_values, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_primorial_gives_known_values, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_each_kind_is_calculated, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_a_result_replaces_the_previous_number, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_primorials_agree_with_gmp, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_a_large_primorial_agrees_with_gmp, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_random_results_satisfy_the_recurrences, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
