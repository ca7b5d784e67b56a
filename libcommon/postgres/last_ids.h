/* Ids go on when a table is dropped and made again: a token names its user by the id alone, so an id that is given a second
 * time would give the tokens of one user to another. manage recreate_db and db downgrade note the last id of each sequence
 * before they drop anything, and the migration that makes the sequence again goes on after it, in the same transaction, so that
 * no process can insert a row in between. The notes are in a schema of their own, so they outlive an attempt that was
 * interrupted. It needs a role that owns its database, and is gone when each sequence has gone on. A migration outside a
 * transaction (migrations.h) notes nothing, so it must not drop a table.
 *
 * Decided against: refusing a token that is older than its user. values would have to ask users about each. A whole new cluster
 * has no notes; there SECRET_KEY has to be a new one too, as scripts/stack sees to. */
#ifndef ABACUS_LAST_IDS_H
#define ABACUS_LAST_IDS_H

/* SQL of one statement, for the schema of the connection. */
extern const char last_ids_note[];  /* until the end of the transaction, no other one takes a further id */
extern const char last_ids_go_on[]; /* of each noted sequence that is there */

#endif
