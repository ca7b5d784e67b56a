/* Which results this process has sent to its listeners of late. A calculation that was added a second time, because two
 * processes looked for it while it finished, is announced a second time: its listeners have it already. The number of results
 * is bounded: a new one replaces an old one. */
#ifndef ABACUS_VALUES_ANNOUNCEMENTS_H
#define ABACUS_VALUES_ANNOUNCEMENTS_H

#include <stdbool.h>
#include <stddef.h>

struct announcements;

struct announcements *announcements_new(void);
void announcements_free(struct announcements *announcements);
/* Whether this message of the live channel announces a result that none before it did; true for any other message. */
bool announcements_are_news(struct announcements *announcements, const char *json, size_t len);
/* Redis may have lost results that it had announced; their listeners fetch them, and get them once more. */
void announcements_forget(struct announcements *announcements);

#endif
