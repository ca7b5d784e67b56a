/* Limits of events in a window of time (failed logins of an account, messages to an address), counted in Redis for all
 * processes together. The counters of a limit are members of one key, so that a full Redis evicts none. It keeps digests of
 * their names, and LIMIT_COUNTERS_MAX of them: beyond that the one whose window ends first is removed, so that names without
 * end do not fill Redis. */
#ifndef ABACUS_REDIS_LIMIT_H
#define ABACUS_REDIS_LIMIT_H

#include "redis/redis.h"

#define LIMIT_COUNTERS_MAX "50000" /* of a limit; Redis has about 130 bytes of each */
#define LIMITS_MAX 3

struct limit {
	const char *key;  /* of its counters; keys that are counted together are in one slot of a cluster */
	const char *name; /* of the counter */
	long events;      /* that are allowed in a window, up to 2^20 - 1 */
	long window_s;
};

/* For the scripts of redis_new(). */
extern const struct redis_script limit_count_script, limit_undo_script;

/* retry_s: 0: counted; else a limit is reached, for that many more seconds, up to the longest window. Without Redis's answer,
 * status is not STATUS_OK. */
typedef void limit_counted(enum status status, long retry_s, void *arg);
/* Counts an event on each of n limits (1 to LIMITS_MAX), or on none of them if one is reached. */
void limit_count(struct redis *redis, struct scope *scope, const struct limit *limits, int n, limit_counted *done, void *arg);

/* Takes back one event that was counted. Nothing depends on it: when Redis does not answer, the event stays counted. */
void limit_undo(struct redis *redis, struct scope *scope, const char *key, const char *name);
/* Takes back all of them. */
void limit_forget(struct redis *redis, struct scope *scope, const char *key, const char *name);

#endif
