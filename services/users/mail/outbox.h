/* Passes the messages of the table `outbox` on to mailer, and applies what mailer reports (docs/decisions/0021-mail.md). What
 * is a notice goes to the pages that the user has open too (auth/notice.h). The
 * first process of a daemon looks three times a second; every process looks when a handler of it has written a message. Any
 * number of processes may do it at once. */
#ifndef ABACUS_USERS_OUTBOX_H
#define ABACUS_USERS_OUTBOX_H

#include <stdbool.h>

struct event_base;
struct users;
struct outbox;

struct outbox *outbox_new(struct event_base *base, struct users *users, bool looks_by_itself);
/* A message was committed: it is published in the loop's next turn. */
void outbox_wake(struct outbox *outbox);
/* Begins no further round, and calls drained(arg), perhaps more than once and from here, when none is under way: a message that
 * this process has claimed and not published would wait until its lease has run out. */
void outbox_drain(struct outbox *outbox, void (*drained)(void *arg), void *arg);
void outbox_free(struct outbox *outbox);
/* Gauges of the messages that wait, and a counter of those that became pointless. */
void outbox_register_metrics(void);

#endif
