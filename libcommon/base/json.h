/* cJSON, bounded and strict: depth is limited before parsing (size is the caller's to limit), doubled keys, objects of more
 * than 64 keys and embedded NULs are refused. cJSON keeps numbers as doubles: beyond 2^53 use strings. */
#ifndef ABACUS_BASE_JSON_H
#define ABACUS_BASE_JSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cjson/cJSON.h>

#include "base/status.h"

#define JSON_DEPTH_MAX 16

/* The whole input must be one JSON text (RFC 8259); white space around it is fine. The caller owns *ret_json. */
enum status json_parse(const char *bytes, size_t len, cJSON **ret_json) MUST_CHECK;
/* NULL when absent or not a string. Borrowed from the object. Case-sensitive. */
const char *json_text(const cJSON *object, const char *key);
/* A JSON number that is a whole number within ±(2^53 - 1): beyond it a double no longer tells its neighbours apart. */
enum status json_int(const cJSON *object, const char *key, int64_t *ret_number) MUST_CHECK;
enum status json_bool(const cJSON *object, const char *key, bool *ret_flag) MUST_CHECK;
bool json_has(const cJSON *object, const char *key);

#endif
