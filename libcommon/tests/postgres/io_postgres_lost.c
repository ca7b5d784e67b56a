/* A Postgres that is not there, goes away, falls silent or has changed: how calls end, and that all is well again by itself. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "postgres/postgres_internal.h"
#include "tests/postgres/postgres_fixture.h"
#include "tests/skip.h"

#define TERMINATE "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'io_db'"

static void get_until_ok(struct answer *answer, const struct postgres_statement *statement, const char *param)
{
	WAIT_FOR(postgres_is_ready(postgres) && fixture_get(answer, statement, param) == STATUS_OK);
}

/* A port of this machine on which connections are accepted by the kernel and never answered, or, when closed, refused. */
static int listen_silently(char url[100])
{
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t len = sizeof address;
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_int_equal(bind(fd, (struct sockaddr *)&address, len), 0);
	assert_int_equal(listen(fd, 16), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &len), 0);
	snprintf(url, 100, "postgres://nobody@127.0.0.1:%d/none", ntohs(address.sin_port));
	return fd;
}

static void test_without_a_server_calls_are_unavailable_at_once(void **state)
{
	char url[100];
	int fd = listen_silently(url);
	struct postgres_config config = fixture_config(url);
	struct answer answer;
	int64_t begin_us;

	close(fd);
	fixture_open(&config, fixture_statements);
	begin_us = clock_monotonic_us();
	assert_int_equal(fixture_get(&answer, &echo, "7"), STATUS_UNAVAILABLE);
	assert_true(clock_monotonic_us() - begin_us < 1000000);
	assert_false(postgres_is_ready(postgres));
}

static int refusals;

static void ask_again(enum status status, const struct postgres_rows *rows, void *arg)
{
	assert_int_equal(status, STATUS_UNAVAILABLE);
	refusals++;
	postgres_exec(postgres, &scope, &echo, NULL, ask_again, NULL);
}

static void count_turn(evutil_socket_t fd, short what, void *arg)
{
	++*(int *)arg;
}

static void test_a_caller_that_tries_again_at_once_does_not_stop_the_loop(void **state)
{
	char url[100];
	int fd = listen_silently(url), ticks = 0;
	struct postgres_config config = fixture_config(url);
	struct event *tick = event_new(base, -1, EV_PERSIST, count_turn, &ticks);

	close(fd);
	refusals = 0;
	event_add(tick, &(struct timeval){.tv_usec = 1000});
	fixture_open(&config, fixture_statements);
	postgres_exec(postgres, &scope, &echo, NULL, ask_again, NULL);
	alarm(20); /* else this would wait for ever */
	WAIT_FOR(ticks > 3 && refusals > 3);
	alarm(0);
	event_free(tick);
}

static void test_a_server_that_accepts_and_never_answers_is_given_up(void **state)
{
	char url[100];
	int fd = listen_silently(url), first, second;
	struct postgres_config config = fixture_config(url);

	config.connections = 1;
	config.connect_timeout_ms = 50;
	fixture_open(&config, fixture_statements);
	event_base_loop(base, EVLOOP_ONCE);
	first = accept(fd, NULL, NULL);
	assert_true(first >= 0);
	evutil_make_socket_nonblocking(fd);
	WAIT_FOR((second = accept(fd, NULL, NULL)) >= 0); /* it tries again */
	assert_false(postgres_is_ready(postgres));
	close(first);
	close(second);
	close(fd);
}

static void test_the_second_host_of_the_url_is_tried(void **state)
{
	const char *given = getenv("TEST_DATABASE_URL"), *at = strrchr(given, '@');
	struct answer answer;
	char url[500];

	if (!at)
		skip_because("the URL of Postgres has no user");
	snprintf(url, sizeof url, "%.*s127.0.0.1:1,%s", (int)(at + 1 - given), given, at + 1);
	fixture_ready(&(struct postgres_config){url, NULL, 1, 10, 1000, 2000});
	assert_int_equal(fixture_get(&answer, &echo, "7"), STATUS_OK);
}

