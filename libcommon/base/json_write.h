/* Writes JSON (RFC 8259) into a buffer, without a tree: for replies and messages that are sent often. The calls know where a
 * comma belongs, because they look at the byte before them; so they need no state of their own, and a text may be written by
 * several functions one after another. The caller closes what it opened.
 *
 *	json_write_object(out);
 *	json_write_member_int(out, "id", 7);
 *	json_write_key(out, "kinds");
 *	json_write_array(out);
 *	json_write_text(out, "lucas");
 *	json_write_array_end(out);
 *	json_write_object_end(out);        {"id":7,"kinds":["lucas"]} */
#ifndef ABACUS_BASE_JSON_WRITE_H
#define ABACUS_BASE_JSON_WRITE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"

void json_write_object(struct buf *out);
void json_write_object_end(struct buf *out);
void json_write_array(struct buf *out);
void json_write_array_end(struct buf *out);
/* The name of the member whose value comes next. Written as it is: our own names need no escaping. */
void json_write_key(struct buf *out, const char *name);

void json_write_text(struct buf *out, const char *text); /* escaped as buf_json_text() does it; NULL is null */
void json_write_int(struct buf *out, int64_t number);
void json_write_bool(struct buf *out, bool flag);
void json_write_null(struct buf *out);
/* A value that is already JSON: a number with decimals, say, or what was written before. */
void json_write_raw(struct buf *out, const char *json, size_t len);

/* A key and its value. */
void json_write_member_text(struct buf *out, const char *name, const char *text);
void json_write_member_int(struct buf *out, const char *name, int64_t number);
void json_write_member_bool(struct buf *out, const char *name, bool flag);
void json_write_member_null(struct buf *out, const char *name);
/* A text of len bytes that needs no escaping, such as the digits of a result: copied without a look at each byte. */
void json_write_member_plain(struct buf *out, const char *name, const char *text, size_t len);

#endif
