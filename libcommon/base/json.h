/* Reads JSON that a peer sent (RFC 8259). cJSON builds the tree, and gets only text that a strict reader has accepted: the
 * grammar to the letter, well-formed UTF-8, escapes that name characters other than NUL, no byte order mark, at most 16 levels
 * of nesting, and numbers of at most 63 characters, within the range of a double. Duplicate keys and objects of more than 64
 * keys are refused too. The caller limits the size. cJSON keeps numbers as doubles: use strings beyond 2^53. json_write.h
 * writes. */
#ifndef ABACUS_BASE_JSON_H
#define ABACUS_BASE_JSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cjson/cJSON.h>

#include "base/status.h"

#define JSON_DEPTH_MAX 16

/* INVALID unless the whole input is one JSON text (RFC 8259), with white space around it or not. The caller owns *ret_json. */
enum status json_parse(const char *bytes, size_t len, cJSON **ret_json) MUST_CHECK;
/* The string at the key (case-sensitive), borrowed from the object; NULL when it is absent or not a string. */
const char *json_text(const cJSON *object, const char *key);
/* INVALID unless it is a whole number within ±(2^53 - 1): beyond, different numbers become the same double. */
enum status json_int(const cJSON *object, const char *key, int64_t *ret_number) MUST_CHECK;
enum status json_bool(const cJSON *object, const char *key, bool *ret_flag) MUST_CHECK;
bool json_has(const cJSON *object, const char *key);

#endif
