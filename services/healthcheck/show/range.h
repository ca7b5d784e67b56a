/* How much of a history is asked for. */
#ifndef ABACUS_HEALTHCHECK_RANGE_H
#define ABACUS_HEALTHCHECK_RANGE_H

#include "base/json.h"
#include "http/request.h"

struct buf;
struct monitor;

struct range {
	int minutes;
	bool is_day; /* of bins, because the hour does not have as much */
};

/* ?minutes=, 15 without it. Returns errors, and one more if it is not valid. */
cJSON *range_read(struct http_request *req, cJSON *errors, struct range *ret_range);
/* Adds the members minutes and interval_s. points_max: of each series of points. */
void range_add(struct buf *json, const struct monitor *monitor, const struct range *range, size_t points_max);

#endif
