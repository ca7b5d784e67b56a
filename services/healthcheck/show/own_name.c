#include "show/own_name.h"

#include <arpa/inet.h>
#include <string.h>
#include <strings.h>

/* "[…]" with nothing or a port behind it is an IPv6 address; the rest up to a colon is a name or an IPv4 address. */
bool own_name_is(const char *host)
{
	bool is_bracketed = *host == '[';
	const char *name = host + is_bracketed;
	size_t len = strcspn(name, is_bracketed ? "]" : ":");
	char text[INET6_ADDRSTRLEN];
	struct in6_addr address;

	if (len >= sizeof text || (is_bracketed && name[len] != ']'))
		return false;
	memcpy(text, name, len);
	text[len] = '\0';
	if (!is_bracketed)
		return strcasecmp(text, "localhost") == 0 || inet_pton(AF_INET, text, &address) == 1;
	return (name[len + 1] == '\0' || name[len + 1] == ':') && inet_pton(AF_INET6, text, &address) == 1;
}
