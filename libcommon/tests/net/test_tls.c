/* The client's side of TLS against a server of mbedtls in the same process: what each sends is carried over by the test, whole
 * or in pieces. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <event2/buffer.h>

#include "net/tls.h"
#include "tests/net/certificates.h"

#define WHOLE ((size_t)-1)
#define MUCH (1 << 20)

static const unsigned char loopback[] = {127, 0, 0, 1};
static struct identity *authority, *good;
static char trusted[64];

/* ---- the server ---- */

static struct {
	mbedtls_ssl_config config;
	mbedtls_ssl_context ssl;
	struct evbuffer *in, *out, *plain;
	char name[100]; /* what the client asked for (SNI) */
	int result;     /* of the last step */
	bool is_open;
} server;

static int server_send(void *arg, const unsigned char *bytes, size_t len)
{
	evbuffer_add(server.out, bytes, len);
	return (int)len;
}

static int server_receive(void *arg, unsigned char *bytes, size_t size)
{
	int len = evbuffer_remove(server.in, bytes, size);

	return len > 0 ? len : MBEDTLS_ERR_SSL_WANT_READ;
}

static int note_name(void *arg, mbedtls_ssl_context *ssl, const unsigned char *name, size_t len)
{
	snprintf(server.name, sizeof server.name, "%.*s", (int)len, (const char *)name);
	return 0;
}

static void server_open(struct identity *identity)
{
	memset(&server, 0, sizeof server);
	server.in = evbuffer_new();
	server.out = evbuffer_new();
	server.plain = evbuffer_new();
	mbedtls_ssl_config_init(&server.config);
	assert_int_equal(mbedtls_ssl_config_defaults(&server.config, MBEDTLS_SSL_IS_SERVER, MBEDTLS_SSL_TRANSPORT_STREAM,
						     MBEDTLS_SSL_PRESET_DEFAULT),
			 0);
	mbedtls_ssl_conf_rng(&server.config, certificates_random, NULL);
	mbedtls_ssl_conf_sni(&server.config, note_name, NULL);
	assert_int_equal(mbedtls_ssl_conf_own_cert(&server.config, &identity->certificate, &identity->key), 0);
	mbedtls_ssl_init(&server.ssl);
}

static void server_close(void)
{
	mbedtls_ssl_free(&server.ssl);
	mbedtls_ssl_config_free(&server.config);
	evbuffer_free(server.in);
	evbuffer_free(server.out);
	evbuffer_free(server.plain);
}

static void server_step(void)
{
	char bytes[TLS_RECORD_BYTES];

	if (!server.is_open) {
		server.result = mbedtls_ssl_handshake(&server.ssl);
		server.is_open = server.result == 0;
	}
	while (server.is_open && (server.result = mbedtls_ssl_read(&server.ssl, (unsigned char *)bytes, sizeof bytes)) > 0)
		evbuffer_add(server.plain, bytes, (size_t)server.result);
}

static void server_write(const char *bytes, size_t len)
{
	int sent;

	for (; len > 0; bytes += sent, len -= (size_t)sent) {
		sent = mbedtls_ssl_write(&server.ssl, (const unsigned char *)bytes, len);
		assert_true(sent > 0);
	}
}

/* ---- the client, and what lies between ---- */

static struct tls_trust *trust;
static struct tls *tls;
static struct evbuffer *received;
static enum status last;

/* Gives the client what the server has put out, in pieces of that many bytes. */
static void deliver(size_t piece)
{
	char plain[1000];
	size_t len = evbuffer_get_length(server.out), used, got;
	char *bytes = (char *)evbuffer_pullup(server.out, -1);

	for (size_t at = 0; at < len && last == STATUS_OK; at += used) {
		used = len - at < piece ? len - at : piece;
		tls_feed(tls, bytes + at, used);
		do {
			last = tls_read(tls, plain, sizeof plain, &got);
			evbuffer_add(received, plain, got);
		} while (last == STATUS_OK && got > 0);
	}
	evbuffer_drain(server.out, len);
}

