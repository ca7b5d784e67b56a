#include "base/json.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/utf8.h"

#define EXACT_MAX 9007199254740991.0 /* 2^53 - 1, because 2^53 + 1 becomes 2^53 as a double */

static const char *skip_digits(const char *at, const char *end)
{
	while (at < end && *at >= '0' && *at <= '9')
		at++;
	return at;
}

/* Length of the number at the start (RFC 8259 §6), 0 when it is malformed. cJSON accepts what strtod() accepts: 007, 1., -.5 */
static size_t number_len(const char *bytes, const char *end)
{
	const char *digits = bytes + (*bytes == '-'), *at = skip_digits(digits, end);

	if (at == digits || (*digits == '0' && at > digits + 1))
		return 0;
	if (at < end && *at == '.') {
		digits = ++at;
		if ((at = skip_digits(at, end)) == digits)
			return 0;
	}
	if (at < end && (*at | 32) == 'e') {
		at++;
		digits = at += at < end && (*at == '+' || *at == '-');
		if ((at = skip_digits(at, end)) == digits)
			return 0;
	}
	return (size_t)(at - bytes);
}

/* Refuses, before cJSON parses, what cJSON would accept: nesting without bound, escaped or plain NULs, other control
 * characters, and malformed numbers. Brackets and digits inside strings do not count. */
static bool is_acceptable(const char *bytes, size_t len)
{
	bool in_string = false;
	int depth = 0;

	for (size_t i = 0; i < len; i++) {
		char c = bytes[i];

		if ((unsigned char)c < 0x20 && (in_string || !memchr("\t\n\r", c, 3)))
			return false;
		if (in_string && c == '\\') {
			if (len - i > 5 && memcmp(bytes + i, "\\u0000", 6) == 0)
				return false;
			i++;
		} else if (c == '"') {
			in_string = !in_string;
		} else if (in_string) {
			continue;
		} else if (c == '-' || (c >= '0' && c <= '9')) {
			size_t number = number_len(bytes + i, bytes + len);

			if (!number)
				return false;
			i += number - 1;
		} else if (c == '{' || c == '[') {
			if (++depth > JSON_DEPTH_MAX)
				return false;
		} else if (c == '}' || c == ']') {
			depth--;
		}
	}
	return true;
}

/* RFC 8259 §4: names should be unique, because readers differ in which of two they take. */
static bool has_duplicate_key(const cJSON *json)
{
	for (const cJSON *child = json->child; child; child = child->next) {
		if (cJSON_IsObject(json))
			for (const cJSON *later = child->next; later; later = later->next)
				if (strcmp(child->string, later->string) == 0)
					return true;
		if (has_duplicate_key(child))
			return true;
	}
	return false;
}

/* Searching for duplicate keys takes quadratic time, so their number is limited: no object of the API has more than a few. */
#define KEYS_MAX 64
static bool has_too_many_keys(const cJSON *json)
{
	int keys = 0;

	for (const cJSON *child = json->child; child; child = child->next)
		if ((cJSON_IsObject(json) && ++keys > KEYS_MAX) || has_too_many_keys(child))
			return true;
	return false;
}

enum status json_parse(const char *bytes, size_t len, cJSON **ret_json)
{
	const char *end = NULL;
	cJSON *json;

	if (!is_acceptable(bytes, len) || !utf8_is_valid(bytes, len))
		return STATUS_INVALID;
	json = cJSON_ParseWithLengthOpts(bytes, len, &end, false);
	if (!json)
		return STATUS_INVALID;
	while (end < bytes + len && strchr(" \t\r\n", *end))
		end++;
	if (end != bytes + len || has_too_many_keys(json) || has_duplicate_key(json)) {
		cJSON_Delete(json);
		return STATUS_INVALID;
	}
	*ret_json = json;
	return STATUS_OK;
}

const char *json_text(const cJSON *object, const char *key)
{
	return cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(object, key));
}

enum status json_int(const cJSON *object, const char *key, int64_t *ret_number)
{
	const cJSON *member = cJSON_GetObjectItemCaseSensitive(object, key);
	double number;

	if (!cJSON_IsNumber(member))
		return STATUS_INVALID;
	number = member->valuedouble;
	if (!(number >= -EXACT_MAX && number <= EXACT_MAX) || number != (double)(int64_t)number)
		return STATUS_INVALID;
	*ret_number = (int64_t)number;
	return STATUS_OK;
}

enum status json_bool(const cJSON *object, const char *key, bool *ret_flag)
{
	const cJSON *member = cJSON_GetObjectItemCaseSensitive(object, key);

	if (!cJSON_IsBool(member))
		return STATUS_INVALID;
	*ret_flag = cJSON_IsTrue(member);
	return STATUS_OK;
}

bool json_has(const cJSON *object, const char *key)
{
	return cJSON_GetObjectItemCaseSensitive(object, key) != NULL;
}
