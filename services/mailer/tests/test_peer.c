/* However a URL spells its host, libcurl connects to the addresses that the loop has looked up, and looks up nothing. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <arpa/inet.h>
#include <netdb.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/loop.h"
#include "peer.h"

#define TIMEOUT_S 30

static struct event_base *base;
static int server, port;
static atomic_int lookups; /* of libcurl, on a thread */

/* In place of libc's. */
int getaddrinfo(const char *restrict host, const char *restrict service, const struct addrinfo *restrict hints,
		struct addrinfo **restrict ret_addresses)
{
	lookups++;
	return EAI_AGAIN;
}

static int set_up(void **state)
{
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t len = sizeof address;

	base = loop_new();
	server = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(server, (struct sockaddr *)&address, sizeof address), 0);
	assert_int_equal(listen(server, 16), 0);
	assert_int_equal(getsockname(server, (struct sockaddr *)&address, &len), 0);
	port = ntohs(address.sin_port);
	return 0;
}

static int tear_down(void **state)
{
	close(server);
	event_base_free(base);
	return 0;
}

/* The server says nothing. */
static CURLcode ask(const char *host, const char *const *addresses, size_t count, bool connects_alone, int64_t begun_us)
{
	char url[200];
	struct peer *peer;
	struct curl_slist *at;
	CURL *easy = curl_easy_init();
	CURLcode code;

	snprintf(url, sizeof url, "http://%s:%d/", host, port);
	assert_true(peer_is_in(url));
	peer = peer_new(base, url);
	at = peer_at(peer, addresses, count);
	peer_set_options(easy, at, begun_us, TIMEOUT_S);
	curl_easy_setopt(easy, CURLOPT_URL, url);
	curl_easy_setopt(easy, CURLOPT_CONNECT_ONLY, (long)connects_alone);
	curl_easy_setopt(easy, CURLOPT_PROXY, "");
	code = curl_easy_perform(easy);
	curl_easy_cleanup(easy);
	curl_slist_free_all(at);
	peer_free(peer);
	return code;
}

static void test_libcurl_looks_up_nothing(void **state)
{
	static const char *const hosts[] = {"gateway.example.org",   "Gateway.EXAMPLE.org",
					    "gateway.example.org.",  "a_b",
					    "%67ateway.example.org", "192.0.2.1"};
	static const char *const addresses[] = {"127.0.0.1"};

	for (size_t i = 0; i < sizeof hosts / sizeof *hosts; i++)
		assert_int_equal(ask(hosts[i], addresses, 1, true, clock_monotonic_us()), CURLE_OK);
	assert_int_equal(lookups, 0);
}

static void test_each_address_is_tried(void **state)
{
	static const char *const addresses[] = {"127.0.0.1", "127.0.0.2", "::1"}; /* the server is at the first */

	for (int i = 0; i < 8; i++)
		assert_int_equal(ask("gateway.example.org", addresses, 3, true, clock_monotonic_us()), CURLE_OK);
	assert_int_equal(lookups, 0);
}

static void test_an_attempt_ends_when_its_time_is_over_and_the_look_up_counts(void **state)
{
	static const char *const addresses[] = {"127.0.0.1"};
	int64_t begun_us = clock_monotonic_us();

	assert_int_equal(ask("gateway.example.org", addresses, 1, false, begun_us - TIMEOUT_S * 1000000LL),
			 CURLE_OPERATION_TIMEDOUT);
	assert_true(clock_monotonic_us() - begun_us < TIMEOUT_S * 1000000LL / 2);
}

static void test_a_url_without_a_host_that_can_be_looked_up_is_refused(void **state)
{
	static const char *const urls[] = {"smtp://",    "http://%20/", "http://a,b/",
					   "http://.a/", "http://-a/",  "http://b\xC3\xBC/"};

	for (size_t i = 0; i < sizeof urls / sizeof *urls; i++)
		assert_false(peer_is_in(urls[i]));
	assert_true(peer_is_in("smtp://user:a%2Fb@mail.example.org:587/name"));
	assert_true(peer_is_in("https://[2001:db8::1]/messages"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_libcurl_looks_up_nothing),
		cmocka_unit_test(test_each_address_is_tried),
		cmocka_unit_test(test_an_attempt_ends_when_its_time_is_over_and_the_look_up_counts),
		cmocka_unit_test(test_a_url_without_a_host_that_can_be_looked_up_is_refused),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
