/* Time: monotonic clocks for durations and a wall clock for dates. Their units are in their names. */
#ifndef ABACUS_BASE_CLOCK_H
#define ABACUS_BASE_CLOCK_H

#include <stddef.h>
#include <stdint.h>

int64_t clock_monotonic_us(void);
/* Goes on while the machine is suspended: for a lease that others count down meanwhile. */
int64_t clock_boottime_us(void);
int64_t clock_unix_ms(void);
int64_t clock_unix_us(void);
#define CLOCK_TEXT_BYTES 25
/* RFC 3339 §5.6 in UTC with Z and milliseconds: 2026-01-02T03:04:05.678Z */
void clock_format(int64_t unix_ms, char text[CLOCK_TEXT_BYTES]);

#endif
