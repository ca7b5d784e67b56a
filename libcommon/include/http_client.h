/* HTTP client for asking other daemons: one GET, bounded in time and size. The name is resolved by evdns, never by a blocking
 * call. */
#ifndef ABACUS_HTTP_CLIENT_H
#define ABACUS_HTTP_CLIENT_H

#include <stddef.h>

#include "scope.h"
#include "status.h"

struct event_base;
struct http_client;
struct http_response {
	int code;
	const char *body; /* NUL-terminated, borrowed for the callback */
	size_t len;
	double duration_ms;
};
struct http_client *http_client_new(struct event_base *base);
void http_client_free(struct http_client *client);
/* url: http://host:port/path. INVALID: not such a url. TIMEOUT: timeout_ms passed in all. UNAVAILABLE: refused or cut off, or
 * over body_bytes_max. Redirects are not followed. reason (static, "" when OK) says which, for a person. */
typedef void http_client_done(enum status status, const struct http_response *response, const char *reason, void *arg);
void http_client_get(struct http_client *client, struct scope *scope, const char *url, long timeout_ms, size_t body_bytes_max,
		     http_client_done *done, void *arg);

#endif
