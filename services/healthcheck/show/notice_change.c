/* PUT /healthcheck/notice, DELETE /healthcheck/notice: what an admin says to all readers, such as when maintenance begins. */
#include <stdio.h>

#include "base/clock.h"
#include "base/log.h"
#include "http/reply.h"
#include "monitor.h"
#include "service.h"
#include "show/audience.h"
#include "show/note.h"

static void changed(struct http_request *req, const char *what, const char *message)
{
	log_line(LOG_INFO, what, LOG_TEXT("request_id", http_request_id(req)), LOG_INT("user_id", audience_admin(req)->id));
	monitor_publish_soon(monitor_of(req));
	http_reply_success(req, 200, message, NULL);
}

void notice_set(struct http_request *req)
{
	struct notice *notice = &monitor_of(req)->notice;
	const char *text = note_read(req, "text", 1);

	if (!text)
		return;
	*notice = (struct notice){.since_ms = clock_unix_ms()};
	snprintf(notice->text, sizeof notice->text, "%s", text);
	snprintf(notice->by, sizeof notice->by, "%s", audience_admin(req)->name);
	changed(req, "a notice was set", "The notice is shown.");
}

void notice_remove(struct http_request *req)
{
	monitor_of(req)->notice = (struct notice){0};
	changed(req, "the notice was removed", "The notice is removed.");
}
