"""The calculations of libcommon/jobs/kinds.c, written another way. Exact at any length: Decimal multiplies long numbers, and
writes them, faster than int."""

import decimal
import functools

from history import fingerprint

PREVIEW_DIGITS = 1000
PREVIEW_ENDS = 20

EXACT = decimal.Context(prec=10_000_000, Emax=decimal.MAX_EMAX, Emin=decimal.MIN_EMIN, traps=[decimal.Inexact])


def fibonacci_pair(number):
    """(F(number), F(number + 1)), by doubling from the highest bit on."""
    low, high = decimal.Decimal(0), decimal.Decimal(1)
    for bit in bin(number)[2:]:
        square_low, square_high = EXACT.multiply(low, low), EXACT.multiply(high, high)
        product = EXACT.multiply(low, high)
        low, high = EXACT.subtract(EXACT.add(product, product), square_low), EXACT.add(square_low, square_high)
        if bit == "1":
            low, high = high, EXACT.add(low, high)
    return low, high


def fibonacci(index):
    return fibonacci_pair(index + 1)[0]


def lucas(index):
    low, high = fibonacci_pair(index)
    return EXACT.subtract(EXACT.add(high, high), low)


def product(factors):
    """Halves the list again and again, so that the factors of each multiplication are about equally long."""
    if len(factors) < 2:
        return decimal.Decimal(factors[0] if factors else 1)
    middle = len(factors) // 2
    return EXACT.multiply(product(factors[:middle]), product(factors[middle:]))


def factorial(index):
    return product(range(2, index + 1))


def primorial(index):
    sieve = bytearray([1]) * (index + 1)
    sieve[:2] = bytes(len(sieve[:2]))
    for number in range(2, int(index**0.5) + 1):
        if sieve[number]:
            sieve[number * number :: number] = bytes(len(sieve[number * number :: number]))
    return product([number for number in range(index + 1) if sieve[number]])


KINDS = {"fibonacci": fibonacci, "lucas": lucas, "factorial": factorial, "primorial": primorial}


def digits_of(kind, index):
    return format(KINDS[kind](index), "f")


def preview_of(text):
    """As JOBS_PREVIEW_DIGITS in libcommon/jobs/jobs.h describes it."""
    if len(text) <= PREVIEW_DIGITS:
        return text
    return f"{text[:PREVIEW_ENDS]}…{text[-PREVIEW_ENDS:]} ({len(text)} digits)"


@functools.cache
def expected(kind, index):
    """(number of digits, fingerprint of all of them, fingerprint of the preview)"""
    text = digits_of(kind, index)
    return len(text), fingerprint(text), fingerprint(preview_of(text))