/* Until neither side has anything more to say. */
static void exchange(size_t piece)
{
	do {
		evbuffer_add_buffer(server.in, tls_out(tls));
		server_step();
		deliver(piece);
	} while (evbuffer_get_length(tls_out(tls)) > 0);
}

static void begin(const char *host)
{
	assert_int_equal(mbedtls_ssl_setup(&server.ssl, &server.config), 0);
	mbedtls_ssl_set_bio(&server.ssl, NULL, server_send, server_receive, NULL);
	trust = tls_trust_new(trusted);
	assert_non_null(trust);
	tls = tls_new(trust, host);
	received = evbuffer_new();
	last = STATUS_OK;
	assert_false(tls_is_open(tls));
}

static void end(void)
{
	tls_free(tls);
	tls_trust_free(trust);
	evbuffer_free(received);
	server_close();
}

/* A connection to redis.test that is open. */
static void open_good(size_t piece)
{
	server_open(good);
	begin("redis.test");
	exchange(piece);
	assert_int_equal(last, STATUS_OK);
	assert_true(tls_is_open(tls) && server.is_open);
}

static void expect_refusal(struct identity *identity, const char *host, const char *reason)
{
	server_open(identity);
	begin(host);
	exchange(WHOLE);
	assert_int_equal(last, STATUS_UNAVAILABLE);
	assert_false(tls_is_open(tls) || server.is_open);
	assert_string_equal(tls_reason(tls), reason);
	end();
}

static struct identity *signed_for(const char *name)
{
	return identity_new(&(struct wanted){.subject = "CN=redis", .name = name}, authority);
}

/* ---- data ---- */

static void expect_both_ways(size_t piece)
{
	open_good(piece);
	assert_int_equal(tls_write(tls, "PING\r\n", 6), STATUS_OK);
	exchange(piece);
	assert_int_equal(evbuffer_get_length(server.plain), 6);
	assert_memory_equal(evbuffer_pullup(server.plain, -1), "PING\r\n", 6);
	server_write("+PONG\r\n", 7);
	exchange(piece);
	assert_int_equal(evbuffer_get_length(received), 7);
	assert_memory_equal(evbuffer_pullup(received, -1), "+PONG\r\n", 7);
	end();
}

static void test_data_goes_both_ways(void **state)
{
	expect_both_ways(WHOLE);
}

static void test_what_arrives_may_be_cut_anywhere(void **state)
{
	for (size_t piece = 1; piece < 8; piece++)
		expect_both_ways(piece);
}

static void test_a_megabyte_goes_both_ways_over_many_records(void **state)
{
	char *much = malloc(MUCH);

	random_fill(much, MUCH);
	open_good(WHOLE);
	assert_int_equal(tls_write(tls, much, MUCH), STATUS_OK);
	exchange(WHOLE);
	assert_int_equal(evbuffer_get_length(server.plain), MUCH);
	assert_memory_equal(evbuffer_pullup(server.plain, -1), much, MUCH);
	server_write(much, MUCH);
	exchange(1000);
	assert_int_equal(evbuffer_get_length(received), MUCH);
	assert_memory_equal(evbuffer_pullup(received, -1), much, MUCH);
	end();
	free(much);
}

static void test_an_altered_record_ends_the_connection_and_is_not_delivered(void **state)
{
	open_good(WHOLE);
	server_write("+PONG\r\n", 7);
	evbuffer_pullup(server.out, -1)[evbuffer_get_length(server.out) - 1] ^= 1;
	exchange(WHOLE);
	assert_int_equal(last, STATUS_UNAVAILABLE);
	assert_false(tls_is_open(tls));
	assert_int_equal(evbuffer_get_length(received), 0);
	assert_true(*tls_reason(tls) != '\0');
	end();
}

