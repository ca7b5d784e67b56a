/* The picture that users has of the table of followers (auth/revocations.h). It does no I/O. */
#ifndef ABACUS_REVOCATIONS_INTERNAL_H
#define ABACUS_REVOCATIONS_INTERNAL_H

#include <sys/queue.h>

#include "auth/revocations.h"

/* Of an entry: its id in the stream. */
struct revocations_position {
	int64_t ms, seq;
};
enum status revocations_position_parse(const char *text, struct revocations_position *ret_position) MUST_CHECK;
bool revocations_position_is_before(struct revocations_position one, struct revocations_position other);

#define REVOCATIONS_NAME_BYTES 33 /* hexadecimal; other fields of the table are ignored */
struct revocations_follower {
	char name[REVOCATIONS_NAME_BYTES];
	char *value; /* as in Redis; NULL: known by an announcement alone */
	size_t value_len;
	struct revocations_position position;
	int64_t lease_us;
	int64_t seen_us; /* when this value was seen first */
	bool is_listed;  /* in the reply that is being read */
	LIST_ENTRY(revocations_follower) link;
};

#define REVOCATIONS_TABLE_BYTES 80
struct revocations_table {
	char id[REVOCATIONS_TABLE_BYTES]; /* "": none was seen yet */
	int64_t old_from_us;              /* when the leases of all followers of an earlier one have run out */
	bool is_settled;
	int64_t lease_us; /* as configured; of a follower whose value cannot be read */
	LIST_HEAD(, revocations_follower) followers;
};

/* now_us: of clock_monotonic_us(). */
void revocations_table_init(struct revocations_table *table, int64_t lease_us);
void revocations_table_free(struct revocations_table *table);
/* Reads fields and values as Redis answered them. INTERNAL: it is no table, and nothing was changed. */
enum status revocations_table_read(struct revocations_table *table, const redisReply *fields, int64_t now_us) MUST_CHECK;
/* Reads an announcement; ignores one of another table, and one that cannot be read. */
void revocations_table_hear(struct revocations_table *table, const char *message, size_t len);
/* Has every follower that may trust its copy applied the entries up to the position? */
bool revocations_table_has(const struct revocations_table *table, struct revocations_position position);
/* The first follower that has not; NULL: none. */
const struct revocations_follower *revocations_table_behind(const struct revocations_table *table,
							    struct revocations_position position);
/* Has the lease of the follower run out, if its value is still the one that was seen? */
bool revocations_follower_is_silent(const struct revocations_follower *follower, int64_t now_us);
/* May the table be settled, because the leases of all followers of an earlier one have run out? */
bool revocations_table_is_old(const struct revocations_table *table, int64_t now_us);

#endif
