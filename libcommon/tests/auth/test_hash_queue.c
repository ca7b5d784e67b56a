/* The queue of password hashes: whose turn it is, how long it may be, and what leaves it. One thread, which stops at a gate in
 * each job, so that the tests decide what runs. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <event2/event.h>
#include <semaphore.h>
#include <stdio.h>
#include <string.h>

#include "auth/hash_queue.h"
#include "base/loop.h"
#include "tests/wait_for.h"

#define JOBS 64

static struct event_base *base;
static struct hash_queue *queue;
static struct scope scope;
static sem_t gate;

static struct job {
	char name[16];
	int done, dropped;
	enum status status;
} jobs[JOBS];
static unsigned jobs_count, done_count, dropped_count;
static char order[512]; /* names of the jobs that were calculated */

static void work(void *arg)
{
	while (sem_wait(&gate) < 0)
		;
}

static void done(enum status status, void *arg)
{
	struct job *job = arg;

	job->done++;
	job->status = status;
	done_count++;
	if (status == STATUS_OK)
		snprintf(order + strlen(order), sizeof order - strlen(order), "%s%s", *order ? " " : "", job->name);
}

static void drop(void *arg)
{
	struct job *job = arg;

	job->dropped++;
	dropped_count++;
}

/* Each hash is assumed to take first_cost_us, until one has been measured. */
static void open_queue(unsigned waiting_max, int64_t wait_max_us, int64_t first_cost_us)
{
	const struct hash_queue_config config = {1, waiting_max, wait_max_us, first_cost_us};

	base = loop_new();
	scope_init(&scope);
	sem_init(&gate, 0, 0);
	memset(jobs, 0, sizeof jobs);
	jobs_count = done_count = dropped_count = 0;
	*order = '\0';
	queue = hash_queue_new(base, &config);
}

static void open_gate(int times)
{
	for (int i = 0; i < times; i++)
		sem_post(&gate);
}

static int tear_down(void **state)
{
	open_gate(JOBS);
	hash_queue_free(queue);
	assert_int_equal(dropped_count, jobs_count); /* each exactly once */
	for (unsigned i = 0; i < jobs_count; i++)
		assert_int_equal(jobs[i].dropped, 1);
	assert_true(scope_is_idle(&scope));
	event_base_free(base);
	sem_destroy(&gate);
	return 0;
}

static struct job *submit_in(struct scope *in, const char *name, const char *network, const char *account)
{
	struct job *job = &jobs[jobs_count++];

	snprintf(job->name, sizeof job->name, "%s", name);
	hash_queue_submit(queue, in, &(struct hash_turn){network, account}, work, done, drop, job);
	assert_int_equal(job->done, 0); /* never before the call has returned */
	return job;
}

static struct job *submit(const char *name, const char *network, const char *account)
{
	return submit_in(&scope, name, network, account);
}

static void test_a_network_with_one_password_waits_for_one_of_each_network_that_sends_many(void **state)
{
	open_queue(JOBS, 1000000, 1);
	for (int i = 0; i < 10; i++) {
		submit("a", "192.0.2.1", NULL);
		submit("b", "192.0.2.2", NULL);
	}
	submit("c", "192.0.2.3", NULL);
	open_gate(JOBS);
	WAIT_FOR(strchr(order, 'c'));
	assert_string_equal(order, "a b a c");
}

static void test_an_account_that_many_networks_try_holds_up_no_other_account(void **state)
{
	char network[32];

	open_queue(JOBS, 1000000, 1);
	for (int i = 1; i <= 20; i++) {
		snprintf(network, sizeof network, "192.0.2.%d", i);
		submit("x", network, "7");
	}
	submit("y", "198.51.100.1", "8");
	open_gate(JOBS);
	WAIT_FOR(strchr(order, 'y'));
	assert_string_equal(order, "x x y");
}

static void test_a_hash_that_would_wait_too_long_is_refused(void **state)
{
	struct job *third;

	open_queue(JOBS, 2500, 1000); /* 2.5 ms: two hashes before it, and not three */
	submit("running", "192.0.2.1", NULL);
	submit("first", "192.0.2.1", NULL);
	submit("second", "192.0.2.1", NULL);
	third = submit("third", "192.0.2.1", NULL);
	WAIT_FOR(done_count);
	assert_int_equal(third->status, STATUS_BUSY);
	assert_int_equal(done_count, 1);
	assert_int_equal(hash_queue_wait_us(queue), 3000);
}

