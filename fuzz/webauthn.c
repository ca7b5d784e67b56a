/* What a browser sends of an authenticator, of any bytes. The first byte of the input chooses what the rest is. Invariants:
 * - what is passed of CBOR is a part of the input, and each item takes a byte at least;
 * - what is accepted of authenticator data, of an attestation object or of a key is borrowed from the input, within the limits
 * that the headers state, and says the same when it is read again;
 * - client data is accepted only when it has the type, the challenge and the origin that it is held against;
 * - results are written only when the input is accepted;
 * - no signature of any bytes is right. */
#include <cjson/cJSON.h>

#include "fuzz.h"
#include "webauthn/cbor_reader.h"
#include "webauthn/webauthn.h"

#define ORIGIN "https://abacus.example"
#define CHALLENGE "Y2hhbGxlbmdl"

static const struct webauthn_party party = {ORIGIN, "abacus.example"};
static const char created[] = "{\"type\":\"webauthn.create\",\"challenge\":\"" CHALLENGE "\",\"origin\":\"" ORIGIN "\"}";
static const char got[] = "{\"type\":\"webauthn.get\",\"challenge\":\"" CHALLENGE "\",\"origin\":\"" ORIGIN "\"}";

static bool is_within(const uint8_t *part, size_t part_len, const uint8_t *whole, size_t len)
{
	return part >= whole && part_len <= len && (size_t)(part - whole) <= len - part_len;
}

static void check_cbor(const uint8_t *bytes, size_t len)
{
	struct cbor_reader reader = {bytes, len}, ahead;
	struct cbor_value value;

	for (size_t before = len; cbor_reader_next(&reader, &value) == STATUS_OK; before = reader.len) {
		require(reader.len < before && reader.bytes + reader.len == bytes + len);
		require(!value.bytes || is_within(value.bytes, value.len, bytes, len));
	}
	ahead = (struct cbor_reader){bytes, len};
	require(cbor_reader_skip(&ahead) != STATUS_OK || ahead.len < len);
}

static void check_key(struct webauthn_bytes bytes)
{
	struct cbor_reader reader = {bytes.bytes, bytes.len};
	struct cose_key key;

	require(cose_key_read(&reader, &key) == STATUS_OK && reader.len == 0 && bytes.len <= COSE_KEY_BYTES_MAX);
	if (key.algorithm == COSE_ES256)
		require(is_within(key.x, 32, bytes.bytes, bytes.len) && is_within(key.y, 32, bytes.bytes, bytes.len));
	else
		require(key.algorithm == COSE_RS256 && key.modulus_len >= COSE_MODULUS_BYTES_MIN &&
			key.modulus_len <= COSE_MODULUS_BYTES_MAX &&
			is_within(key.modulus, key.modulus_len, bytes.bytes, bytes.len));
	require(webauthn_verify(bytes, bytes, bytes, bytes) == STATUS_INVALID);
}

static void check_attestation(const uint8_t *bytes, size_t len)
{
	const struct webauthn_bytes client_data = {(const uint8_t *)created, strlen(created)}, object = {bytes, len};
	struct webauthn_credential unset, credential;

	memset(&unset, 0x5A, sizeof unset);
	memcpy(&credential, &unset, sizeof unset);
	if (webauthn_register(&party, CHALLENGE, client_data, object, &credential) != STATUS_OK)
		return require(memcmp(&credential, &unset, sizeof unset) == 0);
	require(is_within(credential.id.bytes, credential.id.len, bytes, len));
	require(is_within(credential.key.bytes, credential.key.len, bytes, len));
	require(credential.id.len >= 1 && credential.id.len <= AUTHENTICATOR_DATA_CREDENTIAL_MAX);
	check_key(credential.key);
}

static void check_authenticator_data(const uint8_t *bytes, size_t len)
{
	const struct webauthn_bytes client_data = {(const uint8_t *)got, strlen(got)}, data = {bytes, len};
	struct authenticator_data read;
	uint32_t count = 0x5A5A5A5A;

	if (authenticator_data_read(bytes, len, &read) != STATUS_OK) {
		require(webauthn_assert(&party, CHALLENGE, client_data, data, &count) != STATUS_OK && count == 0x5A5A5A5A);
		return;
	}
	require(len <= AUTHENTICATOR_DATA_BYTES_MAX && is_within(read.rp_id_hash, 32, bytes, len));
	require(!(read.flags & AUTHENTICATOR_DATA_ATTESTED) == !read.credential_id);
	if (read.credential_id)
		check_key((struct webauthn_bytes){read.key, read.key_len});
	if (webauthn_assert(&party, CHALLENGE, client_data, data, &count) == STATUS_OK)
		require(count == read.sign_count && (read.flags & AUTHENTICATOR_DATA_VERIFIED));
}

static bool has_text(const cJSON *json, const char *key, const char *text)
{
	const cJSON *member = cJSON_GetObjectItemCaseSensitive(json, key);

	return cJSON_IsString(member) && strcmp(member->valuestring, text) == 0;
}

static void check_client_data(const uint8_t *bytes, size_t len)
{
	const struct client_data_expected expected = {"webauthn.get", CHALLENGE, ORIGIN};
	cJSON *json;

	if (client_data_check(bytes, len, &expected) != STATUS_OK)
		return;
	json = cJSON_ParseWithLength((const char *)bytes, len);
	require(has_text(json, "type", expected.type) && has_text(json, "challenge", CHALLENGE));
	require(has_text(json, "origin", ORIGIN) && !cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(json, "crossOrigin")));
	cJSON_Delete(json);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static void (*const checks[])(const uint8_t *bytes, size_t len) = {check_attestation, check_authenticator_data,
									   check_client_data, check_cbor};
	uint8_t which = take_byte(&data, &size);
	char *bytes = copy_bytes(data, size);

	checks[which % (sizeof checks / sizeof *checks)]((const uint8_t *)bytes, size);
	free(bytes);
	return 0;
}
