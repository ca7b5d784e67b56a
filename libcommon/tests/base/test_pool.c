/* The thread pool. Jobs wait at a gate when a test needs them to be running; no test sleeps. Jobs that tear_down() drops are
 * static. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <event2/event.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/loop.h"
#include "base/pool.h"

#define LIMIT_US (20 * 1000000LL) /* far longer than any test takes */

struct job {
	atomic_int worked, nice;
	int done, dropped;
	enum status status;
	void *arg;
	pthread_t worker, loop;
};

static struct event_base *base;
static struct pool *pool;
static struct scope scope;
static sem_t begun, gate;

static int set_up(void **state)
{
	base = loop_new();
	scope_init(&scope);
	sem_init(&begun, 0, 0);
	sem_init(&gate, 0, 0);
	pool = NULL;
	return 0;
}

static int tear_down(void **state)
{
	for (int i = 0; i < 100; i++)
		sem_post(&gate);
	pool_free(pool);
	event_base_free(base);
	sem_destroy(&begun);
	sem_destroy(&gate);
	return 0;
}

static void work(void *memory)
{
	struct job *job = memory;

	job->worker = pthread_self();
	atomic_store(&job->nice, getpriority(PRIO_PROCESS, (id_t)syscall(SYS_gettid)));
	atomic_fetch_add(&job->worked, 1);
}

static void work_at_the_gate(void *memory)
{
	sem_post(&begun);
	sem_wait(&gate);
	work(memory);
}

static void done(enum status status, void *memory, void *arg)
{
	struct job *job = memory;

	job->done++;
	job->status = status;
	job->arg = arg;
	job->loop = pthread_self();
}

static void drop(void *memory)
{
	((struct job *)memory)->dropped++;
}

static void submit(struct job *job)
{
	pool_submit(pool, &scope, work, done, drop, job, NULL);
}

/* Submits a job and waits until a thread works on it. */
static void submit_running(struct job *job)
{
	pool_submit(pool, &scope, work_at_the_gate, done, drop, job, NULL);
	sem_wait(&begun);
}

/* Turns the loop until the job has been dropped, which is its last step. */
static void wait_for(const struct job *job)
{
	int64_t limit_us = clock_monotonic_us() + LIMIT_US;

	while (!job->dropped) {
		if (clock_monotonic_us() > limit_us)
			fail_msg("waited too long");
		event_base_loopexit(base, &(struct timeval){.tv_sec = 1});
		event_base_loop(base, EVLOOP_ONCE);
	}
}

static void test_a_job_is_worked_on_by_a_thread_and_done_on_the_loop(void **state)
{
	struct job job = {0};

	pool = pool_new(base, 1, 10);
	submit(&job);
	wait_for(&job);
	assert_int_equal(job.worked, 1);
	assert_int_equal(job.status, STATUS_OK);
	assert_false(pthread_equal(job.worker, pthread_self()));
	assert_true(pthread_equal(job.loop, pthread_self()));
}

static void test_a_job_is_done_once_and_dropped_once(void **state)
{
	struct job job = {0};

	pool = pool_new(base, 2, 10);
	submit(&job);
	wait_for(&job);
	event_base_loop(base, EVLOOP_NONBLOCK);
	assert_int_equal(job.done, 1);
	assert_int_equal(job.dropped, 1);
}

static void test_done_gets_the_argument_of_the_call(void **state)
{
	struct job job = {0};

	pool = pool_new(base, 1, 10);
	pool_submit(pool, &scope, work, done, drop, &job, &scope);
	wait_for(&job);
	assert_ptr_equal(job.arg, &scope);
}

static void test_nothing_is_done_before_the_call_has_returned(void **state)
{
	static struct job accepted, refused;

	pool = pool_new(base, 0, 1);
	submit(&accepted);
	submit(&refused);
	assert_int_equal(accepted.done + refused.done, 0);
	assert_int_equal(accepted.dropped + refused.dropped, 0);
}

