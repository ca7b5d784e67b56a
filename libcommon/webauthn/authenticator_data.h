/* authenticatorData: what the authenticator signs beside the client's data (WebAuthn §6.1). */
#ifndef ABACUS_WEBAUTHN_AUTHENTICATOR_DATA_H
#define ABACUS_WEBAUTHN_AUTHENTICATOR_DATA_H

#include <stddef.h>
#include <stdint.h>

#include "base/status.h"

#define AUTHENTICATOR_DATA_BYTES_MAX 4096
#define AUTHENTICATOR_DATA_CREDENTIAL_MAX 1023 /* bytes of a credential's id (WebAuthn §4) */

struct authenticator_data {        /* borrows from what was read */
	const uint8_t *rp_id_hash; /* 32 bytes */
	uint8_t flags;             /* AUTHENTICATOR_DATA_* */
	uint32_t sign_count;
	/* Without AUTHENTICATOR_DATA_ATTESTED both are empty. */
	const uint8_t *credential_id, *key; /* key: in COSE (cose_key.h) */
	size_t credential_id_len, key_len;
};

enum {
	AUTHENTICATOR_DATA_PRESENT = 0x01,    /* the user touched it */
	AUTHENTICATOR_DATA_VERIFIED = 0x04,   /* and was verified, as by a PIN or a finger */
	AUTHENTICATOR_DATA_ATTESTED = 0x40,   /* a credential follows */
	AUTHENTICATOR_DATA_EXTENSIONS = 0x80, /* extensions follow, which are passed */
};

/* INVALID: it is cut short or too long, has bytes behind its end, or a credential whose id is empty or too long, or whose key
 * is none of cose_key_read(). */
enum status authenticator_data_read(const uint8_t *bytes, size_t len, struct authenticator_data *ret_data) MUST_CHECK;

#endif
