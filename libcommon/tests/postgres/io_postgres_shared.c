/* Statements that only read share a transaction, without a visible effect: each gets its own answer, whatever the others do. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "tests/postgres/postgres_fixture.h"

#define MANY 1000

static struct answer many[MANY];

static const struct postgres_statement read_echo = {"read_echo", "SELECT $1::bigint", true};
static const struct postgres_statement read_divide = {"read_divide", "SELECT 1 / $1::bigint", true};
static const struct postgres_statement read_length = {"read_length", "SELECT coalesce(length($1), -1)", true};
static const struct postgres_statement read_count = {"read_count", "SELECT count(*) FROM io_db.people", true};
static const struct postgres_statement read_blocked = {"read_blocked", "SELECT pg_advisory_xact_lock(20260102)", true};
static const struct postgres_statement *const statements[] = {&read_echo,    &read_divide,   &read_length, &read_count,
							      &read_blocked, &person_insert, NULL};

static void open_one(void)
{
	struct postgres_config config = fixture_config(fixture_url(""));

	config.connections = 1;
	fixture_open(&config, statements);
	WAIT_FOR(postgres_is_ready(postgres));
}

static const char *digits(int number)
{
	static char text[16];

	snprintf(text, sizeof text, "%d", number);
	return text;
}

static void test_a_failing_read_affects_no_other_in_its_transaction(void **state)
{
	open_one();
	for (int i = 0; i < MANY; i++)
		fixture_ask(&many[i], i % 7 ? &read_echo : &read_divide, i % 7 ? digits(i) : "0");
	WAIT_FOR(answers == MANY);
	for (int i = 0; i < MANY; i++) {
		assert_int_equal(many[i].status, i % 7 ? STATUS_OK : STATUS_INTERNAL);
		assert_int_equal(many[i].number, i % 7 ? i : 0);
	}
	WAIT_FOR(postgres_in_flight(postgres) == 0);
}

static void test_a_read_that_is_sent_again_has_its_parameters(void **state)
{
	char text[5001];
	struct answer failing, repeated, null;

	memset(text, 'a', sizeof text - 1);
	text[sizeof text - 1] = '\0';
	open_one();
	fixture_ask(&failing, &read_divide, "0");
	fixture_ask(&repeated, &read_length, text);
	memset(text, 'b', 1000); /* ours again as soon as the call has returned */
	text[1000] = '\0';
	fixture_ask(&null, &read_echo, "3");
	WAIT_FOR(answers == 3);
	assert_int_equal(repeated.number, 5000);
	assert_int_equal(null.number, 3);
}

static void test_a_read_sees_the_write_that_was_sent_before_it(void **state)
{
	struct answer first, write, second;

	open_one();
	fixture_ask(&first, &read_count, NULL);
	fixture_ask(&write, &person_insert, "ada");
	fixture_ask(&second, &read_count, NULL);
	WAIT_FOR(answers == 3);
	assert_int_equal(first.number, 0);
	assert_int_equal(write.status, STATUS_OK);
	assert_int_equal(second.number, 1);
}

static void test_a_failing_read_rolls_back_no_write(void **state)
{
	struct answer write, failing, after;

	open_one();
	fixture_ask(&write, &person_insert, "ada");
	fixture_ask(&failing, &read_divide, "0");
	WAIT_FOR(answers == 2);
	assert_int_equal(write.status, STATUS_OK);
	assert_int_equal(fixture_get(&after, &read_count, NULL), STATUS_OK);
	assert_int_equal(after.number, 1);
}

static void test_reads_of_a_cancelled_scope_run_no_callback(void **state)
{
	struct answer kept;

	open_one();
	for (int i = 0; i < 10; i++)
		fixture_ask(&many[i], i % 3 ? &read_echo : &read_divide, i % 3 ? "1" : "0");
	scope_cancel(&scope);
	fixture_ask(&kept, &read_echo, "7");
	WAIT_FOR(kept.is_there && postgres_in_flight(postgres) == 0);
	assert_int_equal(answers, 1);
	assert_int_equal(kept.number, 7);
}

static void test_shared_reads_of_a_lost_connection_fail_once_each(void **state)
{
	open_one();
	fixture_lock();
	for (int i = 0; i < 20; i++)
		fixture_ask(&many[i], i ? &read_echo : &read_blocked, i ? "1" : NULL);
	event_base_loop(base, EVLOOP_NONBLOCK);
	fixture_sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'io_db'");
	WAIT_FOR(answers == 20);
	for (int i = 0; i < 20; i++)
		assert_int_equal(many[i].status, STATUS_UNAVAILABLE);
	WAIT_FOR(postgres_is_ready(postgres));
	assert_int_equal(fixture_get(&many[0], &read_echo, "5"), STATUS_OK);
	assert_int_equal(many[0].number, 5);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		POSTGRES_TEST(test_a_failing_read_affects_no_other_in_its_transaction),
		POSTGRES_TEST(test_a_read_that_is_sent_again_has_its_parameters),
		POSTGRES_TEST(test_a_read_sees_the_write_that_was_sent_before_it),
		POSTGRES_TEST(test_a_failing_read_rolls_back_no_write),
		POSTGRES_TEST(test_reads_of_a_cancelled_scope_run_no_callback),
		POSTGRES_TEST(test_shared_reads_of_a_lost_connection_fail_once_each),
	};

	return fixture_run("postgres/io_postgres_shared", tests, sizeof tests / sizeof *tests);
}
