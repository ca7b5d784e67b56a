/* A new set of recovery codes, on its way into a reply. */
#ifndef ABACUS_USERS_RECOVERY_CODES_H
#define ABACUS_USERS_RECOVERY_CODES_H

#include "base/buf.h"
#include "http/request.h"

struct recovery_codes; /* belongs to the request, and is wiped with it */
struct recovery_codes *recovery_codes_make(struct http_request *req);
/* For a parameter of the type text[]. */
const char *recovery_codes_hashes(const struct recovery_codes *codes);
/* The member recovery_codes of an object that is open; for others_add(). */
void recovery_codes_add(struct buf *json, void *codes);

#endif
