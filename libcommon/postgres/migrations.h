/* Numbered SQL pairs (0001_users.up.sql, 0001_users.down.sql), each run in a transaction under an advisory lock and recorded
 * with the SHA-256 of its up file in `schema_migrations(version, name, checksum, applied_at)`. A file that begins with
 * "-- outside a transaction" runs statement by statement instead, each up to a semicolon at the end of a line, for CREATE INDEX
 * CONCURRENTLY, which keeps no statement waiting; if one fails, all of them run again. Blocking, for manage and tests. Each
 * call prints what it does to stdout and errors to stderr. */
#ifndef ABACUS_MIGRATIONS_H
#define ABACUS_MIGRATIONS_H

#include <libpq-fe.h>

#include "base/status.h"

enum status migrations_upgrade(PGconn *conn, const char *dir) MUST_CHECK; /* refuses when an applied file has changed */
/* Drops everything and upgrades; ids go on (last_ids.h). The role owns its database but may not create one, so the database
 * itself stays. Nothing is dropped when the folder can not be read. */
enum status migrations_recreate(PGconn *conn, const char *dir) MUST_CHECK;
enum status migrations_downgrade(PGconn *conn, const char *dir) MUST_CHECK; /* takes back the last one */
enum status migrations_current(PGconn *conn, const char *dir) MUST_CHECK;
enum status migrations_history(PGconn *conn, const char *dir) MUST_CHECK;
enum status migrations_stamp(PGconn *conn, const char *dir,
			     const char *version) MUST_CHECK; /* records as applied, without running, up to version */
enum status migrations_new(const char *dir, const char *name) MUST_CHECK; /* makes the next pair */

#endif
