/* Calls wait in a bounded list under a mutex. Threads take them and put finished ones into a second list, and an eventfd wakes
 * the loop to deliver those. Only the loop's thread touches scopes; a thread looks whether its call still has one. */
#include "base/pool.h"

#include <errno.h>
#include <event2/event.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/loop.h"
#include "base/mem.h"

#define THREAD_NICE 10

struct pool_call {
	struct op op;
	void (*work)(void *job);
	void (*done)(enum status status, void *job, void *arg);
	void (*drop)(void *job);
	void *job, *arg;
	enum status status;
	STAILQ_ENTRY(pool_call) link;
};
STAILQ_HEAD(pool_calls, pool_call);

struct pool {
	pthread_mutex_t lock; /* guards queued, finished, queued_count, is_stopping */
	pthread_cond_t wakes_threads;
	struct pool_calls queued, finished;
	unsigned queued_count, queue_max, threads_count;
	bool is_stopping;
	pthread_t *threads;
	int wakes_loop; /* eventfd */
	struct event *event;
};

/* Of a thread. An eventfd takes what is written unless its count is at the end of 64 bits. */
static void wake_loop(struct pool *pool)
{
	uint64_t one = 1;

	while (write(pool->wakes_loop, &one, sizeof one) < 0 && errno == EINTR)
		;
}

/* The next call, or NULL when the pool stops. */
static struct pool_call *take(struct pool *pool)
{
	struct pool_call *call;

	pthread_mutex_lock(&pool->lock);
	while (STAILQ_EMPTY(&pool->queued) && !pool->is_stopping)
		pthread_cond_wait(&pool->wakes_threads, &pool->lock);
	call = pool->is_stopping ? NULL : STAILQ_FIRST(&pool->queued);
	if (call) {
		STAILQ_REMOVE_HEAD(&pool->queued, link);
		pool->queued_count--;
	}
	pthread_mutex_unlock(&pool->lock);
	return call;
}

static void finish(struct pool *pool, struct pool_call *call)
{
	pthread_mutex_lock(&pool->lock);
	STAILQ_INSERT_TAIL(&pool->finished, call, link);
	pthread_mutex_unlock(&pool->lock);
	wake_loop(pool);
}

/* Linux takes the id of a thread for that thread alone. A process that was started with a lower priority keeps it: root could
 * raise it. */
static void lower_priority(void)
{
	id_t thread = (id_t)syscall(SYS_gettid);

	if (getpriority(PRIO_PROCESS, thread) < THREAD_NICE)
		setpriority(PRIO_PROCESS, thread, THREAD_NICE);
}

static void *thread_main(void *arg)
{
	struct pool *pool = arg;
	struct pool_call *call;

	lower_priority();
	while ((call = take(pool))) {
		if (atomic_load_explicit(&call->op.scope, memory_order_relaxed))
			call->work(call->job);
		finish(pool, call);
	}
	return NULL;
}

static void deliver(struct pool_call *call)
{
	if (op_end(&call->op))
		call->done(call->status, call->job, call->arg);
	call->drop(call->job);
	free(call);
}

static void deliver_finished(evutil_socket_t fd, short what, void *arg)
{
	struct pool_calls finished = STAILQ_HEAD_INITIALIZER(finished);
	struct pool *pool = arg;
	struct pool_call *call;
	uint64_t count;

	(void)!read(fd, &count, sizeof count); /* it may be empty */
	pthread_mutex_lock(&pool->lock);
	STAILQ_CONCAT(&finished, &pool->finished);
	pthread_mutex_unlock(&pool->lock);
	while ((call = STAILQ_FIRST(&finished))) {
		STAILQ_REMOVE_HEAD(&finished, link);
		deliver(call);
	}
}

struct pool *pool_new(struct event_base *base, unsigned threads, unsigned queue_max)
{
	struct pool *pool = mem_alloc(sizeof *pool);
	sigset_t all, before;

	pthread_mutex_init(&pool->lock, NULL);
	pthread_cond_init(&pool->wakes_threads, NULL);
	STAILQ_INIT(&pool->queued);
	STAILQ_INIT(&pool->finished);
	pool->queue_max = queue_max;
	pool->threads = mem_alloc(threads * sizeof *pool->threads);
	pool->wakes_loop = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (pool->wakes_loop < 0)
		mem_die("a thread pool gets no eventfd: no file descriptor is left\n");
	pool->event = event_new(base, pool->wakes_loop, EV_READ | EV_PERSIST, deliver_finished, pool);
	event_add(pool->event, NULL);
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	while (pool->threads_count < threads &&
	       pthread_create(&pool->threads[pool->threads_count], NULL, thread_main, pool) == 0)
		pool->threads_count++;
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (pool->threads_count == 0 && threads > 0)
		mem_die("no thread can be started\n");
	return pool;
}

static void drop_all(struct pool_calls *calls)
{
	struct pool_call *call;

	while ((call = STAILQ_FIRST(calls))) {
		STAILQ_REMOVE_HEAD(calls, link);
		op_end(&call->op);
		call->drop(call->job);
		free(call);
	}
}

void pool_free(struct pool *pool)
{
	if (!pool)
		return;
	pthread_mutex_lock(&pool->lock);
	pool->is_stopping = true;
	pthread_cond_broadcast(&pool->wakes_threads);
	pthread_mutex_unlock(&pool->lock);
	for (unsigned i = 0; i < pool->threads_count; i++)
		pthread_join(pool->threads[i], NULL);
	drop_all(&pool->queued);
	drop_all(&pool->finished);
	event_free(pool->event);
	close(pool->wakes_loop);
	pthread_cond_destroy(&pool->wakes_threads);
	pthread_mutex_destroy(&pool->lock);
	free(pool->threads);
	free(pool);
}

static void submit(struct pool *pool, struct scope *scope, struct pool_call *call, bool is_first)
{
	op_start(scope, &call->op);
	pthread_mutex_lock(&pool->lock);
	if (pool->queued_count >= pool->queue_max) {
		call->status = STATUS_BUSY;
		STAILQ_INSERT_TAIL(&pool->finished, call, link);
	} else {
		if (is_first)
			STAILQ_INSERT_HEAD(&pool->queued, call, link);
		else
			STAILQ_INSERT_TAIL(&pool->queued, call, link);
		pool->queued_count++;
		pthread_cond_signal(&pool->wakes_threads);
	}
	pthread_mutex_unlock(&pool->lock);
	if (call->status == STATUS_BUSY)
		event_active(pool->event, EV_READ, 0);
}

void pool_submit(struct pool *pool, struct scope *scope, void (*work)(void *job),
		 void (*done)(enum status status, void *job, void *arg), void (*drop)(void *job), void *job, void *arg)
{
	struct pool_call *call = mem_alloc(sizeof *call);

	*call = (struct pool_call){.work = work, .done = done, .drop = drop, .job = job, .arg = arg, .status = STATUS_OK};
	submit(pool, scope, call, false);
}

void pool_submit_first(struct pool *pool, struct scope *scope, void (*work)(void *job),
		       void (*done)(enum status status, void *job, void *arg), void (*drop)(void *job), void *job, void *arg)
{
	struct pool_call *call = mem_alloc(sizeof *call);

	*call = (struct pool_call){.work = work, .done = done, .drop = drop, .job = job, .arg = arg, .status = STATUS_OK};
	submit(pool, scope, call, true);
}
