/* Bytes that are read as UTF-8, base64url, a whole number, percent-encoding or a traceparent, and written as JSON. Invariants:
 * - UTF-8: the verdict is that of a reference, which decodes each character and encodes it again in its shortest form; it does
 *   not depend on where the bytes are split;
 * - base64url: the verdict and the bytes are those of Mbed TLS, but for what has a second spelling; encoding and decoding are
 * the inverse of each other;
 * - int64: what is accepted is the one spelling of the number, and every number in its one spelling is accepted;
 * - percent-encoding: decoding in place is decoding; what was decoded, encoded anew, is decoded as the same;
 * - traceparent: accepted as W3C's grammar says, written here as a regular expression; what is handed on is of the same trace;
 * - JSON: what is written is accepted by our reader, and is the same text but for bytes that are not UTF-8. */
#include <inttypes.h>
#include <mbedtls/base64.h>
#include <regex.h>
#include <stdio.h>

#include "auth/base64url.h"
#include "base/int64.h"
#include "base/json.h"
#include "base/json_write.h"
#include "base/utf8.h"
#include "fuzz.h"
#include "net/url.h"
#include "trace/trace.h"

/* ---- UTF-8 ---- */

/* The shortest form of a character; 0: it has none. */
static size_t encode(uint32_t character, uint8_t bytes[4])
{
	if (character >= 0x110000 || (character >= 0xD800 && character < 0xE000))
		return 0;
	if (character < 0x80) {
		bytes[0] = (uint8_t)character;
		return 1;
	}
	if (character < 0x800) {
		bytes[0] = (uint8_t)(0xC0 | character >> 6);
		bytes[1] = (uint8_t)(0x80 | (character & 63));
		return 2;
	}
	if (character < 0x10000) {
		bytes[0] = (uint8_t)(0xE0 | character >> 12);
		bytes[1] = (uint8_t)(0x80 | (character >> 6 & 63));
		bytes[2] = (uint8_t)(0x80 | (character & 63));
		return 3;
	}
	bytes[0] = (uint8_t)(0xF0 | character >> 18);
	bytes[1] = (uint8_t)(0x80 | (character >> 12 & 63));
	bytes[2] = (uint8_t)(0x80 | (character >> 6 & 63));
	bytes[3] = (uint8_t)(0x80 | (character & 63));
	return 4;
}

/* The length of the character at the start; 0: there is none. */
static size_t character_len(const uint8_t *bytes, size_t size)
{
	uint8_t again[4];

	for (size_t len = 1; len <= 4 && len <= size; len++) {
		uint32_t character = len == 1 ? bytes[0] : bytes[0] & (0x7Fu >> len);

		for (size_t i = 1; i < len; i++)
			character = character << 6 | (bytes[i] & 63);
		if (encode(character, again) == len && memcmp(again, bytes, len) == 0)
			return len;
	}
	return 0;
}

static bool is_utf8(const uint8_t *bytes, size_t size)
{
	while (size > 0) {
		size_t len = character_len(bytes, size);

		if (!len)
			return false;
		bytes += len;
		size -= len;
	}
	return true;
}

static void check_utf8(const uint8_t *data, size_t size)
{
	char *bytes = copy_bytes(data, size), *text = copy_text(data, size);
	bool is_valid = utf8_is_valid(bytes, size);

	require(is_valid == is_utf8(data, size));
	for (size_t first = 0; first <= size; first += size / 16 + 1) {
		struct utf8 utf8 = {0};

		require((utf8_read(&utf8, bytes, first) && utf8_read(&utf8, bytes + first, size - first) &&
			 utf8_is_whole(&utf8)) == is_valid);
	}
	require(utf8_sequence_len(text) == character_len((const uint8_t *)text, strlen(text) + 1));
	free(bytes);
	free(text);
}

/* ---- base64url ---- */

/* Mbed TLS reads base64 with the other alphabet and padding. */
static bool decode_by_mbedtls(const char *text, size_t len, uint8_t *bytes, size_t *ret_len)
{
	char *padded = calloc(1, len + 4);
	bool is_decoded = len % 4 != 1;

	memset(padded, '=', len + 3);
	for (size_t i = 0; i < len; i++) {
		is_decoded &= text[i] != '\0' && !strchr("+/= \r\n", text[i]);
		padded[i] = text[i] == '-' ? '+' : text[i] == '_' ? '/' : text[i];
	}
	is_decoded = is_decoded && mbedtls_base64_decode(bytes, len, ret_len, (uint8_t *)padded, (len + 3) / 4 * 4) == 0;
	free(padded);
	return is_decoded;
}

static void check_base64url_text(const char *text, size_t len)
{
	uint8_t *bytes = malloc(len * 3 / 4 + 1), *reference = malloc(len + 1);
	char *again = malloc(BASE64URL_LEN(len) + 1);
	size_t bytes_len, reference_len = 0;
	bool is_decoded = decode_by_mbedtls(text, len, reference, &reference_len);

	if (base64url_decode(text, len, bytes, &bytes_len) == STATUS_OK) {
		require(is_decoded && bytes_len == reference_len && memcmp(bytes, reference, bytes_len) == 0);
		require(base64url_encode(bytes, bytes_len, again) == len && memcmp(again, text, len) == 0);
	} else if (is_decoded) {
		require(base64url_encode(reference, reference_len, again) == len && memcmp(again, text, len) != 0);
	}
	free(bytes);
	free(reference);
	free(again);
}

static void check_base64url_bytes(const uint8_t *data, size_t size)
{
	char *text = malloc(BASE64URL_LEN(size) + 1);
	uint8_t *again = malloc(size + 1);
	size_t len = base64url_encode(data, size, text), again_len = 0;

	require(len == BASE64URL_LEN(size) && base64url_decode(text, len, again, &again_len) == STATUS_OK);
	require(again_len == size && memcmp(again, data, size) == 0);
	free(text);
	free(again);
}

