#include "webauthn/client_data.h"

#include <stdbool.h>
#include <string.h>

#include "base/json.h"

static bool is_text(const cJSON *json, const char *key, const char *expected)
{
	const char *text = json_text(json, key);

	return text && strcmp(text, expected) == 0;
}

/* Level 3 calls the origin of the page around the frame topOrigin. */
static bool is_of_a_frame(const cJSON *json)
{
	bool is_cross_origin = false;

	if (json_has(json, "crossOrigin") && json_bool(json, "crossOrigin", &is_cross_origin) != STATUS_OK)
		return true;
	return is_cross_origin || json_has(json, "topOrigin");
}

static bool is_bound(const cJSON *json)
{
	return is_text(cJSON_GetObjectItemCaseSensitive(json, "tokenBinding"), "status", "present");
}

enum status client_data_check(const uint8_t *bytes, size_t len, const struct client_data_expected *expected)
{
	cJSON *json = NULL;
	bool is_right;

	if (len > CLIENT_DATA_BYTES_MAX || json_parse((const char *)bytes, len, &json) != STATUS_OK)
		return STATUS_INVALID;
	is_right = is_text(json, "type", expected->type) && is_text(json, "challenge", expected->challenge) &&
		   is_text(json, "origin", expected->origin) && !is_of_a_frame(json) && !is_bound(json);
	cJSON_Delete(json);
	return is_right ? STATUS_OK : STATUS_INVALID;
}
