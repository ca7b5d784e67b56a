/* Without prepared statements each connection has one transaction in flight, and the other calls wait: in which order they are
 * sent, what shares a transaction, and how a call ends that is never sent. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "postgres/postgres_internal.h"
#include "tests/postgres/postgres_fixture.h"

static const struct postgres_statement transaction = {"transaction", "SELECT pg_current_xact_id()::text::bigint"};
static const struct postgres_statement read_transaction = {"read_transaction", "SELECT pg_current_xact_id()::text::bigint",
							   true};
static const struct postgres_statement read_divide = {"read_divide", "SELECT 1 / $1::bigint", true};
static const struct postgres_statement read_count = {"read_count", "SELECT count(*) FROM io_db.people", true};
static const struct postgres_statement no_limit = {"no_limit", "SELECT set_config('statement_timeout', '0', false)"};
static const struct postgres_statement *const statements[] = {
	&transaction, &read_transaction, &read_divide, &read_count, &no_limit, &echo, &person_insert, &wait_for_lock, NULL};

static struct postgres_config config_of(long connections)
{
	struct postgres_config config = fixture_config(fixture_url(""));

	config.connections = connections;
	config.prepares = false;
	return config;
}

static bool are_all_ready(const struct postgres_config *config)
{
	for (long i = 0; i < config->connections; i++)
		if (!postgres_connection_is_usable(&postgres->connections[i]))
			return false;
	return true;
}

static void open_as(const struct postgres_config *config)
{
	fixture_open(config, statements);
	WAIT_FOR(are_all_ready(config));
}

static void open_with(long connections)
{
	struct postgres_config config = config_of(connections);

	open_as(&config);
}

/* Until the lock is given up, what comes after this waits in the queue. */
static void hold(struct answer *holding)
{
	fixture_lock();
	fixture_ask(holding, &wait_for_lock, NULL);
	event_base_loop(base, EVLOOP_NONBLOCK);
	assert_false(holding->is_there);
}

static void terminate(long connection)
{
	char sql[64];

	snprintf(sql, sizeof sql, "SELECT pg_terminate_backend(%d)", PQbackendPID(postgres->connections[connection].pg));
	fixture_sql(sql);
}

static int64_t people(void)
{
	struct answer answer;

	assert_int_equal(fixture_get(&answer, &read_count, NULL), STATUS_OK);
	return answer.number;
}

static void test_calls_are_answered_in_the_order_of_coming_and_only_reads_share_a_transaction(void **state)
{
	enum { CALLS = 8 };
	static const char kinds[CALLS + 1] = "rrwrwwrr";
	struct answer holding, calls[CALLS];

	open_with(1);
	hold(&holding);
	for (int i = 0; i < CALLS; i++)
		fixture_ask(&calls[i], kinds[i] == 'r' ? &read_transaction : &transaction, NULL);
	fixture_unlock();
	WAIT_FOR(answers == 1 + CALLS);
	for (int i = 0; i < CALLS; i++) {
		assert_int_equal(calls[i].status, STATUS_OK);
		assert_int_equal(calls[i].place, 2 + i);
	}
	for (int i = 1; i < CALLS; i++) {
		bool shares = kinds[i - 1] == 'r' && kinds[i] == 'r';

		assert_int_equal(calls[i].number == calls[i - 1].number, shares);
	}
	assert_int_equal(postgres_in_flight(postgres), 0);
}

static void test_a_connection_has_one_transaction_in_flight(void **state)
{
	struct answer holding, reads[3], write;

	open_with(1);
	hold(&holding);
	fixture_ask(&reads[0], &read_count, NULL);
	fixture_ask(&write, &person_insert, "ada");
	event_base_loop(base, EVLOOP_NONBLOCK);
	assert_int_equal(postgres->connections->in_flight, 1);
	assert_int_equal(postgres_in_flight(postgres), 3);
	fixture_unlock();
	WAIT_FOR(write.is_there);
	for (int i = 0; i < 3; i++)
		fixture_ask(&reads[i], &read_count, NULL);
	fixture_ask(&write, &person_insert, "grace");
	event_base_loop(base, EVLOOP_NONBLOCK);
	assert_true(postgres->connections->in_flight <= 4); /* with their sync */
	WAIT_FOR(write.is_there);
	assert_int_equal(reads[2].number, 1);
}

