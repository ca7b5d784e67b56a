/* Messages as they are sent: nothing of a value reaches a header or the markup, and every line is one that SMTP carries. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "compose.h"

#define ID "0190a1b2-c3d4-7e5f-8a9b-0c1d2e3f4a5b"
#define SMS_CHARS_MAX 160 /* 3GPP TS 23.038 §6.2.1 */
#define LINE_CHARS_MAX 78 /* RFC 5322 §2.1.1 */

static const struct compose_config config = {"abacus@example.com", "https://abacus.example"};

/* The caller frees it. */
static char *composed(const struct template *template, const char *values)
{
	struct buf out = {0};
	cJSON *json;

	assert_int_equal(json_parse(values, strlen(values), &json), STATUS_OK);
	compose(&out, &config, template, ID, "ada@example.com", json);
	cJSON_Delete(json);
	return out.bytes;
}

static void assert_body(const char *text, const char *html, const char *values, const char *wanted)
{
	const struct template template = {"test", text, html};
	char *message = composed(&template, values);

	if (!strstr(message, wanted))
		fail_msg("%s\nis not in\n%s", wanted, message);
	free(message);
}

static void test_an_address_is_one_address_of_safe_characters(void **state)
{
	static const char *const right[] = {"a@b", "ada@example.com", "a.d+a'!#$%&*/=?^_`{|}~-@x-1.example"};
	static const char *const wrong[] = {"",
					    "@",
					    "ada",
					    "ada@",
					    "@example.com",
					    "ada@example.com\n",
					    "ada@exam\rple.com",
					    "ada@example.com>",
					    "<ada@example.com>",
					    "ada@example.com,eve@example.com",
					    "ada@example.com eve@example.com",
					    "ada\t@example.com",
					    "a\"da@example.com",
					    "a@b@example.com",
					    ".ada@example.com",
					    "ada.@example.com",
					    "a..da@example.com",
					    "ada@.example.com",
					    "ada@-example.com",
					    "\xC3\xA4@example.com",
					    "ada@ex\xC3\xA4mple.com",
					    "ada(x)@example.com",
					    "ada:x@example.com",
					    "ada;x@example.com"};
	char text[300];

	for (size_t i = 0; i < sizeof right / sizeof *right; i++)
		assert_true(compose_is_address(right[i]));
	for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
		assert_false(compose_is_address(wrong[i]));
	memset(text, 'a', sizeof text);
	memcpy(text + 100, "@", 1);
	text[254] = '\0';
	assert_true(compose_is_address(text));
	text[254] = 'a';
	text[255] = '\0';
	assert_false(compose_is_address(text));
}

static void test_a_number_is_plus_and_digits(void **state)
{
	static const char *const right[] = {"+1", "+4915112345678", "+123456789012345"};
	static const char *const wrong[] = {"",     "+",    "4915112345678", "+1234567890123456", "+49 151", "+49151\r\nX: y",
					    "+49,", "+49a", "++49",          "ada@example.com"};

	for (size_t i = 0; i < sizeof right / sizeof *right; i++)
		assert_true(compose_is_number(right[i]));
	for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
		assert_false(compose_is_number(wrong[i]));
}

static void test_an_sms_is_one_line_and_one_message_of_160_characters(void **state)
{
	static const char *const values[] = {
		"{\"code\":\"482913\",\"action\":\"make a user an admin, and change its email address\"}",
		"{\"code\":\"482913\",\"action\":\"x\\r\\ny\"}",
	};

	for (int i = 0; i < 2; i++) {
		struct buf text = {0};
		cJSON *json;

		assert_int_equal(json_parse(values[i], strlen(values[i]), &json), STATUS_OK);
		compose_sms(&text, &config, template_find("code"), json);
		assert_true(text.len <= SMS_CHARS_MAX && strstr(text.bytes, "482913"));
		for (const char *at = text.bytes; *at; at++)
			assert_true(*at >= ' ' && *at < 0x7F);
		cJSON_Delete(json);
		buf_free(&text);
	}
}

static void test_a_value_is_text_in_both_bodies(void **state)
{
	assert_body("S\n\n{{a}}", "-", "{\"a\":\"<b>&\\\"'\"}", "\r\n<b>&\"'\r\n");
	assert_body("S\n\n-", "{{a}}", "{\"a\":\"<b>&\\\"'\"}", "\r\n&lt;b&gt;&amp;&quot;&#39;\r\n");
	assert_body("S\n\n{{a}}", "-", "{\"a\":\"=3D\"}", "\r\n=3D3D\r\n");
	assert_body("S\n\n{{a}}", "-", "{\"a\":\"{{public_url}}{{a}}\"}", "\r\n{{public_url}}{{a}}\r\n");
	assert_body("S\n\n{{a}}", "-", "{\"a\":\"\xC3\xA4\"}", "\r\n=C3=A4\r\n");
}

static void test_no_line_begins_with_a_dot(void **state)
{
	char values[256] = "{\"a\":\"";

	for (int i = 0; i < 100; i++)
		strcat(values, ".");
	strcat(values, "\"}");
	assert_body("S\n\n.\n..", "-", "{}", "\r\n=2E\r\n=2E.\r\n");
	assert_body("S\n\n{{a}}", "-", values, "....=\r\n=2E....");
}

