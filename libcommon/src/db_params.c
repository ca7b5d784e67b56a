#include "db.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>

void db_param_text(struct db_params *params, const char *text)
{
	assert(params->count < DB_PARAMS_MAX);
	params->texts[params->count++] = text;
}

void db_param_int(struct db_params *params, int64_t number)
{
	assert(params->count < DB_PARAMS_MAX);
	snprintf(params->digits[params->count], sizeof params->digits[0], "%" PRId64, number);
	params->texts[params->count] = params->digits[params->count];
	params->count++;
}

void db_param_bool(struct db_params *params, bool flag)
{
	db_param_text(params, flag ? "true" : "false");
}
