/* libevent's events on the fake clock and the fake network: as much as libcommon/base/loop.c and the clients
 * of Redis and Postgres use. As in libevent, a turn begins with a poll, which activates what is ready and then what is due;
 * what is active runs in this order, work that it activates behind it. After what has LOOP_PRIORITY_FIRST comes another poll.
 */
#include <event2/event.h>
#include <stdlib.h>

#include "base/loop.h"
#include "base/mem.h"
#include "simulator.h"

struct event {
	struct event_base *base;
	int fd; /* -1: a timer, or work that is deferred */
	short what;
	event_callback_fn run;
	void *arg;
	int64_t due_us; /* of a timer that runs */
	int priority;
	short activity; /* why it is active */
	bool is_timed, is_waiting, is_active;
	TAILQ_ENTRY(event) link, active_link;
};
TAILQ_HEAD(events, event);

struct event_base {
	struct process *process;
	struct events all, active[LOOP_PRIORITIES];
	bool has_run_first; /* something with LOOP_PRIORITY_FIRST since the last poll */
};

struct event_base *events_base_new(struct process *process)
{
	struct event_base *base = mem_alloc(sizeof *base);

	base->process = process;
	TAILQ_INIT(&base->all);
	for (int i = 0; i < LOOP_PRIORITIES; i++)
		TAILQ_INIT(&base->active[i]);
	return base;
}

void events_base_free(struct event_base *base)
{
	struct event *event;

	while ((event = TAILQ_FIRST(&base->all)))
		event_free(event);
	free(base);
}

struct process *events_process(const struct event_base *base)
{
	return base->process;
}

int events_left(const struct event_base *base)
{
	struct event *event;
	int left = 0;

	TAILQ_FOREACH (event, &base->all, link)
		left++;
	return left;
}

/* ---- what the code under test calls ---- */

struct event *event_new(struct event_base *base, evutil_socket_t fd, short what, event_callback_fn run, void *arg)
{
	struct event *event = mem_alloc(sizeof *event);

	*event = (struct event){.base = base, .fd = fd, .what = what, .run = run, .arg = arg, .priority = LOOP_PRIORITY_NORMAL};
	TAILQ_INSERT_TAIL(&base->all, event, link);
	return event;
}

static void deactivate(struct event *event)
{
	if (event->is_active)
		TAILQ_REMOVE(&event->base->active[event->priority], event, active_link);
	event->is_active = false;
}

int event_add(struct event *event, const struct timeval *after)
{
	if (after) {
		deactivate(event);
		event->due_us = now_us + after->tv_sec * 1000000 + after->tv_usec;
		event->is_timed = true;
	}
	if (event->fd >= 0)
		event->is_waiting = true;
	return 0;
}

int event_del(struct event *event)
{
	event->is_timed = event->is_waiting = false;
	deactivate(event);
	return 0;
}

void event_active(struct event *event, int what, short calls)
{
	if (!event->is_active)
		TAILQ_INSERT_TAIL(&event->base->active[event->priority], event, active_link);
	event->is_active = true;
	event->activity = (short)what;
}

int event_pending(const struct event *event, short what, struct timeval *ret_due)
{
	return (what & EV_TIMEOUT) && (event->is_timed || event->is_active);
}

int event_priority_set(struct event *event, int priority)
{
	event->priority = priority;
	return 0;
}

void event_free(struct event *event)
{
	event_del(event);
	TAILQ_REMOVE(&event->base->all, event, link);
	free(event);
}

/* ---- what the scheduler calls ---- */

static struct event *next_timer(const struct event_base *base)
{
	struct event *event, *next = NULL;

	TAILQ_FOREACH (event, &base->all, link)
		if (event->is_timed && (!next || event->due_us < next->due_us))
			next = event;
	return next;
}

int64_t events_next_due_us(const struct event_base *base)
{
	const struct event *next = next_timer(base);

	return next ? next->due_us : INT64_MAX;
}

/* What it waits for and the network has for it: EV_READ, EV_WRITE or 0. */
static short ready(const struct event *event)
{
	return event->is_waiting && !event->is_active ? event->what & wire_ready(event->fd) : 0;
}

bool events_can_poll(const struct event_base *base)
{
	struct event *event;

	TAILQ_FOREACH (event, &base->all, link)
		if ((event->is_timed && event->due_us <= now_us) || ready(event))
			return true;
	return false;
}

static bool has_active(const struct event_base *base)
{
	for (int i = 0; i < LOOP_PRIORITIES; i++)
		if (!TAILQ_EMPTY(&base->active[i]))
			return true;
	return false;
}

bool events_is_active(const struct event_base *base)
{
	return has_active(base) && !base->has_run_first;
}

bool events_must_poll(const struct event_base *base)
{
	return has_active(base) && base->has_run_first;
}

/* Of what is ready some may not have arrived yet; but what has LOOP_PRIORITY_FIRST has, because the other end of this machine's
 * connection wrote it before anything that it caused. */
void events_poll(struct event_base *base)
{
	struct event *event;

	base->has_run_first = false;
	TAILQ_FOREACH (event, &base->all, link)
		if (ready(event) && (event->priority == LOOP_PRIORITY_FIRST || chance_of(3, 4)))
			event_active(event, ready(event), 0);
	while ((event = next_timer(base)) && event->due_us <= now_us) {
		event->is_timed = false;
		event_active(event, EV_TIMEOUT, 0);
	}
}

void events_run_active(struct event_base *base)
{
	struct events *queue = &base->active[LOOP_PRIORITY_FIRST];
	struct event *event;

	if (TAILQ_EMPTY(queue))
		queue = &base->active[LOOP_PRIORITY_NORMAL];
	event = TAILQ_FIRST(queue);
	deactivate(event);
	if (event->fd >= 0 && !(event->what & EV_PERSIST))
		event->is_waiting = false;
	base->has_run_first = event->priority == LOOP_PRIORITY_FIRST && TAILQ_EMPTY(queue);
	current_process = base->process;
	event->run(event->fd, event->activity, event->arg);
	current_process = NULL;
}