static void test_a_job_beyond_the_queue_is_busy_and_is_not_worked_on(void **state)
{
	static struct job jobs[3];

	pool = pool_new(base, 0, 2);
	for (int i = 0; i < 3; i++)
		submit(&jobs[i]);
	wait_for(&jobs[2]);
	assert_int_equal(jobs[2].done, 1);
	assert_int_equal(jobs[2].status, STATUS_BUSY);
	assert_int_equal(jobs[2].worked, 0);
	assert_int_equal(jobs[0].done + jobs[1].done, 0);
}

static void test_a_running_job_takes_no_place_in_the_queue(void **state)
{
	struct job running = {0}, waiting = {0}, refused = {0};

	pool = pool_new(base, 1, 1);
	submit_running(&running);
	submit(&waiting);
	submit(&refused);
	sem_post(&gate);
	wait_for(&running);
	wait_for(&waiting);
	wait_for(&refused);
	assert_int_equal(waiting.status, STATUS_OK);
	assert_int_equal(refused.status, STATUS_BUSY);
}

static void test_jobs_of_one_thread_are_done_in_their_order(void **state)
{
	struct job first = {0}, second = {0};

	pool = pool_new(base, 1, 10);
	submit_running(&first);
	submit(&second);
	sem_post(&gate);
	wait_for(&second);
	assert_int_equal(first.dropped, 1);
}

static void test_two_threads_work_at_once(void **state)
{
	struct job one = {0}, other = {0};

	pool = pool_new(base, 2, 10);
	submit_running(&one);
	submit_running(&other);
	assert_int_equal(one.worked + other.worked, 0);
	sem_post(&gate);
	sem_post(&gate);
	wait_for(&one);
	wait_for(&other);
	assert_int_equal(one.done + other.done, 2);
}

static void test_threads_run_at_nice_10_and_the_loop_does_not(void **state)
{
	struct job job = {0};
	int before = getpriority(PRIO_PROCESS, (id_t)syscall(SYS_gettid));

	pool = pool_new(base, 1, 10);
	submit(&job);
	wait_for(&job);
	assert_int_equal(job.nice, before > 10 ? before : 10);
	assert_int_equal(getpriority(PRIO_PROCESS, (id_t)syscall(SYS_gettid)), before);
}

static void test_a_job_cancelled_while_it_runs_is_dropped_and_not_done(void **state)
{
	struct job job = {0};

	pool = pool_new(base, 1, 10);
	submit_running(&job);
	scope_cancel(&scope);
	sem_post(&gate);
	wait_for(&job);
	assert_int_equal(job.worked, 1);
	assert_int_equal(job.done, 0);
	assert_int_equal(job.dropped, 1);
}

static void test_a_job_cancelled_before_it_runs_is_not_worked_on(void **state)
{
	struct job running = {0}, waiting = {0};

	pool = pool_new(base, 1, 10);
	submit_running(&running);
	submit(&waiting);
	scope_cancel(&scope);
	sem_post(&gate);
	wait_for(&waiting);
	assert_int_equal(waiting.worked, 0);
	assert_int_equal(waiting.done, 0);
}

static void test_a_busy_job_that_is_cancelled_is_dropped_and_not_done(void **state)
{
	struct job job = {0};

	pool = pool_new(base, 0, 0);
	submit(&job);
	scope_cancel(&scope);
	wait_for(&job);
	assert_int_equal(job.done, 0);
}

static void test_the_scope_is_idle_when_its_jobs_are_done(void **state)
{
	struct job job = {0};

	pool = pool_new(base, 1, 10);
	submit(&job);
	assert_false(scope_is_idle(&scope));
	wait_for(&job);
	assert_true(scope_is_idle(&scope));
}

static void test_freeing_drops_queued_jobs_without_working_on_them_or_calling_back(void **state)
{
	struct job jobs[2] = {0};

	pool = pool_new(base, 0, 10);
	submit(&jobs[0]);
	submit(&jobs[1]);
	pool_free(pool);
	pool = NULL;
	for (int i = 0; i < 2; i++) {
		assert_int_equal(jobs[i].dropped, 1);
		assert_int_equal(jobs[i].worked + jobs[i].done, 0);
	}
	assert_true(scope_is_idle(&scope));
}

