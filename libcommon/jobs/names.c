/* How jobs and results are written: "kind:index", and the preview of a long result. */
#include "jobs/jobs_internal.h"

#include <inttypes.h>
#include <string.h>

#include "base/int64.h"

int jobs_parse_name(const char *name, struct job_key *ret_key)
{
	const char *colon = strchr(name, ':');
	struct job_key key;
	char kind[24];

	if (!colon || (size_t)(colon - name) >= sizeof kind)
		return -1;
	snprintf(kind, sizeof kind, "%.*s", (int)(colon - name), name);
	if (kind_parse(kind, &key.kind) < 0 || int64_parse(colon + 1, &key.index) != STATUS_OK || key.index < 0)
		return -1;
	*ret_key = key;
	return 0;
}

void jobs_preview(const char *digits, size_t len, struct buf *out)
{
	if (len <= JOBS_PREVIEW_DIGITS)
		buf_add(out, digits, len);
	else
		buf_printf(out, "%.20s…%.20s (%zu digits)", digits, digits + len - 20, len);
}

static bool are_digits(const char *text, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (text[i] < '0' || text[i] > '9')
			return false;
	return true;
}

bool job_is_preview(const char *preview, size_t len, int64_t digits)
{
	char end[64];
	int end_len;

	if (digits <= JOBS_PREVIEW_DIGITS)
		return digits > 0 && len == (size_t)digits && are_digits(preview, len);
	end_len = snprintf(end, sizeof end, " (%" PRId64 " digits)", digits);
	return len == 20 + strlen("…") + 20 + (size_t)end_len && are_digits(preview, 20) &&
	       memcmp(preview + 20, "…", strlen("…")) == 0 && are_digits(preview + 20 + strlen("…"), 20) &&
	       memcmp(preview + len - end_len, end, (size_t)end_len) == 0;
}

/* Only the shortened one has spaces. */
bool jobs_preview_is_whole(const char *preview, size_t len)
{
	return !memchr(preview, ' ', len);
}
