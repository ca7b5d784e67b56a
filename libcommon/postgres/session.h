/* The settings of a session that correctness rests on. A role, a database, PGOPTIONS or the URL may set any of them otherwise,
 * so every connection sets them itself before it is used. */
#ifndef ABACUS_POSTGRES_SESSION_H
#define ABACUS_POSTGRES_SESSION_H

#include <libpq-fe.h>

#include "base/status.h"

/* One statement; $1: statement_timeout in ms, 0: none. */
extern const char postgres_session_sql[];

/* For manage: blocks, and sets no time limit, because a migration may take long. */
enum status postgres_session_set(PGconn *conn) MUST_CHECK;

#endif
