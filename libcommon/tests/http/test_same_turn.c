/* What happens in one turn of the loop. The clients are plain sockets, and the loop does not run while they act, so that
 * everything they did is there at once when it does: a new connection at the limit and a request on the one that would be
 * closed for it, a request and its client's end, a deadline and a reset. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "http/server_internal.h"
#include "tests/http/server_fixture.h"

#define HELLO SENT("GET /hello") "\r\n"
#define SLOW SENT("GET /slow") "\r\n"

/* receive_bytes 0: as many as the kernel gives. */
static int client_with(int receive_bytes)
{
	struct sockaddr_in address = fixture_loopback(http_server_port(server));
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_true(fd >= 0);
	if (receive_bytes)
		setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &receive_bytes, sizeof receive_bytes);
	assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof address), 0);
	return fd;
}

static int client(void)
{
	return client_with(0);
}

static void say(int fd, const char *text)
{
	assert_int_equal(send(fd, text, strlen(text), MSG_NOSIGNAL), strlen(text));
}

static void reset(int fd)
{
	struct linger at_once = {.l_onoff = 1};

	setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
	close(fd);
}

static void turn(int times)
{
	for (int i = 0; i < times; i++)
		event_base_loop(base, EVLOOP_NONBLOCK);
}

/* What came until now; is_over: the server has closed. */
struct heard {
	char text[4096];
	bool is_over;
};

static void listen_to(int fd, struct heard *heard)
{
	size_t len = 0;
	ssize_t n;

	while ((n = recv(fd, heard->text + len, sizeof heard->text - 1 - len, MSG_DONTWAIT)) > 0)
		len += (size_t)n;
	heard->text[len] = '\0';
	heard->is_over = n == 0 || (n < 0 && errno != EAGAIN);
}

static bool is_answered(int fd)
{
	struct heard heard;

	listen_to(fd, &heard);
	return strstr(heard.text, " 200 OK") != NULL;
}

static bool is_closed(int fd)
{
	struct heard heard;

	listen_to(fd, &heard);
	return heard.is_over;
}

/* Replies that have begun since the last call: the only capital H of one is that of its first "HTTP". */
static unsigned answers_on(int fd)
{
	char bytes[65536];
	unsigned count = 0;
	ssize_t n;

	while ((n = recv(fd, bytes, sizeof bytes, MSG_DONTWAIT)) > 0)
		for (ssize_t i = 0; i < n; i++)
			count += bytes[i] == 'H';
	return count;
}

/* ---- at the limit ---- */

static void fill(int fds[CONNECTIONS_MAX])
{
	for (int i = 0; i < CONNECTIONS_MAX; i++) {
		fds[i] = client();
		turn(2);
	}
}

static void test_a_request_on_the_longest_idle_connection_saves_it_from_a_new_one(void **state)
{
	int fds[CONNECTIONS_MAX], late;

	fill(fds);
	late = client();
	say(fds[0], HELLO);
	turn(4);
	assert_true(is_answered(fds[0]));
	assert_true(is_closed(fds[1]));
	say(late, HELLO);
	turn(4);
	assert_true(is_answered(late));
	for (int i = 0; i < CONNECTIONS_MAX; i++)
		close(fds[i]);
	close(late);
}

static void test_many_new_connections_at_the_limit_and_requests_on_all_idle_ones_harm_nothing(void **state)
{
	int fds[CONNECTIONS_MAX], late[3 * CONNECTIONS_MAX];
	unsigned answered = 0;

	fill(fds);
	for (int i = 0; i < 3 * CONNECTIONS_MAX; i++)
		late[i] = client();
	for (int i = 0; i < CONNECTIONS_MAX; i++)
		say(fds[i], HELLO);
	turn(10);
	for (int i = 0; i < CONNECTIONS_MAX; i++) {
		answered += is_answered(fds[i]);
		close(fds[i]);
	}
	assert_true(answered > 0);
	for (int i = 0; i < 3 * CONNECTIONS_MAX; i++)
		close(late[i]);
	turn(4);
	get("/hello", "");
	assert_code(200);
}

