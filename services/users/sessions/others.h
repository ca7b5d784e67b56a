/* Ends all tokens and sessions of the caller but the one of the request, and answers with a token that replaces it, because the
 * request's is dead too: for DELETE /auth/sessions, and after a change of a factor. */
#ifndef ABACUS_USERS_OTHERS_H
#define ABACUS_USERS_OTHERS_H

#include "base/buf.h"
#include "http/request.h"
#include "postgres/postgres.h"

struct others; /* belongs to the request */

/* message: of the reply, static. Call it before the statement that begins to end them, so that the revocation is published even
 * if the client disconnects meanwhile. */
struct others *others_begin(struct http_request *req, const char *message);
/* The change came to nothing: no token was revoked. */
void others_spare(struct others *others);
/* The reply's data has more members: add writes them. */
void others_add(struct others *others, void (*add)(struct buf *json, void *arg), void *arg);
/* Ends them. */
void others_end(struct others *others);
/* A statement has done so itself, as its row says: COLUMN_REVOCATION_* and COLUMN_OTHERS_*. */
void others_ended(struct others *others, const struct postgres_rows *rows);

#endif
