/* Asking users about a token: what each answer of a peer means, and the law of asynchronous calls. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "auth/introspection.h"
#include "tests/http/http_fixture.h"

#define TOKEN "Bearer a.b.c"
#define GOOD                                            \
	"HTTP/1.1 200 OK\r\nContent-Length: 49\r\n\r\n" \
	"{\"data\":{\"id\":7,\"username\":\"maxm\",\"admin\":false}}"

static struct peer peer;
static struct introspection *introspection;
static int answers;
static enum auth_verdict verdict;
static struct introspection_user user;

static void users_answers(const char *answer)
{
	char url[64];

	peer_open(&peer, PEER_CLOSES, answer);
	snprintf(url, sizeof url, "http://127.0.0.1:%d", peer.port);
	introspection = introspection_new(base, url);
}

static int setup(void **state)
{
	fixture_open_loop();
	scope_init(&scope);
	peer = (struct peer){0};
	answers = 0;
	return 0;
}

static int teardown(void **state)
{
	introspection_free(introspection);
	introspection = NULL;
	if (peer.listener)
		peer_close(&peer);
	fixture_close_loop();
	return 0;
}

static void answered(enum auth_verdict said, const struct introspection_user *said_of, void *arg)
{
	answers++;
	verdict = said;
	user = *said_of;
}

static enum auth_verdict ask(void)
{
	int before = answers;

	assert_true(introspection_ask(introspection, &scope, NULL, TOKEN, answered, NULL));
	assert_int_equal(answers, before); /* not before the call has returned */
	WAIT_FOR(answers == before + 1);
	return verdict;
}

static void test_a_token_that_users_accepts_is_good_and_was_asked_with_its_header(void **state)
{
	users_answers(GOOD);
	assert_int_equal(ask(), AUTH_OK);
	assert_non_null(strstr(peer.request, "GET /auth/status HTTP/1.1\r\n"));
	assert_non_null(strstr(peer.request, "\r\nAuthorization: " TOKEN "\r\n"));
}

static void test_a_user_is_an_admin_only_if_users_says_so_of_a_good_token(void **state)
{
	static const struct {
		const char *status, *body;
		bool is_admin;
	} rows[] = {
		{"200 OK", "{\"data\":{\"id\":7,\"username\":\"a\",\"admin\":true}}", true},
		{"200 OK", "{\"data\":{\"id\":7,\"username\":\"a\",\"admin\":false}}", false},
		{"401 No", "{\"data\":{\"id\":7,\"username\":\"a\",\"admin\":true}}", false},
	};

	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		char answer[200];

		snprintf(answer, sizeof answer, "HTTP/1.1 %s\r\nContent-Length: %zu\r\n\r\n%s", rows[i].status,
			 strlen(rows[i].body), rows[i].body);
		users_answers(answer);
		ask();
		assert_int_equal(user.is_admin, rows[i].is_admin);
		introspection_free(introspection);
		peer_close(&peer);
	}
	introspection = NULL;
	peer.listener = NULL;
}

static void test_the_user_of_a_good_token_is_named(void **state)
{
	users_answers(GOOD);
	assert_int_equal(ask(), AUTH_OK);
	assert_int_equal(user.id, 7);
	assert_string_equal(user.name, "maxm");
}

static void test_a_refusal_of_users_is_given_on_as_it_is(void **state)
{
	static const struct {
		const char *body;
		enum auth_verdict verdict;
	} rows[] = {
		{"{\"code\":\"token_invalid\"}", AUTH_INVALID},
		{"{\"code\":\"user_inactive\"}", AUTH_INACTIVE},
		{"{\"code\":\"token_expired\"}", AUTH_EXPIRED},
		{"{\"code\":\"token_missing\"}", AUTH_UNKNOWN},
		{"{\"code\":\"other\"}", AUTH_UNKNOWN},
		{"{\"code\":1}", AUTH_UNKNOWN},
		{"no JSON", AUTH_UNKNOWN},
	};

	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		char answer[200];

		snprintf(answer, sizeof answer, "HTTP/1.1 401 Unauthorized\r\nContent-Length: %zu\r\n\r\n%s",
			 strlen(rows[i].body), rows[i].body);
		users_answers(answer);
		assert_int_equal(ask(), rows[i].verdict);
		introspection_free(introspection);
		peer_close(&peer);
	}
	introspection = NULL;
	peer.listener = NULL;
}

