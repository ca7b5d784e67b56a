/* What a confirmation is bound to, and the header that carries it. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "base/json.h"
#include "factors/binding.h"

#define KEY "a secret of thirty-two characters"
#define OTHER "another secret of thirty characters"

static const uint8_t challenge[JWT_JTI_BYTES] = {1, 0x9e, 3, 4, 5, 6, 0x70, 8, 0x80, 10, 11, 12, 13, 14, 15, 16};
static const uint8_t another[JWT_JTI_BYTES] = {1, 0x9e, 3, 4, 5, 6, 0x70, 8, 0x80, 10, 11, 12, 13, 14, 15, 17};

static void make(const char *key, int64_t user_id, const uint8_t *nonce, const char *action, const char *parameters, char *text)
{
	cJSON *json = NULL;

	if (parameters)
		assert_int_equal(json_parse(parameters, strlen(parameters), &json), STATUS_OK);
	binding_make(key, &(struct binding){user_id, nonce, action, json}, text);
	cJSON_Delete(json);
}

static void assert_canonical(const char *json_text, const char *expected)
{
	struct buf out = {0};
	cJSON *json = NULL;

	assert_int_equal(json_parse(json_text, strlen(json_text), &json), STATUS_OK);
	binding_canonical(&out, json);
	assert_string_equal(out.bytes, expected);
	cJSON_Delete(json);
	buf_free(&out);
}

static void test_the_order_of_members_and_white_space_make_no_difference(void **state)
{
	assert_canonical(" {\"b\": [1, {\"d\":null,\"c\":true}] , \"a\":\"x\\u0041\"}",
			 "{\"a\":\"xA\",\"b\":[1,{\"c\":true,\"d\":null}]}");
	assert_canonical("{}", "{}");
	assert_canonical("{\"a\":1.0,\"b\":1e3,\"c\":false}", "{\"a\":1,\"b\":1000,\"c\":false}");
}

static void test_numbers_that_differ_have_different_texts(void **state)
{
	assert_canonical("[9007199254740991,9007199254740990,0.1]", "[9007199254740991,9007199254740990,0.10000000000000001]");
}

static void test_any_change_makes_another_binding(void **state)
{
	char text[BINDING_LEN + 1], other[BINDING_LEN + 1];

	make(KEY, 7, challenge, "change_user", "{\"admin\":true,\"id\":\"8\"}", text);
	make(KEY, 7, challenge, "change_user", "{\"id\":\"8\",\"admin\":true}", other);
	assert_string_equal(text, other);
	make(OTHER, 7, challenge, "change_user", "{\"admin\":true,\"id\":\"8\"}", other);
	assert_string_not_equal(text, other);
	make(KEY, 8, challenge, "change_user", "{\"admin\":true,\"id\":\"8\"}", other);
	assert_string_not_equal(text, other);
	make(KEY, 7, another, "change_user", "{\"admin\":true,\"id\":\"8\"}", other);
	assert_string_not_equal(text, other);
	make(KEY, 7, challenge, "delete_user", "{\"admin\":true,\"id\":\"8\"}", other);
	assert_string_not_equal(text, other);
	make(KEY, 7, challenge, "change_user", "{\"admin\":true,\"id\":\"9\"}", other);
	assert_string_not_equal(text, other);
	make(KEY, 7, challenge, "change_user", "{\"admin\":\"true\",\"id\":\"8\"}", other);
	assert_string_not_equal(text, other);
	make(KEY, 7, challenge, "change_user", "{\"admin\":true,\"id\":\"8\",\"email\":null}", other);
	assert_string_not_equal(text, other);
}

static void test_no_parameters_are_an_empty_object(void **state)
{
	char text[BINDING_LEN + 1], other[BINDING_LEN + 1];

	make(KEY, 7, challenge, "end_sessions", NULL, text);
	make(KEY, 7, challenge, "end_sessions", "{}", other);
	assert_string_equal(text, other);
}

static void test_the_header_carries_the_challenge_and_the_binding(void **state)
{
	char text[BINDING_LEN + 1], header[BINDING_CONFIRMATION_LEN + 1], read[BINDING_LEN + 1];
	uint8_t id[JWT_JTI_BYTES];

	make(KEY, 7, challenge, "end_sessions", NULL, text);
	assert_int_equal(binding_confirmation_format(challenge, text, header), STATUS_OK);
	assert_int_equal(binding_confirmation_parse(header, id, read), STATUS_OK);
	assert_memory_equal(id, challenge, sizeof id);
	assert_string_equal(read, text);
}

static void test_a_header_of_another_form_is_refused(void **state)
{
	static const char *const texts[] = {"", "x", "0000000000000000000000000000000000000000000000000000000000000000=",
					    "000000000000000000000000000000000000000000000000000000000000 000"};
	char header[BINDING_CONFIRMATION_LEN + 1], read[BINDING_LEN + 1];
	uint8_t id[JWT_JTI_BYTES];

	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
		assert_int_equal(binding_confirmation_parse(texts[i], id, read), STATUS_INVALID);
	assert_int_equal(binding_confirmation_format(challenge, "not a binding", header), STATUS_INVALID);
}

static void test_a_binding_of_either_key_is_good_and_no_other(void **state)
{
	const struct binding binding = {7, challenge, "end_sessions", NULL};
	char text[BINDING_LEN + 1];

	binding_make(OTHER, &binding, text);
	assert_true(binding_is(OTHER, NULL, &binding, text));
	assert_true(binding_is(KEY, OTHER, &binding, text));
	assert_false(binding_is(KEY, NULL, &binding, text));
	assert_false(binding_is(KEY, KEY, &binding, text));
	text[0] = text[0] == 'A' ? 'B' : 'A';
	assert_false(binding_is(OTHER, NULL, &binding, text));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_the_order_of_members_and_white_space_make_no_difference),
		cmocka_unit_test(test_numbers_that_differ_have_different_texts),
		cmocka_unit_test(test_any_change_makes_another_binding),
		cmocka_unit_test(test_no_parameters_are_an_empty_object),
		cmocka_unit_test(test_the_header_carries_the_challenge_and_the_binding),
		cmocka_unit_test(test_a_header_of_another_form_is_refused),
		cmocka_unit_test(test_a_binding_of_either_key_is_good_and_no_other),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
