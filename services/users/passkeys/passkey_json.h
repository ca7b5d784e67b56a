/* The JSON of WebAuthn level 3 §5.1.8 to §5.1.10, in which level 2's options and results go to browsers and come back. */
#ifndef ABACUS_USERS_PASSKEY_JSON_H
#define ABACUS_USERS_PASSKEY_JSON_H

#include <cjson/cJSON.h>

#include "base/status.h"
#include "http/request.h"
#include "webauthn/webauthn.h"

struct passkey_user { /* for whom a passkey is made */
	const char *handle, *name, *display_name;
};

/* PublicKeyCredentialCreationOptionsJSON; the caller owns it. credentials: ids of the user's passkeys, with blanks between. */
cJSON *passkey_json_creation(const struct webauthn_party *party, const char *challenge, const struct passkey_user *user,
			     const char *credentials);
/* PublicKeyCredentialRequestOptionsJSON; likewise. credentials "": any passkey of the party. */
cJSON *passkey_json_request(const struct webauthn_party *party, const char *challenge, const char *credentials);

/* Both borrow from the request. */
struct passkey_registration { /* RegistrationResponseJSON */
	const char *id;
	struct webauthn_bytes client_data, attestation;
};
struct passkey_assertion { /* AuthenticationResponseJSON */
	const char *id, *user_handle /* NULL: none */;
	struct webauthn_bytes client_data, authenticator_data, signature;
};
/* INVALID: json, which may be NULL, is none, or has a member that is too long. */
enum status passkey_json_read_registration(struct http_request *req, const cJSON *json,
					   struct passkey_registration *ret_registration) MUST_CHECK;
enum status passkey_json_read_assertion(struct http_request *req, const cJSON *json,
					struct passkey_assertion *ret_assertion) MUST_CHECK;

#endif
