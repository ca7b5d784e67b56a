/* Buckets of tokens in this process's memory, for as long as Redis does not answer. Their number is bounded: a new bucket
 * replaces an old one, which is then full again. */
#ifndef ABACUS_VALUES_LOCAL_BUCKETS_H
#define ABACUS_VALUES_LOCAL_BUCKETS_H

#include <stdint.h>

struct local_buckets;

struct local_buckets *local_buckets_new(void);
void local_buckets_free(struct local_buckets *buckets); /* NULL is fine */
/* Takes up to `wanted` tokens out of the bucket of this name, which holds `most` and gets one back every token_us. Returns how
 * many it took. now_us: of a clock that is never set back. */
long local_buckets_take(struct local_buckets *buckets, const char *name, long wanted, long token_us, long most, int64_t now_us,
			int64_t *ret_full_in_us);

#endif
