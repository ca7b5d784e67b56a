/* The address of a client behind proxies: X-Forwarded-For, read from the right as far as it can be trusted. */
#ifndef ABACUS_NET_FORWARDED_H
#define ABACUS_NET_FORWARDED_H

#include <stdbool.h>
#include <stddef.h>

struct networks; /* the trusted proxies */
/* "127.0.0.0/8,::1/128,10.1.2.3"; invalid entries are logged and left out. */
struct networks *networks_parse(const char *list);
void networks_free(struct networks *networks);
bool networks_contain(const struct networks *networks, const char *address);
/* Writes the right-most address of the chain (X-Forwarded-For, then the peer) that no trusted proxy has. forwarded_for may be
 * NULL. */
void forwarded_address(const struct networks *trusted, const char *peer, const char *forwarded_for, char *text, size_t size);

#define ADDRESS_NETWORK_BYTES 46 /* as INET6_ADDRSTRLEN */
/* What limits and turns count as one client: an IPv4 address as it is, an IPv6 address as the first address of its /64 network,
 * because a subscriber usually gets a whole one (RFC 6177, section 2). Anything else is copied. */
void address_network(const char *address, char ret_text[ADDRESS_NETWORK_BYTES]);

#endif
