/* Each address of a name is an instance; names are looked up in each round, here at a name server that the test runs. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <event2/dns.h>
#include <event2/dns_struct.h>
#include <unistd.h>

#include "base/log.h"
#include "http/client.h"
#include "tests/http/http_fixture.h"
#include "monitor.h"
#include "service.h"
#include "watch/poll.h"

static struct healthcheck_config config;
static struct monitor *monitor;
static char targets[] = "users=http://users.test:1,values=http://127.0.0.1:2";

/* The name server's answer: 127.0.0.N for each of these numbers, or that there is no such name. */
static struct {
	int fd;
	struct evdns_server_port *port;
	unsigned char numbers[8];
	int count;
	bool has_no_name;
	unsigned asked;
} names;

static void name_asked(struct evdns_server_request *request, void *arg)
{
	unsigned char addresses[8][4];

	names.asked++;
	for (int i = 0; i < names.count; i++)
		memcpy(addresses[i], (unsigned char[]){127, 0, 0, names.numbers[i]}, 4);
	if (request->questions[0]->type == EVDNS_TYPE_A && names.count)
		evdns_server_request_add_a_reply(request, request->questions[0]->name, names.count, addresses, 1);
	evdns_server_request_respond(request, names.has_no_name ? DNS_ERR_NOTEXIST : 0);
}

static void open_name_server(void)
{
	struct sockaddr_in address = fixture_loopback(0);
	socklen_t len = sizeof address;
	char text[40];

	memset(&names, 0, sizeof names);
	names.fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0);
	assert_int_equal(bind(names.fd, (struct sockaddr *)&address, len), 0);
	assert_int_equal(getsockname(names.fd, (struct sockaddr *)&address, &len), 0);
	names.port = evdns_add_server_port_with_base(base, names.fd, 0, name_asked, NULL);
	snprintf(text, sizeof text, "127.0.0.1:%d", ntohs(address.sin_port));
	assert_int_equal(http_client_set_nameserver(monitor->client, text), STATUS_OK);
}

static void names_are(int count, const char *numbers)
{
	names.count = count;
	memcpy(names.numbers, numbers, (size_t)count);
}

static int set_up(void **state)
{
	log_init("test", "test", LOG_ERROR + 1);
	fixture_open_loop();
	config = (struct healthcheck_config){.targets = targets, .interval_ms = 50, .timeout_ms = 1000, .streams_max = 10};
	monitor = monitor_new(base, &config);
	open_name_server();
	return 0;
}

static int tear_down(void **state)
{
	monitor_free(monitor);
	evdns_close_server_port(names.port);
	close(names.fd);
	fixture_close_loop();
	return 0;
}

/* "users-1=127.0.0.1:1 …" */
static const char *instances(void)
{
	static char text[2000];
	size_t len = 0;

	text[0] = '\0';
	for (size_t i = 0; i < monitor->instances_count; i++)
		len += (size_t)snprintf(text + len, sizeof text - len, "%s%s=%s", i ? " " : "",
					monitor->instances[i]->watched.instance, monitor->instances[i]->address);
	return text;
}

/* Two more whole rounds. */
static void wait_for_rounds(void)
{
	uint64_t round = monitor->history.round;

	WAIT_FOR(monitor->history.round >= round + 3);
}

static void make_it_long_ago(void)
{
	for (size_t i = 0; i < monitor->instances_count; i++) {
		monitor->instances[i]->watched.since_ms -= 120000;
		if (monitor->instances[i]->unlisted_ms)
			monitor->instances[i]->unlisted_ms -= 120000;
	}
}

static void test_each_address_of_a_name_is_an_instance(void **state)
{
	names_are(2, "\x09\x08");
	WAIT_FOR(monitor->instances_count == 3);
	assert_string_equal(instances(), "users-1=127.0.0.8:1 users-2=127.0.0.9:1 values-1=127.0.0.1:2");
	wait_for_rounds();
	assert_int_equal(monitor->instances[0]->watched.health, HEALTH_DOWN);
	assert_string_equal(monitor->instances[0]->watched.reason, "the connection was refused");
}

