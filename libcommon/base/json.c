#include "base/json.h"

#include <ctype.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/utf8.h"

#define EXACT_MAX 9007199254740991.0 /* 2^53 - 1, because 2^53 + 1 becomes 2^53 as a double */

/* ---- the grammar of RFC 8259, checked before cJSON builds the tree, because cJSON accepts much beyond it ---- */

#define NUMBER_BYTES_MAX 63 /* because older versions of cJSON refuse longer ones */

struct text {
	const char *at, *end;
	int depth;
};

static bool skip(struct text *text, char c)
{
	if (text->at == text->end || *text->at != c)
		return false;
	text->at++;
	return true;
}

static void skip_space(struct text *text)
{
	while (text->at < text->end && memchr(" \t\n\r", *text->at, 4))
		text->at++;
}

static bool skip_digits(struct text *text)
{
	const char *first = text->at;

	while (text->at < text->end && *text->at >= '0' && *text->at <= '9')
		text->at++;
	return text->at > first;
}

static bool skip_word(struct text *text, const char *word)
{
	size_t len = strlen(word);

	if ((size_t)(text->end - text->at) < len || memcmp(text->at, word, len) != 0)
		return false;
	text->at += len;
	return true;
}

/* Is it within the range of a double? Beyond it, different numbers would all become the same infinity (RFC 8259 §6). */
static bool is_in_range(const char *number, size_t len)
{
	char copy[NUMBER_BYTES_MAX + 1];

	memcpy(copy, number, len);
	copy[len] = '\0';
	return isfinite(strtod(copy, NULL));
}

static bool read_number(struct text *text)
{
	const char *first = text->at;

	(void)skip(text, '-');
	if (!skip(text, '0') && !skip_digits(text))
		return false;
	if (skip(text, '.') && !skip_digits(text))
		return false;
	if (skip(text, 'e') || skip(text, 'E')) {
		(void)(skip(text, '+') || skip(text, '-'));
		if (!skip_digits(text))
			return false;
	}
	return text->at - first <= NUMBER_BYTES_MAX && is_in_range(first, (size_t)(text->at - first));
}

/* The UTF-16 code unit that four hexadecimal digits name; -1: malformed. */
static int read_code_unit(struct text *text)
{
	unsigned unit = 0;

	for (int i = 0; i < 4; i++, text->at++) {
		char c = text->at < text->end ? *text->at : '\0';

		if (!isxdigit((unsigned char)c))
			return -1;
		unit = unit << 4 | (unsigned)(c <= '9' ? c - '0' : (c | 32) - 'a' + 10);
	}
	return (int)unit;
}

/* What follows \u: one code unit, or a pair of surrogates. A NUL would end the string in C, and a surrogate alone is no
 * character. */
static bool read_unicode_escape(struct text *text)
{
	int unit = read_code_unit(text);

	if (unit < 0xD800 || unit > 0xDFFF)
		return unit > 0;
	if (unit > 0xDBFF || !skip_word(text, "\\u"))
		return false;
	unit = read_code_unit(text);
	return unit >= 0xDC00 && unit <= 0xDFFF;
}

static bool read_escape(struct text *text)
{
	if (skip(text, 'u'))
		return read_unicode_escape(text);
	if (text->at == text->end || !memchr("\"\\/bfnrt", *text->at, 8))
		return false;
	text->at++;
	return true;
}

static bool read_string(struct text *text)
{
	if (!skip(text, '"'))
		return false;
	while (text->at < text->end) {
		unsigned char c = (unsigned char)*text->at++;

		if (c == '"')
			return true;
		if (c < 0x20 || (c == '\\' && !read_escape(text)))
			return false;
	}
	return false;
}

static bool read_value(struct text *text);

static bool read_name(struct text *text)
{
	skip_space(text);
	if (!read_string(text))
		return false;
	skip_space(text);
	return skip(text, ':');
}

/* The rest of an object or an array, whose opening bracket has been read. */
static bool read_members(struct text *text, bool is_object)
{
	char close = is_object ? '}' : ']';

	if (++text->depth > JSON_DEPTH_MAX)
		return false;
	skip_space(text);
	if (!skip(text, close)) {
		do
			if ((is_object && !read_name(text)) || !read_value(text))
				return false;
		while (skip(text, ','));
		if (!skip(text, close))
			return false;
	}
	text->depth--;
	return true;
}

static bool read_bare_value(struct text *text)
{
	if (skip(text, '{'))
		return read_members(text, true);
	if (skip(text, '['))
		return read_members(text, false);
	if (text->at < text->end && *text->at == '"')
		return read_string(text);
	return skip_word(text, "true") || skip_word(text, "false") || skip_word(text, "null") || read_number(text);
}

static bool read_value(struct text *text)
{
	skip_space(text);
	if (!read_bare_value(text))
		return false;
	skip_space(text);
	return true;
}

static bool follows_grammar(const char *bytes, size_t len)
{
	struct text text = {bytes, bytes + len, 0};

	return read_value(&text) && text.at == text.end;
}

/* ---- objects ---- */

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
	cJSON *json;

	if (!len || !follows_grammar(bytes, len) || !utf8_is_valid(bytes, len))
		return STATUS_INVALID;
	json = cJSON_ParseWithLength(bytes, len);
	if (!json)
		return STATUS_INVALID;
	if (has_too_many_keys(json) || has_duplicate_key(json)) {
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
