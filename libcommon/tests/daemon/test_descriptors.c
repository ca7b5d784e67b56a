/* How a limit of descriptors is divided between the daemon itself, its admin listener and its clients. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "daemon/daemon_internal.h"

static void test_own_admin_and_clients_together_are_the_limit(void **state)
{
	static const long limits[] = {60, 64, 100, 160, 200, 1024, 4096, 65536, 1 << 20};

	for (size_t i = 0; i < sizeof limits / sizeof *limits; i++) {
		struct daemon_descriptors is = daemon_descriptors_divide(limits[i], 2);

		assert_true(is.is_enough);
		assert_int_equal(is.own + is.admin + is.clients, limits[i]);
		assert_true(is.clients >= is.admin);
	}
}

static void test_more_connections_to_postgres_leave_fewer_for_clients(void **state)
{
	struct daemon_descriptors few = daemon_descriptors_divide(1024, 2), many = daemon_descriptors_divide(1024, 64);

	assert_int_equal(few.clients - many.clients, 62);
}

static void test_the_admin_listener_gets_a_share_with_an_end(void **state)
{
	assert_int_equal(daemon_descriptors_divide(1 << 20, 2).admin, 64);
	assert_true(daemon_descriptors_divide(60, 2).admin >= 4);
}

static void test_below_the_least_there_is_not_enough(void **state)
{
	long least = daemon_descriptors_divide(1024, 2).least;

	assert_true(daemon_descriptors_divide(least, 2).is_enough);
	assert_false(daemon_descriptors_divide(least - 1, 2).is_enough);
	assert_false(daemon_descriptors_divide(0, 2).is_enough);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_own_admin_and_clients_together_are_the_limit),
		cmocka_unit_test(test_more_connections_to_postgres_leave_fewer_for_clients),
		cmocka_unit_test(test_the_admin_listener_gets_a_share_with_an_end),
		cmocka_unit_test(test_below_the_least_there_is_not_enough),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