static void ignore(void *arg)
{
}

static struct http_connection *upgraded[CONNECTIONS_MAX];
static unsigned upgraded_count, upgraded_closed, upgraded_left;

static void note_closed(void *arg)
{
	upgraded_closed++;
}

static void note_left(void *arg)
{
	upgraded_left++;
}

static void upgrade(struct http_request *req)
{
	static const struct http_upgrade_calls calls = {ignore, ignore, note_left, ignore, note_closed};
	struct http_connection *conn = http_reply_upgrade(req, &calls, 100, NULL);

	if (conn)
		upgraded[upgraded_count++] = conn;
}

static const struct http_route upgrade_routes[] = {{"GET", "/up", upgrade, false, false}, {0}};

static void replace_with_upgrades(void)
{
	struct http_config config = server_config();

	upgraded_count = upgraded_closed = upgraded_left = 0;
	http_server_free(server);
	server = http_server_new(base, &config, upgrade_routes, NULL);
	assert_int_equal(http_server_listen(server), STATUS_OK);
}

static void test_upgraded_connections_that_reach_the_limit_stay_and_new_ones_are_closed(void **state)
{
	int fds[CONNECTIONS_MAX], late;

	replace_with_upgrades();
	fill(fds);
	for (int i = 0; i < CONNECTIONS_MAX; i++)
		say(fds[i], SENT("GET /up") "\r\n");
	late = client();
	say(late, SENT("GET /up") "\r\n");
	turn(6);
	assert_int_equal(upgraded_count, CONNECTIONS_MAX);
	assert_int_equal(upgraded_closed, 0);
	assert_true(is_closed(late));
	for (int i = 0; i < CONNECTIONS_MAX; i++)
		close(fds[i]);
	close(late);
}

static void test_the_end_of_a_client_that_sent_more_behind_its_upgrade_is_noticed(void **state)
{
	int fd;

	replace_with_upgrades();
	fd = client();
	for (int i = 0; i < 32; i++) /* as many as one turn answers */
		say(fd, SENT("GET /none") "\r\n");
	say(fd, SENT("GET /up") "\r\nx");
	shutdown(fd, SHUT_WR);
	WAIT_FOR(upgraded_left == 1);
	assert_int_equal(upgraded_count, 1);
	close(fd);
}

/* ---- a client's end ---- */

static void test_a_request_and_its_client_s_half_close_is_answered(void **state)
{
	int fd = client();

	say(fd, HELLO);
	shutdown(fd, SHUT_WR);
	turn(5);
	assert_true(is_answered(fd));
	close(fd);
}

static void test_a_connection_with_its_request_and_its_reset_harms_nothing(void **state)
{
	int fd = client();

	say(fd, HELLO SLOW);
	reset(fd);
	turn(5);
	assert_int_equal(http_server_in_flight(server), 0);
	assert_int_equal(slow.begun, slow.dropped);
}

static void test_a_reset_and_a_late_reply_harm_nothing(void **state)
{
	int fd = client();

	say(fd, SLOW HELLO);
	turn(4);
	assert_non_null(slow.req);
	reset(fd);
	say_large(slow.req);
	assert_int_equal(slow.dropped, 1);
	turn(4);
	assert_int_equal(http_server_in_flight(server), 0);
}

static void test_a_deadline_and_a_reset_harm_nothing(void **state)
{
	struct http_config config = server_config();
	int64_t until_us;
	int fd;

	config.deadline_ms = 1;
	server_replace(&config);
	fd = client();
	say(fd, SLOW);
	turn(4);
	assert_non_null(slow.req);
	until_us = clock_monotonic_us() + 600000; /* the next sweep is due, too */
	while (clock_monotonic_us() < until_us)
		;
	reset(fd);
	turn(4);
	assert_int_equal(slow.dropped, 1);
	assert_int_equal(http_server_in_flight(server), 0);
}

