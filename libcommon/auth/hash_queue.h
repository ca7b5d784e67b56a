/* Where password hashes wait for a thread. Hashing is the most expensive work that a client without a token can cause, so the
 * queue takes turns (base/turns.h): by the client's network, so that a client that sends many passwords does not hold up the
 * others, and by account, so that many clients that try one account hold up no other account.
 *
 * Its length is limited in time: the measured cost of a hash (a moving average), times the hashes before the last one, over the
 * threads. Beyond the limit the queue refuses the hash that would come last, which belongs to the network or account that has
 * the most waiting, and not the one that has just come. */
#ifndef ABACUS_HASH_QUEUE_H
#define ABACUS_HASH_QUEUE_H

#include <stdint.h>

#include "base/scope.h"
#include "base/status.h"

struct event_base;

/* Borrowed for the call that takes it. NULL: takes no turns by this. */
struct hash_turn {
	const char *network; /* address_network() of net/forwarded.h */
	const char *account; /* the user's id, or the name that no user has */
};

struct hash_queue_config {
	unsigned threads;
	unsigned waiting_max; /* bounds the memory */
	int64_t wait_max_us;  /* of the last hash in the queue */
	int64_t first_cost_us;
};

struct hash_queue;
struct hash_queue *hash_queue_new(struct event_base *base, const struct hash_queue_config *config);
void hash_queue_free(struct hash_queue *queue); /* waits for what is running, drops what waits; NULL is fine */

/* As pool_submit() of base/pool.h. STATUS_BUSY: it was refused, now or after it had waited. A call whose scope is cancelled
 * leaves the queue at once. */
void hash_queue_submit(struct hash_queue *queue, struct scope *scope, const struct hash_turn *turn, void (*work)(void *job),
		       void (*done)(enum status status, void *job), void (*drop)(void *job), void *job);
/* How long everything that waits and runs will take. */
int64_t hash_queue_wait_us(const struct hash_queue *queue);

#endif