static void test_the_servers_end_is_reported_behind_its_last_data(void **state)
{
	open_good(WHOLE);
	server_write("+OK\r\n", 5);
	assert_int_equal(mbedtls_ssl_close_notify(&server.ssl), 0);
	exchange(WHOLE);
	assert_int_equal(evbuffer_get_length(received), 5);
	assert_int_equal(last, STATUS_UNAVAILABLE);
	assert_string_equal(tls_reason(tls), "the connection was closed");
	end();
}

static void test_after_its_end_nothing_is_read_or_written(void **state)
{
	char plain[100];
	size_t len = 1;

	open_good(WHOLE);
	assert_int_equal(mbedtls_ssl_close_notify(&server.ssl), 0);
	exchange(WHOLE);
	assert_int_equal(tls_read(tls, plain, sizeof plain, &len), STATUS_UNAVAILABLE);
	assert_int_equal(len, 0);
	assert_int_equal(tls_write(tls, "PING\r\n", 6), STATUS_UNAVAILABLE);
	assert_string_equal(tls_reason(tls), "the connection was closed");
	assert_int_equal(evbuffer_get_length(tls_out(tls)), 0);
	end();
}

static void test_closing_says_so_to_the_server(void **state)
{
	open_good(WHOLE);
	tls_close(tls);
	evbuffer_add_buffer(server.in, tls_out(tls));
	server_step();
	assert_int_equal(server.result, MBEDTLS_ERR_SSL_PEER_CLOSE_NOTIFY);
	end();
}

static void test_closing_during_the_handshake_adds_nothing(void **state)
{
	size_t len;

	server_open(good);
	begin("redis.test");
	len = evbuffer_get_length(tls_out(tls));
	assert_true(len > 0);
	tls_close(tls);
	assert_int_equal(evbuffer_get_length(tls_out(tls)), len);
	end();
}

/* ---- the certificate ---- */

static void test_the_name_is_sent_to_the_server(void **state)
{
	open_good(WHOLE);
	assert_string_equal(server.name, "redis.test");
	end();
}

static void test_a_certificate_for_another_name_is_refused(void **state)
{
	expect_refusal(good, "redis.example", "its certificate is for another name");
}

static void test_a_part_of_the_name_is_another_name(void **state)
{
	expect_refusal(good, "test", "its certificate is for another name");
	expect_refusal(good, "a.redis.test", "its certificate is for another name");
}

static void test_an_expired_certificate_is_refused(void **state)
{
	struct identity *expired =
		identity_new(&(struct wanted){.subject = "CN=redis", .name = "redis.test", .to = "20210101000000"}, authority);

	expect_refusal(expired, "redis.test", "its certificate has expired");
	identity_free(expired);
}

static void test_a_certificate_that_is_not_valid_yet_is_refused(void **state)
{
	struct identity *early = identity_new(
		&(struct wanted){.subject = "CN=redis", .name = "redis.test", .from = "20480101000000"}, authority);

	expect_refusal(early, "redis.test", "its certificate is not valid yet");
	identity_free(early);
}

static void test_a_certificate_that_signed_itself_is_refused(void **state)
{
	struct identity *own = identity_new(&(struct wanted){.subject = "CN=redis", .name = "redis.test"}, NULL);

	expect_refusal(own, "redis.test", "no trusted authority has signed its certificate");
	identity_free(own);
}

static void test_a_certificate_of_an_unknown_authority_is_refused(void **state)
{
	/* of the same name */
	struct identity *other = identity_new(&(struct wanted){.subject = "CN=Test authority", .is_authority = true}, NULL);
	struct identity *theirs = identity_new(&(struct wanted){.subject = "CN=redis", .name = "redis.test"}, other);

	expect_refusal(theirs, "redis.test", "no trusted authority has signed its certificate");
	identity_free(theirs);
	identity_free(other);
}