static void test_terminated_under_load_all_in_flight_is_unavailable_and_the_next_is_answered(void **state)
{
	enum { CALLS = 500 };
	static struct answer calls[CALLS];
	struct postgres_config config = fixture_config(fixture_url(""));
	struct answer next;

	fixture_ready(&config);
	fixture_lock();
	for (int i = 0; i < CALLS; i++) { /* the first of each connection waits, and all others behind it */
		bool waits = i < config.connections || i % 2;

		fixture_ask(&calls[i], waits ? &wait_for_lock : &echo, waits ? NULL : "7");
	}
	fixture_sql(TERMINATE);
	WAIT_FOR(answers == CALLS);
	for (int i = 0; i < CALLS; i++)
		assert_int_equal(calls[i].status, STATUS_UNAVAILABLE);
	assert_int_equal(postgres_in_flight(postgres), 0);
	get_until_ok(&next, &echo, "7");
	assert_int_equal(next.number, 7);
}

static void test_a_connection_that_dies_idle_is_replaced(void **state)
{
	struct postgres_config config = fixture_config(fixture_url(""));
	struct answer answer;

	config.connections = 1;
	fixture_ready(&config);
	fixture_sql(TERMINATE);
	WAIT_FOR(!postgres_is_ready(postgres));
	get_until_ok(&answer, &echo, "7");
}

/* Of the connection that the client has just now; 0: none. */
static int backend_pid(void)
{
	PGresult *result =
		PQexec(beside, "SELECT coalesce(max(pid), 0) FROM pg_stat_activity WHERE application_name = 'io_db'");
	int pid = atoi(PQgetvalue(result, 0, 0));

	PQclear(result);
	return pid;
}

static void test_a_schema_that_is_not_there_yet_is_waited_for(void **state)
{
	struct postgres_config config = fixture_config(fixture_url(""));
	struct answer answer;
	int first = 0, second = 0;

	fixture_sql("ALTER TABLE io_db.people RENAME TO elsewhere");
	config.connections = 1;
	fixture_open(&config, fixture_statements);
	WAIT_FOR((first = backend_pid()) != 0);
	WAIT_FOR((second = backend_pid()) != first && second != 0); /* it tries again */
	assert_false(postgres_is_ready(postgres));
	fixture_sql("ALTER TABLE io_db.elsewhere RENAME TO people");
	get_until_ok(&answer, &person_insert, "ada");
}

static void test_after_a_migration_that_changes_a_statements_columns_it_is_prepared_anew(void **state)
{
	static const struct postgres_statement all_people = {"all_people", "SELECT * FROM io_db.people"};
	static const struct postgres_statement *const statements[] = {&all_people, NULL};
	struct postgres_config config = fixture_config(fixture_url(""));
	struct answer answer;

	config.connections = 1;
	fixture_open(&config, statements);
	WAIT_FOR(postgres_is_ready(postgres));
	fixture_sql("ALTER TABLE io_db.people ADD COLUMN age int");
	assert_int_equal(fixture_get(&answer, &all_people, NULL), STATUS_UNAVAILABLE);
	get_until_ok(&answer, &all_people, NULL);
}

static void test_a_statement_that_opens_a_transaction_costs_its_connection_and_writes_nothing(void **state)
{
	static const struct postgres_statement begin = {"begin", "BEGIN"};
	static const struct postgres_statement *const statements[] = {&begin, &person_insert, &echo, NULL};
	struct postgres_config config = fixture_config(fixture_url(""));
	struct answer first, insert, again;

	config.connections = 1;
	fixture_open(&config, statements);
	WAIT_FOR(postgres_is_ready(postgres));
	fixture_ask(&first, &begin, NULL);
	fixture_ask(&insert, &person_insert, "ada");
	WAIT_FOR(first.is_there && insert.is_there);
	assert_int_equal(first.status, STATUS_INTERNAL);
	assert_int_equal(insert.status, STATUS_UNAVAILABLE);
	get_until_ok(&again, &person_insert, "ada"); /* no conflict: the first was never committed */
}

