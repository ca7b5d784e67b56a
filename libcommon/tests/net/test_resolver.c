/* Names from the hosts file, and from a name server of the test's own (RFC 1035 §4), which answers as each test needs. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <unistd.h>

#include "tests/http/client_fixture.h"
#include "tests/net/name_server.h"

static int set_up(void **state)
{
	fixture_set_up(state);
	name_server_open(base);
	assert_int_equal(http_client_set_nameserver(client, server.address), STATUS_OK);
	return 0;
}

static int tear_down(void **state)
{
	fixture_tear_down(state);
	name_server_close();
	return 0;
}

/* ---- the client ---- */

static struct {
	bool is_there;
	enum status status;
	size_t count;
	char text[2000]; /* all addresses, each with a space after it */
	char reason[100];
} names;

static void resolved(enum status status, const char *const *addresses, size_t count, const char *reason, void *arg)
{
	assert_false(names.is_there);
	assert_int_equal(count > 0, status == STATUS_OK);
	assert_int_equal(*reason != '\0', status != STATUS_OK);
	names.is_there = true;
	names.status = status;
	names.count = count;
	for (size_t i = 0; i < count; i++) {
		strcat(names.text, addresses[i]);
		strcat(names.text, " ");
	}
	snprintf(names.reason, sizeof names.reason, "%s", reason);
}

static void start_to_resolve(const char *host)
{
	memset(&names, 0, sizeof names);
	http_client_resolve(client, &scope, host, resolved, NULL);
	assert_false(names.is_there);
}

static enum status resolve(const char *host)
{
	start_to_resolve(host);
	WAIT_FOR(names.is_there);
	return names.status;
}

/* ---- results ---- */

static void test_localhost_is_found_without_a_name_server(void **state)
{
	assert_int_equal(resolve("localhost"), STATUS_OK);
	assert_non_null(strstr(names.text, "127.0.0.1 "));
	assert_int_equal(server.asked, 0);
}

static void test_an_address_is_its_own_answer(void **state)
{
	assert_int_equal(resolve("10.1.2.3"), STATUS_OK);
	assert_string_equal(names.text, "10.1.2.3 ");
	assert_int_equal(resolve("FD00:0::1"), STATUS_OK);
	assert_string_equal(names.text, "fd00::1 ");
	assert_int_equal(server.asked, 0);
}

static void test_text_that_is_not_a_host_is_invalid(void **state)
{
	static const char *const hosts[] = {"",     "a b", "a:80", "[::1]",  "a/b",     "http://a",
					    "me@a", ".a",  "-a",   "::1%lo", "\xc3\xbc"};

	for (size_t i = 0; i < sizeof hosts / sizeof *hosts; i++)
		if (resolve(hosts[i]) != STATUS_INVALID)
			fail_msg("taken: %s", hosts[i]);
	assert_int_equal(server.asked, 0);
}

static void test_all_addresses_of_both_families_come_sorted(void **state)
{
	server.ipv4 = 3;
	server.ipv6 = 2;
	assert_int_equal(resolve("values.test"), STATUS_OK);
	assert_string_equal(names.text, "10.0.0.1 10.0.0.2 10.0.0.3 fd00::1 fd00::2 ");
}

static void test_a_name_of_one_family_is_found(void **state)
{
	server.ipv6 = 1;
	assert_int_equal(resolve("values.test"), STATUS_OK);
	assert_string_equal(names.text, "fd00::1 ");
}

static void test_a_server_that_ignores_ipv6_costs_little_time(void **state)
{
	int64_t start_us = clock_monotonic_us();

	server.ipv4 = 1;
	server.is_mute_for_ipv6 = true;
	assert_int_equal(resolve("values.test"), STATUS_OK);
	assert_string_equal(names.text, "10.0.0.1 ");
	assert_true(clock_monotonic_us() - start_us < 1000000);
}

static void test_a_name_that_does_not_exist_is_not_found(void **state)
{
	server.rcode = RCODE_NXDOMAIN;
	assert_int_equal(resolve("values.test"), STATUS_NOT_FOUND);
	assert_string_equal(names.reason, "there is no such name");
}

static void test_a_name_without_addresses_is_unavailable(void **state)
{
	assert_int_equal(resolve("values.test"), STATUS_UNAVAILABLE);
}

static void test_a_server_that_fails_is_unavailable_and_not_not_found(void **state)
{
	server.rcode = RCODE_SERVFAIL;
	assert_int_equal(resolve("values.test"), STATUS_UNAVAILABLE);
}

