/* Framing that nobody may disagree about: RFC 9112 §5.1, §6.1, §6.3 and RFC 9110 §7.2. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <event2/http.h>
#include <event2/http_struct.h>
#include <string.h>

#include "http/guard.h"

static struct evhttp_request *evreq;

static void ignore(struct evhttp_request *answered, void *arg)
{
}

static int set_up(void **state)
{
	evreq = evhttp_request_new(ignore, NULL);
	evreq->kind = EVHTTP_REQUEST;
	evreq->type = EVHTTP_REQ_POST;
	evreq->major = 1;
	evreq->minor = 1;
	return 0;
}

static int tear_down(void **state)
{
	evhttp_request_free(evreq);
	return 0;
}

static void add(const char *name, const char *value)
{
	assert_int_equal(evhttp_add_header(evhttp_request_get_input_headers(evreq), name, value), 0);
}

/* Starts anew with the one header that every request has. */
static void renew(enum evhttp_cmd_type type)
{
	tear_down(NULL);
	set_up(NULL);
	evreq->type = type;
	add("Host", "abacus.example");
}

static void assert_refused(void)
{
	const char *problem = http_guard_problem(evreq);

	assert_non_null(problem);
	assert_int_equal(problem[strlen(problem) - 1], '.');
}

static void test_a_request_without_a_body_is_sound(void **state)
{
	renew(EVHTTP_REQ_GET);
	assert_null(http_guard_problem(evreq));
}

static void test_a_body_with_a_length_is_sound(void **state)
{
	static const char *const lengths[] = {"0", "7", "007", "131072"};

	for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++) {
		renew(EVHTTP_REQ_POST);
		add("Content-Length", lengths[i]);
		assert_null(http_guard_problem(evreq));
	}
}

static void test_a_chunked_body_is_sound_however_it_is_written(void **state)
{
	static const char *const codings[] = {"chunked", "Chunked", "CHUNKED"};

	for (size_t i = 0; i < sizeof codings / sizeof *codings; i++) {
		renew(EVHTTP_REQ_POST);
		add("transfer-encoding", codings[i]);
		assert_null(http_guard_problem(evreq));
	}
}

static void test_two_lengths_are_refused_though_they_agree(void **state)
{
	renew(EVHTTP_REQ_POST);
	add("Content-Length", "7");
	add("content-length", "7");
	assert_refused();
}

static void test_a_length_that_is_not_digits_alone_is_refused(void **state)
{
	static const char *const lengths[] = {"", "+3", "-1", "3 ", " 3", "0x3", "3,3", "3, 3", "1e1", "3.0", "\xD9\xA3"};

	for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++) {
		renew(EVHTTP_REQ_POST);
		add("Content-Length", lengths[i]);
		if (!http_guard_problem(evreq))
			fail_msg("%s", lengths[i]);
	}
}

static void test_a_coding_other_than_exactly_chunked_is_refused(void **state)
{
	static const char *const codings[] = {"",         "gzip",     "gzip, chunked", "chunked, gzip", "identity",
					      "xchunked", "chunked ", " chunked",      "chunked;a=b",   "chunked,chunked"};

	for (size_t i = 0; i < sizeof codings / sizeof *codings; i++) {
		renew(EVHTTP_REQ_POST);
		add("Transfer-Encoding", codings[i]);
		if (!http_guard_problem(evreq))
			fail_msg("%s", codings[i]);
	}
}

static void test_two_codings_are_refused(void **state)
{
	renew(EVHTTP_REQ_POST);
	add("Transfer-Encoding", "chunked");
	add("Transfer-Encoding", "chunked");
	assert_refused();
}

static void test_length_and_coding_together_are_refused(void **state)
{
	renew(EVHTTP_REQ_POST);
	add("Transfer-Encoding", "chunked");
	add("Content-Length", "7");
	assert_refused();
}

static void test_white_space_in_the_name_of_a_header_is_refused(void **state)
{
	static const char *const names[] = {"Content-Length ", " Content-Length", "Content Length", "Content-Length\t", "X "};

	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		renew(EVHTTP_REQ_POST);
		add(names[i], "7");
		assert_refused();
	}
}

static void test_every_character_that_is_not_of_a_token_is_refused_in_a_name(void **state)
{
	static const char token[] = "!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";

	for (int c = 1; c < 256; c++) {
		char name[] = {'X', (char)c, 'Y', '\0'};

		if (c == '\r' || c == '\n') /* evhttp itself takes no such name */
			continue;
		renew(EVHTTP_REQ_GET);
		add(name, "1");
		if ((http_guard_problem(evreq) == NULL) != (strchr(token, c) != NULL))
			fail_msg("character %d", c);
	}
}

static void test_an_empty_name_is_refused(void **state)
{
	renew(EVHTTP_REQ_GET);
	add("", "1");
	assert_refused();
}

static void test_no_host_is_refused(void **state)
{
	evreq->type = EVHTTP_REQ_GET;
	assert_refused();
}

static void test_two_hosts_are_refused(void **state)
{
	renew(EVHTTP_REQ_GET);
	add("HOST", "abacus.example");
	assert_refused();
}

static void test_http_1_0_may_leave_the_host_out_but_not_double_it(void **state)
{
	evreq->type = EVHTTP_REQ_GET;
	evreq->minor = 0;
	assert_null(http_guard_problem(evreq));
	add("Host", "a");
	add("Host", "b");
	assert_refused();
}

static void test_methods_whose_body_is_never_read_may_have_none(void **state)
{
	static const enum evhttp_cmd_type types[] = {EVHTTP_REQ_HEAD, EVHTTP_REQ_TRACE, EVHTTP_REQ_CONNECT};

	for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
		renew(types[i]);
		add("Content-Length", "7");
		assert_refused();
		renew(types[i]);
		add("Transfer-Encoding", "chunked");
		assert_refused();
	}
}

static void test_a_head_with_a_length_of_zero_is_sound(void **state)
{
	static const char *const zeros[] = {"0", "000"};

	for (size_t i = 0; i < 2; i++) {
		renew(EVHTTP_REQ_HEAD);
		add("Content-Length", zeros[i]);
		assert_null(http_guard_problem(evreq));
	}
}

static void test_methods_whose_body_is_read_may_have_one(void **state)
{
	static const enum evhttp_cmd_type types[] = {EVHTTP_REQ_GET, EVHTTP_REQ_POST, EVHTTP_REQ_PUT, EVHTTP_REQ_PATCH,
						     EVHTTP_REQ_DELETE};

	for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
		renew(types[i]);
		add("Content-Length", "7");
		assert_null(http_guard_problem(evreq));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_a_request_without_a_body_is_sound, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_a_body_with_a_length_is_sound, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_a_chunked_body_is_sound_however_it_is_written, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_two_lengths_are_refused_though_they_agree, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_a_length_that_is_not_digits_alone_is_refused, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_a_coding_other_than_exactly_chunked_is_refused, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_two_codings_are_refused, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_length_and_coding_together_are_refused, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_white_space_in_the_name_of_a_header_is_refused, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_every_character_that_is_not_of_a_token_is_refused_in_a_name, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(test_an_empty_name_is_refused, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_no_host_is_refused, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_two_hosts_are_refused, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_http_1_0_may_leave_the_host_out_but_not_double_it, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_methods_whose_body_is_never_read_may_have_none, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_a_head_with_a_length_of_zero_is_sound, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_methods_whose_body_is_read_may_have_one, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
