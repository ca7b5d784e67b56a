/* Looks up the addresses of names with evdns, without blocking the loop. /etc/hosts comes before DNS; it and /etc/resolv.conf
 * are read once, at the first name. */
#ifndef ABACUS_NET_RESOLVER_H
#define ABACUS_NET_RESOLVER_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/status.h"

struct event_base;

#define RESOLVER_ADDRESSES_MAX 64
union resolver_address { /* port 0 */
	struct sockaddr any;
	struct sockaddr_in ipv4;
	struct sockaddr_in6 ipv6;
};
struct resolver_addresses {
	size_t count;
	union resolver_address list[RESOLVER_ADDRESSES_MAX]; /* each once, in order of arrival */
};

/* Is it an IPv4 address, or an IPv6 address without brackets? */
bool resolver_is_address(const char *host);
/* Returns the text. */
const char *resolver_address_format(const union resolver_address *address, char text[INET6_ADDRSTRLEN]);

struct resolver;
struct resolver *resolver_new(struct event_base *base);
/* Every look-up must have been answered or dropped. The loop frees what evdns still holds of them, so let it turn once more
 * before freeing it (event_base_loop(base, EVLOOP_NONBLOCK)). Not from a done. */
void resolver_free(struct resolver *resolver);
/* Asks this name server (address[:port]) and none of /etc/resolv.conf. Call it before the first name. INVALID: not an address.
 */
enum status resolver_set_nameserver(struct resolver *resolver, const char *address) MUST_CHECK;

/* done runs once, from the loop, never before resolver_look_up() has returned; the look-up is gone then. addresses are
 * borrowed, and NULL unless OK; reason is static. NOT_FOUND: there is no such name. UNAVAILABLE: the name servers failed, or
 * the name has no address, or more than a datagram holds (some 28): evdns does not distinguish these, and has no TCP. The
 * caller bounds the time. An address (IPv4, or IPv6 without brackets) is its own answer. */
struct resolver_lookup;
typedef void resolver_lookup_done(enum status status, const struct resolver_addresses *addresses, const char *reason,
				  void *arg);
struct resolver_lookup *resolver_look_up(struct resolver *resolver, const char *host, resolver_lookup_done *done, void *arg);
void resolver_lookup_drop(struct resolver_lookup *lookup); /* done will not run */

#endif
