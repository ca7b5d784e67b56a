/* Sensitive actions, and what confirms them: the header X-Confirmation, bound to the action and its parameters
 * (factors/binding.h). The parameters are the members of the request's body without `current`, and `id` of its path, as text.
 */
#ifndef ABACUS_USERS_CONFIRMATION_H
#define ABACUS_USERS_CONFIRMATION_H

#include <stdbool.h>

#include <cjson/cJSON.h>

#include "http/request.h"

/* The actions of the code that activates codes by message (store_mtan_send_for_factor); a client can not ask to confirm them.
 */
#define CONFIRMATION_RECEIVE_CODES "receive_codes"
#define CONFIRMATION_RECEIVE_CODES_BY_SMS "receive_codes_by_sms"

/* Whether there is such an action. */
bool confirmation_is_action(const char *name);
/* The name under which an action is stored, so that the message says what its parameters make of it: one of an admin who makes
 * a user an admin is not the one of a rename. The action itself, if they make no difference. parameters: NULL: none. */
const char *confirmation_particular(const char *action, const cJSON *parameters);
/* What the message with a code says that the code confirms: "delete your account". NULL: "log in". For a name of a version to
 * come, and for "", which stands for a name that is not known: "a change". */
const char *confirmation_text(const char *name);

/* Calls confirmed when X-Confirmation confirms this request, or, when the caller has no factor, the member `current`
 * (sessions/confirm.h). Otherwise the request is answered here: 403 confirmation_required | confirmation_invalid. */
void confirmation_want(struct http_request *req, void (*confirmed)(struct http_request *req, void *arg), void *arg);
/* The same for calls whose body has no place for `current`: whatever the caller has, X-Confirmation confirms. */
void confirmation_want_header(struct http_request *req, void (*confirmed)(struct http_request *req, void *arg), void *arg);
/* The same for legacy calls that asked for nothing: a caller without a factor needs nothing. */
void confirmation_want_factor(struct http_request *req, void (*confirmed)(struct http_request *req, void *arg), void *arg);

#endif
