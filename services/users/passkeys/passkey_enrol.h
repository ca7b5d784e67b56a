/* The making of a passkey: what the calls that enrol and activate a factor do for this method. */
#ifndef ABACUS_USERS_PASSKEY_ENROL_H
#define ABACUS_USERS_PASSKEY_ENROL_H

#include <stdint.h>

#include <cjson/cJSON.h>

#include "base/status.h"
#include "http/request.h"

/* Calls done with what the caller's browser needs to make a passkey, which it then owns. factor: the id of the enrolment, which
 * is stored. When that fails, the request is answered here. */
typedef void passkey_enrol_begun(struct http_request *req, cJSON *public_key, void *arg);
void passkey_enrol_begin(struct http_request *req, const char *factor, passkey_enrol_begun *done, void *arg);

struct passkey_made {                    /* texts live as long as the request */
	const char *credential_id, *key; /* in base64url; key: in COSE */
	uint32_t sign_count;
};
/* The passkey that the member `credential` has. INVALID: it was made for something else than this enrolment of the caller, by
 * another page, or without verifying the user; or it is none. */
enum status passkey_enrol_finish(struct http_request *req, const char *factor, struct passkey_made *ret_made) MUST_CHECK;

#endif
