/* Passkeys (WebAuthn level 2, docs/decisions/0029-passkeys.md): what all of this room's calls share. The protocol is in
 * libcommon/webauthn; here is which challenge, which user and which row belongs to it. */
#ifndef ABACUS_USERS_PASSKEYS_H
#define ABACUS_USERS_PASSKEYS_H

#include <stdbool.h>

#include "http/request.h"
#include "webauthn/webauthn.h"

struct event_base;
struct passkeys;
struct pool;
struct users_config;

struct passkeys *passkeys_new(struct event_base *base, const struct users_config *config);
void passkeys_free(struct passkeys *passkeys);

/* Where signatures are verified, because one takes milliseconds. */
struct pool *passkeys_pool(const struct passkeys *passkeys);
/* NULL: this server offers none, because PUBLIC_URL is not set, or its host is an address. Lives as long as passkeys. */
const struct webauthn_party *passkeys_party(const struct passkeys *passkeys);
/* False: it offers none, and the request has been answered with 409. */
bool passkeys_are_offered(struct http_request *req) __attribute__((warn_unused_result));

#endif
