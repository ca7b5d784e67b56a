#include "passkeys/passkeys.h"

#include <stdlib.h>

#include "base/mem.h"
#include "base/pool.h"
#include "passkeys/passkey_party.h"
#include "service.h"

#define THREADS 1
#define WAITING_MAX 256 /* under a second of work */

struct passkeys {
	struct pool *pool;
	struct passkey_party names;
	struct webauthn_party party;
};

struct passkeys *passkeys_new(struct event_base *base, const struct users_config *config)
{
	struct passkeys *passkeys = mem_alloc(sizeof *passkeys);

	*passkeys = (struct passkeys){.pool = pool_new(base, THREADS, WAITING_MAX)};
	if (!config->public_url || passkey_party_read(config->public_url, false, &passkeys->names) != STATUS_OK)
		return passkeys;
	passkeys->party = (struct webauthn_party){passkeys->names.origin, passkeys->names.rp_id};
	return passkeys;
}

void passkeys_free(struct passkeys *passkeys)
{
	pool_free(passkeys->pool);
	free(passkeys);
}

struct pool *passkeys_pool(const struct passkeys *passkeys)
{
	return passkeys->pool;
}

const struct webauthn_party *passkeys_party(const struct passkeys *passkeys)
{
	return *passkeys->names.rp_id ? &passkeys->party : NULL;
}

bool passkeys_are_offered(struct http_request *req)
{
	if (passkeys_party(users_of(req)->passkeys))
		return true;
	http_reply_fail(req, 409, "passkeys_not_offered", "This server does not offer passkeys.");
	return false;
}
