/* Seals every factor's secret with today's SECRET_KEY, so that the previous key can be forgotten. Blocking, for manage. */
#ifndef ABACUS_USERS_RESEAL_H
#define ABACUS_USERS_RESEAL_H

#include <libpq-fe.h>

#include "auth/auth.h"

/* May be run while the daemons run, and again. Prints how many it sealed, and reports those that neither key opens. Returns an
 * exit code. */
int reseal_factors(PGconn *conn, const struct auth_config *config);

#endif
