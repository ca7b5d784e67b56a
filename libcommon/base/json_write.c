#include "base/json_write.h"

#include <string.h>

/* A value follows another when the byte before it ends one. */
static void separate(struct buf *out)
{
	if (out->len > 0 && !strchr("{[:,", out->bytes[out->len - 1]))
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

void json_write_text(struct buf *out, const char *text)
{
	separate(out);
	buf_json_text(out, text);
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
	buf_json_text(out, text);
}

void json_write_member_int(struct buf *out, const char *name, int64_t number)
{
	json_write_key(out, name);
	buf_int(out, number);
}

void json_write_member_bool(struct buf *out, const char *name, bool flag)
{
	json_write_key(out, name);
	buf_text(out, flag ? "true" : "false");
}

void json_write_member_null(struct buf *out, const char *name)
{
	json_write_key(out, name);
	buf_add(out, "null", 4);
}

void json_write_member_plain(struct buf *out, const char *name, const char *text, size_t len)
{
	json_write_key(out, name);
	buf_add(out, "\"", 1);
	buf_add(out, text, len);
	buf_add(out, "\"", 1);
}
