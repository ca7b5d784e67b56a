/* What is known, as JSON and as one line for people. */
#ifndef ABACUS_HEALTHCHECK_VIEW_H
#define ABACUS_HEALTHCHECK_VIEW_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"

struct event_entry;
struct monitor;

/* Adds the whole reply of GET /healthcheck (services/swagger/openapi.yaml), on one line. Unless is_full it says of each part
 * only whether it is up, and of the queue how long it is, how old, and how many jobs were given up. */
void view_health(const struct monitor *monitor, bool is_full, int64_t now_ms, struct buf *json);
/* Adds its member `summary`: "values: 1 of 2 down for 14 s". */
void view_summary(const struct monitor *monitor, int64_t now_ms, struct buf *text);
bool view_is_anything_down(const struct monitor *monitor);

void view_event(struct buf *json, const struct event_entry *entry); /* adds an object */

/* Members of a JSON object, with null for what is not known. */
void view_time(struct buf *json, const char *name, int64_t unix_ms);               /* 0: null */
void view_text(struct buf *json, const char *name, const char *text);              /* "": null */
void view_number(struct buf *json, const char *name, double number, int decimals); /* negative: null */

#endif
