#include "calculate.h"

#include <stdlib.h>

#include "base/mem.h"

/* The product of factors[0..count). Multiplies halves first, because GMP is fastest when both factors have about the same size.
 */
static void product(const unsigned long *factors, size_t count, mpz_t result)
{
	mpz_t right;

	if (count <= 8) {
		mpz_set_ui(result, 1);
		for (size_t i = 0; i < count; i++)
			mpz_mul_ui(result, result, factors[i]);
		return;
	}
	mpz_init(right);
	product(factors, count / 2, result);
	product(factors + count / 2, count - count / 2, right);
	mpz_mul(result, result, right);
	mpz_clear(right);
}

/* Sieve of Eratosthenes. */
static void primorial(int64_t index, mpz_t result)
{
	size_t size = (size_t)index + 1, count = 0;
	bool *is_composite = mem_alloc(size * sizeof *is_composite);
	unsigned long *primes = mem_alloc(size * sizeof *primes);

	for (size_t n = 2; n < size; n++) {
		if (is_composite[n])
			continue;
		primes[count++] = n;
		for (size_t multiple = n * n; multiple < size; multiple += n)
			is_composite[multiple] = true;
	}
	product(primes, count, result);
	free(primes);
	free(is_composite);
}

static void fibonacci(int64_t index, mpz_t result)
{
	mpz_fib_ui(result, (unsigned long)index + 1);
}

static void lucas(int64_t index, mpz_t result)
{
	mpz_lucnum_ui(result, (unsigned long)index);
}

static void factorial(int64_t index, mpz_t result)
{
	mpz_fac_ui(result, (unsigned long)index);
}

void calculate(enum kind kind, int64_t index, mpz_t result)
{
	static void (*const calculations[KIND_COUNT])(int64_t index, mpz_t result) = {
		[KIND_FIBONACCI] = fibonacci,
		[KIND_LUCAS] = lucas,
		[KIND_FACTORIAL] = factorial,
		[KIND_PRIMORIAL] = primorial,
	};

	calculations[kind](index, result);
}
