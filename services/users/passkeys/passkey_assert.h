/* Checks a signature that a passkey made for a challenge. */
#ifndef ABACUS_USERS_PASSKEY_ASSERT_H
#define ABACUS_USERS_PASSKEY_ASSERT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/status.h"
#include "http/request.h"
#include "passkeys/passkey_challenge.h"

struct passkey { /* of an active user */
	int64_t user_id;
	bool is_admin, is_verified; /* is_verified: the user's e-mail */
	int64_t dead_until_ms;      /* of the user, when the passkey was loaded */
	char factor_id[37];
	uint32_t sign_count; /* of this use */
};

/* OK: the passkey made it, for this challenge and a page of ours, after it had verified the user. The statement that accepts it
 * has yet to decide that it is used once (store_challenge_passkey, store_passkey_login).
 * INVALID: it did not; or its counter has not grown, and the user was notified that there is a copy of it. passkey NULL: there
 * is no such passkey. NOT_FOUND: the challenge was used. Otherwise the check itself failed. */
typedef void passkey_asserted(enum status status, const struct passkey *passkey, void *arg);
/* Of the member `assertion` of the request. Without user_id in the challenge, which lives as long as the request, the passkey
 * says which user it is, and its user handle has to as well. done may run before this returns. */
void passkey_assert(struct http_request *req, const struct passkey_challenge *challenge, passkey_asserted *done, void *arg);

#endif
