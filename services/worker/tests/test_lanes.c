/* A worker receives the jobs of each lane by itself. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include "base/buf.h"
#include "base/log.h"
#include "base/loop.h"
#include "service.h"
#include "work_internal.h"
#include "tests/wait_for.h"

static struct event_base *base;
#include "tests/redis/fake_redis.h"

#define THREADS 1
/* Each takes half a second or more: long enough for thousands of small ones. */
#define LARGE_INDEX "1000000"
#define STREAM(name, id, kind, index)                                                                                 \
	"*1\r\n*2\r\n" name "*1\r\n*2\r\n$3\r\n" id "\r\n*6\r\n$4\r\nkind\r\n" kind "$5\r\nindex\r\n" index "$10\r\n" \
	"request_id\r\n$1\r\nr\r\n"
#define LARGE_JOB(id) STREAM("$12\r\n{jobs}:large\r\n", id, "$9\r\nfactorial\r\n", "$7\r\n" LARGE_INDEX "\r\n")
#define CHEAP_JOB(id) STREAM("$12\r\n{jobs}:large\r\n", id, "$9\r\nfibonacci\r\n", "$5\r\n20000\r\n")
#define CHEAP_READ_MAX 16
#define SMALL_JOB(id) STREAM("$4\r\njobs\r\n", id, "$9\r\nfibonacci\r\n", "$1\r\n7\r\n")
#define FINISH_FIRST 12 /* of EVALSHA: what comes before the id of the first result */

static struct work *work;
static int large_given, small_given, large_finished, small_finished, small_before_large;
static bool has_dead_worker, are_cheap;
static int cheap_given, cheap_read_most;
static int taken_over;
static struct buf batch_taken_over;

/* As many as it asks for, one at a time, without end. */
static const char *give_large(void)
{
	static const char *const jobs[] = {LARGE_JOB("9-1"), LARGE_JOB("9-2"), LARGE_JOB("9-3"), LARGE_JOB("9-4")};

	return jobs[large_given++ % 4];
}

/* The least that is large; notes how many the worker asks for. */
static const char *give_cheap(const redisReply *command)
{
	static const char *const jobs[] = {CHEAP_JOB("8-1"), CHEAP_JOB("8-2"), CHEAP_JOB("8-3"), CHEAP_JOB("8-4")};
	int asked = atoi(command->element[5]->str);

	if (asked > cheap_read_most)
		cheap_read_most = asked;
	return jobs[cheap_given++ % 4];
}

static const char *give_small(void)
{
	static const char *const jobs[] = {SMALL_JOB("1-1"), SMALL_JOB("1-2"), SMALL_JOB("1-3"), SMALL_JOB("1-4")};

	return small_given < 4 ? jobs[small_given++] : "*-1\r\n";
}

static const char *finish(const redisReply *command)
{
	for (size_t i = FINISH_FIRST; i < command->elements; i += 6)
		if (command->element[i]->str[0] == '9') {
			large_finished++;
		} else {
			small_finished++;
			small_before_large += large_finished == 0;
		}
	return ":1\r\n";
}

/* A batch of large jobs on the small lane, whose worker of the version before is dead; without end. */
static const char *take_over(void)
{
	buf_free(&batch_taken_over);
	buf_printf(&batch_taken_over, "*%d\r\n", JOBS_BATCH_MAX);
	for (int i = 0; i < JOBS_BATCH_MAX; i++, taken_over++)
		buf_printf(&batch_taken_over,
			   "*2\r\n$8\r\n%06d-1\r\n*6\r\n$4\r\nkind\r\n$9\r\nfactorial\r\n$5\r\nindex\r\n$7\r\n" LARGE_INDEX
			   "\r\n$10\r\nrequest_id\r\n$1\r\nr\r\n",
			   taken_over);
	return batch_taken_over.bytes;
}

static bool is_take_over_of_small_lane(const redisReply *command)
{
	return fake_redis_is(command, "EVALSHA") && strcmp(command->element[2]->str, "5") == 0 &&
	       strcmp(command->element[3]->str, "jobs") == 0;
}

static bool is_finish(const redisReply *command)
{
	return fake_redis_is(command, "EVALSHA") && strcmp(command->element[2]->str, "6") == 0;
}

static const char *answer(const redisReply *command)
{
	if (is_finish(command))
		return finish(command);
	if (has_dead_worker)
		return is_take_over_of_small_lane(command) ? take_over() : "*-1\r\n";
	if (!fake_redis_is(command, "XREADGROUP"))
		return fake_redis_is(command, "BLPOP") ? "*-1\r\n" : ":1\r\n";
	if (strcmp(command->element[command->elements - 2]->str, "{jobs}:large") == 0)
		return are_cheap ? give_cheap(command) : give_large();
	return large_given > THREADS ? give_small() : "*-1\r\n";
}

