#include "webauthn/authenticator_data.h"

#include <stdbool.h>

#include "webauthn/cbor_reader.h"
#include "webauthn/cose_key.h"

#define HASH_BYTES 32
#define HEAD_BYTES (HASH_BYTES + 1 + 4)
#define AAGUID_BYTES 16 /* the authenticator's model, which is not looked at */

static const uint8_t *take(struct cbor_reader *rest, size_t len)
{
	const uint8_t *bytes = rest->bytes;

	if (rest->len < len)
		return NULL;
	rest->bytes += len;
	rest->len -= len;
	return bytes;
}

static enum status read_credential(struct cbor_reader *rest, struct authenticator_data *data)
{
	const uint8_t *length;
	struct cose_key key;

	if (!take(rest, AAGUID_BYTES) || !(length = take(rest, 2)))
		return STATUS_INVALID;
	data->credential_id_len = (size_t)length[0] << 8 | length[1];
	if (data->credential_id_len == 0 || data->credential_id_len > AUTHENTICATOR_DATA_CREDENTIAL_MAX ||
	    !(data->credential_id = take(rest, data->credential_id_len)))
		return STATUS_INVALID;
	data->key = rest->bytes;
	if (cose_key_read(rest, &key) != STATUS_OK)
		return STATUS_INVALID;
	data->key_len = (size_t)(rest->bytes - data->key);
	return data->key_len <= COSE_KEY_BYTES_MAX ? STATUS_OK : STATUS_INVALID;
}

static enum status skip_extensions(struct cbor_reader *rest)
{
	struct cbor_reader ahead = *rest;
	struct cbor_value map;

	if (cbor_reader_expect(&ahead, CBOR_KIND_MAP, &map) != STATUS_OK)
		return STATUS_INVALID;
	return cbor_reader_skip(rest);
}

enum status authenticator_data_read(const uint8_t *bytes, size_t len, struct authenticator_data *ret_data)
{
	struct cbor_reader rest = {bytes, len};
	struct authenticator_data data = {.rp_id_hash = bytes};
	const uint8_t *head = take(&rest, HEAD_BYTES);

	if (len > AUTHENTICATOR_DATA_BYTES_MAX || !head)
		return STATUS_INVALID;
	data.flags = head[HASH_BYTES];
	for (int i = HASH_BYTES + 1; i < HEAD_BYTES; i++)
		data.sign_count = data.sign_count << 8 | head[i];
	if ((data.flags & AUTHENTICATOR_DATA_ATTESTED) && read_credential(&rest, &data) != STATUS_OK)
		return STATUS_INVALID;
	if ((data.flags & AUTHENTICATOR_DATA_EXTENSIONS) && skip_extensions(&rest) != STATUS_OK)
		return STATUS_INVALID;
	if (rest.len > 0)
		return STATUS_INVALID;
	*ret_data = data;
	return STATUS_OK;
}
