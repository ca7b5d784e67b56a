/* How much may be submitted: VALUES_RATE a second, and VALUES_BURST at once, of each user, and of each address without a token
 * (each /64 network for IPv6). Buckets of tokens in Redis hold the limit over all processes and instances
 * (docs/decisions/0017-limits-of-submissions.md). */
#ifndef ABACUS_VALUES_RATE_H
#define ABACUS_VALUES_RATE_H

#include "base/scope.h"
#include "redis/redis.h"

struct event_base;
struct values;
struct rate;

struct rate_verdict {
	bool may_submit;
	long remaining; /* so many more may be submitted now */
	long full_in_s; /* until VALUES_BURST may be submitted again, rounded up */
};
typedef void rate_taken(const struct rate_verdict *verdict, void *arg);

struct rate *rate_new(struct event_base *base, struct values *values);
void rate_free(struct rate *rate);
/* Counts one submission. Without user_id the address counts. Only if VALUES_RATE is not 0. While Redis does not answer, each
 * process counts alone. */
void rate_take(struct rate *rate, struct scope *scope, int64_t user_id, const char *address, rate_taken *done, void *arg);

extern const struct redis_script rate_take_script; /* for redis_new() */

#endif