static int set_up(void **state)
{
	static struct worker_config config = {.lease_s = 60,
					      .max_deliveries = 5,
					      .batch = JOBS_BATCH_MAX,
					      .threads = THREADS,
					      .cache_s = 100,
					      .unstored_bytes_max = 1 << 26};

	log_init("test", "test", LOG_ERROR);
	base = loop_new();
	fake_redis_open(answer);
	config.redis = fake_redis_config();
	config.lease_s = has_dead_worker ? 1 : 60;
	taken_over = large_given = small_given = large_finished = small_finished = small_before_large = 0;
	work = work_new(base, &config, false);
	return 0;
}

static int tear_down(void **state)
{
	work_free(work);
	event_base_loop(base, EVLOOP_NONBLOCK);
	fake_redis_close();
	event_base_free(base);
	buf_free(&batch_taken_over);
	has_dead_worker = are_cheap = false;
	return 0;
}

static int set_up_with_a_dead_worker(void **state)
{
	has_dead_worker = true;
	return set_up(state);
}

static int set_up_with_cheap_ones(void **state)
{
	are_cheap = true;
	cheap_given = cheap_read_most = 0;
	return set_up(state);
}

static int set_up_metrics(void **state)
{
	work_register_metrics();
	return 0;
}

static void test_small_jobs_that_come_while_large_ones_are_held_are_finished_before_them(void **state)
{
	WAIT_FOR(small_finished == 4);
	assert_int_equal(small_before_large, 4);
}

static void test_a_worker_holds_one_large_job_more_than_it_has_threads(void **state)
{
	for (int round = 1; round <= 2; round++) {
		WAIT_FOR(large_finished >= round);
		assert_in_range(large_given, large_finished, large_finished + THREADS + 1);
	}
}

static void note(void *is_over)
{
	*(bool *)is_over = true;
}

/* The next ones may be the largest, and other workers have nothing to do. */
static void test_a_worker_asks_for_few_large_jobs_at_a_time_however_small_those_before_were(void **state)
{
	WAIT_FOR(cheap_given >= 10);
	assert_in_range(cheap_read_most, 2, CHEAP_READ_MAX);
}

static void test_the_pace_is_what_large_jobs_were_estimated_to_take_in_percent_of_what_they_took(void **state)
{
	work->taken_us = 3000;
	work->estimated_us = 1000;
	assert_int_equal(work_pace_percent(work), 33);
	work->taken_us = 500;
	assert_int_equal(work_pace_percent(work), 100);
	work->taken_us = 1000000;
	assert_int_equal(work_pace_percent(work), WORK_PACE_MIN);
	work->taken_us = work->estimated_us = 0;
	assert_int_equal(work_pace_percent(work), 100);
}

static void test_each_large_job_that_is_calculated_counts_for_the_pace(void **state)
{
	WAIT_FOR(large_finished >= 1);
	assert_true(work->taken_us > 0);
	assert_in_range(work->estimated_us, kind_estimate_us(KIND_FACTORIAL, 1000000) / 2,
			2 * kind_estimate_us(KIND_FACTORIAL, 1000000));
}

/* More would not fit into the queue of its threads. */
static void test_a_worker_takes_over_no_more_large_jobs_of_the_small_lane_than_it_can_queue(void **state)
{
	bool is_over = false;
	struct loop_timer *timer = loop_timer_new(base, note, &is_over);

	WAIT_FOR(taken_over >= LARGE_ON_SMALL_MAX);
	loop_timer_start(timer, 1200); /* twice as long as until it looks again */
	WAIT_FOR(is_over);
	loop_timer_free(timer);
	assert_in_range(taken_over, LARGE_ON_SMALL_MAX, LARGE_ON_SMALL_MAX + 2 * JOBS_BATCH_MAX);
}

#define LANES_TEST(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		LANES_TEST(test_small_jobs_that_come_while_large_ones_are_held_are_finished_before_them),
		LANES_TEST(test_a_worker_holds_one_large_job_more_than_it_has_threads),
		LANES_TEST(test_the_pace_is_what_large_jobs_were_estimated_to_take_in_percent_of_what_they_took),
		LANES_TEST(test_each_large_job_that_is_calculated_counts_for_the_pace),
		cmocka_unit_test_setup_teardown(test_a_worker_asks_for_few_large_jobs_at_a_time_however_small_those_before_were,
						set_up_with_cheap_ones, tear_down),
		cmocka_unit_test_setup_teardown(test_a_worker_takes_over_no_more_large_jobs_of_the_small_lane_than_it_can_queue,
						set_up_with_a_dead_worker, tear_down),
	};

	return cmocka_run_group_tests(tests, set_up_metrics, NULL);
}
