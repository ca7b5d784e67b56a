/* GET /healthcheck/events: the last changes of health, the latest first. */
#include "base/json_write.h"
#include "http/reply.h"
#include "monitor.h"
#include "service.h"
#include "show/view.h"

void events_show(struct http_request *req)
{
	const struct events *events = &monitor_of(req)->events;
	const struct event_entry *entry;
	struct buf json = {0};

	http_success_begin(&json, NULL);
	json_write_object(&json);
	json_write_key(&json, "events");
	json_write_array(&json);
	for (uint64_t back = 0; (entry = events_latest(events, back)); back++)
		view_event(&json, entry);
	json_write_array_end(&json);
	json_write_object_end(&json);
	json_write_object_end(&json);
	http_reply_buf(req, 200, &json);
}
