#include "base/loop.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/mem.h"

/* libevent takes no notice when the kernel refuses to watch a descriptor, because memory or watches are used up. Its connection
 * would hang, and the listener or a thread pool for good. */
static bool is_out_of_memory(const char *text)
{
	return strncmp(text, "Epoll ", 6) == 0 && (strstr(text, strerror(ENOMEM)) || strstr(text, strerror(ENOSPC)));
}

static void libevent_reported(int severity, const char *text)
{
	if (severity < EVENT_LOG_WARN)
		return;
	log_line(severity == EVENT_LOG_WARN ? LOG_WARN : LOG_ERROR, "the event loop has a problem", LOG_TEXT("reason", text));
	if (is_out_of_memory(text))
		mem_die("the event loop can not watch a descriptor\n");
}

struct event_base *loop_new(void)
{
	struct event_config *config = event_config_new();
	struct event_base *base;

	event_set_log_callback(libevent_reported);
	if (!config)
		mem_die("no event loop can be made\n");
	event_config_set_flag(config, EVENT_BASE_FLAG_EPOLL_USE_CHANGELIST);
	event_config_set_flag(config, EVENT_BASE_FLAG_NOLOCK);
	base = event_base_new_with_config(config);
	event_config_free(config);
	if (!base || event_base_priority_init(base, LOOP_PRIORITIES) < 0)
		mem_die("no event loop can be made\n");
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

/* At the default priority and not a lower one: an active event is appended to the queue that is being run, so it runs at the
 * end of this turn; with a lower priority it would wait for a turn in which nothing else happens. */
struct loop_deferred *loop_deferred_new(struct event_base *base, void (*run)(void *arg), void *arg)
{
	struct loop_deferred *deferred = mem_alloc(sizeof *deferred);

	*deferred = (struct loop_deferred){.run = run, .arg = arg};
	deferred->event = event_new(base, -1, 0, deferred_run, deferred);
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

struct loop_timer {
	struct event *event;
	struct timeval interval; /* 0: once */
	void (*run)(void *arg);
	void *arg;
};

static struct timeval timeval_of(long ms)
{
	return (struct timeval){.tv_sec = ms / 1000, .tv_usec = ms % 1000 * 1000};
}

/* The callback comes last, because it may free the timer. */
static void timer_fired(evutil_socket_t fd, short what, void *arg)
{
	struct loop_timer *timer = arg;

	if (timer->interval.tv_sec || timer->interval.tv_usec)
		event_add(timer->event, &timer->interval);
	timer->run(timer->arg);
}

struct loop_timer *loop_timer_new(struct event_base *base, void (*run)(void *arg), void *arg)
{
	struct loop_timer *timer = mem_alloc(sizeof *timer);

	*timer = (struct loop_timer){.run = run, .arg = arg};
	timer->event = event_new(base, -1, 0, timer_fired, timer);
	return timer;
}

void loop_timer_start(struct loop_timer *timer, long ms)
{
	struct timeval delay = timeval_of(ms);

	timer->interval = (struct timeval){0};
	event_add(timer->event, &delay);
}

void loop_timer_repeat(struct loop_timer *timer, long ms)
{
	timer->interval = timeval_of(ms);
	event_add(timer->event, &timer->interval);
}

void loop_timer_stop(struct loop_timer *timer)
{
	timer->interval = (struct timeval){0};
	event_del(timer->event);
}

bool loop_timer_is_running(const struct loop_timer *timer)
{
	return event_pending(timer->event, EV_TIMEOUT, NULL);
}

void loop_timer_free(struct loop_timer *timer)
{
	if (!timer)
		return;
	event_free(timer->event);
	free(timer);
}

struct loop_timer *loop_every(struct event_base *base, long ms, void (*run)(void *arg), void *arg)
{
	struct loop_timer *timer = loop_timer_new(base, run, arg);

	loop_timer_repeat(timer, ms);
	return timer;
}

#define BACKOFF_MS_MIN 50L
#define BACKOFF_MS_MAX 1000L /* with its jitter under the 2 s within which a daemon recovers */

long loop_backoff_ms(unsigned attempt)
{
	long ms = attempt >= 5 ? BACKOFF_MS_MAX : BACKOFF_MS_MIN << attempt;

	return ms * 3 / 4 + random() % (ms / 2 + 1);
}