static void test_a_certificate_signed_by_one_that_is_no_authority_is_refused(void **state)
{
	struct identity *theirs = identity_new(&(struct wanted){.subject = "CN=another", .name = "redis.test"}, good);

	expect_refusal(theirs, "redis.test", "no trusted authority has signed its certificate");
	identity_free(theirs);
}

static void test_a_certificate_that_is_signed_with_a_broken_hash_is_refused(void **state)
{
	struct identity *weak =
		identity_new(&(struct wanted){.subject = "CN=redis", .name = "redis.test", .hash = MBEDTLS_MD_SHA1}, authority);

	expect_refusal(weak, "redis.test", "its certificate is not acceptable");
	identity_free(weak);
}

static void test_an_address_is_found_in_the_certificate(void **state)
{
	struct wanted wanted = {.subject = "CN=redis", .name = "redis.test", .address_len = sizeof loopback};
	struct identity *identity;

	memcpy(wanted.address, loopback, sizeof loopback);
	identity = identity_new(&wanted, authority);
	server_open(identity);
	begin("127.0.0.1");
	exchange(WHOLE);
	assert_true(tls_is_open(tls) && server.is_open);
	assert_string_equal(server.name, ""); /* RFC 6066 §3: no address */
	end();
	expect_refusal(identity, "127.0.0.2", "its certificate is for another name");
	expect_refusal(identity, "::1", "its certificate is for another name");
	identity_free(identity);
}

static void test_an_address_in_the_place_of_a_name_is_another_name(void **state)
{
	struct identity *identity = identity_new(&(struct wanted){.subject = "CN=127.0.0.1", .name = "127.0.0.1"}, authority);

	expect_refusal(identity, "127.0.0.1", "its certificate is for another name");
	identity_free(identity);
}

/* ---- the protocol ---- */

static void test_a_server_without_tls_is_refused(void **state)
{
	static const char *const answers[] = {"-ERR unknown command\r\n", "HTTP/1.1 400 Bad Request\r\n\r\n", "+PONG\r\n"};

	for (size_t i = 0; i < sizeof answers / sizeof *answers; i++) {
		server_open(good);
		begin("redis.test");
		evbuffer_add(server.out, answers[i], strlen(answers[i]));
		deliver(WHOLE);
		assert_int_equal(last, STATUS_UNAVAILABLE);
		assert_string_equal(tls_reason(tls), "it does not speak TLS");
		end();
	}
}

static void test_a_server_without_forward_secrecy_is_refused(void **state)
{
	static const int suites[] = {MBEDTLS_TLS_ECDH_ECDSA_WITH_AES_128_GCM_SHA256, MBEDTLS_TLS_RSA_WITH_AES_128_GCM_SHA256,
				     0};

	server_open(good);
	mbedtls_ssl_conf_ciphersuites(&server.config, suites);
	begin("redis.test");
	exchange(WHOLE);
	assert_int_equal(last, STATUS_UNAVAILABLE);
	assert_string_equal(tls_reason(tls), "it refused the TLS handshake");
	end();
}

#if MBEDTLS_VERSION_MAJOR < 3 /* 3 knows no earlier versions */
static void test_a_server_of_tls_1_1_is_refused(void **state)
{
	server_open(good);
	mbedtls_ssl_conf_max_version(&server.config, MBEDTLS_SSL_MAJOR_VERSION_3, MBEDTLS_SSL_MINOR_VERSION_2);
	begin("redis.test");
	exchange(WHOLE);
	assert_int_equal(last, STATUS_UNAVAILABLE);
	assert_false(tls_is_open(tls));
	end();
}
#endif

/* ---- the authorities ---- */

static void test_a_file_that_is_missing_or_holds_no_certificate_is_no_trust(void **state)
{
	char path[64];

	assert_null(tls_trust_new("/tmp/abacus-no-such-file"));
	assert_null(tls_trust_new("/"));
	assert_null(tls_trust_new("/dev/zero"));
	certificates_file(path, "");
	assert_null(tls_trust_new(path));
	unlink(path);
	certificates_file(path, "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n");
	assert_null(tls_trust_new(path));
	unlink(path);
}