/* ---- one turn of many ---- */

/* event_base_loop(EVLOOP_NONBLOCK) goes on while there is anything to do, so a timer looks at what each turn did. */
static struct {
	struct loop_timer *timer;
	int fd;
	unsigned answered, most_in_a_turn;
	void (*do_early)(void); /* once, after the first turn that answered something */
} watch;

static void look_after_a_turn(void *arg)
{
	unsigned count = answers_on(watch.fd);
	void (*do_early)(void) = watch.do_early;

	watch.answered += count;
	watch.most_in_a_turn = count > watch.most_in_a_turn ? count : watch.most_in_a_turn;
	loop_timer_start(watch.timer, 0);
	if (count == 0 || !do_early)
		return;
	watch.do_early = NULL;
	do_early();
}

static void watch_client(unsigned requests, void (*do_early)(void))
{
	memset(&watch, 0, sizeof watch);
	watch.fd = client();
	watch.do_early = do_early;
	turn(3);
	for (unsigned i = 0; i < requests; i++)
		say(watch.fd, HELLO);
	watch.timer = loop_timer_new(base, look_after_a_turn, NULL);
	loop_timer_start(watch.timer, 0);
}

static void stop_watching(void)
{
	loop_timer_free(watch.timer);
	close(watch.fd);
}

static void test_one_client_that_pipelines_does_not_hold_up_the_loop(void **state)
{
	watch_client(1000, NULL);
	WAIT_FOR(watch.answered == 1000);
	/* The replies of one turn, and those of earlier turns that reached the client late. */
	assert_in_range(watch.most_in_a_turn, 1, 200);
	stop_watching();
}

/* ---- draining ---- */

static void drained(void *arg)
{
	*(bool *)arg = true;
}

static void test_a_request_that_came_before_draining_began_is_answered(void **state)
{
	bool is_drained = false;
	int fd = client();

	turn(3);
	say(fd, HELLO);
	http_server_drain(server, drained, &is_drained);
	WAIT_FOR(is_drained);
	assert_true(is_answered(fd));
	close(fd);
}

static void test_a_connection_that_the_kernel_accepted_before_draining_is_answered(void **state)
{
	bool is_drained = false;
	struct heard heard;
	int fd = client();

	say(fd, HELLO);
	http_server_drain(server, drained, &is_drained);
	WAIT_FOR(is_drained);
	listen_to(fd, &heard);
	assert_non_null(strstr(heard.text, " 200 OK"));
	assert_non_null(strstr(heard.text, "Connection: close\r\n"));
	close(fd);
}

static bool is_drained_early;

static void drain_early(void)
{
	http_server_drain(server, drained, &is_drained_early);
}

/* The first reply after draining began says that it is the last one, so that a client knows what was not answered. */
static void test_a_pipelining_client_gets_a_last_reply_when_draining_begins(void **state)
{
	is_drained_early = false;
	watch_client(200, drain_early);
	WAIT_FOR(is_drained_early && is_closed(watch.fd));
	assert_in_range(watch.answered, 2, 199);
	stop_watching();
}

static void test_an_upgrade_that_was_asked_for_when_draining_began_is_503(void **state)
{
	struct heard heard;
	bool is_drained = false;
	int fd;

	replace_with_upgrades();
	fd = client();
	turn(3);
	say(fd, SENT("GET /up") "\r\n");
	http_server_drain(server, drained, &is_drained);
	WAIT_FOR(is_drained);
	listen_to(fd, &heard);
	assert_non_null(strstr(heard.text, "HTTP/1.1 503 "));
	assert_int_equal(upgraded_count, 0);
	close(fd);
}