static void test_a_good_answer_that_names_no_user_is_not_of_users(void **state)
{
	static const char *const bodies[] = {
		"",
		"no JSON",
		"<html></html>",
		"{}",
		"[]",
		"{\"id\":7,\"username\":\"a\",\"admin\":true}",
		"{\"data\":[true]}",
		"{\"data\":{\"username\":\"a\",\"admin\":true}}",
		"{\"data\":{\"id\":0,\"username\":\"a\",\"admin\":true}}",
		"{\"data\":{\"id\":\"7\",\"username\":\"a\",\"admin\":true}}",
		"{\"data\":{\"id\":7,\"admin\":true}}",
		"{\"data\":{\"id\":7,\"username\":\"a\",\"admin\":\"true\"}}",
	};

	for (size_t i = 0; i < sizeof bodies / sizeof *bodies; i++) {
		char answer[200];

		snprintf(answer, sizeof answer, "HTTP/1.1 200 OK\r\nContent-Length: %zu\r\n\r\n%s", strlen(bodies[i]),
			 bodies[i]);
		users_answers(answer);
		assert_int_equal(ask(), AUTH_UNKNOWN);
		assert_true(user.id == 0 && !user.is_admin && !*user.name);
		introspection_free(introspection);
		peer_close(&peer);
	}
	introspection = NULL;
	peer.listener = NULL;
}

static void test_any_other_answer_leaves_the_token_unknown(void **state)
{
	static const char *const others[] = {
		"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n",
		"HTTP/1.1 403 Forbidden\r\nContent-Length: 24\r\n\r\n{\"code\":\"token_missing\"}",
		"HTTP/1.1 204 No Content\r\n\r\n",
		"no HTTP",
		"",
	};

	for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
		users_answers(others[i]);
		assert_int_equal(ask(), AUTH_UNKNOWN);
		introspection_free(introspection);
		peer_close(&peer);
	}
	introspection = NULL;
	peer.listener = NULL;
}

static void test_without_a_url_users_cannot_be_asked(void **state)
{
	static const char *const urls[] = {NULL, "", "redis://127.0.0.1:1"};

	for (size_t i = 0; i < sizeof urls / sizeof *urls; i++) {
		introspection = introspection_new(base, urls[i]);
		assert_false(introspection_ask(introspection, &scope, NULL, TOKEN, answered, NULL));
		introspection_free(introspection);
	}
	introspection = NULL;
}

static void test_so_many_questions_are_under_way_at_once_and_no_more(void **state)
{
	users_answers(GOOD);
	for (int i = 0; i < INTROSPECTION_IN_FLIGHT_MAX; i++)
		assert_true(introspection_ask(introspection, &scope, NULL, TOKEN, answered, NULL));
	assert_false(introspection_ask(introspection, &scope, NULL, TOKEN, answered, NULL));
	WAIT_FOR(answers == INTROSPECTION_IN_FLIGHT_MAX);
	assert_int_equal(ask(), AUTH_OK);
}

static void test_one_client_has_few_questions_under_way_and_leaves_places_to_others(void **state)
{
	users_answers(GOOD);
	for (int i = 0; i < INTROSPECTION_OF_ONE; i++)
		assert_true(introspection_ask(introspection, &scope, "203.0.113.1", TOKEN, answered, NULL));
	assert_false(introspection_ask(introspection, &scope, "203.0.113.1", TOKEN, answered, NULL));
	assert_true(introspection_ask(introspection, &scope, "203.0.113.2", TOKEN, answered, NULL));
	WAIT_FOR(answers == INTROSPECTION_OF_ONE + 1);
	assert_true(introspection_ask(introspection, &scope, "203.0.113.1", TOKEN, answered, NULL));
	WAIT_FOR(answers == INTROSPECTION_OF_ONE + 2);
}

