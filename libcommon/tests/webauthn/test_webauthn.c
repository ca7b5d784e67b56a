/* Making and using a passkey: a right one of each algorithm, and then each of its parts changed. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "base/loop.h"
#include "base/pool.h"
#include "tests/wait_for.h"
#include "tests/webauthn/hex.h"
#include "tests/webauthn/passkey_vectors.h"
#include "webauthn/webauthn.h"

#define FLAGS_AT 32
#define COUNT_AT 33

static const struct webauthn_party party = {ORIGIN, RP_ID};

struct made { /* one of the vectors, in memory that ends where it ends */
	struct webauthn_bytes created, attestation, client_data, authenticator_data, signature;
};

static struct webauthn_bytes load(const char *text)
{
	size_t len = strlen(text) / 2;
	uint8_t *bytes = malloc(len);

	assert_non_null(bytes);
	return (struct webauthn_bytes){bytes, from_hex(text, bytes, len)};
}

static void load_es256(struct made *made)
{
	*made = (struct made){load(es256_created), load(es256_attestation), load(es256_client_data),
			      load(es256_authenticator_data), load(es256_signature)};
}

static void load_rs256(struct made *made)
{
	*made = (struct made){load(rs256_created), load(rs256_attestation), load(rs256_client_data),
			      load(rs256_authenticator_data), load(rs256_signature)};
}

static void unload(struct made *made)
{
	free((void *)made->created.bytes);
	free((void *)made->attestation.bytes);
	free((void *)made->client_data.bytes);
	free((void *)made->authenticator_data.bytes);
	free((void *)made->signature.bytes);
}

static void flip(struct webauthn_bytes bytes, size_t at, uint8_t bits)
{
	((uint8_t *)bytes.bytes)[at] ^= bits;
}

static struct webauthn_credential registered(const struct made *made)
{
	struct webauthn_credential credential;

	assert_int_equal(webauthn_register(&party, CHALLENGE, made->created, made->attestation, &credential), STATUS_OK);
	return credential;
}

static void check_right(void (*load_one)(struct made *made))
{
	struct webauthn_credential credential;
	struct made made;
	uint32_t count;

	load_one(&made);
	credential = registered(&made);
	assert_int_equal(credential.id.len, 32);
	assert_int_equal(credential.sign_count, 6);
	assert_int_equal(webauthn_assert(&party, CHALLENGE, made.client_data, made.authenticator_data, &count), STATUS_OK);
	assert_int_equal(count, 7);
	assert_int_equal(webauthn_verify(credential.key, made.client_data, made.authenticator_data, made.signature), STATUS_OK);
	unload(&made);
}

static void test_a_passkey_of_each_algorithm_is_made_and_used(void **state)
{
	check_right(load_es256);
	check_right(load_rs256);
}

static void check_each_bit_of_what_is_signed(void (*load_one)(struct made *made), size_t step)
{
	struct webauthn_credential credential;
	struct made made;

	load_one(&made);
	credential = registered(&made);
	for (size_t i = 0; i < made.authenticator_data.len; i += step) {
		flip(made.authenticator_data, i, 1);
		assert_int_equal(webauthn_verify(credential.key, made.client_data, made.authenticator_data, made.signature),
				 STATUS_INVALID);
		flip(made.authenticator_data, i, 1);
	}
	for (size_t i = 0; i < made.client_data.len; i += step) {
		flip(made.client_data, i, 1);
		assert_int_equal(webauthn_verify(credential.key, made.client_data, made.authenticator_data, made.signature),
				 STATUS_INVALID);
		flip(made.client_data, i, 1);
	}
	for (size_t i = 0; i < made.signature.len; i += step) {
		flip(made.signature, i, 1);
		assert_int_equal(webauthn_verify(credential.key, made.client_data, made.authenticator_data, made.signature),
				 STATUS_INVALID);
		flip(made.signature, i, 1);
	}
	unload(&made);
}

static void test_a_signature_of_anything_else_is_invalid(void **state)
{
	check_each_bit_of_what_is_signed(load_es256, 3);
	check_each_bit_of_what_is_signed(load_rs256, 3);
}

