/* clientDataJSON: what the browser says that it had signed, and for which page (WebAuthn §5.8.1). */
#ifndef ABACUS_WEBAUTHN_CLIENT_DATA_H
#define ABACUS_WEBAUTHN_CLIENT_DATA_H

#include <stddef.h>
#include <stdint.h>

#include "base/status.h"

#define CLIENT_DATA_BYTES_MAX 4096

struct client_data_expected {
	const char *type;      /* "webauthn.create" or "webauthn.get" */
	const char *challenge; /* in base64url */
	const char *origin;    /* as browsers write it: https://example.com */
};

/* INVALID: it is too long or no JSON, has another type, challenge or origin, was made for a frame in a page of another origin,
 * or is bound to a TLS connection (Token Binding), which nothing here could compare. */
enum status client_data_check(const uint8_t *bytes, size_t len, const struct client_data_expected *expected) MUST_CHECK;

#endif
