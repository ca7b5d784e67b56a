/* WAIT_FOR(condition): turns the loop `base` until the condition holds, and fails the test when that takes far longer than
 * anything should. The test must have an event that ends each turn. Include after cmocka.h. */
#ifndef ABACUS_TESTS_WAIT_FOR_H
#define ABACUS_TESTS_WAIT_FOR_H

#include <event2/event.h>

#include "base/clock.h"

#define WAIT_FOR_US (60 * 1000000LL)

#define WAIT_FOR(condition)                                                      \
	do {                                                                     \
		int64_t limit_us = clock_monotonic_us() + WAIT_FOR_US;           \
		while (!(condition)) {                                           \
			if (clock_monotonic_us() > limit_us)                     \
				fail_msg("waited too long for: %s", #condition); \
			event_base_loop(base, EVLOOP_ONCE);                      \
		}                                                                \
	} while (0)

#endif
