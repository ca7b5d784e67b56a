/* A queue that takes turns, so that a client that asks for much does not hold up one that asks for little. An entry has up to
 *two keys, say a client's network and an account. The queue is served in rounds: each further entry of a key comes a round
 *later, and within a round entries keep the order in which they came.
 *
 *	round 8   a1  b1  c1        a (many entries) holds up c by one entry a round, however much it adds;
 *	round 9   a2  b2            d, which comes while round 8 is under way, is in round 9
 *	round 10  a3
 *
 * Each call takes constant time, bounded by TURNS_ROUNDS. Only the loop's thread may use a queue. */
#ifndef ABACUS_BASE_TURNS_H
#define ABACUS_BASE_TURNS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

#define TURNS_KEYS 2
#define TURNS_ROUNDS 256 /* a key may have as many entries waiting, less the round that is under way */

/* One entry, embedded in what waits. */
struct turn {
	TAILQ_ENTRY(turn) link;
	uint64_t round;
	struct turns_key *keys[TURNS_KEYS];
	uint64_t places[TURNS_KEYS]; /* the round that each key alone would have given */
};

struct turns;
/* entries_max only sizes the table of keys; the caller holds the queue to its limit, by turns_last(). */
struct turns *turns_new(unsigned entries_max);
void turns_free(struct turns *turns); /* must be empty; NULL is fine */

/* Keys are evenly spread numbers that a client cannot choose (a keyed hash); 0: none. False when a key has as much waiting as
 * TURNS_ROUNDS allows: the entry was not added. */
bool turns_add(struct turns *turns, struct turn *turn, const uint64_t keys[TURNS_KEYS]) __attribute__((warn_unused_result));
/* The entry whose turn it is, removed; NULL when none waits. */
struct turn *turns_take(struct turns *turns);
/* The entry that would be taken last, which stays; NULL when none waits. A queue that is too long drops this one: it belongs to
 * a key that has the most waiting. */
struct turn *turns_last(const struct turns *turns);
void turns_remove(struct turns *turns, struct turn *turn);
unsigned turns_count(const struct turns *turns);

#endif