static void test_reads_after_a_failing_one_are_sent_again_each_in_a_transaction_of_its_own(void **state)
{
	struct answer holding, before, failing, after[3], write;

	open_with(1);
	hold(&holding);
	fixture_ask(&before, &read_transaction, NULL);
	fixture_ask(&failing, &read_divide, "0");
	for (int i = 0; i < 3; i++)
		fixture_ask(&after[i], &read_transaction, NULL);
	fixture_ask(&write, &transaction, NULL);
	fixture_unlock();
	WAIT_FOR(answers == 7);
	assert_int_equal(before.status, STATUS_OK);
	assert_int_equal(failing.status, STATUS_INTERNAL);
	assert_int_equal(write.status, STATUS_OK);
	for (int i = 0; i < 3; i++) {
		assert_int_equal(after[i].status, STATUS_OK);
		assert_true(after[i].number > (i ? after[i - 1].number : before.number));
	}
	assert_int_equal(postgres_in_flight(postgres), 0);
}

static struct answer of_callback;

static void ask_another(enum status status, const struct postgres_rows *rows, void *arg)
{
	fixture_answered(status, rows, arg);
	fixture_ask(&of_callback, &echo, "1");
}

static void test_the_next_call_of_a_callback_overtakes_none_that_waits(void **state)
{
	struct answer first = {0}, waiting;

	open_with(1);
	postgres_exec(postgres, &scope, &transaction, NULL, ask_another, &first);
	fixture_ask(&waiting, &echo, "2");
	WAIT_FOR(answers == 3);
	assert_int_equal(first.place, 1);
	assert_int_equal(waiting.place, 2);
	assert_int_equal(of_callback.place, 3);
}

static void test_a_call_that_has_waited_for_its_whole_time_is_unavailable_and_never_sent(void **state)
{
	struct postgres_config config = config_of(1);
	struct answer holding, waiting;
	int64_t begin_us;

	config.query_timeout_ms = 200;
	open_as(&config);
	assert_int_equal(fixture_get(&holding, &no_limit, NULL), STATUS_OK);
	hold(&holding);
	begin_us = clock_monotonic_us();
	assert_int_equal(fixture_get(&waiting, &person_insert, "ada"), STATUS_UNAVAILABLE);
	assert_true(clock_monotonic_us() - begin_us >= 200 * 1000);
	fixture_unlock();
	WAIT_FOR(holding.is_there);
	WAIT_FOR(postgres_is_ready(postgres));
	assert_int_equal(people(), 0);
	assert_int_equal(postgres_in_flight(postgres), 0);
}

static void test_a_call_that_waits_is_dropped_with_its_scope(void **state)
{
	struct answer holding, neighbour, cancelled = {0};
	struct postgres_params params = {0};
	struct scope other;

	open_with(1);
	hold(&holding);
	scope_init(&other);
	postgres_param_text(&params, "ada");
	postgres_exec(postgres, &other, &person_insert, &params, fixture_answered, &cancelled);
	fixture_ask(&neighbour, &echo, "7");
	scope_cancel(&other);
	assert_int_equal(postgres_in_flight(postgres), 2);
	fixture_unlock();
	WAIT_FOR(neighbour.is_there);
	assert_int_equal(people(), 0);
	assert_false(cancelled.is_there);
}

static void test_when_the_last_connection_is_lost_all_that_waits_is_unavailable_and_never_sent(void **state)
{
	struct answer holding, writes[3];

	open_with(1);
	hold(&holding);
	for (int i = 0; i < 3; i++)
		fixture_ask(&writes[i], &person_insert, "ada");
	terminate(0);
	WAIT_FOR(answers == 4);
	assert_int_equal(holding.status, STATUS_UNAVAILABLE);
	for (int i = 0; i < 3; i++)
		assert_int_equal(writes[i].status, STATUS_UNAVAILABLE);
	assert_int_equal(postgres_in_flight(postgres), 0);
	WAIT_FOR(postgres_is_ready(postgres));
	assert_int_equal(people(), 0);
}