static void test_freeing_the_server_with_everything_under_way_harms_nothing(void **state)
{
	int fds[4];

	for (int i = 0; i < 4; i++)
		fds[i] = client();
	turn(3);
	say(fds[0], HELLO);
	say(fds[1], SLOW);
	say(fds[2], "GET /hel");
	turn(2);
	say(fds[0], HELLO);
	reset(fds[1]);
	http_server_free(server);
	server = NULL;
	assert_int_equal(slow.begun, slow.dropped);
	close(fds[0]);
	close(fds[2]);
	close(fds[3]);
}

/* ---- descriptors ---- */

static rlim_t first_free_descriptor(void)
{
	int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);

	close(fd);
	return (rlim_t)fd;
}

static void test_out_of_descriptors_clients_are_refused_with_503_and_accepting_goes_on(void **state)
{
	struct rlimit before, limit;
	struct heard heard;
	int first, second;

	log_init("test", "test", LOG_ERROR + 1);
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
	first = client();
	second = client();
	limit = (struct rlimit){.rlim_cur = first_free_descriptor(), .rlim_max = before.rlim_max};
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
	say(first, HELLO);
	say(second, HELLO);
	turn(4);
	listen_to(first, &heard);
	assert_non_null(strstr(heard.text, "HTTP/1.1 503 "));
	assert_true(heard.is_over);
	assert_false(is_closed(second));
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
	WAIT_FOR(is_answered(second));
	close(first);
	close(second);
}

/* ---- a reply that is read slowly ---- */

static void test_a_slowly_read_reply_is_not_cut_by_the_request_behind_it(void **state)
{
	struct http_config config = server_config();
	int64_t until_us;
	size_t got = 0;
	char bytes[65536];
	ssize_t n;
	int fd;

	config.read_timeout_s = 1;
	server_replace(&config);
	fd = client_with(4096);
	for (int i = 0; i < 100; i++) /* 1 MB of replies */
		say(fd, SENT("GET /large") "\r\n");
	until_us = clock_monotonic_us() + 1700000; /* more than read_timeout_s and a sweep */
	while (clock_monotonic_us() < until_us)
		event_base_loop(base, EVLOOP_ONCE);
	while (got < 100 * 10000) {
		turn(1);
		n = recv(fd, bytes, sizeof bytes, MSG_DONTWAIT);
		assert_true(n > 0 || (n < 0 && errno == EAGAIN));
		got += n > 0 ? (size_t)n : 0;
	}
	close(fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		SERVER_TEST(test_a_request_on_the_longest_idle_connection_saves_it_from_a_new_one),
		SERVER_TEST(test_many_new_connections_at_the_limit_and_requests_on_all_idle_ones_harm_nothing),
		SERVER_TEST(test_upgraded_connections_that_reach_the_limit_stay_and_new_ones_are_closed),
		SERVER_TEST(test_the_end_of_a_client_that_sent_more_behind_its_upgrade_is_noticed),
		SERVER_TEST(test_a_request_and_its_client_s_half_close_is_answered),
		SERVER_TEST(test_a_connection_with_its_request_and_its_reset_harms_nothing),
		SERVER_TEST(test_a_reset_and_a_late_reply_harm_nothing),
		SERVER_TEST(test_a_deadline_and_a_reset_harm_nothing),
		SERVER_TEST(test_one_client_that_pipelines_does_not_hold_up_the_loop),
		SERVER_TEST(test_a_request_that_came_before_draining_began_is_answered),
		SERVER_TEST(test_a_connection_that_the_kernel_accepted_before_draining_is_answered),
		SERVER_TEST(test_a_pipelining_client_gets_a_last_reply_when_draining_begins),
		SERVER_TEST(test_an_upgrade_that_was_asked_for_when_draining_began_is_503),
		SERVER_TEST(test_freeing_the_server_with_everything_under_way_harms_nothing),
		SERVER_TEST(test_out_of_descriptors_clients_are_refused_with_503_and_accepting_goes_on),
		SERVER_TEST(test_a_slowly_read_reply_is_not_cut_by_the_request_behind_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