static void test_a_silent_server_is_a_timeout(void **state)
{
	server.is_mute = true;
	ask(&answer, "http://values.test/", SHORT_MS);
	WAIT_FOR(answer.is_there);
	assert_int_equal(answer.status, STATUS_TIMEOUT);
	assert_string_equal(answer.reason, "looking up the name took too long");
}

static void test_a_get_by_name_tries_addresses_until_one_can_be_reached(void **state)
{
	char url[100];

	peer_open(&peer, PEER_CLOSES, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nready");
	server.network = 127;
	server.ipv4 = 3; /* 127.0.0.3 and .2, where no server listens, come before .1 */
	snprintf(url, sizeof url, "http://values.test:%d/", peer.port);
	ask(&answer, url, LONG_MS);
	WAIT_FOR(answer.is_there);
	assert_ok(200, "ready");
}

static void test_a_get_of_a_name_that_does_not_exist_is_unavailable(void **state)
{
	server.rcode = RCODE_NXDOMAIN;
	ask(&answer, "http://values.test/", LONG_MS);
	WAIT_FOR(answer.is_there);
	assert_unavailable("there is no such name");
}

static void test_a_look_up_whose_scope_was_cancelled_runs_no_callback(void **state)
{
	server.ipv4 = 1;
	start_to_resolve("values.test");
	WAIT_FOR(server.asked > 0);
	scope_cancel(&scope);
	WAIT_FOR(server.asked == 2);
	server.rcode = RCODE_NXDOMAIN;
	ask(&answer, "http://other.test/", LONG_MS); /* asked later, answered later */
	WAIT_FOR(answer.is_there);
	assert_false(names.is_there);
}

static void free_in_flight(void)
{
	http_client_free(client);
	client = NULL;
	event_base_loop(base, EVLOOP_NONBLOCK);
	assert_false(names.is_there);
	assert_false(answer.is_there);
	assert_true(scope_is_idle(&scope));
}

static void test_freeing_before_the_name_server_answers_runs_no_callback(void **state)
{
	server.is_mute = true;
	start_to_resolve("values.test");
	ask(&answer, "http://values.test/", LONG_MS);
	WAIT_FOR(server.asked == 4);
	free_in_flight();
}

static void test_freeing_between_the_answers_of_two_families_runs_no_callback(void **state)
{
	server.ipv4 = 1;
	server.is_mute_for_ipv6 = true;
	answer = (struct answer){0};
	start_to_resolve("values.test");
	WAIT_FOR(server.asked == 2);
	event_base_loop(base, EVLOOP_NONBLOCK);
	free_in_flight();
}

static void test_freeing_right_after_the_call_runs_no_callback(void **state)
{
	answer = (struct answer){0};
	start_to_resolve("localhost");
	free_in_flight();
}

static void test_a_nameserver_must_be_an_address(void **state)
{
	assert_int_equal(http_client_set_nameserver(client, "ns.test"), STATUS_INVALID);
	assert_int_equal(http_client_set_nameserver(client, "127.0.0.1:x"), STATUS_INVALID);
	assert_int_equal(http_client_set_nameserver(client, "[::1]:53"), STATUS_OK);
}

#define LOOKUP_TEST(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		LOOKUP_TEST(test_localhost_is_found_without_a_name_server),
		LOOKUP_TEST(test_an_address_is_its_own_answer),
		LOOKUP_TEST(test_text_that_is_not_a_host_is_invalid),
		LOOKUP_TEST(test_all_addresses_of_both_families_come_sorted),
		LOOKUP_TEST(test_a_name_of_one_family_is_found),
		LOOKUP_TEST(test_a_server_that_ignores_ipv6_costs_little_time),
		LOOKUP_TEST(test_a_name_that_does_not_exist_is_not_found),
		LOOKUP_TEST(test_a_name_without_addresses_is_unavailable),
		LOOKUP_TEST(test_a_server_that_fails_is_unavailable_and_not_not_found),
		LOOKUP_TEST(test_a_silent_server_is_a_timeout),
		LOOKUP_TEST(test_a_get_by_name_tries_addresses_until_one_can_be_reached),
		LOOKUP_TEST(test_a_get_of_a_name_that_does_not_exist_is_unavailable),
		LOOKUP_TEST(test_a_look_up_whose_scope_was_cancelled_runs_no_callback),
		LOOKUP_TEST(test_freeing_before_the_name_server_answers_runs_no_callback),
		LOOKUP_TEST(test_freeing_between_the_answers_of_two_families_runs_no_callback),
		LOOKUP_TEST(test_freeing_right_after_the_call_runs_no_callback),
		LOOKUP_TEST(test_a_nameserver_must_be_an_address),
	};

	return cmocka_run_group_tests_name("test_resolver", tests, NULL, NULL);
}
