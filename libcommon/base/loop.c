#include "base/loop.h"

#include <stdlib.h>

#include "base/log.h"
#include "base/mem.h"

struct event_base *loop_new(void)
{
	struct event_config *config = event_config_new();
	struct event_base *base;

	if (!config)
		abort();
	event_config_set_flag(config, EVENT_BASE_FLAG_EPOLL_USE_CHANGELIST);
	event_config_set_flag(config, EVENT_BASE_FLAG_NOLOCK);
	base = event_base_new_with_config(config);
	event_config_free(config);
	if (!base || event_base_priority_init(base, LOOP_PRIORITIES) < 0) {
		log_line(LOG_ERROR, "no event loop can be made");
		abort();
	}
	return base;
}

struct loop_deferred {
	struct event *event;
	void (*run)(void *arg);
	void *arg;
};

static void deferred_run(evutil_socket_t fd, short what, void *arg)
{
	struct loop_deferred *deferred = arg;

	deferred->run(deferred->arg);
}

/* At normal priority and not below: an active event is appended to the queue that is being run, so it runs at the end of this
 * turn; a lower priority would wait for a turn in which nothing else happens. */
struct loop_deferred *loop_deferred_new(struct event_base *base, void (*run)(void *arg), void *arg)
{
	struct loop_deferred *deferred = mem_alloc(sizeof *deferred);

	*deferred = (struct loop_deferred){.run = run, .arg = arg};
	deferred->event = event_new(base, -1, 0, deferred_run, deferred);
	event_priority_set(deferred->event, LOOP_PRIORITY_NORMAL);
	return deferred;
}

void loop_deferred_schedule(struct loop_deferred *deferred)
{
	event_active(deferred->event, EV_TIMEOUT, 0);
}

void loop_deferred_free(struct loop_deferred *deferred)
{
	if (!deferred)
		return;
	event_free(deferred->event);
	free(deferred);
}

struct timeval loop_backoff(unsigned attempt)
{
	long ms = attempt >= 7 ? 5000 : 50L << attempt;

	ms = ms * 3 / 4 + random() % (ms / 2 + 1);
	return (struct timeval){.tv_sec = ms / 1000, .tv_usec = ms % 1000 * 1000};
}
