/* A passkey as the answer to a challenge (challenges/answer.h). */
#ifndef ABACUS_USERS_PASSKEY_ANSWER_H
#define ABACUS_USERS_PASSKEY_ANSWER_H

#include <cjson/cJSON.h>

#include "http/request.h"

struct answer;

/* What a browser needs to use one of the user's passkeys; the caller owns it. NULL: the user has none, or this server offers
 * none. id and binding: the challenge's. credentials: ids of the user's passkeys, with blanks between. */
cJSON *passkey_answer_options(struct http_request *req, int64_t user_id, const char *id, const char *binding,
			      const char *credentials);
/* method.prove */
void passkey_answer(struct answer *answer);

#endif
