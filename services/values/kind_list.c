/* GET /values/kinds: the kinds of calculation, each with its highest index, and the highest one without a token. */
#include "service.h"

/* -1: none. */
static int64_t limit_without_token(const struct values_config *config, int64_t limit)
{
	if (config->anonymous)
		return limit;
	if (config->anonymous_max == 0)
		return -1;
	return config->anonymous_max < limit ? config->anonymous_max : limit;
}

static void add_limit_without_token(cJSON *kind, const struct values_config *config, int64_t limit)
{
	int64_t open_limit = limit_without_token(config, limit);

	if (open_limit < 0)
		cJSON_AddNullToObject(kind, "anonymous_limit");
	else
		cJSON_AddNumberToObject(kind, "anonymous_limit", (double)open_limit);
}

void kind_list(struct http_request *req)
{
	const struct values_config *config = values_of(req)->config;
	cJSON *data = cJSON_CreateObject(), *kinds = cJSON_AddArrayToObject(data, "kinds");

	for (int i = 0; i < KIND_COUNT; i++) {
		cJSON *kind = cJSON_CreateObject();

		cJSON_AddStringToObject(kind, "kind", kind_name((enum kind)i));
		cJSON_AddNumberToObject(kind, "limit", (double)config->kinds.max[i]);
		add_limit_without_token(kind, config, config->kinds.max[i]);
		cJSON_AddStringToObject(kind, "description", kind_description((enum kind)i));
		cJSON_AddItemToArray(kinds, kind);
	}
	http_reply_success(req, 200, NULL, data);
}