static void test_many_clients_do_not_take_the_places_of_those_that_are_trusted(void **state)
{
	char client[24];

	users_answers(GOOD);
	introspection_trust(introspection, "203.0.113.1");
	for (int i = 0; i < INTROSPECTION_IN_FLIGHT_MAX; i++) {
		snprintf(client, sizeof client, "198.51.100.%d", i);
		assert_true(introspection_ask(introspection, &scope, client, TOKEN, answered, NULL));
	}
	assert_false(introspection_ask(introspection, &scope, "203.0.113.2", TOKEN, answered, NULL));
	for (int i = 0; i < INTROSPECTION_TRUSTED; i++)
		assert_true(introspection_ask(introspection, &scope, "203.0.113.1", TOKEN, answered, NULL));
	assert_false(introspection_ask(introspection, &scope, "203.0.113.1", TOKEN, answered, NULL));
	WAIT_FOR(answers == INTROSPECTION_IN_FLIGHT_MAX + INTROSPECTION_TRUSTED);
}

static void test_only_the_latest_clients_are_trusted(void **state)
{
	char client[24];

	users_answers(GOOD);
	introspection_trust(introspection, "203.0.113.1");
	for (int i = 0; i < INTROSPECTION_CLIENTS_MAX; i++) {
		snprintf(client, sizeof client, "198.51.100.%d", i);
		introspection_trust(introspection, client);
	}
	for (int i = 0; i < INTROSPECTION_IN_FLIGHT_MAX; i++)
		assert_true(introspection_ask(introspection, &scope, NULL, TOKEN, answered, NULL));
	assert_false(introspection_ask(introspection, &scope, "203.0.113.1", TOKEN, answered, NULL));
	assert_true(introspection_ask(introspection, &scope, client, TOKEN, answered, NULL));
	WAIT_FOR(answers == INTROSPECTION_IN_FLIGHT_MAX + 1);
}

static void test_a_cancelled_question_gets_no_answer_and_gives_its_place_back(void **state)
{
	users_answers(GOOD);
	for (int i = 0; i < INTROSPECTION_IN_FLIGHT_MAX; i++)
		assert_true(introspection_ask(introspection, &scope, NULL, TOKEN, answered, NULL));
	scope_cancel(&scope);
	WAIT_FOR(peer.gone == INTROSPECTION_IN_FLIGHT_MAX);
	assert_int_equal(answers, 0);
	assert_int_equal(ask(), AUTH_OK);
}

static void test_freeing_with_questions_under_way_runs_no_callback(void **state)
{
	users_answers(GOOD);
	for (int i = 0; i < 3; i++)
		assert_true(introspection_ask(introspection, &scope, NULL, TOKEN, answered, NULL));
	introspection_free(introspection);
	introspection = NULL;
	assert_true(scope_is_idle(&scope));
	assert_int_equal(answers, 0);
}

int main(void)
{
#define INTROSPECTION_TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		INTROSPECTION_TEST(test_a_token_that_users_accepts_is_good_and_was_asked_with_its_header),
		INTROSPECTION_TEST(test_a_user_is_an_admin_only_if_users_says_so_of_a_good_token),
		INTROSPECTION_TEST(test_the_user_of_a_good_token_is_named),
		INTROSPECTION_TEST(test_a_refusal_of_users_is_given_on_as_it_is),
		INTROSPECTION_TEST(test_a_good_answer_that_names_no_user_is_not_of_users),
		INTROSPECTION_TEST(test_any_other_answer_leaves_the_token_unknown),
		INTROSPECTION_TEST(test_without_a_url_users_cannot_be_asked),
		INTROSPECTION_TEST(test_so_many_questions_are_under_way_at_once_and_no_more),
		INTROSPECTION_TEST(test_one_client_has_few_questions_under_way_and_leaves_places_to_others),
		INTROSPECTION_TEST(test_many_clients_do_not_take_the_places_of_those_that_are_trusted),
		INTROSPECTION_TEST(test_only_the_latest_clients_are_trusted),
		INTROSPECTION_TEST(test_a_cancelled_question_gets_no_answer_and_gives_its_place_back),
		INTROSPECTION_TEST(test_freeing_with_questions_under_way_runs_no_callback),
	};

	return cmocka_run_group_tests_name("test_introspection", tests, NULL, NULL);
}