static void test_one_certificate_of_a_file_that_cannot_be_read_does_not_spoil_the_others(void **state)
{
	char path[64], text[6000];
	struct tls_trust *found;

	snprintf(text, sizeof text, "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n%s", authority->pem);
	certificates_file(path, text);
	found = tls_trust_new(path);
	assert_non_null(found);
	tls_trust_free(found);
	unlink(path);
}

static void test_the_same_file_is_read_once(void **state)
{
	struct tls_trust *first = tls_trust_new(trusted), *second = tls_trust_new(trusted);

	assert_non_null(first);
	assert_ptr_equal(first, second);
	tls_trust_free(first);
	tls_trust_free(second);
}

static void test_a_connection_outlives_its_trust(void **state)
{
	open_good(WHOLE);
	tls_trust_free(trust);
	trust = NULL;
	assert_int_equal(tls_write(tls, "PING\r\n", 6), STATUS_OK);
	exchange(WHOLE);
	assert_int_equal(evbuffer_get_length(server.plain), 6);
	end();
}

static int make_identities(void **state)
{
	authority = identity_new(&(struct wanted){.subject = "CN=Test authority", .is_authority = true}, NULL);
	good = signed_for("redis.test");
	certificates_file(trusted, authority->pem);
	return 0;
}

static int drop_identities(void **state)
{
	unlink(trusted);
	identity_free(good);
	identity_free(authority);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_data_goes_both_ways),
		cmocka_unit_test(test_what_arrives_may_be_cut_anywhere),
		cmocka_unit_test(test_a_megabyte_goes_both_ways_over_many_records),
		cmocka_unit_test(test_an_altered_record_ends_the_connection_and_is_not_delivered),
		cmocka_unit_test(test_the_servers_end_is_reported_behind_its_last_data),
		cmocka_unit_test(test_after_its_end_nothing_is_read_or_written),
		cmocka_unit_test(test_closing_says_so_to_the_server),
		cmocka_unit_test(test_closing_during_the_handshake_adds_nothing),
		cmocka_unit_test(test_the_name_is_sent_to_the_server),
		cmocka_unit_test(test_a_certificate_for_another_name_is_refused),
		cmocka_unit_test(test_a_part_of_the_name_is_another_name),
		cmocka_unit_test(test_an_expired_certificate_is_refused),
		cmocka_unit_test(test_a_certificate_that_is_not_valid_yet_is_refused),
		cmocka_unit_test(test_a_certificate_that_signed_itself_is_refused),
		cmocka_unit_test(test_a_certificate_of_an_unknown_authority_is_refused),
		cmocka_unit_test(test_a_certificate_signed_by_one_that_is_no_authority_is_refused),
		cmocka_unit_test(test_a_certificate_that_is_signed_with_a_broken_hash_is_refused),
		cmocka_unit_test(test_an_address_is_found_in_the_certificate),
		cmocka_unit_test(test_an_address_in_the_place_of_a_name_is_another_name),
		cmocka_unit_test(test_a_server_without_tls_is_refused),
		cmocka_unit_test(test_a_server_without_forward_secrecy_is_refused),
#if MBEDTLS_VERSION_MAJOR < 3
		cmocka_unit_test(test_a_server_of_tls_1_1_is_refused),
#endif
		cmocka_unit_test(test_a_file_that_is_missing_or_holds_no_certificate_is_no_trust),
		cmocka_unit_test(test_one_certificate_of_a_file_that_cannot_be_read_does_not_spoil_the_others),
		cmocka_unit_test(test_the_same_file_is_read_once),
		cmocka_unit_test(test_a_connection_outlives_its_trust),
	};

	return cmocka_run_group_tests(tests, make_identities, drop_identities);
}
