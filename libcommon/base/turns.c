/* Rounds are a ring of lists. An entry's round is fixed when it comes: the next round, or the one after the latest round that
 * one of its keys already has. So nothing is moved or compared later. An entry joins the next round and not the one under way,
 * because otherwise a stream of new keys could keep that round from ending.
 *
 * Each key counts its own rounds, also when the entry's other key puts it into a later one: an account that many networks
 * attack delays no other account of these networks. So a round can hold several entries of one network, of accounts that other
 * networks attack too; that is no way to get ahead. */
#include "base/turns.h"

#include <stdlib.h>

#include "base/mem.h"

struct turns_key {
	LIST_ENTRY(turns_key) link;
	uint64_t key;
	uint64_t latest; /* round of its latest entry */
	unsigned waiting;
};
LIST_HEAD(turns_keys, turns_key);
TAILQ_HEAD(turns_round, turn);

struct turns {
	struct turns_round
		rounds[TURNS_ROUNDS]; /* round n is at n % TURNS_ROUNDS; all are in [under_way, under_way + TURNS_ROUNDS) */
	uint64_t under_way;           /* round of the entry that was taken last */
	unsigned count;
	uint64_t mask; /* the number of lists below, less one */
	struct turns_keys keys[];
};

static struct turns_round *round_of(const struct turns *turns, uint64_t number)
{
	return (struct turns_round *)&turns->rounds[number % TURNS_ROUNDS];
}

struct turns *turns_new(unsigned entries_max)
{
	uint64_t lists = 1;
	struct turns *turns;

	while (lists < (uint64_t)entries_max * TURNS_KEYS)
		lists *= 2;
	turns = mem_alloc(sizeof *turns + lists * sizeof *turns->keys);
	turns->mask = lists - 1;
	for (unsigned i = 0; i < TURNS_ROUNDS; i++)
		TAILQ_INIT(&turns->rounds[i]);
	return turns;
}

void turns_free(struct turns *turns)
{
	free(turns);
}

/* ---- keys: those that have something waiting ---- */

static struct turns_key *find_key(const struct turns *turns, uint64_t number)
{
	struct turns_key *key;

	LIST_FOREACH (key, &turns->keys[number & turns->mask], link)
		if (key->key == number)
			return key;
	return NULL;
}

static uint64_t next_place(const struct turns *turns, uint64_t number)
{
	const struct turns_key *key = number ? find_key(turns, number) : NULL;

	return key && key->latest > turns->under_way ? key->latest + 1 : turns->under_way + 1;
}

static struct turns_key *hold_key(struct turns *turns, uint64_t number, uint64_t place)
{
	struct turns_key *key = find_key(turns, number);

	if (!key) {
		key = mem_alloc(sizeof *key);
		key->key = number;
		LIST_INSERT_HEAD(&turns->keys[number & turns->mask], key, link);
	}
	key->latest = place;
	key->waiting++;
	return key;
}

/* An entry that leaves from the end gives its place back. */
static void release_key(struct turns_key *key, uint64_t place)
{
	if (key->latest == place)
		key->latest--;
	if (--key->waiting == 0) {
		LIST_REMOVE(key, link);
		free(key);
	}
}

/* ---- entries ---- */

bool turns_add(struct turns *turns, struct turn *turn, const uint64_t keys[TURNS_KEYS])
{
	*turn = (struct turn){.round = turns->under_way + 1};
	for (unsigned i = 0; i < TURNS_KEYS; i++) {
		turn->places[i] = next_place(turns, keys[i]);
		if (turn->places[i] > turn->round)
			turn->round = turn->places[i];
	}
	if (turn->round - turns->under_way >= TURNS_ROUNDS)
		return false;
	for (unsigned i = 0; i < TURNS_KEYS; i++)
		turn->keys[i] = keys[i] ? hold_key(turns, keys[i], turn->places[i]) : NULL;
	TAILQ_INSERT_TAIL(round_of(turns, turn->round), turn, link);
	turns->count++;
	return true;
}

void turns_remove(struct turns *turns, struct turn *turn)
{
	TAILQ_REMOVE(round_of(turns, turn->round), turn, link);
	for (unsigned i = 0; i < TURNS_KEYS; i++)
		if (turn->keys[i])
			release_key(turn->keys[i], turn->places[i]);
	turns->count--;
}

struct turn *turns_take(struct turns *turns)
{
	struct turn *turn;

	if (turns->count == 0)
		return NULL;
	while (!(turn = TAILQ_FIRST(round_of(turns, turns->under_way))))
		turns->under_way++;
	turns_remove(turns, turn);
	return turn;
}

struct turn *turns_last(const struct turns *turns)
{
	uint64_t round = turns->under_way + TURNS_ROUNDS - 1;

	if (turns->count == 0)
		return NULL;
	while (TAILQ_EMPTY(round_of(turns, round)))
		round--;
	return TAILQ_LAST(round_of(turns, round), turns_round);
}

unsigned turns_count(const struct turns *turns)
{
	return turns->count;
}
