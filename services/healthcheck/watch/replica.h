/* A server that takes no writes may be the primary from before a failover, while its name leads to another one by now. Neither
 * watch writes, so no error says so, and its connection would stay there for ever. So the connection is replaced, with a pause,
 * because the operator may mean a replica to be watched: then nothing of this is seen. */
#ifndef ABACUS_HEALTHCHECK_REPLICA_H
#define ABACUS_HEALTHCHECK_REPLICA_H

#include <stdbool.h>
#include <stdint.h>

#include "base/clock.h"

#define REPLICA_PAUSE_US 5000000
#define REPLICA_CONNECTS_US 1000000 /* a round that finds no connection is passed over so long, and is no failure */

struct replica { /* begins as {0} */
	int64_t replaced_us;
};

/* Whether to replace the connection now; notes that it is. */
static inline bool replica_is_due(struct replica *replica)
{
	int64_t now_us = clock_monotonic_us();

	if (replica->replaced_us > 0 && now_us < replica->replaced_us + REPLICA_PAUSE_US)
		return false;
	replica->replaced_us = now_us;
	return true;
}

/* Is a connection that is not ready one that was replaced a moment ago? */
static inline bool replica_is_connecting(const struct replica *replica)
{
	return replica->replaced_us > 0 && clock_monotonic_us() < replica->replaced_us + REPLICA_CONNECTS_US;
}

#endif
