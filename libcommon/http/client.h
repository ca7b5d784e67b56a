/* HTTP client that asks other daemons: one request a call, on a connection of its own, limited in time and size whatever the
 * peer does. evdns looks up names without blocking. Nothing is kept between calls, and while none is in flight there is no
 * timer.
 *
 * Every call obeys the law of asynchronous calls (scope.h). A call whose scope was cancelled ends by itself, within its time.
 */
#ifndef ABACUS_HTTP_CLIENT_H
#define ABACUS_HTTP_CLIENT_H

#include <stddef.h>

#include "base/buf.h"
#include "base/scope.h"
#include "base/status.h"

struct event_base;
struct http_client;
struct http_response {
	int code;
	const char *body; /* NUL-terminated (it may hold other NULs), borrowed for the callback */
	size_t len;
	double duration_ms; /* from the call to the last byte, with the look-up of the name */
};

struct http_client *http_client_new(struct event_base *base);
/* Ends what is in flight without a callback; may be called from a callback. NULL is fine. evdns returns a look-up only from the
 * loop: let it turn once more before freeing it (event_base_loop(base, EVLOOP_NONBLOCK)), or look-ups in flight leak. */
void http_client_free(struct http_client *client);

/* url: as net/url.h has it. An answer is OK whatever its code; redirects are not followed; the first of a name's addresses that
 * accepts a connection is asked.
 * INVALID: not such a URL. TIMEOUT: the whole call took timeout_ms. UNAVAILABLE: name not found, connection refused or cut off,
 * answer not HTTP (RFC 9112) or over body_bytes_max, which is noticed without buffering more. reason (static, "" when OK) says
 * which, for a person. response is NULL unless OK. */
typedef void http_client_done(enum status status, const struct http_response *response, const char *reason, void *arg);
void http_client_get(struct http_client *client, struct scope *scope, const char *url, long timeout_ms, size_t body_bytes_max,
		     http_client_done *done, void *arg);
/* The same with the header Authorization, whose value has no control character: one that the parser of requests has read. */
void http_client_get_as(struct http_client *client, struct scope *scope, const char *url, const char *authorization,
			long timeout_ms, size_t body_bytes_max, http_client_done *done, void *arg);

/* The same as a POST of this body, which is copied before the call returns. */
void http_client_post(struct http_client *client, struct scope *scope, const char *url, const char *content_type,
		      const struct buf *body, long timeout_ms, size_t body_bytes_max, http_client_done *done, void *arg);

#define HTTP_CLIENT_RESOLVE_TIMEOUT_MS 3000
/* All addresses of a name, because a name with several addresses stands for several instances: IPv4 and IPv6 as text (without
 * brackets), each once, sorted as text, at most RESOLVER_ADDRESSES_MAX; borrowed for the callback. OK: count > 0, else count is
 * 0. INVALID: not a host's name. NOT_FOUND, UNAVAILABLE: as resolver_look_up() has them (net/resolver.h). TIMEOUT: the name
 * servers were silent for HTTP_CLIENT_RESOLVE_TIMEOUT_MS. */
typedef void http_client_resolved(enum status status, const char *const *addresses, size_t count, const char *reason,
				  void *arg);
void http_client_resolve(struct http_client *client, struct scope *scope, const char *host, http_client_resolved *done,
			 void *arg);
/* Asks this name server (address[:port]) and none of /etc/resolv.conf. Call it before the first name. INVALID: not an address.
 */
enum status http_client_set_nameserver(struct http_client *client, const char *address) MUST_CHECK;

#endif
