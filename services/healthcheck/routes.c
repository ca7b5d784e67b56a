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
	{"GET", "/status/app.js", page_show, false, false},
	{"GET", "/status/parts.js", page_show, false, false},
	{"GET", "/status/graphs.js", page_show, false, false},
	{"GET", "/status/readout.js", page_show, false, false},
	{"GET", "/status/series.js", page_show, false, false},
	{"GET", "/status/requests.js", page_show, false, false},
	{"GET", "/status/session.js", page_show, false, false},
	{"GET", "/status/stream.js", page_show, false, false},
	{"GET", "/status/admin.js", page_show, false, false},
	{"GET", "/status/words.js", page_show, false, false},
	{"GET", "/status/style.css", page_show, false, false},
	{"GET", "/status/tokens.css", page_show, false, false},
	{"GET", "/status/theme.js", page_show, false, false},
	{"GET", "/status/inter.woff2", page_show, false, false},
	{"GET", "/status/icon.svg", page_show, false, false},
	{"GET", "/status/stream", stream_begin, true, false},
	{0},
};
