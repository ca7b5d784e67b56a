/* What our reader makes of JSON texts, for comparison with another's (json.mjs). On stdin, again and again:
 *     u32 len, bytes[len]
 * On stdout for each: u32 len, text[len], the text written anew; length 0: refused. Integers are those of this machine. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"

/* cJSON itself writes 15 digits of a number when those are within an epsilon of it, so its last digit would be lost. */
static void write_numbers_whole(cJSON *json)
{
	char text[32];

	for (cJSON *child = json->child; child; child = child->next)
		write_numbers_whole(child);
	if (!cJSON_IsNumber(json) || !isfinite(json->valuedouble))
		return;
	snprintf(text, sizeof text, "%.17g", json->valuedouble);
	json->type = cJSON_Raw;
	json->valuestring = strdup(text);
}

static void read_text(const char *bytes, size_t len)
{
	cJSON *json = NULL;
	char *anew = NULL;
	uint32_t anew_len;

	if (json_parse(bytes, len, &json) == STATUS_OK) {
		write_numbers_whole(json);
		anew = cJSON_PrintUnformatted(json);
	}
	anew_len = anew ? (uint32_t)strlen(anew) : 0;
	fwrite(&anew_len, sizeof anew_len, 1, stdout);
	fwrite(anew ? anew : "", 1, anew_len, stdout);
	free(anew);
	cJSON_Delete(json);
}

int main(void)
{
	uint32_t len;

	while (fread(&len, sizeof len, 1, stdin) == 1) {
		char *bytes = malloc(len ? len : 1);

		if (!bytes || fread(bytes, 1, len, stdin) != len)
			return 1;
		read_text(bytes, len);
		free(bytes);
	}
	return 0;
}
