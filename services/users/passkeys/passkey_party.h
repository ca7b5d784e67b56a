/* The origin whose pages may use passkeys, and the id under which authenticators keep them: both of PUBLIC_URL. */
#ifndef ABACUS_USERS_PASSKEY_PARTY_H
#define ABACUS_USERS_PASSKEY_PARTY_H

#include <stdbool.h>

#include "base/status.h"
#include "net/url.h"

struct passkey_party {
	char origin[sizeof "https://" + URL_HOST_BYTES_MAX +
		    sizeof ":65535"];   /* as browsers write it: no path, no default port */
	char rp_id[URL_HOST_BYTES_MAX]; /* the host; "" for an address, which can have no passkeys */
};

/* INVALID: public_url is not http[s]://host[:port][/path]; with wants_tls http:// is INVALID too. */
enum status passkey_party_read(const char *public_url, bool wants_tls, struct passkey_party *ret_party) MUST_CHECK;

#endif
