/* GET /healthcheck/events: the last changes of health, the latest first. */
#include "base/json_write.h"
#include "http/reply.h"
#include "monitor.h"
#include "service.h"
#include "show/view.h"

static void add_event(struct buf *json, const struct event_entry *entry)
{
	json_write_object(json);
	view_time(json, "at", entry->at_ms);
	json_write_member_text(json, "service", entry->service);
	json_write_member_text(json, "instance", entry->instance);
	json_write_member_text(json, "status", health_name(entry->health));
	json_write_member_text(json, "was", entry->was == HEALTH_UNKNOWN ? NULL : health_name(entry->was));
	view_text(json, "reason", entry->reason);
	view_number(json, "lasted_s", entry->ended_ms ? (double)(entry->ended_ms - entry->at_ms) / 1000 : -1, 1);
	json_write_object_end(json);
}

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
		add_event(&json, entry);
	json_write_array_end(&json);
	json_write_object_end(&json);
	json_write_object_end(&json);
	http_reply_buf(req, 200, &json);
}