/* The server's own time limit is taken away, so that it is as silent as one that hangs. */
static void test_when_the_server_falls_silent_the_oldest_call_times_out_and_the_rest_is_unavailable(void **state)
{
	static const struct postgres_statement unlimited = {"unlimited", "SELECT set_config('statement_timeout', '0', false)"};
	static const struct postgres_statement *const statements[] = {&unlimited, &wait_for_lock, &echo, NULL};
	struct postgres_config config = fixture_config(fixture_url(""));
	struct answer first, second;
	int64_t begin_us;

	config.connections = 1;
	config.query_timeout_ms = 100;
	fixture_open(&config, statements);
	WAIT_FOR(postgres_is_ready(postgres));
	assert_int_equal(fixture_get(&first, &unlimited, NULL), STATUS_OK);
	fixture_lock();
	begin_us = clock_monotonic_us();
	fixture_ask(&first, &wait_for_lock, NULL);
	fixture_ask(&second, &echo, "2");
	WAIT_FOR(first.is_there && second.is_there);
	assert_int_equal(first.status, STATUS_TIMEOUT);
	assert_int_equal(second.status, STATUS_UNAVAILABLE);
	assert_true(clock_monotonic_us() - begin_us >= 1100 * 1000);
	fixture_unlock();
	get_until_ok(&second, &echo, "7");
}

/* ---- the number of a socket that libpq has closed ---- */

static struct {
	int number;          /* of libpq's socket */
	int pipe[2], far;    /* far: the other end of the socket that got the number; 0: none did */
	struct event *every; /* runs in every turn, because its pipe stays readable */
	struct event *read;
	bool is_heard;
} next;

static void hear(evutil_socket_t fd, short what, void *arg)
{
	next.is_heard = true;
}

/* After libpq closed its socket, and in the same turn of the loop, as a client's connection may be accepted then. */
static void take_the_number(evutil_socket_t fd, short what, void *arg)
{
	int ends[2];

	if (next.far || fcntl(next.number, F_GETFD) != -1)
		return;
	assert_true(postgres->connections->is_lost);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
	next.far = ends[1];
	if (ends[0] != next.number) {
		assert_int_equal(dup2(ends[0], next.number), next.number);
		close(ends[0]);
	}
	next.read = event_new(base, next.number, EV_READ, hear, NULL);
	event_add(next.read, NULL);
}

static void test_a_socket_that_gets_the_number_of_the_lost_one_in_the_same_turn_is_heard(void **state)
{
	struct postgres_config config = fixture_config(fixture_url(""));
	struct pollfd ended = {.events = POLLRDHUP};

	config.connections = 1;
	fixture_ready(&config);
	memset(&next, 0, sizeof next);
	next.number = PQsocket(postgres->connections->pg);
	assert_int_equal(pipe2(next.pipe, O_CLOEXEC), 0);
	next.every = event_new(base, next.pipe[0], EV_READ | EV_PERSIST, take_the_number, NULL);
	event_add(next.every, NULL);
	fixture_sql(TERMINATE);
	ended.fd = next.number;
	assert_int_equal(poll(&ended, 1, WAIT_FOR_US / 1000), 1);
	assert_int_equal(write(next.pipe[1], "x", 1), 1); /* its event comes second, because it is ready second */
	WAIT_FOR(next.far);
	assert_int_equal(write(next.far, "x", 1), 1);
	WAIT_FOR(next.is_heard);
	event_free(next.every);
	event_free(next.read);
	for (int i = 0; i < 2; i++)
		close(next.pipe[i]);
	close(next.far);
	close(next.number);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		POSTGRES_TEST(test_without_a_server_calls_are_unavailable_at_once),
		POSTGRES_TEST(test_a_caller_that_tries_again_at_once_does_not_stop_the_loop),
		POSTGRES_TEST(test_a_server_that_accepts_and_never_answers_is_given_up),
		POSTGRES_TEST(test_the_second_host_of_the_url_is_tried),
		POSTGRES_TEST(test_terminated_under_load_all_in_flight_is_unavailable_and_the_next_is_answered),
		POSTGRES_TEST(test_a_connection_that_dies_idle_is_replaced),
		POSTGRES_TEST(test_a_schema_that_is_not_there_yet_is_waited_for),
		POSTGRES_TEST(test_after_a_migration_that_changes_a_statements_columns_it_is_prepared_anew),
		POSTGRES_TEST(test_a_statement_that_opens_a_transaction_costs_its_connection_and_writes_nothing),
		POSTGRES_TEST(test_a_socket_that_gets_the_number_of_the_lost_one_in_the_same_turn_is_heard),
		POSTGRES_TEST(test_when_the_server_falls_silent_the_oldest_call_times_out_and_the_rest_is_unavailable),
	};

	return fixture_run("postgres/io_postgres_lost", tests, sizeof tests / sizeof *tests);
}
