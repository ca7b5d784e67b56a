/* From method and path to a route and its parameters. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include "http/server_internal.h"

static void handle(struct http_request *req)
{
}

static const struct http_route routes[] = {
	{"GET", "/", handle, false, false},
	{"GET", "/users", handle, false, false},
	{"POST", "/users", handle, false, false},
	{"GET", "/users/ping", handle, false, false},
	{"GET", "/users/{id}", handle, false, false},
	{"DELETE", "/users/{id}", handle, false, false},
	{"POST", "/only", handle, false, false},
	{"GET", "/values/{kind}/{index}", handle, false, false},
	{"GET", "/four/{a}/{b}/{c}/{d}", handle, false, false},
	{"GET", "/five/{a}/{b}/{c}/{d}/{e}", handle, false, false},
	{0},
};

static struct http_server server = {.routes = routes};
static struct http_request req;

static enum http_match find(const char *method, const char *path)
{
	req = (struct http_request){.server = &server, .method = method};
	return http_router_find(&req, path);
}

static const char *allow(const char *path)
{
	static char text[100];

	find("PATCH", path);
	http_router_allow(&req, path, text, sizeof text);
	return text;
}

static void test_method_and_path_lead_to_their_route(void **state)
{
	assert_int_equal(find("POST", "/users"), HTTP_MATCH_FOUND);
	assert_ptr_equal(req.route, &routes[2]);
	assert_int_equal(find("GET", "/users"), HTTP_MATCH_FOUND);
	assert_ptr_equal(req.route, &routes[1]);
}

static void test_the_root_is_a_path(void **state)
{
	assert_int_equal(find("GET", "/"), HTTP_MATCH_FOUND);
	assert_ptr_equal(req.route, &routes[0]);
}

static void test_an_unknown_path_is_none(void **state)
{
	static const char *const paths[] = {"/user", "/users2", "/Users", "/users/1/2", "/values/fibonacci",
					    "users", "",        "*",      "/nothing"};

	for (size_t i = 0; i < sizeof paths / sizeof *paths; i++) {
		if (find("GET", paths[i]) != HTTP_MATCH_NO_PATH)
			fail_msg("%s", paths[i]);
		assert_null(req.route);
	}
}

static void test_a_slash_too_many_is_another_path(void **state)
{
	static const char *const paths[] = {"/users/", "//users", "/users//", "//", "/users/1/", "/values//7"};

	for (size_t i = 0; i < sizeof paths / sizeof *paths; i++)
		if (find("GET", paths[i]) != HTTP_MATCH_NO_PATH)
			fail_msg("%s", paths[i]);
}

static void test_a_known_path_with_another_method_is_told_apart_from_an_unknown_one(void **state)
{
	assert_int_equal(find("PUT", "/users"), HTTP_MATCH_NO_METHOD);
	assert_null(req.route);
	assert_int_equal(find("get", "/users"), HTTP_MATCH_NO_METHOD);
}

static void test_head_is_answered_by_the_route_of_get(void **state)
{
	assert_int_equal(find("HEAD", "/users"), HTTP_MATCH_FOUND);
	assert_ptr_equal(req.route, &routes[1]);
	assert_int_equal(find("HEAD", "/only"), HTTP_MATCH_NO_METHOD);
}

static void test_a_parameter_is_one_whole_segment(void **state)
{
	assert_int_equal(find("GET", "/users/41"), HTTP_MATCH_FOUND);
	assert_ptr_equal(req.route, &routes[4]);
	assert_string_equal(req.params[0], "41");
}

static void test_parameters_keep_their_order(void **state)
{
	assert_int_equal(find("GET", "/values/lucas/90"), HTTP_MATCH_FOUND);
	assert_string_equal(req.params[0], "lucas");
	assert_string_equal(req.params[1], "90");
}

static void test_four_parameters_are_the_most(void **state)
{
	assert_int_equal(find("GET", "/four/1/2/3/4"), HTTP_MATCH_FOUND);
	assert_string_equal(req.params[3], "4");
	assert_int_equal(find("GET", "/five/1/2/3/4/5"), HTTP_MATCH_NO_PATH);
}

static void test_a_literal_path_comes_before_a_parameter_of_the_same_place(void **state)
{
	assert_int_equal(find("GET", "/users/ping"), HTTP_MATCH_FOUND);
	assert_ptr_equal(req.route, &routes[3]);
	assert_int_equal(find("DELETE", "/users/ping"), HTTP_MATCH_NO_METHOD);
}

static void test_a_parameter_is_percent_decoded(void **state)
{
	assert_int_equal(find("GET", "/users/a%20b%C3%bc%25"), HTTP_MATCH_FOUND);
	assert_string_equal(req.params[0], "a bü%");
}

static void test_a_plus_sign_in_a_path_is_no_space(void **state)
{
	assert_int_equal(find("GET", "/users/a+b"), HTTP_MATCH_FOUND);
	assert_string_equal(req.params[0], "a+b");
}

static void test_an_encoded_slash_or_nul_makes_no_parameter(void **state)
{
	static const char *const paths[] = {"/users/a%2Fb", "/users/a%2fb", "/users/%2f", "/users/a%00b", "/users/%00"};

	for (size_t i = 0; i < sizeof paths / sizeof *paths; i++)
		if (find("GET", paths[i]) != HTTP_MATCH_NO_PATH)
			fail_msg("%s", paths[i]);
}

static void test_a_broken_escape_makes_no_parameter(void **state)
{
	static const char *const paths[] = {"/users/%",   "/users/%4",  "/users/%zz",  "/users/%4g",   "/users/a%",
					    "/users/% 4", "/users/%+4", "/values/%/7", "/values/%4/41"};

	for (size_t i = 0; i < sizeof paths / sizeof *paths; i++)
		if (find("GET", paths[i]) != HTTP_MATCH_NO_PATH)
			fail_msg("%s", paths[i]);
}

static void test_a_parameter_of_255_bytes_fits_and_a_longer_one_does_not(void **state)
{
	char path[7 + HTTP_PARAM_BYTES_MAX + 1] = "/users/";

	memset(path + 7, 'x', HTTP_PARAM_BYTES_MAX - 1);
	assert_int_equal(find("GET", path), HTTP_MATCH_FOUND);
	assert_int_equal(strlen(req.params[0]), HTTP_PARAM_BYTES_MAX - 1);
	path[7 + HTTP_PARAM_BYTES_MAX - 1] = 'x';
	assert_int_equal(find("GET", path), HTTP_MATCH_NO_PATH);
}

static void test_literals_are_not_decoded(void **state)
{
	assert_int_equal(find("GET", "/user%73"), HTTP_MATCH_NO_PATH);
}

static void test_allow_lists_the_methods_of_the_path_and_head_with_get(void **state)
{
	assert_string_equal(allow("/users"), "GET, HEAD, POST");
	assert_string_equal(allow("/users/7"), "GET, HEAD, DELETE");
	assert_string_equal(allow("/only"), "POST");
}

static void test_allow_leaves_out_what_a_literal_path_hides(void **state)
{
	assert_string_equal(allow("/users/ping"), "GET, HEAD");
}

static void test_allow_of_an_unknown_path_is_empty(void **state)
{
	assert_string_equal(allow("/nothing"), "");
}

static void test_allow_is_cut_where_there_is_no_room(void **state)
{
	char text[8];

	find("PATCH", "/users");
	memset(text, '!', sizeof text);
	http_router_allow(&req, "/users", text, sizeof text - 1);
	assert_string_equal(text, "GET, H");
	assert_int_equal(text[7], '!');
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_method_and_path_lead_to_their_route),
		cmocka_unit_test(test_the_root_is_a_path),
		cmocka_unit_test(test_an_unknown_path_is_none),
		cmocka_unit_test(test_a_slash_too_many_is_another_path),
		cmocka_unit_test(test_a_known_path_with_another_method_is_told_apart_from_an_unknown_one),
		cmocka_unit_test(test_head_is_answered_by_the_route_of_get),
		cmocka_unit_test(test_a_parameter_is_one_whole_segment),
		cmocka_unit_test(test_parameters_keep_their_order),
		cmocka_unit_test(test_four_parameters_are_the_most),
		cmocka_unit_test(test_a_literal_path_comes_before_a_parameter_of_the_same_place),
		cmocka_unit_test(test_a_parameter_is_percent_decoded),
		cmocka_unit_test(test_a_plus_sign_in_a_path_is_no_space),
		cmocka_unit_test(test_an_encoded_slash_or_nul_makes_no_parameter),
		cmocka_unit_test(test_a_broken_escape_makes_no_parameter),
		cmocka_unit_test(test_a_parameter_of_255_bytes_fits_and_a_longer_one_does_not),
		cmocka_unit_test(test_literals_are_not_decoded),
		cmocka_unit_test(test_allow_lists_the_methods_of_the_path_and_head_with_get),
		cmocka_unit_test(test_allow_leaves_out_what_a_literal_path_hides),
		cmocka_unit_test(test_allow_of_an_unknown_path_is_empty),
		cmocka_unit_test(test_allow_is_cut_where_there_is_no_room),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
