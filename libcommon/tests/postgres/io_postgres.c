/* Calls on a real Postgres: which call gets which answer, and what a failing, slow or abandoned call does to the others. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "tests/postgres/postgres_fixture.h"

#define MANY 1000

static struct answer many[MANY];

static const char *digits(int number)
{
	static char text[16];

	snprintf(text, sizeof text, "%d", number);
	return text;
}

static void open_with(long connections)
{
	struct postgres_config config = fixture_config(fixture_url(""));

	config.connections = connections;
	fixture_ready(&config);
}

static void test_a_thousand_calls_at_once_each_get_their_own_row(void **state)
{
	open_with(4);
	for (int i = 0; i < MANY; i++)
		fixture_ask(&many[i], &echo, digits(i));
	assert_int_equal(postgres_in_flight(postgres), MANY);
	WAIT_FOR(answers == MANY);
	for (int i = 0; i < MANY; i++) {
		assert_int_equal(many[i].status, STATUS_OK);
		assert_int_equal(many[i].number, i);
	}
	assert_int_equal(postgres_in_flight(postgres), 0);
}

static void test_one_connection_answers_in_the_order_of_sending(void **state)
{
	open_with(1);
	for (int i = 0; i < MANY; i++)
		fixture_ask(&many[i], &echo, digits(i));
	WAIT_FOR(answers == MANY);
	for (int i = 0; i < MANY; i++)
		assert_int_equal(many[i].place, i + 1);
}

static void test_failing_statements_affect_no_other_call(void **state)
{
	open_with(1);
	for (int i = 0; i < MANY; i++)
		fixture_ask(&many[i], i % 3 ? &echo : &divide, i % 3 ? digits(i) : "0");
	WAIT_FOR(answers == MANY);
	for (int i = 0; i < MANY; i++) {
		assert_int_equal(many[i].status, i % 3 ? STATUS_OK : STATUS_INTERNAL);
		assert_int_equal(many[i].number, i % 3 ? i : 0);
	}
}

static void test_a_unique_violation_is_a_conflict(void **state)
{
	struct answer answer;

	open_with(2);
	assert_int_equal(fixture_get(&answer, &person_insert, "ada"), STATUS_OK);
	assert_int_equal(fixture_get(&answer, &person_insert, "ada"), STATUS_CONFLICT);
}

static void test_a_write_is_not_ok_before_its_commit_is(void **state)
{
	struct answer first, second, neighbour;

	open_with(1);
	assert_int_equal(fixture_get(&first, &late_insert, "ada"), STATUS_OK);
	fixture_ask(&second, &late_insert, "ada");
	fixture_ask(&neighbour, &echo, "7");
	WAIT_FOR(neighbour.is_there);
	assert_int_equal(second.status, STATUS_CONFLICT);
	assert_int_equal(neighbour.number, 7);
}

static void expect_timeout_with(const char *more)
{
	struct postgres_config config = fixture_config(fixture_url(more));
	struct answer slow, next;

	config.query_timeout_ms = 500;
	config.connections = 1;
	fixture_ready(&config);
	fixture_lock();
	fixture_ask(&slow, &wait_for_lock, NULL);
	fixture_ask(&next, &echo, "7");
	WAIT_FOR(next.is_there);
	assert_int_equal(slow.status, STATUS_TIMEOUT);
	assert_int_equal(next.status, STATUS_OK);
}

static void test_a_statement_over_its_time_ends_with_timeout_and_the_next_goes_on(void **state)
{
	expect_timeout_with("");
}

static void test_the_time_limit_holds_whatever_options_the_url_has(void **state)
{
	expect_timeout_with("&options=-c%20statement_timeout%3D0");
}

/* Two calls at once are answered by two servers. */
static void wait_for_both_connections(void)
{
	struct answer first, second;

	do {
		fixture_ask(&first, &backend, NULL);
		fixture_ask(&second, &backend, NULL);
		WAIT_FOR(first.is_there && second.is_there);
	} while (first.number == second.number);
}

static void test_a_statement_that_was_not_listed_fails_alone(void **state)
{
	static const struct postgres_statement unlisted = {"unlisted", "SELECT 1"};
	struct answer first, second;

	open_with(1);
	fixture_ask(&first, &unlisted, NULL);
	fixture_ask(&second, &echo, "7");
	WAIT_FOR(first.is_there && second.is_there);
	assert_int_equal(first.status, STATUS_INTERNAL);
	assert_int_equal(second.status, STATUS_OK);
}

static void test_a_waiting_statement_does_not_hold_up_the_other_connection(void **state)
{
	struct answer slow, quick;

	open_with(2);
	wait_for_both_connections();
	fixture_lock();
	fixture_ask(&slow, &wait_for_lock, NULL);
	for (int i = 0; i < 20; i++)
		assert_int_equal(fixture_get(&quick, &echo, "7"), STATUS_OK);
	assert_false(slow.is_there);
	fixture_unlock();
	WAIT_FOR(slow.is_there);
	assert_int_equal(slow.status, STATUS_OK);
}

static void test_a_cancelled_scope_runs_no_callback_and_other_scopes_run_all(void **state)
{
	struct scope other;
	struct answer cancelled = {0}, neighbour;

	scope_init(&other);
	open_with(1);
	fixture_lock();
	postgres_exec(postgres, &other, &wait_for_lock, NULL, fixture_answered, &cancelled);
	postgres_exec(postgres, &other, &echo, &(struct postgres_params){.count = 1, .texts = {"1"}}, fixture_answered,
		      &cancelled);
	fixture_ask(&neighbour, &echo, "7");
	scope_cancel(&other);
	fixture_unlock();
	WAIT_FOR(neighbour.is_there);
	assert_int_equal(neighbour.number, 7);
	assert_false(cancelled.is_there);
	assert_int_equal(postgres_in_flight(postgres), 0);
}

