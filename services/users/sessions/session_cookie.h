/* The cookie that holds a refresh token, so that no script can read it: HttpOnly; SameSite=Strict; Path=/auth/session; with
 * HTTPS also Secure, and a name that browsers accept only with Secure (__Secure-, RFC 6265bis §4.1.3.1). A request that sets or
 * uses it must carry an Origin that is the host it was sent to. Without that, another site could have a browser do it. */
#ifndef ABACUS_USERS_SESSION_COOKIE_H
#define ABACUS_USERS_SESSION_COOKIE_H

#include <stdbool.h>
#include <stdint.h>

#include "auth/refresh_token.h"
#include "http/request.h"

/* False: the Origin is missing or another one, and the request has been answered with 403. */
bool session_cookie_is_allowed(struct http_request *req) __attribute__((warn_unused_result));
/* Both schemes and hosts, as they stand in headers; forwarded_proto may be NULL. */
bool session_cookie_is_same_origin(const char *origin, const char *host, const char *forwarded_proto);

/* False: there is none. Of several of the same name, the first counts. */
bool session_cookie_read(const struct http_request *req, char text[REFRESH_TOKEN_LEN + 1]) __attribute__((warn_unused_result));
/* max_age_s 0: the browser drops it when it ends. */
void session_cookie_set(struct http_request *req, const char *text, int64_t max_age_s);
/* Removes it from the browser, if the request carries one. */
void session_cookie_clear(struct http_request *req);

#endif