static void test_a_signature_by_another_key_is_invalid(void **state)
{
	struct made one, other;

	load_es256(&one);
	load_rs256(&other);
	assert_int_equal(webauthn_verify(registered(&other).key, one.client_data, one.authenticator_data, one.signature),
			 STATUS_INVALID);
	assert_int_equal(webauthn_verify(registered(&one).key, other.client_data, other.authenticator_data, other.signature),
			 STATUS_INVALID);
	unload(&one);
	unload(&other);
}

static void test_a_point_that_is_not_on_the_curve_verifies_nothing(void **state)
{
	struct webauthn_credential credential;
	struct made made;

	load_es256(&made);
	credential = registered(&made);
	flip(credential.key, credential.key.len - 1, 1);
	assert_int_equal(webauthn_verify(credential.key, made.client_data, made.authenticator_data, made.signature),
			 STATUS_INVALID);
	unload(&made);
}

static void test_another_challenge_origin_or_party_is_invalid(void **state)
{
	static const struct webauthn_party others[] = {{"https://evil.example", RP_ID},
						       {"http://abacus.example", RP_ID},
						       {ORIGIN, "evil.example"},
						       {ORIGIN, "example"}};
	struct webauthn_credential credential;
	struct made made;
	uint32_t count;

	load_es256(&made);
	for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
		assert_int_equal(webauthn_register(&others[i], CHALLENGE, made.created, made.attestation, &credential),
				 STATUS_INVALID);
		assert_int_equal(webauthn_assert(&others[i], CHALLENGE, made.client_data, made.authenticator_data, &count),
				 STATUS_INVALID);
	}
	assert_int_equal(webauthn_register(&party, "another", made.created, made.attestation, &credential), STATUS_INVALID);
	assert_int_equal(webauthn_assert(&party, "another", made.client_data, made.authenticator_data, &count), STATUS_INVALID);
	unload(&made);
}

static void test_the_client_data_of_one_ceremony_is_not_good_for_the_other(void **state)
{
	struct webauthn_credential credential;
	struct made made;
	uint32_t count;

	load_es256(&made);
	assert_int_equal(webauthn_register(&party, CHALLENGE, made.client_data, made.attestation, &credential), STATUS_INVALID);
	assert_int_equal(webauthn_assert(&party, CHALLENGE, made.created, made.authenticator_data, &count), STATUS_INVALID);
	unload(&made);
}

static void test_the_user_has_to_be_present_and_verified(void **state)
{
	static const uint8_t flags[] = {AUTHENTICATOR_DATA_PRESENT, AUTHENTICATOR_DATA_VERIFIED};
	struct made made;
	uint32_t count;

	load_es256(&made);
	for (size_t i = 0; i < sizeof flags; i++) {
		flip(made.authenticator_data, FLAGS_AT, flags[i]);
		assert_int_equal(webauthn_assert(&party, CHALLENGE, made.client_data, made.authenticator_data, &count),
				 STATUS_INVALID);
		flip(made.authenticator_data, FLAGS_AT, flags[i]);
	}
	flip(made.authenticator_data, COUNT_AT, 0x80);
	assert_int_equal(webauthn_assert(&party, CHALLENGE, made.client_data, made.authenticator_data, &count), STATUS_OK);
	assert_int_equal(count, 0x80000007);
	unload(&made);
}

static void test_what_is_cut_short_is_invalid(void **state)
{
	struct webauthn_credential credential;
	struct made made;
	uint32_t count;

	load_rs256(&made);
	for (size_t len = 0; len < made.attestation.len; len++) {
		struct webauthn_bytes part = load(rs256_attestation);

		part.len = len;
		assert_int_equal(webauthn_register(&party, CHALLENGE, made.created, part, &credential), STATUS_INVALID);
		free((void *)part.bytes);
	}
	for (size_t len = 0; len < made.authenticator_data.len; len++) {
		struct webauthn_bytes part = {made.authenticator_data.bytes, len};

		assert_int_equal(webauthn_assert(&party, CHALLENGE, made.client_data, part, &count), STATUS_INVALID);
	}
	unload(&made);
}