static void test_beyond_the_limit_in_flight_a_call_is_busy(void **state)
{
	struct postgres_config config = fixture_config(fixture_url(""));
	struct answer first, second, third;

	config.in_flight_max = 2;
	fixture_ready(&config);
	fixture_lock();
	fixture_ask(&first, &wait_for_lock, NULL);
	fixture_ask(&second, &wait_for_lock, NULL);
	assert_int_equal(fixture_get(&third, &echo, "7"), STATUS_BUSY);
	fixture_unlock();
	WAIT_FOR(first.is_there && second.is_there);
	assert_int_equal(fixture_get(&third, &echo, "7"), STATUS_OK);
}

static int left_in_chain;

static void ask_the_next(enum status status, const struct postgres_rows *rows, void *arg)
{
	assert_int_equal(status, STATUS_OK);
	if (--left_in_chain > 0)
		postgres_exec(postgres, &scope, &echo, &(struct postgres_params){.count = 1, .texts = {"1"}}, ask_the_next,
			      NULL);
}

static void test_a_callback_may_make_the_next_call(void **state)
{
	open_with(1);
	left_in_chain = MANY;
	postgres_exec(postgres, &scope, &echo, &(struct postgres_params){.count = 1, .texts = {"1"}}, ask_the_next, NULL);
	WAIT_FOR(left_in_chain == 0);
}

/* More than both sockets hold, in both directions: a client that only wrote, or only read, would block for ever. */
static void test_more_than_the_sockets_hold_goes_both_ways_at_once(void **state)
{
	enum { CALLS = 100, LEN = 300000 };
	char *text = malloc(LEN + 1);

	memset(text, 'x', LEN);
	text[LEN] = '\0';
	open_with(1);
	for (int i = 0; i < CALLS; i++)
		fixture_ask(&many[i], &length, text);
	free(text);
	WAIT_FOR(answers == CALLS);
	for (int i = 0; i < CALLS; i++)
		assert_int_equal(many[i].number, LEN);
}

static void test_freeing_with_calls_in_flight_runs_no_callback(void **state)
{
	struct answer answer;

	open_with(2);
	fixture_lock();
	fixture_ask(&answer, &wait_for_lock, NULL);
	event_base_loop(base, EVLOOP_NONBLOCK);
	postgres_free(postgres);
	postgres = NULL;
	event_base_loop(base, EVLOOP_NONBLOCK);
	assert_false(answer.is_there);
	assert_true(scope_is_idle(&scope));
}

static void check_values(enum status status, const struct postgres_rows *rows, void *arg)
{
	assert_int_equal(status, STATUS_OK);
	assert_int_equal(postgres_count(rows), 1);
	assert_int_equal(postgres_int(rows, 0, 0), INT64_MIN);
	assert_string_equal(postgres_text(rows, 0, 1), "gr\xc3\xbc\xc3\x9f");
	assert_true(postgres_bool(rows, 0, 2));
	assert_true(postgres_is_null(rows, 0, 3));
	assert_string_equal(postgres_text(rows, 0, 3), "");
	assert_false(postgres_bool(rows, 0, 3));
	assert_int_equal(postgres_affected(rows), 1);
	*(bool *)arg = true;
}

static void test_values_come_back_as_they_went(void **state)
{
	static const struct postgres_statement values = {"values", "SELECT $1::bigint, $2::text, $3::boolean, $4::boolean"};
	static const struct postgres_statement *const statements[] = {&values, NULL};
	struct postgres_config config = fixture_config(fixture_url(""));
	struct postgres_params params = {0};
	bool is_checked = false;

	fixture_open(&config, statements);
	WAIT_FOR(postgres_is_ready(postgres));
	postgres_param_int(&params, INT64_MIN);
	postgres_param_text(&params, "gr\xc3\xbc\xc3\x9f");
	postgres_param_bool(&params, true);
	postgres_param_text(&params, NULL);
	postgres_exec(postgres, &scope, &values, &params, check_values, &is_checked);
	WAIT_FOR(is_checked);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		POSTGRES_TEST(test_a_thousand_calls_at_once_each_get_their_own_row),
		POSTGRES_TEST(test_one_connection_answers_in_the_order_of_sending),
		POSTGRES_TEST(test_failing_statements_affect_no_other_call),
		POSTGRES_TEST(test_a_unique_violation_is_a_conflict),
		POSTGRES_TEST(test_a_write_is_not_ok_before_its_commit_is),
		POSTGRES_TEST(test_a_statement_over_its_time_ends_with_timeout_and_the_next_goes_on),
		POSTGRES_TEST(test_the_time_limit_holds_whatever_options_the_url_has),
		POSTGRES_TEST(test_a_statement_that_was_not_listed_fails_alone),
		POSTGRES_TEST(test_a_waiting_statement_does_not_hold_up_the_other_connection),
		POSTGRES_TEST(test_a_cancelled_scope_runs_no_callback_and_other_scopes_run_all),
		POSTGRES_TEST(test_beyond_the_limit_in_flight_a_call_is_busy),
		POSTGRES_TEST(test_a_callback_may_make_the_next_call),
		POSTGRES_TEST(test_more_than_the_sockets_hold_goes_both_ways_at_once),
		POSTGRES_TEST(test_freeing_with_calls_in_flight_runs_no_callback),
		POSTGRES_TEST(test_values_come_back_as_they_went),
	};

	return fixture_run("postgres/io_postgres", tests, sizeof tests / sizeof *tests);
}
