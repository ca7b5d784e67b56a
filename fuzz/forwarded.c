/* A line of trusted networks, a line of a peer's address and a line of X-Forwarded-For, of any bytes. Invariants:
 * - the result is that of a reference, which reads the chain from the left and compares addresses bit by bit;
 * - without trust in the peer the result is the peer;
 * - the result is always the peer or an address, and read again it is the same address. */
#include <arpa/inet.h>
#include <stdio.h>

#include "base/log.h"
#include "fuzz.h"
#include "net/forwarded.h"

#define HOPS_MAX 16 /* forwarded.c reads no longer chains */
#define ADDRESS_BYTES 64

/* ---- the reference ---- */

/* As text of 128 bits, "0" or "1" each; false: no address. */
static bool spell_bits(const char *text, char bits[129], int *ret_skipped)
{
	unsigned char bytes[16] = {[10] = 0xFF, [11] = 0xFF};
	bool is_ipv4 = inet_pton(AF_INET, text, bytes + 12) == 1;

	if (!is_ipv4 && inet_pton(AF_INET6, text, bytes) != 1)
		return false;
	for (int i = 0; i < 128; i++)
		bits[i] = bytes[i / 8] >> (7 - i % 8) & 1 ? '1' : '0';
	bits[128] = '\0';
	*ret_skipped = is_ipv4 ? 96 : 0;
	return true;
}

/* "0" to "128", in its one spelling; -1: no such number. */
static int read_prefix(const char *text)
{
	size_t len = strspn(text, "0123456789");

	if (len == 0 || len > 3 || text[len] || (len > 1 && *text == '0'))
		return -1;
	return atoi(text);
}

static bool is_in_network(const char *network, const char *address)
{
	char *copy = strdup(network), *slash = strchr(copy, '/'), of_network[129], of_address[129];
	int skipped, unused, prefix;
	bool is_it = false;

	if (slash)
		*slash = '\0';
	if (spell_bits(copy, of_network, &skipped) && spell_bits(address, of_address, &unused)) {
		prefix = slash ? read_prefix(slash + 1) : 128 - skipped;
		is_it = prefix >= 0 && prefix + skipped <= 128 &&
			strncmp(of_network, of_address, (size_t)(prefix + skipped)) == 0;
	}
	free(copy);
	return is_it;
}

static bool is_trusted(const char *list, const char *address)
{
	char *copy = strdup(list), *rest = copy, *network;
	bool is_it = false;

	while ((network = strsep(&rest, ", ")))
		is_it |= is_in_network(network, address);
	free(copy);
	return is_it;
}

static char *without_blanks(char *text)
{
	text += strspn(text, " \t");
	for (size_t len = strlen(text); len > 0 && strchr(" \t", text[len - 1]); len--)
		text[len - 1] = '\0';
	return text;
}

static void find_client(const char *list, const char *peer, const char *chain, char result[ADDRESS_BYTES])
{
	char *copy = strdup(chain), *rest = copy, **hops = calloc(strlen(chain) + 2, sizeof *hops), bits[129];
	size_t count = 0, most;
	int skipped;

	while ((hops[count] = strsep(&rest, ",")))
		count++;
	most = count > HOPS_MAX ? count - HOPS_MAX : 0;
	snprintf(result, ADDRESS_BYTES, "%s", peer);
	while (count > most && is_trusted(list, result)) {
		const char *hop = without_blanks(hops[--count]);

		if (strlen(hop) >= ADDRESS_BYTES || !spell_bits(hop, bits, &skipped))
			break;
		strcpy(result, hop);
	}
	free(hops);
	free(copy);
}

/* ---- the invariants ---- */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *list = take_line(&data, &size), *peer = take_line(&data, &size), *chain = take_line(&data, &size);
	char result[ADDRESS_BYTES], again[ADDRESS_BYTES], expected[ADDRESS_BYTES], bits[129];
	struct networks *networks;
	int skipped;

	log_init("fuzz", "fuzz", LOG_ERROR + 1);
	networks = networks_parse(list);
	forwarded_address(networks, peer, chain, result, sizeof result);
	find_client(list, peer, chain, expected);
	require(strcmp(result, expected) == 0);
	require(networks_contain(networks, peer) == is_trusted(list, peer));
	require(networks_contain(networks, peer) || strncmp(result, peer, sizeof result - 1) == 0);
	require(strncmp(result, peer, sizeof result - 1) == 0 || spell_bits(result, bits, &skipped));
	forwarded_address(networks, result, NULL, again, sizeof again);
	require(strcmp(again, result) == 0);
	networks_free(networks);
	free(list);
	free(peer);
	free(chain);
	return 0;
}