static void test_a_call_that_waits_outlives_a_connection_while_another_is_usable(void **state)
{
	struct answer holding[2], waiting;

	open_with(2);
	hold(&holding[0]);
	fixture_ask(&holding[1], &wait_for_lock, NULL);
	fixture_ask(&waiting, &person_insert, "ada");
	event_base_loop(base, EVLOOP_NONBLOCK);
	terminate(0); /* the first lock was asked for on it, and without a queue the insertion too */
	WAIT_FOR(waiting.is_there);
	assert_int_equal(waiting.status, STATUS_OK);
	assert_int_equal(holding[0].status, STATUS_UNAVAILABLE);
	assert_false(holding[1].is_there);
	fixture_unlock();
	WAIT_FOR(holding[1].is_there);
	assert_int_equal(holding[1].status, STATUS_OK);
}

static void test_what_waits_for_a_connection_that_is_being_replaced_goes_to_another(void **state)
{
	struct answer holding[2], waiting;

	open_with(2);
	hold(&holding[0]);
	fixture_ask(&holding[1], &wait_for_lock, NULL);
	fixture_ask(&waiting, &echo, "7");
	event_base_loop(base, EVLOOP_NONBLOCK);
	postgres->connections[0].retiring = "it is to be replaced";
	fixture_unlock();
	WAIT_FOR(answers == 3);
	assert_int_equal(holding[0].status, STATUS_OK);
	assert_int_equal(holding[1].status, STATUS_OK);
	assert_int_equal(waiting.number, 7);
}

static void test_calls_that_wait_count_as_in_flight(void **state)
{
	struct postgres_config config = config_of(1);
	struct answer holding, waiting, beyond;

	config.in_flight_max = 2;
	open_as(&config);
	hold(&holding);
	fixture_ask(&waiting, &echo, "7");
	assert_int_equal(fixture_get(&beyond, &echo, "8"), STATUS_BUSY);
	assert_false(waiting.is_there);
	fixture_unlock();
	WAIT_FOR(waiting.is_there);
	assert_int_equal(waiting.number, 7);
	assert_int_equal(fixture_get(&beyond, &echo, "8"), STATUS_OK);
}

static void test_freeing_with_calls_that_wait_runs_no_callback(void **state)
{
	struct answer holding, waiting[2];

	open_with(1);
	hold(&holding);
	fixture_ask(&waiting[0], &person_insert, "ada");
	fixture_ask(&waiting[1], &read_count, NULL);
	postgres_free(postgres);
	postgres = NULL;
	event_base_loop(base, EVLOOP_NONBLOCK);
	assert_int_equal(answers, 0);
	assert_true(scope_is_idle(&scope));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		POSTGRES_TEST(test_calls_are_answered_in_the_order_of_coming_and_only_reads_share_a_transaction),
		POSTGRES_TEST(test_a_connection_has_one_transaction_in_flight),
		POSTGRES_TEST(test_reads_after_a_failing_one_are_sent_again_each_in_a_transaction_of_its_own),
		POSTGRES_TEST(test_the_next_call_of_a_callback_overtakes_none_that_waits),
		POSTGRES_TEST(test_a_call_that_has_waited_for_its_whole_time_is_unavailable_and_never_sent),
		POSTGRES_TEST(test_a_call_that_waits_is_dropped_with_its_scope),
		POSTGRES_TEST(test_when_the_last_connection_is_lost_all_that_waits_is_unavailable_and_never_sent),
		POSTGRES_TEST(test_a_call_that_waits_outlives_a_connection_while_another_is_usable),
		POSTGRES_TEST(test_what_waits_for_a_connection_that_is_being_replaced_goes_to_another),
		POSTGRES_TEST(test_calls_that_wait_count_as_in_flight),
		POSTGRES_TEST(test_freeing_with_calls_that_wait_runs_no_callback),
	};

	return fixture_run("postgres/io_postgres_queue", tests, sizeof tests / sizeof *tests);
}
