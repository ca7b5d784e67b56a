/* The address of a client: trusted proxies, and the right-most address that no trusted proxy has. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "net/forwarded.h"
#include "tests/capture.h"

#define DEFAULT_PROXIES "127.0.0.0/8,::1/128,10.0.0.0/8,172.16.0.0/12,192.168.0.0/16"

static struct networks *networks;

static int drop(void **state)
{
	networks_free(networks);
	networks = NULL;
	return 0;
}

static bool contains(const char *list, const char *address)
{
	drop(NULL);
	networks = networks_parse(list);
	return networks_contain(networks, address);
}

static void test_a_network_contains_its_first_and_last_address_and_no_other(void **state)
{
	assert_true(contains("172.16.0.0/12", "172.16.0.0"));
	assert_true(contains("172.16.0.0/12", "172.31.255.255"));
	assert_false(contains("172.16.0.0/12", "172.15.255.255"));
	assert_false(contains("172.16.0.0/12", "172.32.0.0"));
}

static void test_an_address_alone_is_a_network_of_one(void **state)
{
	assert_true(contains("10.1.2.3", "10.1.2.3"));
	assert_false(contains("10.1.2.3", "10.1.2.2"));
	assert_true(contains("2001:db8::1", "2001:db8::1"));
	assert_false(contains("2001:db8::1", "2001:db8::2"));
}

static void test_bits_of_an_address_beyond_its_prefix_do_not_count(void **state)
{
	assert_true(contains("10.1.2.3/8", "10.200.0.1"));
}

static void test_ipv6_networks_are_understood(void **state)
{
	assert_true(contains("2001:db8::/33", "2001:db8:7fff::1"));
	assert_false(contains("2001:db8::/33", "2001:db8:8000::1"));
}

static void test_an_ipv4_address_in_ipv6_form_is_the_same_address(void **state)
{
	assert_true(contains("10.0.0.0/8", "::ffff:10.0.0.1"));
	assert_false(contains("10.0.0.0/8", "::10.0.0.1"));
}

static void test_all_of_ipv4_contains_no_ipv6(void **state)
{
	assert_true(contains("0.0.0.0/0", "203.0.113.7"));
	assert_false(contains("0.0.0.0/0", "2001:db8::1"));
}

static void test_each_network_of_a_list_counts(void **state)
{
	assert_true(contains(DEFAULT_PROXIES, "127.1.2.3"));
	assert_true(contains(DEFAULT_PROXIES, "::1"));
	assert_true(contains(DEFAULT_PROXIES, "192.168.255.255"));
	assert_false(contains(DEFAULT_PROXIES, "203.0.113.7"));
}

static void test_spaces_after_commas_are_fine(void **state)
{
	assert_true(contains(" 10.0.0.0/8, 192.168.0.0/16 ", "192.168.0.1"));
}

static void test_an_empty_list_contains_nothing(void **state)
{
	assert_false(contains("", "127.0.0.1"));
	assert_false(contains(",, ,", "127.0.0.1"));
}

static void test_text_that_is_not_an_address_is_in_no_network(void **state)
{
	assert_false(contains("0.0.0.0/0,::/0", ""));
	assert_false(contains("0.0.0.0/0,::/0", "localhost"));
	assert_false(contains("0.0.0.0/0,::/0", "10.0.0.1:80"));
}

static void test_an_invalid_network_is_logged_and_left_out(void **state)
{
	static const char *const wrong[] = {"10.0.0.0/33",
					    "::/129",
					    "10.0.0.0/",
					    "10.0.0.0/x",
					    "10.0.0.0/8x",
					    "10.0.0.0/+8",
					    "10.0.0.0/-18446744073709551608",
					    "10.0.0.0/08",
					    "10.0.0.0/-1",
					    "10.0.0/8",
					    "host",
					    "/8"};
	static struct capture capture;

	for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
		char list[60];
		bool keeps_others;

		snprintf(list, sizeof list, "%s,192.168.0.0/16", wrong[i]);
		capture_start(&capture, STDOUT_FILENO);
		keeps_others = contains(list, "192.168.0.1");
		capture_end(&capture);
		assert_true(keeps_others);
		assert_non_null(strstr(capture.text, "TRUSTED_PROXIES"));
		assert_non_null(strstr(capture.text, wrong[i]));
		assert_false(networks_contain(networks, "10.0.0.1"));
	}
}

static const char *address(const char *peer, const char *forwarded_for)
{
	static char text[64];

	drop(NULL);
	networks = networks_parse(DEFAULT_PROXIES);
	forwarded_address(networks, peer, forwarded_for, text, sizeof text);
	return text;
}

static void test_without_the_header_the_address_is_the_peer(void **state)
{
	assert_string_equal(address("10.0.0.1", NULL), "10.0.0.1");
	assert_string_equal(address("10.0.0.1", ""), "10.0.0.1");
}

static void test_the_header_of_a_peer_that_is_not_a_proxy_is_ignored(void **state)
{
	assert_string_equal(address("203.0.113.7", "198.51.100.1"), "203.0.113.7");
}

static void test_behind_a_proxy_the_address_is_the_one_that_the_proxy_saw(void **state)
{
	assert_string_equal(address("127.0.0.1", "203.0.113.7"), "203.0.113.7");
	assert_string_equal(address("::1", "2001:db8::7"), "2001:db8::7");
}

static void test_addresses_that_the_client_sent_itself_are_ignored(void **state)
{
	assert_string_equal(address("127.0.0.1", "198.51.100.1, 203.0.113.7"), "203.0.113.7");
}

static void test_several_proxies_are_skipped(void **state)
{
	assert_string_equal(address("127.0.0.1", "198.51.100.1,203.0.113.7 ,\t10.0.0.9, 192.168.1.1"), "203.0.113.7");
}

static void test_a_chain_of_proxies_alone_ends_at_its_left_end(void **state)
{
	assert_string_equal(address("127.0.0.1", "10.0.0.2, 10.0.0.1"), "10.0.0.2");
}

static void test_the_chain_ends_at_the_last_proxy_before_an_invalid_address(void **state)
{
	static const char *const chains[] = {"203.0.113.7, unknown, 10.0.0.1",
					     "203.0.113.7, 198.51.100.1 x, 10.0.0.1",
					     "203.0.113.7,, 10.0.0.1",
					     "203.0.113.7, [::1]:80, 10.0.0.1",
					     "203.0.113.7, 198.51.100.1:80, 10.0.0.1",
					     "198.51.100.1 203.0.113.7, 1.2.3.4.5, 10.0.0.1"};

	for (size_t i = 0; i < sizeof chains / sizeof *chains; i++)
		assert_string_equal(address("127.0.0.1", chains[i]), "10.0.0.1");
}

static void test_an_endless_chain_is_not_followed_to_its_end(void **state)
{
	static char chain[9 * 1000 + 20] = "203.0.113.7";

	for (int i = 0; i < 1000; i++)
		strcat(chain, ",10.0.0.1");
	assert_string_equal(address("127.0.0.1", chain), "10.0.0.1");
}

static void test_an_overlong_element_is_not_an_address(void **state)
{
	char chain[200];

	memset(chain, '1', sizeof chain - 1);
	chain[sizeof chain - 1] = '\0';
	assert_string_equal(address("127.0.0.1", chain), "127.0.0.1");
}

static void test_an_address_after_much_white_space_is_never_cut_short(void **state)
{
	char chain[200];

	for (int spaces = 40; spaces < 70; spaces++) {
		const char *found;

		snprintf(chain, sizeof chain, "%*s203.0.113.77", spaces, "");
		found = address("127.0.0.1", chain);
		assert_true(strcmp(found, "203.0.113.77") == 0 || strcmp(found, "127.0.0.1") == 0);
	}
}

static void test_a_peer_without_an_address_is_left_as_it_is(void **state)
{
	assert_string_equal(address("unix", "203.0.113.7"), "unix");
}

static const char *network(const char *text)
{
	static char found[ADDRESS_NETWORK_BYTES];

	address_network(text, found);
	return found;
}

static void test_the_network_of_an_ipv4_address_is_the_address(void **state)
{
	assert_string_equal(network("203.0.113.7"), "203.0.113.7");
	assert_string_equal(network("::ffff:203.0.113.7"), "203.0.113.7");
}

static void test_all_addresses_of_a_64_bit_prefix_are_one_network_and_the_next_prefix_is_another(void **state)
{
	assert_string_equal(network("2001:db8:1:2:3:4:5:6"), "2001:db8:1:2::");
	assert_string_equal(network("2001:db8:1:2:ffff:ffff:ffff:ffff"), "2001:db8:1:2::");
	assert_string_equal(network("2001:db8:1:3::6"), "2001:db8:1:3::");
}

static void test_the_network_of_what_is_no_address_is_its_text(void **state)
{
	assert_string_equal(network("unix"), "unix");
	assert_string_equal(network(""), "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(test_a_network_contains_its_first_and_last_address_and_no_other, drop),
		cmocka_unit_test_teardown(test_an_address_alone_is_a_network_of_one, drop),
		cmocka_unit_test_teardown(test_bits_of_an_address_beyond_its_prefix_do_not_count, drop),
		cmocka_unit_test_teardown(test_ipv6_networks_are_understood, drop),
		cmocka_unit_test_teardown(test_an_ipv4_address_in_ipv6_form_is_the_same_address, drop),
		cmocka_unit_test_teardown(test_all_of_ipv4_contains_no_ipv6, drop),
		cmocka_unit_test_teardown(test_each_network_of_a_list_counts, drop),
		cmocka_unit_test_teardown(test_spaces_after_commas_are_fine, drop),
		cmocka_unit_test_teardown(test_an_empty_list_contains_nothing, drop),
		cmocka_unit_test_teardown(test_text_that_is_not_an_address_is_in_no_network, drop),
		cmocka_unit_test_teardown(test_an_invalid_network_is_logged_and_left_out, drop),
		cmocka_unit_test_teardown(test_without_the_header_the_address_is_the_peer, drop),
		cmocka_unit_test_teardown(test_the_header_of_a_peer_that_is_not_a_proxy_is_ignored, drop),
		cmocka_unit_test_teardown(test_behind_a_proxy_the_address_is_the_one_that_the_proxy_saw, drop),
		cmocka_unit_test_teardown(test_addresses_that_the_client_sent_itself_are_ignored, drop),
		cmocka_unit_test_teardown(test_several_proxies_are_skipped, drop),
		cmocka_unit_test_teardown(test_a_chain_of_proxies_alone_ends_at_its_left_end, drop),
		cmocka_unit_test_teardown(test_the_chain_ends_at_the_last_proxy_before_an_invalid_address, drop),
		cmocka_unit_test_teardown(test_an_endless_chain_is_not_followed_to_its_end, drop),
		cmocka_unit_test_teardown(test_an_overlong_element_is_not_an_address, drop),
		cmocka_unit_test_teardown(test_an_address_after_much_white_space_is_never_cut_short, drop),
		cmocka_unit_test_teardown(test_a_peer_without_an_address_is_left_as_it_is, drop),
		cmocka_unit_test(test_the_network_of_an_ipv4_address_is_the_address),
		cmocka_unit_test(test_all_addresses_of_a_64_bit_prefix_are_one_network_and_the_next_prefix_is_another),
		cmocka_unit_test(test_the_network_of_what_is_no_address_is_its_text),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