static void test_hashes_that_cost_less_may_be_more(void **state)
{
	open_queue(JOBS, 2500, 100);
	for (int i = 0; i < 26; i++)
		submit("a", "192.0.2.1", NULL);
	event_base_loop(base, EVLOOP_NONBLOCK);
	assert_int_equal(done_count, 0);
	submit("a", "192.0.2.1", NULL);
	WAIT_FOR(done_count);
	assert_int_equal(jobs[26].status, STATUS_BUSY);
}

static void test_a_full_queue_refuses_what_the_network_with_the_most_has_last_and_takes_another_ones_hash(void **state)
{
	struct job *last, *other;

	open_queue(3, 1000000, 1);
	for (int i = 0; i < 3; i++)
		submit("a", "192.0.2.1", NULL);
	last = submit("a", "192.0.2.1", NULL);
	other = submit("c", "192.0.2.3", NULL);
	WAIT_FOR(last->done);
	assert_int_equal(last->status, STATUS_BUSY);
	assert_int_equal(done_count, 1);
	open_gate(3);
	WAIT_FOR(other->done);
	assert_int_equal(other->status, STATUS_OK);
	assert_string_equal(order, "a a c");
}

static void test_the_measured_cost_moves_the_estimate(void **state)
{
	struct job *job;

	open_queue(JOBS, 1000000, 800000);
	open_gate(1);
	job = submit("a", "192.0.2.1", NULL);
	WAIT_FOR(job->dropped);
	submit("a", "192.0.2.1", NULL);
	assert_true(hash_queue_wait_us(queue) < 800000); /* an eighth nearer to what it took: next to nothing */
	assert_true(hash_queue_wait_us(queue) >= 700000);
}

static void test_what_is_cancelled_leaves_the_queue_at_once_and_counts_no_longer(void **state)
{
	struct job *cancelled, *later;
	struct scope other;

	open_queue(2, 1000000, 1);
	scope_init(&other);
	submit("running", "192.0.2.1", NULL);
	cancelled = submit_in(&other, "cancelled", "192.0.2.1", NULL);
	submit_in(&other, "cancelled", "192.0.2.1", NULL);
	scope_cancel(&other);
	assert_int_equal(cancelled->dropped, 1);
	later = submit("later", "192.0.2.1", NULL);
	submit("later", "192.0.2.1", NULL);
	open_gate(JOBS);
	WAIT_FOR(done_count == 3);
	assert_int_equal(later->status, STATUS_OK);
	assert_int_equal(cancelled->done, 0);
}

static void test_a_refused_hash_whose_scope_is_cancelled_meanwhile_runs_no_callback(void **state)
{
	struct job *refused;

	open_queue(1, 1000000, 1);
	submit("running", "192.0.2.1", NULL);
	submit("waiting", "192.0.2.1", NULL);
	refused = submit("refused", "192.0.2.1", NULL);
	scope_cancel(&scope);
	WAIT_FOR(refused->dropped);
	assert_int_equal(done_count, 0);
}

static void test_a_running_hash_whose_scope_is_cancelled_makes_room_for_the_next(void **state)
{
	struct job *next;
	struct scope other;

	open_queue(JOBS, 1000000, 1);
	scope_init(&other);
	submit_in(&other, "running", "192.0.2.1", NULL);
	next = submit("next", "192.0.2.1", NULL);
	scope_cancel(&other);
	open_gate(2);
	WAIT_FOR(next->done);
	assert_string_equal(order, "next");
}

#define QUEUE_TEST(test) cmocka_unit_test_teardown(test, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		QUEUE_TEST(test_a_network_with_one_password_waits_for_one_of_each_network_that_sends_many),
		QUEUE_TEST(test_an_account_that_many_networks_try_holds_up_no_other_account),
		QUEUE_TEST(test_a_hash_that_would_wait_too_long_is_refused),
		QUEUE_TEST(test_hashes_that_cost_less_may_be_more),
		QUEUE_TEST(test_a_full_queue_refuses_what_the_network_with_the_most_has_last_and_takes_another_ones_hash),
		QUEUE_TEST(test_the_measured_cost_moves_the_estimate),
		QUEUE_TEST(test_what_is_cancelled_leaves_the_queue_at_once_and_counts_no_longer),
		QUEUE_TEST(test_a_refused_hash_whose_scope_is_cancelled_meanwhile_runs_no_callback),
		QUEUE_TEST(test_a_running_hash_whose_scope_is_cancelled_makes_room_for_the_next),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
