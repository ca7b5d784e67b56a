/* Random numbers by splitmix64 (https://prng.di.unimi.it/splitmix64.c), and the trace, of which a hash is kept always and the
 * text is printed on demand. */
#include "simulator.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static uint64_t state, hash;
bool trace_is_shown;

static uint64_t next(void)
{
	uint64_t z = (state += 0x9e3779b97f4a7c15);

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
	z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
	return z ^ (z >> 31);
}

void chance_seed(uint64_t seed)
{
	state = seed * 0x9e3779b97f4a7c15 + 1;
	hash = 14695981039346656037u;
}

unsigned chance_below(unsigned n)
{
	return (unsigned)(next() % n);
}

bool chance_of(unsigned n, unsigned of)
{
	return chance_below(of) < n;
}

long chance_between(long least, long most)
{
	return least + (long)(next() % (uint64_t)(most - least + 1));
}

/* libevent's and loop_backoff_ms()'s random() is ours too, so that a run depends on its seed alone. */
long random(void)
{
	return (long)(next() >> 33);
}

static void mix(const void *bytes, size_t len)
{
	const unsigned char *byte = bytes;

	for (size_t i = 0; i < len; i++)
		hash = (hash ^ byte[i]) * 1099511628211u;
}

uint64_t trace_hash(void)
{
	return hash;
}

static void begin_line(const char *what)
{
	printf("%8" PRId64 " %10.3f %s", run_step, (double)now_us / 1000, what);
}

void trace(const char *what, int64_t a, int64_t b)
{
	int64_t numbers[] = {now_us, a, b};

	mix(what, strlen(what));
	mix(numbers, sizeof numbers);
	if (!trace_is_shown)
		return;
	begin_line(what);
	printf(" %" PRId64 " %" PRId64 "\n", a, b);
}

void trace_text(const char *what, const char *text, size_t len)
{
	mix(what, strlen(what));
	mix(text, len);
	if (!trace_is_shown)
		return;
	begin_line(what);
	putchar(' ');
	for (size_t i = 0; i < len && i < 300; i++)
		putchar(text[i] == '\r' ? ' ' : text[i] == '\n' ? ' ' : text[i]);
	putchar('\n');
}
