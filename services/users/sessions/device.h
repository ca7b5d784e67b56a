/* The browser or program that logs a user in, by its user agent. The first login of one that the user was never logged in by is
 * reported to the user by mail, because it may be an attacker's. A network is no device: a user's changes too often. */
#ifndef ABACUS_USERS_DEVICE_H
#define ABACUS_USERS_DEVICE_H

#include <stdint.h>

#include "http/request.h"

#define DEVICES_PER_USER 50 /* a further one takes the place of the one that was not used for longest */
/* Notices of a user in an hour, so that an attacker with the password can not use up what mailer sends to one address. */
#define DEVICE_NOTICES 3

/* Of a login or a registration whose proofs were right; session: that it begins; NULL: none. It is noted also when the client
 * leaves before the reply, which does not wait for it. */
void device_note(struct http_request *req, int64_t user_id, const char *session);

#endif
