#include "postgres/postgres_internal.h"

#include <assert.h>
#include <string.h>

#include "base/int64.h"
#include "base/mem.h"

void postgres_param_text(struct postgres_params *params, const char *text)
{
	assert(params->count < POSTGRES_PARAMS_MAX);
	params->texts[params->count++] = text;
}

void postgres_param_int(struct postgres_params *params, int64_t number)
{
	assert(params->count < POSTGRES_PARAMS_MAX);
	int64_format(number, params->digits[params->count]);
	params->texts[params->count] = params->digits[params->count];
	params->count++;
}

void postgres_param_bool(struct postgres_params *params, bool flag)
{
	postgres_param_text(params, flag ? "true" : "false");
}

struct postgres_params *postgres_params_copy(const struct postgres_params *params)
{
	size_t bytes = sizeof *params;
	struct postgres_params *copy;
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
