/* A JSON text, of any bytes, against a reference: a second reader of RFC 8259, written another way (one state and a stack of
 * brackets, where base/json.c descends). Invariants:
 * - what is accepted, the reference accepts, and its strings are well-formed UTF-8;
 * - what is refused, the reference refuses, or an object of it repeats a name or has too many;
 * - what is accepted, written anew, is accepted. */
#include <math.h>

#include "base/json.h"
#include "base/utf8.h"
#include "fuzz.h"

#define KEYS_MAX 64
#define NUMBER_MAX 63

/* ---- the reference: the length of the token at the start of a text that ends with NUL; 0: there is none ---- */

static unsigned unit_of(const char *digits)
{
	char four[5] = "";

	if (strspn(digits, "0123456789abcdefABCDEF") < 4)
		return 0;
	memcpy(four, digits, 4);
	return (unsigned)strtoul(four, NULL, 16);
}

static size_t escape_len(const char *text)
{
	unsigned unit = text[1] == 'u' ? unit_of(text + 2) : 0;

	if (text[1] && strchr("\"\\/bfnrt", text[1]))
		return 2;
	if (unit - 0xD800 >= 0x800)
		return unit ? 6 : 0;
	return unit < 0xDC00 && text[6] == '\\' && text[7] == 'u' && unit_of(text + 8) - 0xDC00 < 0x400 ? 12 : 0;
}

static size_t string_len(const char *text)
{
	size_t at = 1;

	while (text[at] != '"') {
		size_t len = text[at] == '\\' ? escape_len(text + at) : (unsigned char)text[at] >= 0x20;

		if (!len)
			return 0;
		at += len;
	}
	return at + 1;
}

static size_t number_len(const char *text)
{
	size_t sign = text[0] == '-', whole = strspn(text + sign, "0123456789"), at = sign + whole, digits;

	if (!whole || (whole > 1 && text[sign] == '0'))
		return 0;
	if (text[at] == '.') {
		if (!(digits = strspn(text + at + 1, "0123456789")))
			return 0;
		at += 1 + digits;
	}
	if (text[at] == 'e' || text[at] == 'E') {
		at += 1 + (text[at + 1] == '+' || text[at + 1] == '-');
		if (!(digits = strspn(text + at, "0123456789")))
			return 0;
		at += digits;
	}
	return at <= NUMBER_MAX && isfinite(strtod(text, NULL)) ? at : 0;
}

static size_t scalar_len(const char *text)
{
	static const char *const words[] = {"true", "false", "null"};

	for (int i = 0; i < 3; i++)
		if (strncmp(text, words[i], strlen(words[i])) == 0)
			return strlen(words[i]);
	return *text == '"' ? string_len(text) : number_len(text);
}

/* What may come next: a value, a value or the end of an empty array, a name or the end of an empty object, a name, a colon, or
 * what follows a value. */
enum expected { VALUE, VALUE_OR_END, NAME_OR_END, NAME, COLON, NEXT };

struct reference {
	char open[JSON_DEPTH_MAX];
	int depth;
	enum expected expected;
};

/* Reads one token; 0: it may not stand there. */
static size_t step(struct reference *reference, const char *text)
{
	enum expected expected = reference->expected;
	char within = reference->depth ? reference->open[reference->depth - 1] : '\0';
	bool may_end = expected == NEXT || expected == (within == '{' ? NAME_OR_END : VALUE_OR_END);
	size_t len = 1;

	if ((*text == '{' || *text == '[') && expected <= VALUE_OR_END && reference->depth < JSON_DEPTH_MAX) {
		reference->open[reference->depth++] = *text;
		reference->expected = *text == '{' ? NAME_OR_END : VALUE_OR_END;
	} else if (within && may_end &&
		   *text == within + 2) { /* in ASCII the closing bracket comes two after the opening one */
		reference->depth--;
		reference->expected = NEXT;
	} else if (*text == ',' && within && expected == NEXT) {
		reference->expected = within == '{' ? NAME : VALUE;
	} else if (*text == ':' && expected == COLON) {
		reference->expected = VALUE;
	} else if (*text == '"' && (expected == NAME || expected == NAME_OR_END)) {
		len = string_len(text);
		reference->expected = COLON;
	} else if (expected <= VALUE_OR_END) {
		len = scalar_len(text);
		reference->expected = NEXT;
	} else {
		return 0;
	}
	return len;
}

static bool reference_accepts(const char *text, size_t len)
{
	struct reference reference = {.expected = VALUE};
	size_t at = strspn(text, " \t\r\n");

	while (at < len) {
		size_t token = step(&reference, text + at);

		if (!token)
			return false;
		at += token;
		at += strspn(text + at, " \t\r\n");
	}
	return reference.expected == NEXT && reference.depth == 0 && utf8_is_valid(text, len);
}

/* ---- the invariants ---- */

static bool has_refused_names(const cJSON *json)
{
	int count = 0;

	for (const cJSON *child = json->child; child; child = child->next) {
		if (has_refused_names(child) || ++count > (cJSON_IsObject(json) ? KEYS_MAX : INT32_MAX - 1))
			return true;
		if (cJSON_IsObject(json) && cJSON_GetObjectItemCaseSensitive(json, child->string) != child)
			return true;
	}
	return false;
}

static void check_strings(const cJSON *json)
{
	if (cJSON_IsString(json))
		require(utf8_is_valid(json->valuestring, strlen(json->valuestring)));
	for (const cJSON *child = json->child; child; child = child->next) {
		require(!child->string || utf8_is_valid(child->string, strlen(child->string)));
		check_strings(child);
	}
}

/* cJSON writes 15 digits where they seem enough to it, and then rounds the largest numbers up to infinity. */
static bool is_written_well(const cJSON *json)
{
	for (const cJSON *child = json->child; child; child = child->next)
		if (!is_written_well(child))
			return false;
	return !cJSON_IsNumber(json) || fabs(json->valuedouble) < 1e308;
}

static void check_accepted(const cJSON *json)
{
	char *anew = cJSON_PrintUnformatted(json);
	cJSON *again = NULL;

	check_strings(json);
	require(json_parse(anew, strlen(anew), &again) == STATUS_OK || !is_written_well(json));
	cJSON_Delete(again);
	free(anew);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *exact = malloc(size ? size : 1), *text = calloc(1, size + 1);
	bool is_sound;
	cJSON *json = NULL;

	memcpy(exact, data, size);
	memcpy(text, data, size);
	is_sound = reference_accepts(text, size);
	if (json_parse(exact, size, &json) == STATUS_OK) {
		require(is_sound);
		check_accepted(json);
	} else if (is_sound) {
		require((json = cJSON_ParseWithLength(text, size)) && has_refused_names(json));
	}
	cJSON_Delete(json);
	free(exact);
	free(text);
	return 0;
}
