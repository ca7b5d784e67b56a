/* A Postgres that refuses: what an error does to its call and to the connection, and that a connection which no longer does its
 * work is replaced. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/log.h"
#include "tests/capture.h"
#include "tests/postgres/postgres_fixture.h"

static const struct postgres_statement raise = {"raise", "SELECT io_db.raise($1)"};
static const struct postgres_statement read_echo = {"read_echo", "SELECT $1::bigint", true};
static const struct postgres_statement deallocate = {"deallocate", "DEALLOCATE ALL"};
static const struct postgres_statement named = {"named", "SELECT count(*) FROM pg_prepared_statements WHERE name <> ''"};
static const struct postgres_statement *const statements[] = {&raise,   &echo,       &read_echo, &person_insert,
							      &backend, &deallocate, &named,     NULL};

static int set_up(void **state)
{
	fixture_set_up(state);
	fixture_sql("CREATE FUNCTION io_db.raise(code text) RETURNS int LANGUAGE plpgsql AS"
		    " 'BEGIN RAISE EXCEPTION USING ERRCODE = code, MESSAGE = code; END'");
	return 0;
}

static int tear_down(void **state)
{
	fixture_sql("ALTER ROLE CURRENT_USER RESET ALL");
	return fixture_tear_down(state);
}

static void open_with(long connections, bool prepares)
{
	struct postgres_config config = fixture_config(fixture_url(""));

	config.connections = connections;
	config.prepares = prepares;
	fixture_open(&config, statements);
	WAIT_FOR(postgres_is_ready(postgres));
}

/* No connection is replaced before it is a second old. */
static void let_it_age(void)
{
	int64_t until_us = clock_monotonic_us() + 1100000;

	while (clock_monotonic_us() < until_us)
		event_base_loop(base, EVLOOP_ONCE);
}

static void test_each_class_of_errors_has_its_status_and_keeps_the_connection(void **state)
{
	static const struct {
		const char *sqlstate;
		enum status status;
	} rows[] = {
		{"08006", STATUS_UNAVAILABLE}, {"23505", STATUS_CONFLICT},    {"40001", STATUS_UNAVAILABLE},
		{"40P01", STATUS_UNAVAILABLE}, {"53100", STATUS_UNAVAILABLE}, {"53200", STATUS_UNAVAILABLE},
		{"55P03", STATUS_UNAVAILABLE}, {"57014", STATUS_TIMEOUT},     {"57P03", STATUS_UNAVAILABLE},
		{"58030", STATUS_UNAVAILABLE}, {"42P01", STATUS_INTERNAL},    {"XX000", STATUS_INTERNAL},
	};
	struct answer answer, first, last;

	open_with(1, true);
	fixture_get(&first, &backend, NULL);
	let_it_age();
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
		if (fixture_get(&answer, &raise, rows[i].sqlstate) != rows[i].status)
			fail_msg("%s: %s", rows[i].sqlstate, status_name(answer.status));
	assert_int_equal(fixture_get(&last, &backend, NULL), STATUS_OK);
	assert_int_equal(first.number, last.number);
}

/* ---- no writes ---- */

static void test_after_postgres_was_read_only_connections_from_then_write_again(void **state)
{
	struct answer answer;
	int64_t begin_us;

	fixture_sql("ALTER ROLE CURRENT_USER SET default_transaction_read_only = on");
	open_with(2, true);
	assert_int_equal(fixture_get(&answer, &person_insert, "ada"), STATUS_UNAVAILABLE);
	fixture_sql("ALTER ROLE CURRENT_USER RESET default_transaction_read_only");
	begin_us = clock_monotonic_us();
	WAIT_FOR(fixture_get(&answer, &person_insert, "ada") == STATUS_OK);
	assert_true(clock_monotonic_us() - begin_us < 10000000); /* takes one to two seconds */
}

static void test_while_postgres_is_read_only_reads_go_on_and_connections_are_replaced(void **state)
{
	struct answer one, other, insert, read, seen;
	int64_t until_us;

	fixture_sql("ALTER ROLE CURRENT_USER SET default_transaction_read_only = on");
	open_with(2, true);
	let_it_age(); /* both are ready */
	fixture_ask(&one, &backend, NULL);
	fixture_ask(&other, &backend, NULL);
	WAIT_FOR(one.is_there && other.is_there);
	until_us = clock_monotonic_us() + WAIT_FOR_US;
	do {
		fixture_ask(&insert, &person_insert, "ada");
		fixture_ask(&read, &read_echo, "7");
		WAIT_FOR(insert.is_there && read.is_there);
		assert_int_equal(insert.status, STATUS_UNAVAILABLE);
		assert_int_equal(read.status, STATUS_OK);
		assert_int_equal(fixture_get(&seen, &backend, NULL), STATUS_OK);
	} while ((seen.number == one.number || seen.number == other.number) && clock_monotonic_us() < until_us);
	assert_true(seen.number != one.number && seen.number != other.number);
}

static unsigned times(const char *text, const char *part)
{
	unsigned count = 0;

	while ((text = strstr(text, part))) {
		count++;
		text++;
	}
	return count;
}

static void insert_and_read(void)
{
	struct answer insert, read;
	char name[32];

	snprintf(name, sizeof name, "person %u", answers);
	fixture_ask(&insert, &person_insert, name);
	fixture_ask(&read, &read_echo, "7");
	WAIT_FOR(insert.is_there && read.is_there);
	event_base_loop(base, EVLOOP_ONCE);
}

