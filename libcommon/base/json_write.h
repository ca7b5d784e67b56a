/* Writes JSON (RFC 8259) into a buffer without building a tree: for logs, and for replies and messages that are sent often.
 * A call sees from the byte before it whether it needs a comma, so the writer keeps no state, and several functions can write
 * one JSON text; before its first call the buffer is empty, or ends where no comma is due. The caller closes what it opened.
 * json.h reads.
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
/* The name of the member whose value comes next. It is not escaped, because names are constants of ours. */
void json_write_key(struct buf *out, const char *name);

/* Quoted and escaped (RFC 8259 §7); each byte that is not UTF-8 becomes U+FFFD, and NULL becomes null. */
void json_write_text(struct buf *out, const char *text);
void json_write_int(struct buf *out, int64_t number);
void json_write_bool(struct buf *out, bool flag);
void json_write_null(struct buf *out);
/* A value that is JSON already, such as a number with decimals or a stored text. */
void json_write_raw(struct buf *out, const char *json, size_t len);

/* A key and its value. */
void json_write_member_text(struct buf *out, const char *name, const char *text);
void json_write_member_int(struct buf *out, const char *name, int64_t number);
void json_write_member_bool(struct buf *out, const char *name, bool flag);
void json_write_member_null(struct buf *out, const char *name);
/* A text of len bytes that needs no escaping, such as the digits of a result: copied without checking each byte. */
void json_write_member_plain(struct buf *out, const char *name, const char *text, size_t len);

#endif
