/* Public keys of passkeys, as COSE has them (RFC 9052 §7, RFC 9053 §7.1, RFC 8230 §4): ES256, a point of P-256 that is not
 * compressed, and RS256, a modulus of 2048 to 4096 bits with the exponent 65537. */
#ifndef ABACUS_WEBAUTHN_COSE_KEY_H
#define ABACUS_WEBAUTHN_COSE_KEY_H

#include <stddef.h>
#include <stdint.h>

#include "base/status.h"
#include "webauthn/cbor_reader.h"

enum cose_algorithm { COSE_ES256 = -7, COSE_RS256 = -257 };

#define COSE_KEY_BYTES_MAX 544 /* the longest key that is accepted, in CBOR, has 529 bytes */
#define COSE_MODULUS_BYTES_MIN 256
#define COSE_MODULUS_BYTES_MAX 512

struct cose_key { /* borrows from what was read */
	enum cose_algorithm algorithm;
	const uint8_t *x, *y;   /* ES256: 32 bytes each */
	const uint8_t *modulus; /* RS256 */
	size_t modulus_len;
};

/* Reads one, and leaves the reader behind it. INVALID: another type, algorithm or size, or a parameter that is missing, there
 * twice or not known. Whether the point is on the curve is a question for cose_key_verify(). */
enum status cose_key_read(struct cbor_reader *reader, struct cose_key *ret_key) MUST_CHECK;

/* Whether the key made the signature (ES256: in DER, RS256: PKCS #1 v1.5) of the SHA-256 hash. Takes milliseconds, so threads
 * call it. INVALID: it did not, or the key is none. */
enum status cose_key_verify(const struct cose_key *key, const uint8_t hash[32], const uint8_t *signature,
			    size_t len) MUST_CHECK;

#endif
