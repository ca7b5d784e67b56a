/* The relying party's side of Web Authentication level 2 (https://www.w3.org/TR/webauthn-2/): the making of a passkey (§7.1)
 * and its use (§7.2). Pure functions on bytes that a client sent: who may use which credential, that a challenge is used once,
 * and what a signature counter means is up to the caller.
 *
 * The user must have been present and verified, so that a passkey is two factors. Attestation is not asked for, and its
 * statement is not looked at: any authenticator may hold a passkey (docs/decisions/0029-passkeys.md). */
#ifndef ABACUS_WEBAUTHN_WEBAUTHN_H
#define ABACUS_WEBAUTHN_WEBAUTHN_H

#include <stddef.h>
#include <stdint.h>

#include "base/status.h"
#include "webauthn/authenticator_data.h"
#include "webauthn/client_data.h"
#include "webauthn/cose_key.h"

#define WEBAUTHN_ATTESTATION_BYTES_MAX 16384
#define WEBAUTHN_SIGNATURE_BYTES_MAX COSE_MODULUS_BYTES_MAX
#define WEBAUTHN_CHALLENGE_BYTES 32 /* §13.4.3 asks for 16 at least */

struct webauthn_bytes { /* borrowed */
	const uint8_t *bytes;
	size_t len;
};

struct webauthn_party {
	const char *origin; /* of the only page that may use passkeys: https://example.com[:port] */
	const char *rp_id;  /* its host */
};

struct webauthn_credential {           /* borrows from the attestation object */
	struct webauthn_bytes id, key; /* key: in COSE */
	uint32_t sign_count;
};

/* A new passkey. challenge: in base64url. object: the attestation object. INVALID: any step of §7.1 fails. */
enum status webauthn_register(const struct webauthn_party *party, const char *challenge, struct webauthn_bytes client_data,
			      struct webauthn_bytes object, struct webauthn_credential *ret_credential) MUST_CHECK;

/* The use of one, all but its signature. INVALID: any step of §7.2 fails. */
enum status webauthn_assert(const struct webauthn_party *party, const char *challenge, struct webauthn_bytes client_data,
			    struct webauthn_bytes authenticator_data, uint32_t *ret_sign_count) MUST_CHECK;

/* Its signature. Takes milliseconds, so threads call it. INVALID: the key did not make it. */
enum status webauthn_verify(struct webauthn_bytes key, struct webauthn_bytes client_data,
			    struct webauthn_bytes authenticator_data, struct webauthn_bytes signature) MUST_CHECK;

#endif
