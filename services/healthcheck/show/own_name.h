/* A site may have its own name lead to an address of an operator's machine (DNS rebinding). Its page then has the origin of
 * whatever answers there, and reads it. So the private port knows the names that no other site can have. */
#ifndef ABACUS_HEALTHCHECK_OWN_NAME_H
#define ABACUS_HEALTHCHECK_OWN_NAME_H

#include <stdbool.h>

/* The value of Host: an address, or "localhost", each with a port or without. */
bool own_name_is(const char *host);

#endif