static void test_a_control_character_of_a_value_is_a_space(void **state)
{
	assert_body("S\n\n({{a}})", "-", "{\"a\":\"x\\r\\n.\\r\\nBcc: y\\u007f\\u0001\"}", "\r\n(x  .  Bcc: y  )\r\n");
}

static void test_a_value_that_is_missing_or_no_text_is_empty(void **state)
{
	assert_body("S\n\n({{a}})", "-", "{}", "\r\n()\r\n");
	assert_body("S\n\n({{a}})", "-", "{\"a\":7}", "\r\n()\r\n");
	assert_body("S\n\n({{a name that is longer than any key}})", "-", "{}", "\r\n()\r\n");
	assert_body("S\n\n({{a", "-", "{\"a\":\"x\"}", "\r\n({{a\r\n");
}

static void test_no_line_is_longer_than_a_mail_server_takes(void **state)
{
	char values[2048] = "{\"a\":\"";

	for (int i = 0; i < 300; i++)
		strcat(values, i % 3 ? "x" : "\xC3\xA4 ");
	strcat(values, "\"}");
	for (int i = 0; i < templates_n + 1; i++) {
		const struct template long_one = {"long", "S\n\n{{a}} {{a}}", "<p>{{a}}</p>"};
		char *message = composed(i < templates_n ? &templates[i] : &long_one, values), *line = message, *end;

		for (; (end = strstr(line, "\r\n")); line = end + 2) {
			assert_true(end - line <= LINE_CHARS_MAX);
			assert_true(strcspn(line, "\n") == (size_t)(end - line) + 1);
			assert_true(end == line || (end[-1] != ' ' && end[-1] != '\t'));
		}
		assert_string_equal(line, "");
		for (const char *at = message; *at; at++)
			assert_true((unsigned char)*at < 0x7F);
		free(message);
	}
}

static void test_the_headers_are_those_and_no_others(void **state)
{
	char *message = composed(template_find("password_changed"), "{\"username\":\"x\\r\\nBcc: eve@example.com\"}"),
	     *end = strstr(message, "\r\n\r\n");
	static const char *const lines[] = {"From: Abacus <abacus@example.com>\r\n",
					    "\r\nTo: <ada@example.com>\r\n",
					    "\r\nSubject: Your password was changed\r\n",
					    "\r\nDate: ",
					    "\r\nMessage-ID: <" ID "@example.com>\r\n",
					    "\r\nAuto-Submitted: auto-generated\r\n",
					    "\r\nMIME-Version: 1.0\r\n",
					    "\r\nContent-Type: multipart/alternative;\r\n boundary=\"=_" ID "\""};
	int count = 0;

	end[2] = '\0';
	for (size_t i = 0; i < sizeof lines / sizeof *lines; i++)
		assert_non_null(strstr(message, lines[i]));
	for (const char *at = message; (at = strstr(at, "\r\n")); at += 2)
		count += at[2] != ' ';
	assert_int_equal(count, sizeof lines / sizeof *lines);
	free(message);
}

static bool is_one_of(const char *text, const char *const *beginnings, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (strncmp(text, beginnings[i], strlen(beginnings[i])) == 0)
			return true;
	}
	return false;
}

/* What compose.h promises about headers rests on this. */
static void test_every_template_has_a_plain_subject_and_shows_no_text_of_a_user(void **state)
{
	static const char *const allowed[] = {"public_url}}", "token}}", "code}}",   "action}}",
					      "method}}",     "asked}}", "address}}"};

	assert_true(templates_n <= TEMPLATES_MAX);
	for (int i = 0; i < templates_n; i++) {
		const char *texts[] = {templates[i].text, templates[i].html, templates[i].sms ? templates[i].sms : ""};
		size_t len = strcspn(texts[0], "\n");

		assert_true(len > 0 && len < LINE_CHARS_MAX - strlen("Subject: ") && strncmp(texts[0] + len, "\n\n", 2) == 0);
		for (size_t at = 0; at < len; at++)
			assert_true(texts[0][at] >= ' ' && texts[0][at] < 0x7F && texts[0][at] != '{');
		for (int part = 0; part < 3; part++)
			for (const char *at = texts[part]; (at = strstr(at, "{{")); at += 2)
				assert_true(is_one_of(at + 2, allowed, sizeof allowed / sizeof *allowed));
	}
}

static void test_a_template_is_found_by_its_whole_name(void **state)
{
	assert_string_equal(template_find("password_reset")->name, "password_reset");
	assert_null(template_find("password"));
	assert_null(template_find(""));
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_an_address_is_one_address_of_safe_characters),
		cmocka_unit_test(test_a_number_is_plus_and_digits),
		cmocka_unit_test(test_an_sms_is_one_line_and_one_message_of_160_characters),
		cmocka_unit_test(test_a_value_is_text_in_both_bodies),
		cmocka_unit_test(test_no_line_begins_with_a_dot),
		cmocka_unit_test(test_a_control_character_of_a_value_is_a_space),
		cmocka_unit_test(test_a_value_that_is_missing_or_no_text_is_empty),
		cmocka_unit_test(test_no_line_is_longer_than_a_mail_server_takes),
		cmocka_unit_test(test_the_headers_are_those_and_no_others),
		cmocka_unit_test(test_every_template_has_a_plain_subject_and_shows_no_text_of_a_user),
		cmocka_unit_test(test_a_template_is_found_by_its_whole_name),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
