/* How much waits in Postgres, on a real Redis. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "tests/jobs/jobs_fixture.h"

struct claim {
	bool is_there, is_mine;
	enum status status;
};

static void claimed(enum status status, bool is_mine, void *arg)
{
	*(struct claim *)arg = (struct claim){true, is_mine, status};
}

static bool claim(const char *name, long right_ms)
{
	struct claim claim = {0};

	jobs_backlog_claim(redis, &scope, name, right_ms, claimed, &claim);
	AWAIT(claim);
	assert_int_equal(claim.status, STATUS_OK);
	return claim.is_mine;
}

static void test_one_process_counts_and_another_when_its_time_is_over(void **state)
{
	assert_true(claim("a", 60000));
	assert_false(claim("b", 60000));
	assert_false(claim("a", 60000));
	BESIDE("DEL", "{jobs}:counting");
	assert_true(claim("b", 60000));
	assert_in_range(BESIDE("PTTL", "{jobs}:counting"), 1, 60000);
}

static void test_the_backlog_is_what_is_pending_and_not_in_the_window(void **state)
{
	add(FIB(1));
	add(FIB(2));
	jobs_backlog_keep(redis, &scope, 5, 60000);
	assert_int_equal(count().backlog, 3);
}

static void test_the_backlog_is_never_negative(void **state)
{
	add(FIB(1));
	jobs_backlog_keep(redis, &scope, 0, 60000);
	assert_int_equal(count().backlog, 0);
}

static void test_a_backlog_that_was_not_counted_lately_is_not_known(void **state)
{
	assert_int_equal(count().backlog, -1);
	jobs_backlog_keep(redis, &scope, 5, 60000);
	assert_int_equal(count().backlog, 5);
	assert_in_range(BESIDE("PTTL", "{jobs}:backlog"), 1, 60000);
}

static void test_what_an_operator_stored_in_its_place_is_not_known(void **state)
{
	BESIDE("SET", "{jobs}:backlog", "many");
	assert_int_equal(count().backlog, -1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		JOBS_TEST(test_one_process_counts_and_another_when_its_time_is_over),
		JOBS_TEST(test_the_backlog_is_what_is_pending_and_not_in_the_window),
		JOBS_TEST(test_the_backlog_is_never_negative),
		JOBS_TEST(test_a_backlog_that_was_not_counted_lately_is_not_known),
		JOBS_TEST(test_what_an_operator_stored_in_its_place_is_not_known),
	};

	return fixture_run("jobs/io_backlog", tests, sizeof tests / sizeof *tests);
}
