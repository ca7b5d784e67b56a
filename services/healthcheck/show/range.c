#include "show/range.h"

#include "base/int64.h"
#include "base/json_write.h"
#include "http/reply.h"
#include "monitor.h"
#include "service.h"

#define MINUTES_DEFAULT 15

cJSON *range_read(struct http_request *req, cJSON *errors, struct range *ret_range)
{
	const char *text = http_request_query(req, "minutes");
	int64_t minutes = MINUTES_DEFAULT;

	if (text && (int64_parse(text, &minutes) != STATUS_OK || minutes < 1 || minutes > DAY_MINUTES))
		return http_errors_add(errors, "minutes", "must be a whole number from 1 to 1440");
	*ret_range = (struct range){(int)minutes, minutes > HISTORY_MINUTES};
	return errors;
}

static double interval_s(const struct monitor *monitor, const struct range *range, size_t points_max)
{
	if (range->is_day)
		return (double)history_day_step(range->minutes, points_max) * DAY_BIN_S;
	return (double)history_step(&monitor->history, range->minutes, points_max) * (double)monitor->config->interval_ms /
	       1000;
}

void range_add(struct buf *json, const struct monitor *monitor, const struct range *range, size_t points_max)
{
	json_write_member_int(json, "minutes", range->minutes);
	json_write_key(json, "interval_s");
	buf_printf(json, "%g", interval_s(monitor, range, points_max));
}
