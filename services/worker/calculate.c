#include "calculate.h"

#include <stdlib.h>

#include "base/mem.h"

/* The largest indexes that stay under about 0.3 ms on a slow core, decimal conversion included. */
static const int64_t small_max[KIND_COUNT] = {
	[KIND_FIBONACCI] = 10000,
	[KIND_LUCAS] = 10000,
	[KIND_FACTORIAL] = 800,
	[KIND_PRIMORIAL] = 3000,
};

bool calculation_is_small(enum kind kind, int64_t index)
{
	return index <= small_max[kind];
}

/* The product of factors[0..count), halves first, so that the factors of each multiplication are of like size. */
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

void calculate(enum kind kind, int64_t index, mpz_t result)
{
	switch (kind) {
	case KIND_FIBONACCI:
		mpz_fib_ui(result, (unsigned long)index + 1);
		break;
	case KIND_LUCAS:
		mpz_lucnum_ui(result, (unsigned long)index);
		break;
	case KIND_FACTORIAL:
		mpz_fac_ui(result, (unsigned long)index);
		break;
	case KIND_PRIMORIAL:
		primorial(index, result);
		break;
	case KIND_COUNT:
		abort();
	}
}
