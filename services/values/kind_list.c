/* GET /values/kinds: the kinds of calculation, each with its highest index. */
#include "service.h"

void kind_list(struct http_request *req)
{
	cJSON *data = cJSON_CreateObject(), *kinds = cJSON_AddArrayToObject(data, "kinds");

	for (int i = 0; i < KIND_COUNT; i++) {
		cJSON *kind = cJSON_CreateObject();

		cJSON_AddStringToObject(kind, "kind", kind_name((enum kind)i));
		cJSON_AddNumberToObject(kind, "limit", (double)values_of(req)->config->kinds.max[i]);
		cJSON_AddStringToObject(kind, "description", kind_description((enum kind)i));
		cJSON_AddItemToArray(kinds, kind);
	}
	http_reply_success(req, 200, NULL, data);
}
