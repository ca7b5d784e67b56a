/* SMTP on threads: what a message becomes whose server does not answer, and how soon sending ends. What a server does that
 * answers is in tests/chaos/test_mail.py. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <arpa/inet.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/loop.h"
#include "base/mem.h"
#include "smtp.h"
#include "tests/wait_for.h"

#define CONNECTIONS 4
#define TIMEOUT_S 60 /* of a message, far longer than the end of sending may take */
#define END_US_MAX (20 * 1000000LL)

static struct event_base *base;
static struct loop_timer *turns;
static struct smtp_config config;
static struct smtp *smtp;
static char url[64];
static int server;
static int deferred, others;

static void nothing(void *arg)
{
}

static int set_up(void **state)
{
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t len = sizeof address;

	log_init("test", "test", LOG_ERROR);
	deferred = others = 0;
	base = loop_new();
	turns = loop_timer_new(base, nothing, NULL);
	loop_timer_repeat(turns, 20);
	server = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(server, (struct sockaddr *)&address, sizeof address), 0);
	assert_int_equal(getsockname(server, (struct sockaddr *)&address, &len), 0);
	snprintf(url, sizeof url, "smtp://127.0.0.1:%d", ntohs(address.sin_port));
	config = (struct smtp_config){
		.url = url, .from = "abacus@example.com", .timeout_s = TIMEOUT_S, .connections = CONNECTIONS};
	smtp = smtp_new(base, &config);
	return 0;
}

static int tear_down(void **state)
{
	smtp_free(smtp);
	close(server);
	loop_timer_free(turns);
	event_base_loop(base, EVLOOP_NONBLOCK); /* the look-ups are freed from the loop */
	event_base_free(base);
	return 0;
}

static void sent(enum mail_result result, bool counts, long code, const char *reason, void *arg)
{
	if (result == MAIL_DEFERRED && !counts && code == 0)
		deferred++;
	else
		others++;
}

static void send_to_all(void)
{
	static const char message[] = "Subject: a test\r\n\r\nText\r\n";

	for (int i = 0; i < CONNECTIONS; i++)
		smtp_send(smtp, "anna@example.com", mem_strdup(message), strlen(message), sent, NULL);
}

static void test_messages_whose_server_accepts_no_connection_are_deferred(void **state)
{
	send_to_all();
	WAIT_FOR(deferred + others == CONNECTIONS);
	assert_int_equal(others, 0);
}

static void test_what_is_being_sent_is_dropped_soon(void **state)
{
	struct pollfd poller = {.fd = server, .events = POLLIN};
	int clients[CONNECTIONS];
	int64_t begun_us;

	assert_int_equal(listen(server, CONNECTIONS), 0);
	send_to_all();
	for (int i = 0; i < CONNECTIONS; i++) {
		WAIT_FOR(poll(&poller, 1, 0) == 1);
		clients[i] = accept(server, NULL, NULL);
	}
	begun_us = clock_monotonic_us();
	smtp_free(smtp);
	smtp = NULL;
	assert_true(clock_monotonic_us() - begun_us < END_US_MAX);
	event_base_loop(base, EVLOOP_NONBLOCK);
	assert_int_equal(deferred + others, 0);
	for (int i = 0; i < CONNECTIONS; i++)
		close(clients[i]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_messages_whose_server_accepts_no_connection_are_deferred, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(test_what_is_being_sent_is_dropped_soon, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
