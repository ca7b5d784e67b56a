#include "accounts/validation.h"

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "base/unicode.h"
#include "base/utf8.h"
#include "http/reply.h"
#include "sessions/credentials.h"

#define USERNAME_MIN 3
#define USERNAME_MAX 128
#define FACTOR_NAME_MAX 64
#define EMAIL_BYTES_MAX 254 /* RFC 5321 §4.5.3.1.3, without the angle brackets */
#define LOCAL_BYTES_MAX 64  /* RFC 5321 §4.5.3.1.1 */
#define PHONE_DIGITS_MIN 8  /* a shorter one is of a service and not of a telephone */
#define PHONE_DIGITS_MAX 15 /* E.164 §6.1 */
#define PASSWORD_MIN 8
#define PASSWORD_MAX 128

/* In code points: counts the bytes that do not continue one. */
static size_t length(const char *text)
{
	size_t count = 0;

	for (; *text; text++)
		count += ((unsigned char)*text & 0xC0) != 0x80;
	return count;
}

/* In NFC, because that is what is stored or hashed. A text that is far too long counts as it is, so that it costs nothing. */
static size_t normal_length(const char *text)
{
	char *normal = strlen(text) <= CREDENTIALS_BYTES_MAX ? unicode_nfc(text) : NULL;
	size_t len = normal ? length(normal) : strlen(text);

	mem_free_secret(normal);
	return len;
}

/* What is wrong with the characters of a name. What can not be seen does not count at its ends, so that no white space hides
 * behind it. */
static const char *characters_problem(const char *name)
{
	enum unicode_kind first = UNICODE_INVISIBLE, last = UNICODE_INVISIBLE, kind;
	size_t len;

	for (; *name; name += len) {
		len = unicode_read(name, &kind);
		if (len == 0)
			return "must be UTF-8";
		if (kind == UNICODE_CONTROL)
			return "must not contain control or format characters";
		if (kind == UNICODE_INVISIBLE)
			continue;
		first = first == UNICODE_INVISIBLE ? kind : first;
		last = kind;
	}
	if (first == UNICODE_SPACE || last == UNICODE_SPACE)
		return "must not begin or end with white space";
	return first == UNICODE_INVISIBLE ? "must contain a visible character" : NULL;
}

const char *username_problem(const char *text)
{
	size_t len;

	if (!text)
		return "is required and must be text";
	len = normal_length(text);
	if (len < USERNAME_MIN || len > USERNAME_MAX)
		return "must have 3 to 128 characters";
	return characters_problem(text);
}

const char *factor_name_problem(const char *text)
{
	size_t len;

	if (!text)
		return "must be text";
	len = normal_length(text);
	return len == 0 || len > FACTOR_NAME_MAX ? "must have 1 to 64 characters" : characters_problem(text);
}

static bool is_label(const char *text, size_t len)
{
	if (len == 0 || len > 63 || text[0] == '-' || text[len - 1] == '-')
		return false;
	for (size_t i = 0; i < len; i++) {
		char c = text[i];

		if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-'))
			return false;
	}
	return true;
}

/* At least two labels (RFC 1034 §3.5). */
static bool is_domain(const char *text)
{
	int labels = 0;

	for (;; labels++) {
		size_t len = strcspn(text, ".");

		if (!is_label(text, len))
			return false;
		if (!text[len])
			return labels > 0;
		text += len + 1;
	}
}

/* A dot-string (RFC 5321 §4.1.2). Quoted local parts are refused, because no mail provider offers them. */
static bool is_local_part(const char *text, size_t len)
{
	static const char specials[] = "!#$%&'*+-/=?^_`{|}~.";

	if (len == 0 || len > LOCAL_BYTES_MAX || text[0] == '.' || text[len - 1] == '.')
		return false;
	for (size_t i = 0; i < len; i++) {
		char c = text[i];

		if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || strchr(specials, c)) ||
		    (c == '.' && text[i - 1] == '.'))
			return false;
	}
	return true;
}

const char *email_problem(const char *text)
{
	const char *at = text ? strrchr(text, '@') : NULL;

	if (!text)
		return "is required and must be text";
	if (strlen(text) > EMAIL_BYTES_MAX)
		return "must have at most 254 characters";
	if (!at || !is_local_part(text, (size_t)(at - text)) || !is_domain(at + 1))
		return "must be an email address";
	return NULL;
}

const char *phone_problem(const char *text)
{
	size_t digits;

	if (!text)
		return "must be text";
	digits = text[0] == '+' && text[1] != '0' ? strspn(text + 1, "0123456789") : 0;
	if (digits < PHONE_DIGITS_MIN || digits > PHONE_DIGITS_MAX || text[1 + digits])
		return "must be + and 8 to 15 digits, beginning with the code of the country";
	return NULL;
}

const char *password_problem(const char *text)
{
	size_t len;

	if (!text)
		return "is required and must be text";
	if (!utf8_is_valid(text, strlen(text)))
		return "must be UTF-8";
	len = normal_length(text);
	return len < PASSWORD_MIN || len > PASSWORD_MAX ? "must have 8 to 128 characters" : NULL;
}

cJSON *registration_errors(const cJSON *json)
{
	static const struct {
		const char *field, *(*problem)(const char *text);
	} rules[] = {{"username", username_problem}, {"email", email_problem}, {"password", password_problem}};
	cJSON *errors = NULL;

	for (size_t i = 0; i < sizeof rules / sizeof *rules; i++) {
		const char *problem = rules[i].problem(json_text(json, rules[i].field));

		if (problem)
			errors = http_errors_add(errors, rules[i].field, problem);
	}
	return errors;
}
