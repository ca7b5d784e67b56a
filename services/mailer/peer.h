/* The SMTP server or the gateway that a URL names. The loop looks up its addresses and gives them to libcurl, because libcurl
 * cannot give up a look-up of its own: when its time is over it waits for getaddrinfo(), for as long as the name servers are
 * mute, and holds up the loop, or a thread that a stop then waits for. */
#ifndef ABACUS_MAILER_PEER_H
#define ABACUS_MAILER_PEER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <curl/curl.h>

#include "http/client.h"

/* Whether the URL has a host, and one that can be looked up. */
bool peer_is_in(const char *url);

struct event_base;
struct peer;
struct peer *peer_new(struct event_base *base, const char *url); /* peer_is_in(url) */
void peer_free(struct peer *peer);                               /* as http_client_free() */

/* As http_client_resolve(): within HTTP_CLIENT_RESOLVE_TIMEOUT_MS, in each attempt anew. */
void peer_look_up(struct peer *peer, struct scope *scope, http_client_resolved *done, void *arg);
/* The addresses for CURLOPT_RESOLVE, so that libcurl looks up nothing; owned by the caller (curl_slist_free_all()). */
struct curl_slist *peer_at(const struct peer *peer, const char *const *addresses, size_t count);

/* Has libcurl connect to them (borrowed until it has ended), and end within what is left to an attempt that has timeout_s since
 * begun_us (clock_monotonic_us()), its look-up included. */
void peer_set_options(CURL *easy, struct curl_slist *at, int64_t begun_us, long timeout_s);

#endif
