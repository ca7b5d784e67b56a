#include "base/unicode.h"

#include <stdbool.h>
#include <string.h>
#include <utf8proc.h>

#include "base/mem.h"

#define BRAILLE_BLANK 0x2800 /* a symbol of no dots, as wide as a space; Unicode has no property that says so */

static bool is_ascii(const char *text)
{
	for (; *text; text++)
		if ((unsigned char)*text >= 0x80)
			return false;
	return true;
}

char *unicode_nfc(const char *text)
{
	return is_ascii(text) ? mem_strdup(text) : (char *)utf8proc_NFC((const utf8proc_uint8_t *)text);
}

static enum unicode_kind kind_of(utf8proc_int32_t character)
{
	if (character == BRAILLE_BLANK)
		return UNICODE_SPACE;
	switch (utf8proc_category(character)) {
	case UTF8PROC_CATEGORY_ZS:
		return UNICODE_SPACE;
	case UTF8PROC_CATEGORY_CC:
	case UTF8PROC_CATEGORY_CF:
	case UTF8PROC_CATEGORY_ZL:
	case UTF8PROC_CATEGORY_ZP:
		return UNICODE_CONTROL;
	case UTF8PROC_CATEGORY_CN:
	case UTF8PROC_CATEGORY_CO:
	case UTF8PROC_CATEGORY_CS:
	case UTF8PROC_CATEGORY_MN:
	case UTF8PROC_CATEGORY_MC:
	case UTF8PROC_CATEGORY_ME:
		return UNICODE_INVISIBLE;
	default: /* some fillers are letters, as U+3164 is */
		return utf8proc_get_property(character)->ignorable ? UNICODE_INVISIBLE : UNICODE_VISIBLE;
	}
}

size_t unicode_read(const char *text, enum unicode_kind *ret_kind)
{
	utf8proc_int32_t character;
	utf8proc_ssize_t len = utf8proc_iterate((const utf8proc_uint8_t *)text, (utf8proc_ssize_t)strnlen(text, 4), &character);

	if (len <= 0)
		return 0;
	*ret_kind = kind_of(character);
	return (size_t)len;
}