static void test_a_new_address_is_found_in_the_next_round_and_gets_the_next_number(void **state)
{
	names_are(1, "\x08");
	WAIT_FOR(monitor->instances_count == 2);
	names_are(2, "\x08\x07");
	WAIT_FOR(monitor->instances_count == 3);
	assert_string_equal(instances(), "users-1=127.0.0.8:1 users-2=127.0.0.7:1 values-1=127.0.0.1:2");
}

static void test_an_address_that_is_no_longer_listed_is_down_for_a_minute_and_then_forgotten(void **state)
{
	names_are(2, "\x08\x09");
	WAIT_FOR(monitor->instances_count == 3);
	wait_for_rounds();
	names_are(1, "\x09");
	wait_for_rounds();
	assert_int_equal(monitor->instances_count, 3);
	assert_int_equal(monitor->instances[0]->watched.health, HEALTH_DOWN);
	make_it_long_ago();
	WAIT_FOR(monitor->instances_count == 2);
	assert_string_equal(instances(), "users-2=127.0.0.9:1 values-1=127.0.0.1:2");
	names_are(2, "\x09\x0a");
	WAIT_FOR(monitor->instances_count == 3); /* the number is free again */
	assert_string_equal(instances(), "users-1=127.0.0.10:1 users-2=127.0.0.9:1 values-1=127.0.0.1:2");
}

static void test_an_address_that_comes_back_in_time_is_the_same_instance(void **state)
{
	names_are(1, "\x08");
	WAIT_FOR(monitor->instances_count == 2);
	wait_for_rounds();
	names_are(1, "\x09");
	WAIT_FOR(monitor->instances_count == 3);
	names_are(1, "\x08");
	wait_for_rounds();
	assert_int_equal(monitor->instances[0]->unlisted_ms, 0);
	make_it_long_ago();
	WAIT_FOR(monitor->instances_count == 2);
	assert_string_equal(instances(), "users-1=127.0.0.8:1 values-1=127.0.0.1:2");
}

static void test_a_name_without_an_address_is_down_until_it_gets_one(void **state)
{
	names.has_no_name = true;
	WAIT_FOR(monitor->instances_count == 2);
	assert_string_equal(instances(), "users-1=users.test:1 values-1=127.0.0.1:2");
	assert_string_equal(monitor->instances[0]->watched.reason, "there is no such name");
	wait_for_rounds(); /* rounds go on without it */
	names.has_no_name = false;
	names_are(2, "\x08\x09");
	WAIT_FOR(monitor->instances_count == 3);
	assert_string_equal(instances(), "users-1=127.0.0.8:1 users-2=127.0.0.9:1 values-1=127.0.0.1:2");
}

static void test_a_failing_name_server_removes_no_instance(void **state)
{
	names_are(1, "\x08");
	WAIT_FOR(monitor->instances_count == 2);
	names_are(0, "");
	wait_for_rounds();
	make_it_long_ago();
	wait_for_rounds();
	assert_string_equal(instances(), "users-1=127.0.0.8:1 values-1=127.0.0.1:2");
}

static void test_a_name_is_looked_up_in_each_round(void **state)
{
	unsigned asked;

	names_are(1, "\x08");
	WAIT_FOR(monitor->instances_count == 2);
	asked = names.asked;
	wait_for_rounds();
	assert_true(names.asked >= asked + 2);
}

#define TEST(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(test_each_address_of_a_name_is_an_instance),
		TEST(test_a_new_address_is_found_in_the_next_round_and_gets_the_next_number),
		TEST(test_an_address_that_is_no_longer_listed_is_down_for_a_minute_and_then_forgotten),
		TEST(test_an_address_that_comes_back_in_time_is_the_same_instance),
		TEST(test_a_name_without_an_address_is_down_until_it_gets_one),
		TEST(test_a_failing_name_server_removes_no_instance),
		TEST(test_a_name_is_looked_up_in_each_round),
	};

	poll_register_metrics();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
