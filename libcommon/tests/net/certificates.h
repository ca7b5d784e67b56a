/* Authorities, certificates and a TLS server of the test's own, made by mbedtls. Include after cmocka.h. */
#ifndef ABACUS_TESTS_NET_CERTIFICATES_H
#define ABACUS_TESTS_NET_CERTIFICATES_H

#include <mbedtls/oid.h>
#include <mbedtls/ssl.h>
#include <mbedtls/version.h>
#include <mbedtls/x509_crt.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/random.h"

static inline int certificates_random(void *arg, unsigned char *bytes, size_t len)
{
	random_fill(bytes, len);
	return 0;
}

/* A certificate and its key. */
struct identity {
	mbedtls_pk_context key;
	mbedtls_x509_crt certificate;
	char pem[4096];
};

struct wanted {
	const char *subject;       /* "CN=redis.test" */
	const char *name;          /* DNS name; NULL: none */
	unsigned char address[16]; /* IP address */
	size_t address_len;        /* 0: none */
	const char *from, *to;     /* "20200101000000"; NULL: from 2020 to 2049 */
	mbedtls_md_type_t hash;    /* that is signed; 0: SHA-256 */
	bool is_authority;
};

static inline void certificates_add_names(mbedtls_x509write_cert *writing, const struct wanted *wanted)
{
	unsigned char list[300] = {0x30};
	size_t name_len = wanted->name ? strlen(wanted->name) : 0, len = 2;

	if (wanted->name) {
		list[len++] = MBEDTLS_ASN1_CONTEXT_SPECIFIC | 2;
		list[len++] = (unsigned char)name_len;
		memcpy(list + len, wanted->name, name_len);
		len += name_len;
	}
	if (wanted->address_len) {
		list[len++] = MBEDTLS_ASN1_CONTEXT_SPECIFIC | 7;
		list[len++] = (unsigned char)wanted->address_len;
		memcpy(list + len, wanted->address, wanted->address_len);
		len += wanted->address_len;
	}
	list[1] = (unsigned char)(len - 2);
	if (len == 2)
		return;
	assert_int_equal(mbedtls_x509write_crt_set_extension(writing, MBEDTLS_OID_SUBJECT_ALT_NAME,
							     MBEDTLS_OID_SIZE(MBEDTLS_OID_SUBJECT_ALT_NAME), 0, list, len),
			 0);
}

static inline void certificates_set_serial(mbedtls_x509write_cert *writing)
{
#if MBEDTLS_VERSION_MAJOR >= 3
	assert_int_equal(mbedtls_x509write_crt_set_serial_raw(writing, (unsigned char[]){1}, 1), 0);
#else
	mbedtls_mpi serial;

	mbedtls_mpi_init(&serial);
	assert_int_equal(mbedtls_mpi_lset(&serial, 1), 0);
	assert_int_equal(mbedtls_x509write_crt_set_serial(writing, &serial), 0);
	mbedtls_mpi_free(&serial);
#endif
}

/* signer NULL: it signs itself. Free it with identity_free(). */
static inline struct identity *identity_new(const struct wanted *wanted, const struct identity *signer)
{
	struct identity *identity = calloc(1, sizeof *identity);
	mbedtls_x509write_cert writing;
	char issuer[300];

	mbedtls_pk_init(&identity->key);
	mbedtls_x509_crt_init(&identity->certificate);
	assert_int_equal(mbedtls_pk_setup(&identity->key, mbedtls_pk_info_from_type(MBEDTLS_PK_ECKEY)), 0);
	assert_int_equal(mbedtls_ecp_gen_key(MBEDTLS_ECP_DP_SECP256R1, mbedtls_pk_ec(identity->key), certificates_random, NULL),
			 0);
	mbedtls_x509write_crt_init(&writing);
	snprintf(issuer, sizeof issuer, "%s", wanted->subject);
	if (signer)
		assert_true(mbedtls_x509_dn_gets(issuer, sizeof issuer, &signer->certificate.subject) > 0);
	mbedtls_x509write_crt_set_version(&writing, MBEDTLS_X509_CRT_VERSION_3);
	mbedtls_x509write_crt_set_md_alg(&writing, wanted->hash ? wanted->hash : MBEDTLS_MD_SHA256);
	mbedtls_x509write_crt_set_subject_key(&writing, &identity->key);
	mbedtls_x509write_crt_set_issuer_key(&writing, signer ? (mbedtls_pk_context *)(uintptr_t)&signer->key : &identity->key);
	certificates_set_serial(&writing);
	assert_int_equal(mbedtls_x509write_crt_set_subject_name(&writing, wanted->subject), 0);
	assert_int_equal(mbedtls_x509write_crt_set_issuer_name(&writing, issuer), 0);
	assert_int_equal(mbedtls_x509write_crt_set_validity(&writing, wanted->from ? wanted->from : "20200101000000",
							    wanted->to ? wanted->to : "20491231235959"),
			 0);
	assert_int_equal(mbedtls_x509write_crt_set_basic_constraints(&writing, wanted->is_authority, -1), 0);
	certificates_add_names(&writing, wanted);
	assert_int_equal(mbedtls_x509write_crt_pem(&writing, (unsigned char *)identity->pem, sizeof identity->pem,
						   certificates_random, NULL),
			 0);
	assert_int_equal(
		mbedtls_x509_crt_parse(&identity->certificate, (unsigned char *)identity->pem, strlen(identity->pem) + 1), 0);
	mbedtls_x509write_crt_free(&writing);
	return identity;
}

static inline void identity_free(struct identity *identity)
{
	if (!identity)
		return;
	mbedtls_pk_free(&identity->key);
	mbedtls_x509_crt_free(&identity->certificate);
	free(identity);
}

/* The path of a new file with this text, in a buffer of the caller. */
static inline void certificates_file(char path[64], const char *text)
{
	int fd;

	snprintf(path, 64, "/tmp/abacus-certificates-XXXXXX");
	fd = mkstemp(path);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	close(fd);
}

#endif
