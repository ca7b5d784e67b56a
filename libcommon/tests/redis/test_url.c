/* REDIS_URL: redis[s]://[user:password@]host[:port][/database]. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include "redis/redis_internal.h"
#include "tests/capture.h"
#include "tests/environment.h"
#include "tests/net/certificates.h"

static struct redis_address address;

static int drop(void **state)
{
	redis_address_free(&address);
	environment_restore();
	return 0;
}

static void test_a_host_alone_gets_the_usual_port_and_the_first_database(void **state)
{
	assert_int_equal(redis_url_parse("redis://cache", &address), STATUS_OK);
	assert_string_equal(address.host, "cache");
	assert_int_equal(address.port, 6379);
	assert_int_equal(address.database, 0);
	assert_null(address.user);
	assert_null(address.password);
	assert_false(address.is_tls);
}

static void test_rediss_means_tls_and_the_rest_is_the_same(void **state)
{
	assert_int_equal(redis_url_parse("rediss://cache", &address), STATUS_OK);
	assert_true(address.is_tls);
	assert_string_equal(address.host, "cache");
	assert_int_equal(address.port, 6379);
	redis_address_free(&address);
	assert_int_equal(redis_url_parse("rediss://me:secret@10.0.0.1:7000/12", &address), STATUS_OK);
	assert_true(address.is_tls);
	assert_string_equal(address.user, "me");
	assert_string_equal(address.password, "secret");
	assert_int_equal(address.port, 7000);
	assert_int_equal(address.database, 12);
}

static void test_every_part_is_read(void **state)
{
	assert_int_equal(redis_url_parse("redis://me:secret@10.0.0.1:7000/12", &address), STATUS_OK);
	assert_string_equal(address.host, "10.0.0.1");
	assert_string_equal(address.user, "me");
	assert_string_equal(address.password, "secret");
	assert_int_equal(address.port, 7000);
	assert_int_equal(address.database, 12);
}

static void test_an_ipv6_address_is_read_from_its_brackets(void **state)
{
	assert_int_equal(redis_url_parse("redis://me:secret@[2001:db8::1]:7000/12", &address), STATUS_OK);
	assert_string_equal(address.host, "2001:db8::1");
	assert_int_equal(address.port, 7000);
	redis_address_free(&address);
	assert_int_equal(redis_url_parse("redis://[::1]", &address), STATUS_OK);
	assert_string_equal(address.host, "::1");
	assert_int_equal(address.port, 6379);
}

static void test_a_password_without_a_user_is_read(void **state)
{
	assert_int_equal(redis_url_parse("redis://:secret@h", &address), STATUS_OK);
	assert_null(address.user);
	assert_string_equal(address.password, "secret");
}

static void test_a_user_without_a_password_is_read(void **state)
{
	assert_int_equal(redis_url_parse("redis://me@h", &address), STATUS_OK);
	assert_string_equal(address.user, "me");
	assert_null(address.password);
}

static void test_percent_encoding_is_undone_in_user_and_password(void **state)
{
	assert_int_equal(redis_url_parse("redis://m%65%3A:%40%2f%25%C3%bc@h", &address), STATUS_OK);
	assert_string_equal(address.user, "me:");
	assert_string_equal(address.password, "@/%ü");
}

static void test_a_percent_sign_that_begins_no_escape_is_refused(void **state)
{
	assert_int_equal(redis_url_parse("redis://:5%zz@h", &address), STATUS_INVALID);
	assert_int_equal(redis_url_parse("redis://:5%4@h", &address), STATUS_INVALID);
	assert_int_equal(redis_url_parse("redis://u%:p@h", &address), STATUS_INVALID);
}

static void test_a_password_may_hold_colons_and_at_signs(void **state)
{
	assert_int_equal(redis_url_parse("redis://me:a:b@c@h:1", &address), STATUS_OK);
	assert_string_equal(address.user, "me");
	assert_string_equal(address.password, "a:b@c");
	assert_string_equal(address.host, "h");
}

static void test_an_encoded_nul_would_shorten_the_password_and_is_refused(void **state)
{
	assert_int_equal(redis_url_parse("redis://me:long%00secret@h", &address), STATUS_INVALID);
	assert_int_equal(redis_url_parse("redis://m%00e:secret@h", &address), STATUS_INVALID);
}

static void test_a_slash_without_a_number_is_the_first_database(void **state)
{
	assert_int_equal(redis_url_parse("redis://h:1/", &address), STATUS_OK);
	assert_int_equal(address.database, 0);
}

static void test_the_least_and_the_greatest_port_are_read(void **state)
{
	assert_int_equal(redis_url_parse("redis://h:1", &address), STATUS_OK);
	assert_int_equal(address.port, 1);
	redis_address_free(&address);
	assert_int_equal(redis_url_parse("redis://h:65535", &address), STATUS_OK);
	assert_int_equal(address.port, 65535);
}

static void test_any_other_text_is_refused_and_sets_nothing(void **state)
{
	static const char *const urls[] = {"",
					   "h",
					   "h:6379",
					   "redisss://h",
					   "rediss:/h",
					   "rediss://",
					   "REDISS://h",
					   "rediss",
					   "REDIS:/h",
					   "redis:/h",
					   "redis://",
					   "redis://:6379",
					   "redis:///1",
					   "redis://me:secret@",
					   "redis://me:secret@:6379",
					   "redis://h:",
					   "redis://h:0",
					   "redis://h:65536",
					   "redis://h:x",
					   "redis://h:-1",
					   "redis://h:06379",
					   "redis://h:99999999999999999999",
					   "redis://h/x",
					   "redis://h/-1",
					   "redis://h/1/2",
					   "redis://h/1?a=b",
					   "redis://h/99999",
					   "redis://::1",
					   "redis://[::1",
					   "redis://[::1]x",
					   "redis://[::1]:0",
					   "redis://[h]",
					   "redis://[]",
					   "redis://h h",
					   "redis://h\r\n",
					   "redis://a:1:2",
					   "redis://me:secret@h/01",
					   " redis://h"};

	for (size_t i = 0; i < sizeof urls / sizeof *urls; i++) {
		if (redis_url_parse(urls[i], &address) != STATUS_INVALID)
			fail_msg("%s", urls[i]);
		assert_null(address.host);
		assert_null(address.password);
	}
}

/* What the configuration check of a daemon prints. */
static const char *problems(void)
{
	static struct capture capture;
	struct redis_config redis = {0};
	struct config *config = config_new();
	const char *printed;
	int count;

	config_load(config, redis_options, &redis);
	redis_config_check(&redis, config);
	capture_start(&capture, STDERR_FILENO);
	count = config_finish(config, "daemon");
	printed = capture_end(&capture);
	assert_int_equal(count, *printed ? 1 : 0);
	config_release(redis_options, &redis);
	config_free(config);
	return printed;
}

