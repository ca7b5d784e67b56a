/* A text of an admin, from the body of a request. */
#ifndef ABACUS_HEALTHCHECK_NOTE_H
#define ABACUS_HEALTHCHECK_NOTE_H

#include "http/request.h"

/* The member of that name: at least min and at most NOTE_CHARACTERS_MAX characters, borrowed from the request. NULL: answered
 * with 400. */
const char *note_read(struct http_request *req, const char *name, size_t min);

#endif
