#include "base/json_write.h"

#include <string.h>

#include "base/utf8.h"

/* A comma is due when the byte before ends a value. The writer itself writes no space: one ends what is before the JSON text.
 */
static void separate(struct buf *out)
{
	if (out->len > 0 && !strchr("{[:, ", out->bytes[out->len - 1]))
		buf_add(out, ",", 1);
}

void json_write_object(struct buf *out)
{
	separate(out);
	buf_add(out, "{", 1);
}

void json_write_object_end(struct buf *out)
{
	buf_add(out, "}", 1);
}

void json_write_array(struct buf *out)
{
	separate(out);
	buf_add(out, "[", 1);
}

void json_write_array_end(struct buf *out)
{
	buf_add(out, "]", 1);
}

void json_write_key(struct buf *out, const char *name)
{
	separate(out);
	buf_add(out, "\"", 1);
	buf_text(out, name);
	buf_add(out, "\":", 2);
}

static void add_escaped(struct buf *out, unsigned char c)
{
	static const char shorts[] = "\"\"\\\\\nn\tt\rr\bb\ff";

	for (const char *at = shorts; *at; at += 2)
		if ((unsigned char)at[0] == c) {
			buf_add(out, (char[]){'\\', at[1]}, 2);
			return;
		}
	buf_printf(out, "\\u%04x", c);
}

/* Bytes at the start that stand for themselves: ASCII but control characters, quotes and backslashes. */
static size_t plain_len(const char *text)
{
	size_t len = 0;

	for (unsigned char c; (c = (unsigned char)text[len]) >= 0x20 && c < 0x80 && c != '"' && c != '\\';)
		len++;
	return len;
}

void json_write_text(struct buf *out, const char *text)
{
	const char *at = text, *plain = at;

	separate(out);
	if (!text) {
		buf_add(out, "null", 4);
		return;
	}
	buf_add(out, "\"", 1);
	while (*(at += plain_len(at))) {
		size_t len = utf8_sequence_len(at);

		if (len > 1) {
			at += len;
			continue;
		}
		buf_add(out, plain, (size_t)(at - plain));
		if (len)
			add_escaped(out, (unsigned char)*at);
		else
			buf_add(out, "\xEF\xBF\xBD", 3);
		plain = ++at;
	}
	buf_add(out, plain, (size_t)(at - plain));
	buf_add(out, "\"", 1);
}

void json_write_int(struct buf *out, int64_t number)
{
	separate(out);
	buf_int(out, number);
}

void json_write_bool(struct buf *out, bool flag)
{
	separate(out);
	buf_text(out, flag ? "true" : "false");
}

void json_write_null(struct buf *out)
{
	separate(out);
	buf_add(out, "null", 4);
}

void json_write_raw(struct buf *out, const char *json, size_t len)
{
	separate(out);
	buf_add(out, json, len);
}

void json_write_member_text(struct buf *out, const char *name, const char *text)
{
	json_write_key(out, name);
	json_write_text(out, text);
}

void json_write_member_int(struct buf *out, const char *name, int64_t number)
{
	json_write_key(out, name);
	json_write_int(out, number);
}

void json_write_member_bool(struct buf *out, const char *name, bool flag)
{
	json_write_key(out, name);
	json_write_bool(out, flag);
}

void json_write_member_null(struct buf *out, const char *name)
{
	json_write_key(out, name);
	json_write_null(out);
}

void json_write_member_plain(struct buf *out, const char *name, const char *text, size_t len)
{
	json_write_key(out, name);
	buf_add(out, "\"", 1);
	buf_add(out, text, len);
	buf_add(out, "\"", 1);
}
