#include "postgres/postgres_internal.h"

#include <assert.h>
#include <string.h>

#include "base/int64.h"
#include "base/mem.h"

void db_param_text(struct db_params *params, const char *text)
{
	assert(params->count < DB_PARAMS_MAX);
	params->texts[params->count++] = text;
}

void db_param_int(struct db_params *params, int64_t number)
{
	assert(params->count < DB_PARAMS_MAX);
	int64_format(number, params->digits[params->count]);
	params->texts[params->count] = params->digits[params->count];
	params->count++;
}

void db_param_bool(struct db_params *params, bool flag)
{
	db_param_text(params, flag ? "true" : "false");
}

struct db_params *db_params_copy(const struct db_params *params)
{
	size_t bytes = sizeof *params;
	struct db_params *copy;
	char *end;

	for (int i = 0; i < params->count; i++)
		bytes += params->texts[i] ? strlen(params->texts[i]) + 1 : 0;
	copy = mem_alloc(bytes);
	copy->count = params->count;
	end = (char *)(copy + 1);
	for (int i = 0; i < params->count; i++) {
		if (!params->texts[i])
			continue;
		copy->texts[i] = end;
		end = stpcpy(end, params->texts[i]) + 1;
	}
	return copy;
}