static void test_freeing_waits_for_running_jobs(void **state)
{
	struct job job = {0};

	pool = pool_new(base, 1, 10);
	submit_running(&job);
	sem_post(&gate);
	pool_free(pool);
	pool = NULL;
	assert_int_equal(job.worked, 1);
	assert_int_equal(job.done, 0);
	assert_int_equal(job.dropped, 1);
}

static void submit_the_next(enum status status, void *memory, void *arg)
{
	done(status, memory, arg);
	submit(arg);
}

static void test_a_job_that_is_done_may_submit_the_next(void **state)
{
	struct job first = {0}, next = {0};

	pool = pool_new(base, 1, 1);
	pool_submit(pool, &scope, work, submit_the_next, drop, &first, &next);
	wait_for(&next);
	assert_int_equal(next.status, STATUS_OK);
}

static void test_a_thousand_jobs_on_four_threads_are_each_done_once(void **state)
{
	static struct job jobs[1000];

	pool = pool_new(base, 4, 1000);
	for (int i = 0; i < 1000; i++)
		submit(&jobs[i]);
	for (int i = 0; i < 1000; i++) {
		wait_for(&jobs[i]);
		assert_int_equal(jobs[i].worked, 1);
		assert_int_equal(jobs[i].done, 1);
		assert_int_equal(jobs[i].dropped, 1);
	}
}

/* For ThreadSanitizer: nothing orders the cancelling and the threads, which look at their calls meanwhile. */
static void test_jobs_cancelled_while_threads_take_them_are_dropped_once_and_not_done(void **state)
{
	static struct job jobs[1000];

	pool = pool_new(base, 4, 1000);
	for (int i = 0; i < 1000; i++)
		submit(&jobs[i]);
	scope_cancel(&scope);
	for (int i = 0; i < 1000; i++) {
		wait_for(&jobs[i]);
		assert_int_equal(jobs[i].done, 0);
		assert_int_equal(jobs[i].dropped, 1);
	}
}

static int turns, turn_of[2];

static void note_turn(void *memory)
{
	*(int *)memory = ++turns;
}

static void note_done(enum status status, void *memory, void *arg)
{
}

static void keep(void *memory)
{
}

static void test_what_is_submitted_first_goes_before_all_that_waits(void **state)
{
	static struct job running;

	running = (struct job){0};
	turns = turn_of[0] = turn_of[1] = 0;
	pool = pool_new(base, 1, 10);
	submit_running(&running);
	pool_submit(pool, &scope, note_turn, note_done, keep, &turn_of[0], NULL);
	pool_submit_first(pool, &scope, note_turn, note_done, keep, &turn_of[1], NULL);
	sem_post(&gate);
	wait_for(&running);
	pool_submit(pool, &scope, work, done, drop, &running, NULL);
	running.dropped = 0;
	wait_for(&running);
	assert_int_equal(turn_of[1], 1);
	assert_int_equal(turn_of[0], 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_what_is_submitted_first_goes_before_all_that_waits, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_a_job_is_worked_on_by_a_thread_and_done_on_the_loop, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_a_job_is_done_once_and_dropped_once, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_done_gets_the_argument_of_the_call, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_nothing_is_done_before_the_call_has_returned, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_a_job_beyond_the_queue_is_busy_and_is_not_worked_on, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_a_running_job_takes_no_place_in_the_queue, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_jobs_of_one_thread_are_done_in_their_order, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_two_threads_work_at_once, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_threads_run_at_nice_10_and_the_loop_does_not, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_a_job_cancelled_while_it_runs_is_dropped_and_not_done, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_a_job_cancelled_before_it_runs_is_not_worked_on, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_a_busy_job_that_is_cancelled_is_dropped_and_not_done, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_the_scope_is_idle_when_its_jobs_are_done, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_freeing_drops_queued_jobs_without_working_on_them_or_calling_back, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(test_freeing_waits_for_running_jobs, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_a_job_that_is_done_may_submit_the_next, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_a_thousand_jobs_on_four_threads_are_each_done_once, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_jobs_cancelled_while_threads_take_them_are_dropped_once_and_not_done,
						set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
