/* cmocka of Debian 12 compares only floats, which are too coarse for a Unix time. Include after cmocka.h. */
#ifndef ABACUS_HEALTHCHECK_NEAR_H
#define ABACUS_HEALTHCHECK_NEAR_H

#include <math.h>

#define assert_near(number, expected, distance)                                                         \
	do {                                                                                            \
		if (!(fabs((double)(number) - (double)(expected)) <= (distance)))                       \
			fail_msg("%s is %g and not %g", #number, (double)(number), (double)(expected)); \
	} while (0)

#endif