/* ---- whole numbers ---- */

static void check_int64(const uint8_t *data, size_t size)
{
	char *text = copy_text(data, size), again[INT64_TEXT_BYTES], by_printf[32];
	int64_t number, number_again;

	if (int64_parse(text, &number) == STATUS_OK) {
		require(int64_format(number, again) == strlen(text) && strcmp(again, text) == 0);
	} else {
		snprintf(by_printf, sizeof by_printf, "%lld", strtoll(text, NULL, 10));
		require(strcmp(by_printf, text) != 0);
	}
	if (size >= sizeof number) {
		memcpy(&number, data, sizeof number);
		snprintf(by_printf, sizeof by_printf, "%" PRId64, number);
		int64_format(number, again);
		require(strcmp(again, by_printf) == 0 && int64_parse(again, &number_again) == STATUS_OK &&
			number_again == number);
	}
	free(text);
}

/* ---- percent-encoding ---- */

static void check_encoded_anew(const char *decoded, bool is_query)
{
	size_t len = strlen(decoded);
	char *encoded = calloc(1, 3 * len + 1), *again = malloc(len + 1);

	for (size_t i = 0; i < len; i++)
		sprintf(encoded + 3 * i, "%%%02x", (uint8_t)decoded[i]);
	require((is_query ? url_decode_query : url_decode)(encoded, 3 * len, again, len + 1) == STATUS_OK);
	require(strcmp(again, decoded) == 0);
	require(url_decode(encoded, 3 * len, again, len) == STATUS_INVALID);
	free(encoded);
	free(again);
}

/* What was decoded has one byte for each escape, and the NUL behind it is the first. */
static size_t decoded_len(const uint8_t *data, size_t size)
{
	size_t len = size;

	for (size_t i = 0; i < size; i++)
		len -= data[i] == '%' ? 2 : 0;
	return len;
}

static void check_percent(const uint8_t *data, size_t size, bool is_query)
{
	enum status (*decode)(const char *, size_t, char *, size_t) = is_query ? url_decode_query : url_decode;
	char *bytes = copy_bytes(data, size), *decoded = malloc(size + 1), *in_place = copy_text(data, size);
	enum status status = decode(bytes, size, decoded, size + 1);

	require(decode(in_place, size, in_place, size + 1) == status);
	if (status == STATUS_OK) {
		require(strcmp(in_place, decoded) == 0 && strlen(decoded) == decoded_len(data, size));
		check_encoded_anew(decoded, is_query);
	}
	free(bytes);
	free(decoded);
	free(in_place);
}

/* ---- traceparent (https://www.w3.org/TR/trace-context/#traceparent-header) ---- */

static bool matches(const char *text, const char *pattern, regex_t *compiled)
{
	if (!compiled->re_nsub)
		require(regcomp(compiled, pattern, REG_EXTENDED) == 0);
	return regexec(compiled, text, 0, NULL, 0) == 0;
}

static bool is_traceparent(const char *text)
{
	static regex_t shape, invalid;

	return matches(text,
		       "^(00-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$|[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}(-|$))",
		       &shape) &&
	       !matches(text, "^(ff|..-0{32}|.{35}-0{16}|00.{53}-)", &invalid);
}

static void check_traceparent(const char *text)
{
	char handed_on[TRACE_PARENT_BYTES];
	struct trace continued, begun, again;

	trace_continue(&continued, text);
	require((continued.id[0] != '\0') == is_traceparent(text));
	trace_begin(&begun, text, "198.51.100.7");
	require(strlen(begun.id) == TRACE_ID_BYTES - 1 && strlen(begun.span) == TRACE_SPAN_ID_BYTES - 1);
	trace_format(&begun, handed_on);
	trace_continue(&again, handed_on);
	require(strcmp(again.id, begun.id) == 0 && strcmp(again.parent, begun.span) == 0);
	if (continued.id[0])
		require(strncmp(continued.id, text + 3, 32) == 0 && strcmp(begun.id, continued.id) == 0);
	else
		require(!begun.parent[0] && !continued.span[0] && !continued.is_sampled);
}

/* ---- JSON ---- */

/* The text, with U+FFFD for each byte that begins no character. */
static void repair(const char *text, struct buf *out)
{
	while (*text) {
		size_t len = character_len((const uint8_t *)text, strlen(text));

		buf_add(out, len ? text : "\xEF\xBF\xBD", len ? len : 3);
		text += len ? len : 1;
	}
}

static void check_json(const uint8_t *data, size_t size)
{
	char *text = copy_text(data, size);
	struct buf json = {0}, expected = {0};
	cJSON *read = NULL;

	json_write_object(&json);
	json_write_member_text(&json, "text", text);
	json_write_member_int(&json, "size", (int64_t)size);
	json_write_object_end(&json);
	buf_add(&expected, "", 0);
	repair(text, &expected);
	require(json_parse(json.bytes, json.len, &read) == STATUS_OK);
	require(strcmp(json_text(read, "text"), expected.bytes) == 0);
	cJSON_Delete(read);
	buf_free(&json);
	buf_free(&expected);
	free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *bytes = copy_bytes(data, size), *text = copy_text(data, size);

	check_utf8(data, size);
	check_base64url_text(bytes, size);
	check_base64url_bytes(data, size);
	check_int64(data, size);
	check_percent(data, size, false);
	check_percent(data, size, true);
	check_traceparent(text);
	check_json(data, size);
	free(text);
	free(bytes);
	return 0;
}
