#include "base/utf8.h"

static bool begin(struct utf8 *utf8, unsigned char first)
{
	*utf8 = (struct utf8){.low = 0x80, .high = 0xBF};
	if (first < 0x80)
		return true;
	if (first < 0xC2 || first > 0xF4)
		return false;
	utf8->missing = first < 0xE0 ? 1 : first < 0xF0 ? 2 : 3;
	if (first == 0xE0)
		utf8->low = 0xA0;
	else if (first == 0xED)
		utf8->high = 0x9F;
	else if (first == 0xF0)
		utf8->low = 0x90;
	else if (first == 0xF4)
		utf8->high = 0x8F;
	return true;
}

static bool read_byte(struct utf8 *utf8, unsigned char byte)
{
	if (!utf8->missing)
		return begin(utf8, byte);
	if (byte < utf8->low || byte > utf8->high)
		return false;
	*utf8 = (struct utf8){.missing = (unsigned char)(utf8->missing - 1), .low = 0x80, .high = 0xBF};
	return true;
}

bool utf8_read(struct utf8 *utf8, const char *bytes, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (!read_byte(utf8, (unsigned char)bytes[i]))
			return false;
	return true;
}

bool utf8_is_whole(const struct utf8 *utf8)
{
	return utf8->missing == 0;
}

bool utf8_is_valid(const char *bytes, size_t len)
{
	struct utf8 utf8 = {0};

	return utf8_read(&utf8, bytes, len) && utf8_is_whole(&utf8);
}

size_t utf8_sequence_len(const char *text)
{
	struct utf8 utf8 = {0};
	size_t len = 0;

	do {
		if (!read_byte(&utf8, (unsigned char)text[len++]))
			return 0;
	} while (utf8.missing);
	return len;
}
