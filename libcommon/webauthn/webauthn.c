#include "webauthn/webauthn.h"

#include <stdbool.h>
#include <string.h>

#include <mbedtls/md.h>

#include "base/mem.h"

static void hash(const void *bytes, size_t len, uint8_t ret_hash[32])
{
	if (mbedtls_md(mbedtls_md_info_from_type(MBEDTLS_MD_SHA256), bytes, len, ret_hash) != 0)
		mem_die("mbedtls has no SHA-256\n");
}

/* Both ceremonies: §7.1 steps 13 to 15, §7.2 steps 15 to 17. */
static bool is_for(const struct webauthn_party *party, const struct authenticator_data *data)
{
	uint8_t expected[32];

	hash(party->rp_id, strlen(party->rp_id), expected);
	return memcmp(data->rp_id_hash, expected, sizeof expected) == 0 && (data->flags & AUTHENTICATOR_DATA_PRESENT) &&
	       (data->flags & AUTHENTICATOR_DATA_VERIFIED);
}

/* ---- registration ---- */

struct attestation { /* §6.5: a map with these three members */
	bool has_format, has_statement, has_data;
	struct cbor_value data;
};

static bool is_key(const struct cbor_value *key, const char *name)
{
	return key->len == strlen(name) && memcmp(key->bytes, name, key->len) == 0;
}

static enum status read_member(struct cbor_reader *reader, struct attestation *attestation)
{
	struct cbor_value key;

	if (cbor_reader_expect(reader, CBOR_KIND_TEXT, &key) != STATUS_OK)
		return STATUS_INVALID;
	if (is_key(&key, "authData")) {
		attestation->has_data = true;
		return cbor_reader_expect(reader, CBOR_KIND_BYTES, &attestation->data);
	}
	attestation->has_format |= is_key(&key, "fmt");
	attestation->has_statement |= is_key(&key, "attStmt");
	return cbor_reader_skip(reader);
}

/* Three members of which each is there: none is there twice, and no other one is. */
static enum status read_attestation(struct webauthn_bytes object, struct attestation *ret_attestation)
{
	struct cbor_reader reader = {object.bytes, object.len};
	struct attestation attestation = {false};
	struct cbor_value map;

	if (object.len > WEBAUTHN_ATTESTATION_BYTES_MAX || cbor_reader_expect(&reader, CBOR_KIND_MAP, &map) != STATUS_OK ||
	    map.len != 3)
		return STATUS_INVALID;
	for (size_t i = 0; i < map.len; i++) {
		if (read_member(&reader, &attestation) != STATUS_OK)
			return STATUS_INVALID;
	}
	if (!attestation.has_format || !attestation.has_statement || !attestation.has_data || reader.len > 0)
		return STATUS_INVALID;
	*ret_attestation = attestation;
	return STATUS_OK;
}

enum status webauthn_register(const struct webauthn_party *party, const char *challenge, struct webauthn_bytes client_data,
			      struct webauthn_bytes object, struct webauthn_credential *ret_credential)
{
	const struct client_data_expected expected = {"webauthn.create", challenge, party->origin};
	struct attestation attestation;
	struct authenticator_data data;

	if (client_data_check(client_data.bytes, client_data.len, &expected) != STATUS_OK ||
	    read_attestation(object, &attestation) != STATUS_OK ||
	    authenticator_data_read(attestation.data.bytes, attestation.data.len, &data) != STATUS_OK ||
	    !is_for(party, &data) || !(data.flags & AUTHENTICATOR_DATA_ATTESTED))
		return STATUS_INVALID;
	*ret_credential = (struct webauthn_credential){.id = {data.credential_id, data.credential_id_len},
						       .key = {data.key, data.key_len},
						       .sign_count = data.sign_count};
	return STATUS_OK;
}

/* ---- use ---- */

enum status webauthn_assert(const struct webauthn_party *party, const char *challenge, struct webauthn_bytes client_data,
			    struct webauthn_bytes authenticator_data, uint32_t *ret_sign_count)
{
	const struct client_data_expected expected = {"webauthn.get", challenge, party->origin};
	struct authenticator_data data;

	if (client_data_check(client_data.bytes, client_data.len, &expected) != STATUS_OK ||
	    authenticator_data_read(authenticator_data.bytes, authenticator_data.len, &data) != STATUS_OK ||
	    !is_for(party, &data))
		return STATUS_INVALID;
	*ret_sign_count = data.sign_count;
	return STATUS_OK;
}

/* What is signed: the authenticator's data, and the hash of the client's (§6.3.3). */
enum status webauthn_verify(struct webauthn_bytes key, struct webauthn_bytes client_data,
			    struct webauthn_bytes authenticator_data, struct webauthn_bytes signature)
{
	uint8_t bytes[AUTHENTICATOR_DATA_BYTES_MAX + 32], digest[32];
	struct cbor_reader reader = {key.bytes, key.len};
	struct cose_key parsed;

	if (authenticator_data.len > AUTHENTICATOR_DATA_BYTES_MAX || signature.len > WEBAUTHN_SIGNATURE_BYTES_MAX ||
	    cose_key_read(&reader, &parsed) != STATUS_OK || reader.len > 0)
		return STATUS_INVALID;
	memcpy(bytes, authenticator_data.bytes, authenticator_data.len);
	hash(client_data.bytes, client_data.len, bytes + authenticator_data.len);
	hash(bytes, authenticator_data.len + 32, digest);
	return cose_key_verify(&parsed, digest, signature.bytes, signature.len);
}
