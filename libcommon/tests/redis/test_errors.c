/* The table of error words: each word of Redis's errors, alone, in a sentence and behind the places of a script. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>

#include "redis/redis_internal.h"

static const struct {
	const char *text;
	enum status status;
	bool drops_connection;
} rows[] = {
	{"LOADING Redis is loading the dataset in memory", STATUS_UNAVAILABLE, true},
	{"MASTERDOWN Link with MASTER is down and replica-serve-stale-data is set to 'no'.", STATUS_UNAVAILABLE, true},
	{"MOVED 3999 127.0.0.1:6381", STATUS_UNAVAILABLE, true},
	{"ASK 3999 127.0.0.1:6381", STATUS_UNAVAILABLE, true},
	{"READONLY You can't write against a read only replica.", STATUS_UNAVAILABLE, true},
	{"NOAUTH Authentication required.", STATUS_UNAVAILABLE, true},
	{"WRONGPASS invalid username-password pair or user is disabled.", STATUS_UNAVAILABLE, true},
	{"BUSY Redis is busy running a script. You can only call SCRIPT KILL or SHUTDOWN NOSAVE.", STATUS_UNAVAILABLE, false},
	{"CLUSTERDOWN The cluster is down", STATUS_UNAVAILABLE, false},
	{"MAXCLIENTS", STATUS_UNAVAILABLE, false},
	{"MISCONF Redis is configured to save RDB snapshots, but", STATUS_UNAVAILABLE, false},
	{"NOPERM this user has no permissions to run the 'xadd' command", STATUS_UNAVAILABLE, false},
	{"NOREPLICAS Not enough good replicas to write.", STATUS_UNAVAILABLE, false},
	{"OOM command not allowed when used memory > 'maxmemory'.", STATUS_UNAVAILABLE, false},
	{"TRYAGAIN Multiple keys request during rehashing of slot", STATUS_UNAVAILABLE, false},
	{"ERR Script killed by user with SCRIPT KILL... script: 694a5fe1, on @user_script:1.", STATUS_UNAVAILABLE, false},
	{"Script killed by user with SCRIPT KILL...", STATUS_UNAVAILABLE, false},
	{"ERR unknown command 'X', with args beginning with: 'READONLY' ", STATUS_INTERNAL, false},
	{"WRONGTYPE Operation against a key holding the wrong kind of value", STATUS_INTERNAL, false},
	{"NOSCRIPT No matching script. Please use EVAL.", STATUS_UNAVAILABLE, false},
	{"NOGROUP No such key 'jobs' or consumer group 'workers'", STATUS_INTERNAL, false},
	{"UNBLOCKED client unblocked via CLIENT UNBLOCK", STATUS_INTERNAL, false},
	{"EXECABORT Transaction discarded because of previous errors.", STATUS_INTERNAL, false},
	{"CROSSSLOT Keys in request don't hash to the same slot", STATUS_INTERNAL, false},
	/* a word that another begins with */
	{"BUSYGROUP Consumer Group name already exists", STATUS_INTERNAL, false},
	{"BUSYKEY Target key name already exists.", STATUS_INTERNAL, false},
	{"OO", STATUS_INTERNAL, false},
	{"", STATUS_INTERNAL, false},
};

static void test_each_word_has_its_status(void **state)
{
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		const struct redis_error *error = redis_error_of(rows[i].text);

		if (error->status != rows[i].status || error->drops_connection != rows[i].drops_connection)
			fail_msg("%s: %s", rows[i].text, status_name(error->status));
	}
}

/* As Redis 6 words them, where a command was refused and where it failed. */
static void test_the_word_may_stand_behind_the_places_of_a_script(void **state)
{
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		char refused[400], failed[400];

		snprintf(refused, sizeof refused,
			 "ERR Error running script (call to f_e0): @user_script:1: @user_script: 1: -%s ", rows[i].text);
		snprintf(failed, sizeof failed, "ERR Error running script (call to f_e0): @user_script:1: %s", rows[i].text);
		assert_int_equal(redis_error_of(refused)->status, rows[i].status);
		assert_int_equal(redis_error_of(failed)->status, rows[i].status);
	}
}

static void test_the_words_of_a_redis_that_takes_no_writes_name_the_reason(void **state)
{
	assert_string_equal(redis_error_of("OOM command not allowed")->refusal, "redis is full");
	assert_string_equal(redis_error_of("MISCONF Redis is configured")->refusal, "redis can not write to its disk");
	assert_string_equal(redis_error_of("NOREPLICAS Not enough")->refusal, "redis has too few replicas");
	assert_null(redis_error_of("BUSY Redis is busy")->refusal);
	assert_null(redis_error_of("ERR unknown")->refusal);
}

static void test_a_group_that_its_reader_makes_is_no_warning(void **state)
{
	assert_true(redis_error_of("NOGROUP No such key 'jobs' or consumer group 'workers'")->is_expected);
	assert_false(redis_error_of("WRONGTYPE Operation against a key")->is_expected);
}

static void test_a_word_inside_an_error_that_is_not_a_scripts_means_nothing(void **state)
{
	assert_int_equal(redis_error_of("WRONGTYPE of a key named x: OOM y")->status, STATUS_INTERNAL);
	assert_int_equal(redis_error_of("ERR OOM in a sentence")->status, STATUS_INTERNAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_each_word_has_its_status),
		cmocka_unit_test(test_the_words_of_a_redis_that_takes_no_writes_name_the_reason),
		cmocka_unit_test(test_the_word_may_stand_behind_the_places_of_a_script),
		cmocka_unit_test(test_a_word_inside_an_error_that_is_not_a_scripts_means_nothing),
		cmocka_unit_test(test_a_group_that_its_reader_makes_is_no_warning),
	};

	return cmocka_run_group_tests_name("redis/test_errors", tests, NULL, NULL);
}
