/* The table of SQLSTATEs: each that it names, its class, and what is not in it. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "postgres/postgres_internal.h"

static const struct {
	const char *sqlstate;
	enum status status;
	bool replaces_connection;
} rows[] = {
	{"08000", STATUS_UNAVAILABLE, false}, {"08006", STATUS_UNAVAILABLE, false}, {"08P01", STATUS_UNAVAILABLE, false},
	{"23505", STATUS_CONFLICT, false},    {"25006", STATUS_UNAVAILABLE, true},  {"25P02", STATUS_UNAVAILABLE, false},
	{"25P03", STATUS_UNAVAILABLE, false}, {"26000", STATUS_UNAVAILABLE, true},  {"40001", STATUS_UNAVAILABLE, false},
	{"40003", STATUS_UNAVAILABLE, false}, {"40P01", STATUS_UNAVAILABLE, false}, {"53000", STATUS_UNAVAILABLE, false},
	{"42501", STATUS_UNAVAILABLE, false}, {"53100", STATUS_UNAVAILABLE, false}, {"53200", STATUS_UNAVAILABLE, false},
	{"53300", STATUS_UNAVAILABLE, false}, {"55P03", STATUS_UNAVAILABLE, false}, {"57000", STATUS_UNAVAILABLE, false},
	{"57014", STATUS_TIMEOUT, false},     {"57P01", STATUS_UNAVAILABLE, false}, {"57P03", STATUS_UNAVAILABLE, false},
	{"58030", STATUS_UNAVAILABLE, false}, {"22P02", STATUS_INTERNAL, false},    {"23503", STATUS_INTERNAL, false},
	{"25001", STATUS_INTERNAL, false},    {"42601", STATUS_INTERNAL, false},    {"42P01", STATUS_INTERNAL, false},
	{"55000", STATUS_INTERNAL, false},    {"XX000", STATUS_INTERNAL, false},    {"P0001", STATUS_INTERNAL, false},
	{"", STATUS_INTERNAL, false},
};

static void test_each_sqlstate_has_its_status(void **state)
{
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		const struct postgres_error *error = postgres_error_of(rows[i].sqlstate);

		if (error->status != rows[i].status || (error->replaces_connection != NULL) != rows[i].replaces_connection)
			fail_msg("%s: %s", rows[i].sqlstate, status_name(error->status));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_each_sqlstate_has_its_status),
	};

	return cmocka_run_group_tests_name("postgres/test_errors", tests, NULL, NULL);
}
