/* GET /healthcheck: what is known now. With ?strict=1 the code is 503 when anything is down. */
#include <string.h>

#include "base/clock.h"
#include "http/reply.h"
#include "monitor.h"
#include "service.h"
#include "show/audience.h"
#include "show/view.h"

void health_show(struct http_request *req)
{
	const struct monitor *monitor = monitor_of(req);
	const char *strict = http_request_query(req, "strict");
	bool is_strict = strict && strcmp(strict, "0") != 0;
	struct buf json = {0};

	view_health(monitor, audience_sees_all(req), clock_unix_ms(), &json);
	http_reply_buf(req, is_strict && view_is_anything_down(monitor) ? 503 : 200, &json);
}
