#include "webauthn/cbor_reader.h"

#include <stdbool.h>

#include <cbor.h>

struct found {
	struct cbor_value value;
	bool is_refused;
};

/* ---- libcbor's callbacks: one is called for each item ---- */

static void found_int(void *context, uint64_t number)
{
	struct found *found = context;

	found->is_refused = number > INT64_MAX;
	found->value = (struct cbor_value){.kind = CBOR_KIND_INT, .number = (int64_t)number};
}

/* The integer is -1 - number (RFC 8949 §3.1). */
static void found_negative(void *context, uint64_t number)
{
	struct found *found = context;

	found->is_refused = number > INT64_MAX;
	found->value = (struct cbor_value){.kind = CBOR_KIND_INT, .number = -1 - (int64_t)(number & INT64_MAX)};
}

static void found_uint8(void *context, uint8_t number)
{
	found_int(context, number);
}

static void found_uint16(void *context, uint16_t number)
{
	found_int(context, number);
}

static void found_uint32(void *context, uint32_t number)
{
	found_int(context, number);
}

static void found_negint8(void *context, uint8_t number)
{
	found_negative(context, number);
}

static void found_negint16(void *context, uint16_t number)
{
	found_negative(context, number);
}

static void found_negint32(void *context, uint32_t number)
{
	found_negative(context, number);
}

static void found_bytes(void *context, cbor_data bytes, size_t len)
{
	((struct found *)context)->value = (struct cbor_value){.kind = CBOR_KIND_BYTES, .bytes = bytes, .len = len};
}

static void found_text(void *context, cbor_data bytes, size_t len)
{
	((struct found *)context)->value = (struct cbor_value){.kind = CBOR_KIND_TEXT, .bytes = bytes, .len = len};
}

static void found_array(void *context, size_t members)
{
	((struct found *)context)->value = (struct cbor_value){.kind = CBOR_KIND_ARRAY, .len = members};
}

static void found_map(void *context, size_t pairs)
{
	((struct found *)context)->value = (struct cbor_value){.kind = CBOR_KIND_MAP, .len = pairs};
}

static void found_tag(void *context, uint64_t tag)
{
	((struct found *)context)->value = (struct cbor_value){.kind = CBOR_KIND_OTHER, .len = 1};
}

static void found_other(void *context)
{
	((struct found *)context)->value = (struct cbor_value){.kind = CBOR_KIND_OTHER};
}

static void found_float(void *context, float number)
{
	found_other(context);
}

static void found_double(void *context, double number)
{
	found_other(context);
}

static void found_boolean(void *context, bool flag)
{
	found_other(context);
}

static void refuse(void *context)
{
	((struct found *)context)->is_refused = true;
}

static const struct cbor_callbacks callbacks = {
	.uint8 = found_uint8,
	.uint16 = found_uint16,
	.uint32 = found_uint32,
	.uint64 = found_int,
	.negint8 = found_negint8,
	.negint16 = found_negint16,
	.negint32 = found_negint32,
	.negint64 = found_negative,
	.byte_string = found_bytes,
	.byte_string_start = refuse,
	.string = found_text,
	.string_start = refuse,
	.array_start = found_array,
	.indef_array_start = refuse,
	.map_start = found_map,
	.indef_map_start = refuse,
	.indef_break = refuse,
	.tag = found_tag,
	.float2 = found_float,
	.float4 = found_float,
	.float8 = found_double,
	.undefined = found_other,
	.null = found_other,
	.boolean = found_boolean,
};

/* Each item that belongs to a container has a byte at least. */
static bool fits(const struct cbor_value *value, size_t left)
{
	switch (value->kind) {
	case CBOR_KIND_ARRAY:
	case CBOR_KIND_OTHER:
		return value->len <= left;
	case CBOR_KIND_MAP:
		return value->len <= left / 2;
	default:
		return true;
	}
}

enum status cbor_reader_next(struct cbor_reader *reader, struct cbor_value *ret_value)
{
	struct found found = {.is_refused = false};
	struct cbor_decoder_result result;

	if (reader->len == 0)
		return STATUS_INVALID;
	result = cbor_stream_decode(reader->bytes, reader->len, &callbacks, &found);
	if (result.status != CBOR_DECODER_FINISHED || found.is_refused || result.read > reader->len ||
	    !fits(&found.value, reader->len - result.read))
		return STATUS_INVALID;
	reader->bytes += result.read;
	reader->len -= result.read;
	*ret_value = found.value;
	return STATUS_OK;
}

enum status cbor_reader_expect(struct cbor_reader *reader, enum cbor_kind kind, struct cbor_value *ret_value)
{
	struct cbor_value value;

	if (cbor_reader_next(reader, &value) != STATUS_OK || value.kind != kind)
		return STATUS_INVALID;
	*ret_value = value;
	return STATUS_OK;
}

/* The sum can not overflow, because each count fits into the bytes that were left. */
static size_t items_in(const struct cbor_value *value)
{
	switch (value->kind) {
	case CBOR_KIND_ARRAY:
	case CBOR_KIND_OTHER:
		return value->len;
	case CBOR_KIND_MAP:
		return 2 * value->len;
	default:
		return 0;
	}
}

enum status cbor_reader_skip(struct cbor_reader *reader)
{
	struct cbor_value value;

	for (size_t expected = 1; expected > 0; expected += items_in(&value) - 1) {
		if (expected > reader->len || cbor_reader_next(reader, &value) != STATUS_OK)
			return STATUS_INVALID;
	}
	return STATUS_OK;
}