static void test_a_configuration_with_a_redis_url_or_without_one_is_sound(void **state)
{
	assert_string_equal(problems(), "");
	environment_set("REDIS_URL", "redis://me:secret@h:7000/1");
	assert_string_equal(problems(), "");
}

static void test_a_configuration_with_another_url_is_refused_in_one_line_without_the_url(void **state)
{
	static const char line[] = "daemon: REDIS_URL: must be redis://[user:password@]host:port/database, or rediss:// for "
				   "TLS, special characters "
				   "in user and password percent-encoded\n";

	environment_set("REDIS_URL", "redis:6379");
	assert_string_equal(problems(), line);
	environment_set("REDIS_URL", "redis://me:hidden/password@h:6379");
	assert_string_equal(problems(), line);
}

static void test_a_file_with_another_url_is_refused_too(void **state)
{
	environment_set_file("REDIS_URL_FILE", "redissx://:hidden@h\n", 20);
	assert_non_null(strstr(problems(), "REDIS_URL: must be redis://"));
	assert_null(strstr(problems(), "hidden"));
}

static void test_rediss_needs_a_file_of_certificates(void **state)
{
	char path[64];
	struct identity *authority = identity_new(&(struct wanted){.subject = "CN=authority", .is_authority = true}, NULL);

	certificates_file(path, authority->pem);
	identity_free(authority);
	environment_set("REDIS_URL", "rediss://me:hidden@h:6379");
	environment_set("REDIS_CA_FILE", path);
	assert_string_equal(problems(), "");
	unlink(path);
	assert_non_null(strstr(problems(), "REDIS_CA_FILE: cannot read certificates (PEM) from /tmp/"));
	certificates_file(path, "no certificate\n");
	environment_set("REDIS_CA_FILE", path);
	assert_non_null(strstr(problems(), "REDIS_CA_FILE: cannot read certificates (PEM) from /tmp/"));
	unlink(path);
}