static void test_a_byte_behind_an_attestation_is_invalid(void **state)
{
	static uint8_t bytes[WEBAUTHN_ATTESTATION_BYTES_MAX];
	struct webauthn_credential credential;
	struct webauthn_bytes longer;
	struct made made;

	load_rs256(&made);
	memcpy(bytes, made.attestation.bytes, made.attestation.len);
	longer = (struct webauthn_bytes){bytes, made.attestation.len + 1};
	assert_int_equal(webauthn_register(&party, CHALLENGE, made.created, made.attestation, &credential), STATUS_OK);
	assert_int_equal(webauthn_register(&party, CHALLENGE, made.created, longer, &credential), STATUS_INVALID);
	unload(&made);
}

static void test_what_is_too_long_is_invalid(void **state)
{
	static uint8_t zeros[WEBAUTHN_ATTESTATION_BYTES_MAX + 1];
	const struct webauthn_bytes attestation = {zeros, sizeof zeros}, data = {zeros, AUTHENTICATOR_DATA_BYTES_MAX + 1},
				    signature = {zeros, WEBAUTHN_SIGNATURE_BYTES_MAX + 1};
	struct webauthn_credential credential;
	struct made made;
	uint32_t count;

	load_es256(&made);
	credential = registered(&made);
	assert_int_equal(webauthn_verify(credential.key, made.client_data, data, made.signature), STATUS_INVALID);
	assert_int_equal(webauthn_verify(credential.key, made.client_data, made.authenticator_data, signature), STATUS_INVALID);
	assert_int_equal(webauthn_register(&party, CHALLENGE, made.created, attestation, &credential), STATUS_INVALID);
	assert_int_equal(webauthn_assert(&party, CHALLENGE, made.client_data, data, &count), STATUS_INVALID);
	assert_int_equal(webauthn_assert(&party, CHALLENGE, attestation, made.authenticator_data, &count), STATUS_INVALID);
	unload(&made);
}

/* ---- on threads ---- */

#define THREADS 4
#define VERIFICATIONS 16

struct verification {
	struct made made;
	struct webauthn_credential credential;
	enum status status;
};

static int verified;

static void verify(void *memory)
{
	struct verification *job = memory;

	job->status =
		webauthn_verify(job->credential.key, job->made.client_data, job->made.authenticator_data, job->made.signature);
}

static void done(enum status status, void *memory, void *arg)
{
	struct verification *job = memory;

	assert_int_equal(status, STATUS_OK);
	assert_int_equal(job->status, STATUS_OK);
	unload(&job->made);
	verified++;
}

static void nothing(void *memory)
{
}

static void test_several_threads_verify_at_once(void **state)
{
	struct event_base *base = loop_new();
	struct pool *pool = pool_new(base, THREADS, VERIFICATIONS);
	struct verification jobs[VERIFICATIONS];
	struct scope scope;

	scope_init(&scope);
	verified = 0;
	for (int i = 0; i < VERIFICATIONS; i++) {
		(i % 2 ? load_es256 : load_rs256)(&jobs[i].made);
		jobs[i].credential = registered(&jobs[i].made);
		pool_submit(pool, &scope, verify, done, nothing, &jobs[i], NULL);
	}
	WAIT_FOR(verified == VERIFICATIONS);
	pool_free(pool);
	event_base_free(base);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_passkey_of_each_algorithm_is_made_and_used),
		cmocka_unit_test(test_a_signature_of_anything_else_is_invalid),
		cmocka_unit_test(test_a_signature_by_another_key_is_invalid),
		cmocka_unit_test(test_a_point_that_is_not_on_the_curve_verifies_nothing),
		cmocka_unit_test(test_another_challenge_origin_or_party_is_invalid),
		cmocka_unit_test(test_the_client_data_of_one_ceremony_is_not_good_for_the_other),
		cmocka_unit_test(test_the_user_has_to_be_present_and_verified),
		cmocka_unit_test(test_what_is_cut_short_is_invalid),
		cmocka_unit_test(test_a_byte_behind_an_attestation_is_invalid),
		cmocka_unit_test(test_what_is_too_long_is_invalid),
		cmocka_unit_test(test_several_threads_verify_at_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
