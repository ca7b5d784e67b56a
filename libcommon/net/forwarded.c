#include "net/forwarded.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/int64.h"
#include "base/log.h"
#include "base/mem.h"

#define HOPS_MAX 16

struct network {
	unsigned char address[16]; /* IPv4 as ::ffff:a.b.c.d */
	unsigned bits;
};

struct networks {
	size_t count;
	struct network networks[];
};

static bool parse_address(const char *text, unsigned char address[16], unsigned *ret_offset)
{
	static const unsigned char mapped[12] = {[10] = 0xFF, [11] = 0xFF};

	if (inet_pton(AF_INET, text, address + 12) == 1) {
		memcpy(address, mapped, sizeof mapped);
		*ret_offset = 96;
		return true;
	}
	*ret_offset = 0;
	return inet_pton(AF_INET6, text, address) == 1;
}

static bool parse_network(char *text, struct network *network)
{
	char *slash = strchr(text, '/');
	unsigned offset;
	int64_t bits, most;
	bool is_address;

	if (slash)
		*slash = '\0';
	is_address = parse_address(text, network->address, &offset);
	if (slash)
		*slash = '/';
	if (!is_address)
		return false;
	most = 128 - offset;
	bits = most;
	if ((slash && int64_parse(slash + 1, &bits) != STATUS_OK) || bits < 0 || bits > most)
		return false;
	network->bits = (unsigned)bits + offset;
	return true;
}

struct networks *networks_parse(const char *list)
{
	char *copy = mem_strdup(list), *rest = copy, *text;
	struct networks *networks = mem_alloc(sizeof *networks);

	while ((text = strsep(&rest, ", "))) {
		if (!*text)
			continue;
		networks = mem_resize(networks, sizeof *networks + (networks->count + 1) * sizeof *networks->networks);
		if (parse_network(text, &networks->networks[networks->count]))
			networks->count++;
		else
			log_line(LOG_WARN, "TRUSTED_PROXIES: not a network, left out", LOG_TEXT("network", text));
	}
	free(copy);
	return networks;
}

void networks_free(struct networks *networks)
{
	free(networks);
}

static bool contains(const struct network *network, const unsigned char address[16])
{
	unsigned bytes = network->bits / 8, rest = network->bits % 8;
	unsigned char mask = (unsigned char)(0xFF00 >> rest);

	return memcmp(network->address, address, bytes) == 0 &&
	       (!rest || ((network->address[bytes] ^ address[bytes]) & mask) == 0);
}

bool networks_contain(const struct networks *networks, const char *address)
{
	unsigned char bytes[16];
	unsigned offset;

	if (!parse_address(address, bytes, &offset))
		return false;
	for (size_t i = 0; i < networks->count; i++)
		if (contains(&networks->networks[i], bytes))
			return true;
	return false;
}

void forwarded_address(const struct networks *trusted, const char *peer, const char *forwarded_for, char *text, size_t size)
{
	size_t len = forwarded_for ? strlen(forwarded_for) : 0;
	unsigned char bytes[16];
	unsigned offset;

	snprintf(text, size, "%s", peer);
	for (int hop = 0; hop < HOPS_MAX && len > 0 && networks_contain(trusted, text); hop++) {
		char address[64];
		size_t start = len, end = len;

		while (start > 0 && forwarded_for[start - 1] != ',')
			start--;
		len = start > 0 ? start - 1 : 0;
		while (start < end && strchr(" \t", forwarded_for[start]))
			start++;
		while (start < end && strchr(" \t", forwarded_for[end - 1]))
			end--;
		if (end - start >= sizeof address)
			return;
		snprintf(address, sizeof address, "%.*s", (int)(end - start), forwarded_for + start);
		if (!parse_address(address, bytes, &offset))
			return;
		snprintf(text, size, "%s", address);
	}
}

void address_network(const char *address, char ret_text[ADDRESS_NETWORK_BYTES])
{
	struct in6_addr bits;

	snprintf(ret_text, ADDRESS_NETWORK_BYTES, "%s", address);
	if (inet_pton(AF_INET6, address, &bits) != 1)
		return;
	if (IN6_IS_ADDR_V4MAPPED(&bits)) {
		inet_ntop(AF_INET, bits.s6_addr + 12, ret_text, ADDRESS_NETWORK_BYTES);
		return;
	}
	memset(bits.s6_addr + 8, 0, 8);
	inet_ntop(AF_INET6, &bits, ret_text, ADDRESS_NETWORK_BYTES);
}
