#include "factors/binding.h"

#include <mbedtls/constant_time.h>
#include <mbedtls/md.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json_write.h"
#include "base/mem.h"
#include "factors/seal.h"

static const char purpose[] = "abacus confirmation 1";

static int by_name(const void *one, const void *other)
{
	return strcmp((*(const cJSON *const *)one)->string, (*(const cJSON *const *)other)->string);
}

static void add_object(struct buf *out, const cJSON *json)
{
	size_t count = 0;
	const cJSON **members = mem_alloc((size_t)(cJSON_GetArraySize(json) + 1) * sizeof(const cJSON *));

	for (const cJSON *member = json->child; member; member = member->next)
		members[count++] = member;
	qsort(members, count, sizeof(const cJSON *), by_name);
	json_write_object(out);
	for (size_t i = 0; i < count; i++) {
		json_write_text(out, members[i]->string);
		buf_text(out, ":");
		binding_canonical(out, members[i]);
	}
	json_write_object_end(out);
	free(members);
}

static void add_array(struct buf *out, const cJSON *json)
{
	json_write_array(out);
	for (const cJSON *item = json->child; item; item = item->next)
		binding_canonical(out, item);
	json_write_array_end(out);
}

/* Two different doubles differ within 17 digits. */
static void add_number(struct buf *out, double number)
{
	char text[32];
	int len = snprintf(text, sizeof text, "%.17g", number);

	json_write_raw(out, text, (size_t)len);
}

void binding_canonical(struct buf *out, const cJSON *json)
{
	if (cJSON_IsObject(json))
		add_object(out, json);
	else if (cJSON_IsArray(json))
		add_array(out, json);
	else if (cJSON_IsString(json))
		json_write_text(out, json->valuestring);
	else if (cJSON_IsNumber(json))
		add_number(out, json->valuedouble);
	else if (cJSON_IsBool(json))
		json_write_bool(out, cJSON_IsTrue(json));
	else
		json_write_null(out);
}

/* JSON has no line end outside of its strings, which escape it, so no part can run into the next one. */
static void add_bound(struct buf *out, const struct binding *binding)
{
	struct buf parameters = {0};
	char id[37];

	jwt_jti_format(binding->challenge, id);
	if (binding->parameters)
		binding_canonical(&parameters, binding->parameters);
	else
		buf_text(&parameters, "{}");
	buf_int(out, binding->user_id);
	buf_printf(out, "\n%s\n%s\n", id, binding->action);
	buf_add(out, parameters.bytes, parameters.len);
	buf_free(&parameters);
}

void binding_make(const char *secret_key, const struct binding *binding, char text[BINDING_LEN + 1])
{
	uint8_t key[SEAL_KEY_BYTES], mac[BINDING_BYTES];
	struct buf bound = {0};

	seal_derive(secret_key, purpose, key);
	add_bound(&bound, binding);
	if (mbedtls_md_hmac(mbedtls_md_info_from_type(MBEDTLS_MD_SHA256), key, sizeof key, (const uint8_t *)bound.bytes,
			    bound.len, mac) != 0)
		mem_die("mbedtls has no HMAC-SHA256\n");
	text[base64url_encode(mac, sizeof mac, text)] = '\0';
	buf_free(&bound);
}

bool binding_is(const char *secret_key, const char *previous_key, const struct binding *binding,
		const char text[BINDING_LEN + 1])
{
	char expected[BINDING_LEN + 1];

	binding_make(secret_key, binding, expected);
	if (mbedtls_ct_memcmp(expected, text, BINDING_LEN) == 0)
		return true;
	if (!previous_key)
		return false;
	binding_make(previous_key, binding, expected);
	return mbedtls_ct_memcmp(expected, text, BINDING_LEN) == 0;
}

/* ---- X-Confirmation ---- */

enum status binding_confirmation_format(const uint8_t challenge[JWT_JTI_BYTES], const char *binding,
					char text[BINDING_CONFIRMATION_LEN + 1])
{
	uint8_t bytes[JWT_JTI_BYTES + BINDING_BYTES + 3];
	size_t len;

	if (strlen(binding) != BINDING_LEN ||
	    base64url_decode(binding, BINDING_LEN, bytes + JWT_JTI_BYTES, &len) != STATUS_OK || len != BINDING_BYTES)
		return STATUS_INVALID;
	memcpy(bytes, challenge, JWT_JTI_BYTES);
	text[base64url_encode(bytes, JWT_JTI_BYTES + BINDING_BYTES, text)] = '\0';
	return STATUS_OK;
}

enum status binding_confirmation_parse(const char *text, uint8_t ret_challenge[JWT_JTI_BYTES],
				       char ret_binding[BINDING_LEN + 1])
{
	uint8_t bytes[JWT_JTI_BYTES + BINDING_BYTES + 3];
	size_t len;

	if (strlen(text) != BINDING_CONFIRMATION_LEN ||
	    base64url_decode(text, BINDING_CONFIRMATION_LEN, bytes, &len) != STATUS_OK || len != JWT_JTI_BYTES + BINDING_BYTES)
		return STATUS_INVALID;
	memcpy(ret_challenge, bytes, JWT_JTI_BYTES);
	ret_binding[base64url_encode(bytes + JWT_JTI_BYTES, BINDING_BYTES, ret_binding)] = '\0';
	return STATUS_OK;
}
