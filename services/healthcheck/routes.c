/* Every path of the healthcheck service. A leading /api is cut off before a path is matched. Those that want a token may do
 * without (show/audience.h). */
#include "service.h"

const struct http_route healthcheck_routes[] = {
	/* method, path, handler, wants_token, wants_json */
	{"GET", "/healthcheck", health_show, true, false},
	{"GET", "/healthcheck/history", history_show, true, false},
	{"GET", "/healthcheck/events", events_show, true, false},
	{"GET", "/healthcheck/requests", requests_show, true, false},
	{"GET", "/healthcheck/requests/history", requests_history_show, true, false},
	{"GET", "/healthcheck/queue/history", queue_history_show, true, false},
	{"PUT", "/healthcheck/events/{id}/acknowledgement", event_acknowledge, true, true},
	{"PUT", "/healthcheck/notice", notice_set, true, true},
	{"DELETE", "/healthcheck/notice", notice_remove, true, false},
	{"GET", "/", page_redirect, false, false},
	{"GET", "/status", page_redirect, false, false},
	{"GET", "/status/", page_show, false, false},
	{"GET", "/status/stream", stream_begin, true, false},
	{"GET", "/status/{file}", page_show, false, false},
	{0},
};
