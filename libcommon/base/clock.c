#include "base/clock.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/mem.h"

/* Only a sandbox can refuse to read a clock, and then it refuses always. Without time no limit would end anything. */
static struct timespec read_clock(clockid_t clock)
{
	struct timespec now;

	if (clock_gettime(clock, &now) < 0)
		mem_die("the clock can not be read\n");
	return now;
}

static int64_t us_of(clockid_t clock)
{
	struct timespec now = read_clock(clock);

	return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

int64_t clock_monotonic_us(void)
{
	return us_of(CLOCK_MONOTONIC);
}

int64_t clock_boottime_us(void)
{
	return us_of(CLOCK_BOOTTIME);
}

int64_t clock_unix_us(void)
{
	return us_of(CLOCK_REALTIME);
}

int64_t clock_unix_ms(void)
{
	struct timespec now = read_clock(CLOCK_REALTIME);

	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* The text up to the second is kept: a busy daemon formats thousands of times within one. */
void clock_format(int64_t unix_ms, char text[CLOCK_TEXT_BYTES])
{
	static _Thread_local int64_t cached_s = INT64_MIN;
	static _Thread_local char cached[32];
	int64_t seconds = unix_ms / 1000 - (unix_ms % 1000 < 0);
	int ms = (int)((unix_ms % 1000 + 1000) % 1000);

	if (seconds != cached_s) {
		time_t when = (time_t)seconds;
		struct tm parts;

		gmtime_r(&when, &parts);
		if (strftime(cached, sizeof cached, "%Y-%m-%dT%H:%M:%S.000Z", &parts) != CLOCK_TEXT_BYTES - 1)
			memcpy(cached, "0000-00-00T00:00:00.000Z", CLOCK_TEXT_BYTES); /* beyond the year 9999 */
		cached_s = seconds;
	}
	memcpy(text, cached, CLOCK_TEXT_BYTES);
	text[20] = (char)('0' + ms / 100);
	text[21] = (char)('0' + ms / 10 % 10);
	text[22] = (char)('0' + ms % 10);
}