static void test_a_file_of_certificates_without_tls_is_refused(void **state)
{
	environment_set("REDIS_CA_FILE", "/tmp/any");
	assert_non_null(strstr(problems(), "REDIS_CA_FILE: REDIS_URL must begin with rediss://"));
	environment_set("REDIS_URL", "redis://h");
	assert_non_null(strstr(problems(), "REDIS_CA_FILE: REDIS_URL must begin with rediss://"));
}

static void test_a_password_that_the_repository_shows_is_refused_in_staging_and_production(void **state)
{
	static const char *const urls[] = {"redis://:development@h", "redis://me:%64evelopment@h:7000/1"};

	for (size_t i = 0; i < sizeof urls / sizeof *urls; i++) {
		environment_set("REDIS_URL", urls[i]);
		environment_set("APP_ENV", "development");
		assert_string_equal(problems(), "");
		environment_set("APP_ENV", "staging");
		assert_non_null(strstr(problems(), "REDIS_URL: holds a secret that the repository shows"));
		environment_set("APP_ENV", "production");
		assert_non_null(strstr(problems(), "REDIS_URL: holds a secret that the repository shows"));
	}
	unsetenv("REDIS_URL");
	environment_set("REDIS_PASSWORD", "development");
	assert_non_null(strstr(problems(), "REDIS_PASSWORD: holds a secret that the repository shows"));
}

static void test_a_freed_address_is_empty_and_may_be_freed_again(void **state)
{
	assert_int_equal(redis_url_parse("redis://me:secret@h", &address), STATUS_OK);
	redis_address_free(&address);
	assert_null(address.host);
	assert_null(address.user);
	assert_null(address.password);
	redis_address_free(&address);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(test_a_host_alone_gets_the_usual_port_and_the_first_database, drop),
		cmocka_unit_test_teardown(test_rediss_means_tls_and_the_rest_is_the_same, drop),
		cmocka_unit_test_teardown(test_every_part_is_read, drop),
		cmocka_unit_test_teardown(test_an_ipv6_address_is_read_from_its_brackets, drop),
		cmocka_unit_test_teardown(test_a_password_without_a_user_is_read, drop),
		cmocka_unit_test_teardown(test_a_user_without_a_password_is_read, drop),
		cmocka_unit_test_teardown(test_percent_encoding_is_undone_in_user_and_password, drop),
		cmocka_unit_test_teardown(test_a_percent_sign_that_begins_no_escape_is_refused, drop),
		cmocka_unit_test_teardown(test_a_password_may_hold_colons_and_at_signs, drop),
		cmocka_unit_test_teardown(test_an_encoded_nul_would_shorten_the_password_and_is_refused, drop),
		cmocka_unit_test_teardown(test_a_slash_without_a_number_is_the_first_database, drop),
		cmocka_unit_test_teardown(test_the_least_and_the_greatest_port_are_read, drop),
		cmocka_unit_test_teardown(test_any_other_text_is_refused_and_sets_nothing, drop),
		cmocka_unit_test_teardown(test_a_configuration_with_a_redis_url_or_without_one_is_sound, drop),
		cmocka_unit_test_teardown(test_a_configuration_with_another_url_is_refused_in_one_line_without_the_url, drop),
		cmocka_unit_test_teardown(test_a_file_with_another_url_is_refused_too, drop),
		cmocka_unit_test_teardown(test_rediss_needs_a_file_of_certificates, drop),
		cmocka_unit_test_teardown(test_a_file_of_certificates_without_tls_is_refused, drop),
		cmocka_unit_test_teardown(test_a_password_that_the_repository_shows_is_refused_in_staging_and_production, drop),
		cmocka_unit_test_teardown(test_a_freed_address_is_empty_and_may_be_freed_again, drop),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