/* Returns when the log has the line, or after far longer than that takes. */
static void insert_and_read_until(struct capture *log, const char *msg)
{
	int64_t limit_us = clock_monotonic_us() + WAIT_FOR_US;

	while (!strstr(capture_text(log), msg) && clock_monotonic_us() < limit_us)
		insert_and_read();
}

static void test_the_log_says_once_that_postgres_is_read_only_and_once_that_it_is_not(void **state)
{
	static struct capture log;
	const char *text;
	int64_t until_us;

	log_init("test", "test", LOG_INFO);
	fixture_sql("ALTER ROLE CURRENT_USER SET default_transaction_read_only = on");
	open_with(2, true);
	capture_start(&log, STDOUT_FILENO);
	insert_and_read_until(&log, "does not do its work");
	until_us = clock_monotonic_us() + 2500000; /* two more are replaced */
	while (clock_monotonic_us() < until_us)
		insert_and_read();
	fixture_sql("ALTER ROLE CURRENT_USER RESET default_transaction_read_only");
	insert_and_read_until(&log, "does its work again");
	text = capture_end(&log);
	log_init("test", "test", LOG_ERROR + 1);
	assert_int_equal(times(text, "\"msg\":\"postgres does not do its work\""), 1);
	assert_int_equal(times(text, "\"msg\":\"postgres does its work again\",\"connections_replaced\":"), 1);
	assert_int_equal(times(text, "reachable"), 0);
}

/* ---- prepared statements ---- */

static void test_when_prepared_statements_are_gone_calls_are_unavailable_until_the_connection_is_replaced(void **state)
{
	struct answer answer, first, last;

	open_with(1, true);
	fixture_get(&first, &backend, NULL);
	assert_int_equal(fixture_get(&answer, &deallocate, NULL), STATUS_OK);
	assert_int_equal(fixture_get(&answer, &echo, "7"), STATUS_UNAVAILABLE);
	let_it_age();
	assert_int_equal(fixture_get(&answer, &echo, "7"), STATUS_UNAVAILABLE);
	WAIT_FOR(fixture_get(&answer, &echo, "7") == STATUS_OK);
	fixture_get(&last, &backend, NULL);
	assert_int_not_equal(first.number, last.number);
}

static void test_a_connection_to_be_replaced_answers_first_what_it_has(void **state)
{
	struct answer gone, insert, echoes[20];

	open_with(1, true);
	let_it_age();
	fixture_ask(&gone, &raise, "26000");
	for (int i = 0; i < 20; i++)
		fixture_ask(&echoes[i], i % 2 ? &read_echo : &echo, "7");
	fixture_ask(&insert, &person_insert, "ada");
	WAIT_FOR(answers == 22);
	assert_int_equal(gone.status, STATUS_UNAVAILABLE);
	assert_int_equal(insert.status, STATUS_OK);
	for (int i = 0; i < 20; i++)
		assert_int_equal(echoes[i].status, STATUS_OK);
	WAIT_FOR(!postgres_is_ready(postgres));
	WAIT_FOR(postgres_is_ready(postgres));
}

/* DEALLOCATE ALL stands for a pooler that lends another connection with each transaction. */
static void test_without_prepared_statements_nothing_rests_on_the_connection(void **state)
{
	struct answer answer, deallocated;

	open_with(1, false);
	assert_int_equal(fixture_get(&answer, &named, NULL), STATUS_OK);
	assert_int_equal(answer.number, 0);
	assert_int_equal(fixture_get(&deallocated, &deallocate, NULL), STATUS_OK);
	for (int i = 0; i < 10; i++) {
		assert_int_equal(fixture_get(&answer, i % 2 ? &read_echo : &echo, "7"), STATUS_OK);
		assert_int_equal(answer.number, 7);
	}
	assert_int_equal(fixture_get(&answer, &person_insert, "ada"), STATUS_OK);
	assert_int_equal(fixture_get(&answer, &person_insert, "ada"), STATUS_CONFLICT);
}

static void test_without_prepared_statements_a_schema_that_is_not_there_yet_is_waited_for(void **state)
{
	struct postgres_config config = fixture_config(fixture_url(""));
	int64_t until_us = clock_monotonic_us() + 300000; /* some attempts */
	struct answer answer;

	fixture_sql("ALTER TABLE io_db.people RENAME TO elsewhere");
	config.prepares = false;
	fixture_open(&config, statements);
	while (clock_monotonic_us() < until_us) {
		event_base_loop(base, EVLOOP_ONCE);
		assert_false(postgres_is_ready(postgres));
	}
	fixture_sql("ALTER TABLE io_db.elsewhere RENAME TO people");
	WAIT_FOR(fixture_get(&answer, &person_insert, "ada") == STATUS_OK);
}

#define ERRORS_TEST(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		ERRORS_TEST(test_each_class_of_errors_has_its_status_and_keeps_the_connection),
		ERRORS_TEST(test_after_postgres_was_read_only_connections_from_then_write_again),
		ERRORS_TEST(test_while_postgres_is_read_only_reads_go_on_and_connections_are_replaced),
		ERRORS_TEST(test_the_log_says_once_that_postgres_is_read_only_and_once_that_it_is_not),
		ERRORS_TEST(test_when_prepared_statements_are_gone_calls_are_unavailable_until_the_connection_is_replaced),
		ERRORS_TEST(test_a_connection_to_be_replaced_answers_first_what_it_has),
		ERRORS_TEST(test_without_prepared_statements_nothing_rests_on_the_connection),
		ERRORS_TEST(test_without_prepared_statements_a_schema_that_is_not_there_yet_is_waited_for),
	};

	return fixture_run("postgres/io_postgres_errors", tests, sizeof tests / sizeof *tests);
}
