/* PUT /healthcheck/events/{id}/acknowledgement: an admin has taken note of an event, with a note for the others. It is kept as
 * long as the event, in the memory of this process (docs/decisions/0007-healthchecks-share-nothing.md). */
#include "base/clock.h"
#include "base/int64.h"
#include "base/json_write.h"
#include "base/log.h"
#include "http/reply.h"
#include "monitor.h"
#include "service.h"
#include "show/audience.h"
#include "show/note.h"
#include "show/view.h"

static void reply_event(struct http_request *req, const struct event_entry *entry)
{
	struct buf json = {0};

	http_success_begin(&json, NULL);
	view_event(&json, entry);
	json_write_object_end(&json);
	http_reply_buf(req, 200, &json);
}

void event_acknowledge(struct http_request *req)
{
	const struct introspection_user *admin = audience_admin(req);
	const char *note = note_read(req, "note", 0);
	const struct event_entry *entry = NULL;
	int64_t id;

	if (!note)
		return;
	if (int64_parse(http_request_param(req, "id"), &id) == STATUS_OK)
		entry = events_acknowledge(&monitor_of(req)->events, id, admin->name, note, clock_unix_ms());
	if (!entry)
		return http_reply_status(req, STATUS_NOT_FOUND);
	log_line(LOG_INFO, "an event was acknowledged", LOG_TEXT("request_id", http_request_id(req)),
		 LOG_INT("user_id", admin->id), LOG_TEXT("of", entry->instance));
	monitor_publish_soon(monitor_of(req));
	reply_event(req, entry);
}
