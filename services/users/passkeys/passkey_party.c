#include "passkeys/passkey_party.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PORT_MAX 65535

static bool is_address(const char *host)
{
	struct in6_addr address;

	return *host == '[' || inet_pton(AF_INET, host, &address) == 1;
}

/* port: "" none, or ":" with digits. */
static bool read_port(const char *port, long *ret_port)
{
	*ret_port = 0;
	if (!*port)
		return true;
	if (strlen(port) < 2 || strlen(port) > 6 || strspn(port + 1, "0123456789") != strlen(port) - 1)
		return false;
	*ret_port = strtol(port + 1, NULL, 10);
	return *ret_port > 0 && *ret_port <= PORT_MAX;
}

static bool split(const char *authority, size_t len, char host[URL_HOST_BYTES_MAX], long *ret_port)
{
	const char *colon = memchr(authority, ':', len);
	size_t host_len = colon && *authority != '[' ? (size_t)(colon - authority) : len;
	char port[8] = "";

	if (host_len == 0 || host_len >= URL_HOST_BYTES_MAX || len - host_len >= sizeof port)
		return false;
	for (size_t i = 0; i < host_len; i++)
		host[i] = (char)tolower((unsigned char)authority[i]);
	host[host_len] = '\0';
	memcpy(port, authority + host_len, len - host_len);
	return read_port(port, ret_port) && (is_address(host) || url_is_host(host));
}

enum status passkey_party_read(const char *public_url, bool wants_tls, struct passkey_party *ret_party)
{
	bool is_tls = strncmp(public_url, "https://", 8) == 0;
	size_t scheme_len = is_tls ? 8 : 7;
	char host[URL_HOST_BYTES_MAX];
	const char *authority;
	long port;

	if (!is_tls && (wants_tls || strncmp(public_url, "http://", 7) != 0))
		return STATUS_INVALID;
	authority = public_url + scheme_len;
	if (!split(authority, strcspn(authority, "/"), host, &port))
		return STATUS_INVALID;
	*ret_party = (struct passkey_party){{0}, {0}};
	if (port == 0 || port == (is_tls ? 443 : 80))
		snprintf(ret_party->origin, sizeof ret_party->origin, "%.*s%s", (int)scheme_len, public_url, host);
	else
		snprintf(ret_party->origin, sizeof ret_party->origin, "%.*s%s:%ld", (int)scheme_len, public_url, host, port);
	if (!is_address(host))
		snprintf(ret_party->rp_id, sizeof ret_party->rp_id, "%s", host);
	return STATUS_OK;
}
