/* Which names a browser may have for the private port. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "show/own_name.h"

static void test_addresses_and_localhost_name_this_machine(void **state)
{
	static const char *const own[] = {"127.0.0.1",  "127.0.0.1:5000", "10.1.2.3:5000",  "[::1]",
					  "[::1]:5000", "localhost",      "localhost:5000", "LocalHost:5000"};

	for (size_t i = 0; i < sizeof own / sizeof *own; i++)
		if (!own_name_is(own[i]))
			fail_msg("%s", own[i]);
}

static void test_a_name_that_another_site_may_have_does_not(void **state)
{
	static const char *const others[] = {"",
					     ":5000",
					     "attacker.example",
					     "attacker.example:5000",
					     "127.0.0.1.attacker.example:5000",
					     "localhost.attacker.example",
					     "localhost.",
					     "127.0.0.1.",
					     "127.1",
					     "[::1].attacker.example",
					     "[attacker.example]",
					     "[::1",
					     "a-name-that-is-longer-than-any-address-can-be.attacker.example:5000"};

	for (size_t i = 0; i < sizeof others / sizeof *others; i++)
		if (own_name_is(others[i]))
			fail_msg("%s", others[i]);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_addresses_and_localhost_name_this_machine),
		cmocka_unit_test(test_a_name_that_another_site_may_have_does_not),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
