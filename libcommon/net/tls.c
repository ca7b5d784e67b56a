#include "net/tls.h"

#include <arpa/inet.h>
#include <event2/buffer.h>
#include <mbedtls/error.h>
#include <mbedtls/ssl.h>
#include <mbedtls/version.h>
#include <mbedtls/x509_crt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#if MBEDTLS_VERSION_MAJOR >= 3
#include <psa/crypto.h>
#endif

#include "base/buf.h"
#include "base/mem.h"
#include "base/random.h"

#define REASON_BYTES 160
#define READ_BYTES (16 * 1024)
#define STORE_BYTES_MAX (8UL << 20) /* Debian's has 0.2 MB */
#define SAN_IP_ADDRESS 7            /* RFC 5280 §4.2.1.6, GeneralName */

struct tls_trust {
	char *file;
	unsigned users;
	mbedtls_x509_crt authorities;
	mbedtls_ssl_config config;
	LIST_ENTRY(tls_trust) link;
};
static LIST_HEAD(, tls_trust) trusts = LIST_HEAD_INITIALIZER(trusts);

struct tls {
	struct tls_trust *trust;
	mbedtls_ssl_context ssl;
	struct evbuffer *out;
	const char *fed;
	size_t fed_len;
	unsigned char address[sizeof(struct in6_addr)]; /* of a host that is one */
	size_t address_len;                             /* 0: it is a name */
	bool is_open, is_over;
	char reason[REASON_BYTES];
};

/* ---- the authorities, and what is offered to a server ---- */

/* The fastest first, because a server that lets the client choose takes the first that it knows. */
static const int ciphers[] = {
#if MBEDTLS_VERSION_MAJOR >= 3
	MBEDTLS_TLS1_3_AES_128_GCM_SHA256,
	MBEDTLS_TLS1_3_AES_256_GCM_SHA384,
	MBEDTLS_TLS1_3_CHACHA20_POLY1305_SHA256,
#endif
	MBEDTLS_TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256,
	MBEDTLS_TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
	MBEDTLS_TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384,
	MBEDTLS_TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,
	MBEDTLS_TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256,
	MBEDTLS_TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256,
	0,
};

/* mbedtls 2.28 (Debian 12) speaks TLS 1.2, mbedtls 3 (Debian 13) 1.3 too. 2.28 prefers the largest curves, which are the
 * slowest. */
static void set_versions_and_curves(mbedtls_ssl_config *config)
{
#if MBEDTLS_VERSION_MAJOR >= 3
	static const uint16_t groups[] = {MBEDTLS_SSL_IANA_TLS_GROUP_SECP256R1, MBEDTLS_SSL_IANA_TLS_GROUP_X25519,
					  MBEDTLS_SSL_IANA_TLS_GROUP_SECP384R1, MBEDTLS_SSL_IANA_TLS_GROUP_NONE};

	mbedtls_ssl_conf_min_tls_version(config, MBEDTLS_SSL_VERSION_TLS1_2);
	mbedtls_ssl_conf_groups(config, groups);
#else
	static const mbedtls_ecp_group_id curves[] = {MBEDTLS_ECP_DP_SECP256R1, MBEDTLS_ECP_DP_CURVE25519,
						      MBEDTLS_ECP_DP_SECP384R1, MBEDTLS_ECP_DP_NONE};

	mbedtls_ssl_conf_min_version(config, MBEDTLS_SSL_MAJOR_VERSION_3, MBEDTLS_SSL_MINOR_VERSION_3);
	mbedtls_ssl_conf_curves(config, curves);
#endif
}

static int fill_random(void *arg, unsigned char *bytes, size_t len)
{
	random_fill(bytes, len);
	return 0;
}

static void configure(struct tls_trust *trust)
{
	mbedtls_ssl_config *config = &trust->config;

	if (mbedtls_ssl_config_defaults(config, MBEDTLS_SSL_IS_CLIENT, MBEDTLS_SSL_TRANSPORT_STREAM,
					MBEDTLS_SSL_PRESET_DEFAULT) != 0)
		mem_die("no memory for TLS\n");
	mbedtls_ssl_conf_authmode(config, MBEDTLS_SSL_VERIFY_REQUIRED);
	mbedtls_ssl_conf_ca_chain(config, &trust->authorities, NULL);
	mbedtls_ssl_conf_rng(config, fill_random, NULL);
	mbedtls_ssl_conf_ciphersuites(config, ciphers);
	mbedtls_ssl_conf_session_tickets(config, MBEDTLS_SSL_SESSION_TICKETS_DISABLED); /* no session is taken up again */
	set_versions_and_curves(config);
}

static struct tls_trust *find_trust(const char *file)
{
	struct tls_trust *trust;

	LIST_FOREACH (trust, &trusts, link)
		if (strcmp(trust->file, file) == 0)
			return trust;
	return NULL;
}

/* Adds what the file holds to text. Only as much as a store can have, because mbedtls would take any length that a file says.
 */
static bool read_file(const char *path, struct buf *text)
{
	char bytes[READ_BYTES];
	size_t len = 0;
	FILE *file = fopen(path, "re");
	bool is_read;

	if (!file)
		return false;
	while (text->len <= STORE_BYTES_MAX && (len = fread(bytes, 1, sizeof bytes, file)) > 0)
		buf_add(text, bytes, len);
	is_read = !ferror(file) && text->len > 0 && text->len <= STORE_BYTES_MAX;
	fclose(file);
	return is_read;
}

/* mbedtls answers with the number of certificates that are of kinds it does not know, as some of a system's store are. */
static bool read_authorities(struct tls_trust *trust)
{
	struct buf text = {0};
	bool is_read = read_file(trust->file, &text) &&
		       mbedtls_x509_crt_parse(&trust->authorities, (unsigned char *)text.bytes, text.len + 1) >= 0 &&
		       trust->authorities.raw.len > 0;

	buf_free(&text);
	return is_read;
}

struct tls_trust *tls_trust_new(const char *file)
{
	const char *path = file ? file : TLS_SYSTEM_STORE;
	struct tls_trust *trust = find_trust(path);

	if (trust) {
		trust->users++;
		return trust;
	}
	trust = mem_alloc(sizeof *trust);
	trust->file = mem_strdup(path);
	trust->users = 1;
	mbedtls_x509_crt_init(&trust->authorities);
	mbedtls_ssl_config_init(&trust->config);
	LIST_INSERT_HEAD(&trusts, trust, link);
	if (!read_authorities(trust)) {
		tls_trust_free(trust);
		return NULL;
	}
	configure(trust);
	return trust;
}

void tls_trust_free(struct tls_trust *trust)
{
	if (!trust || --trust->users > 0)
		return;
	LIST_REMOVE(trust, link);
	mbedtls_ssl_config_free(&trust->config);
	mbedtls_x509_crt_free(&trust->authorities);
	free(trust->file);
	free(trust);
}

/* ---- the certificate ---- */

static bool names_address(const struct tls *tls, const mbedtls_x509_crt *certificate)
{
	const mbedtls_x509_sequence *name = &certificate->subject_alt_names;

	for (; name; name = name->next)
		if ((name->buf.tag & MBEDTLS_ASN1_TAG_VALUE_MASK) == SAN_IP_ADDRESS && name->buf.len == tls->address_len &&
		    memcmp(name->buf.p, tls->address, tls->address_len) == 0)
			return true;
	return false;
}

/* mbedtls compares names; 2.28 does not know addresses in certificates. */
static int verify(void *arg, mbedtls_x509_crt *certificate, int depth, uint32_t *flags)
{
	const struct tls *tls = arg;

	if (depth == 0 && tls->address_len > 0 && !names_address(tls, certificate))
		*flags |= MBEDTLS_X509_BADCERT_CN_MISMATCH;
	return 0;
}

static void set_host(struct tls *tls, const char *host)
{
	if (inet_pton(AF_INET, host, tls->address) == 1)
		tls->address_len = sizeof(struct in_addr);
	else if (inet_pton(AF_INET6, host, tls->address) == 1)
		tls->address_len = sizeof(struct in6_addr);
	if (mbedtls_ssl_set_hostname(&tls->ssl, tls->address_len > 0 ? NULL : host) != 0)
		mem_die("no memory for TLS\n");
	mbedtls_ssl_set_verify(&tls->ssl, verify, tls);
}

static const char *certificate_reason(uint32_t flags)
{
	static const struct {
		uint32_t flag;
		const char *reason;
	} reasons[] = {
		{MBEDTLS_X509_BADCERT_NOT_TRUSTED, "no trusted authority has signed its certificate"},
		{MBEDTLS_X509_BADCERT_EXPIRED, "its certificate has expired"},
		{MBEDTLS_X509_BADCERT_FUTURE, "its certificate is not valid yet"},
		{MBEDTLS_X509_BADCERT_CN_MISMATCH, "its certificate is for another name"},
	};

	for (size_t i = 0; i < sizeof reasons / sizeof *reasons; i++)
		if (flags & reasons[i].flag)
			return reasons[i].reason;
	return "its certificate is not acceptable";
}

/* ---- a connection ---- */

static int put_out(void *arg, const unsigned char *bytes, size_t len)
{
	struct tls *tls = arg;

	if (evbuffer_add(tls->out, bytes, len) < 0)
		mem_die("no memory for TLS\n");
	return (int)len;
}

static int take_fed(void *arg, unsigned char *bytes, size_t size)
{
	struct tls *tls = arg;
	size_t len = tls->fed_len < size ? tls->fed_len : size;

	if (len == 0)
		return MBEDTLS_ERR_SSL_WANT_READ;
	memcpy(bytes, tls->fed, len);
	tls->fed += len;
	tls->fed_len -= len;
	return (int)len;
}

static void set_reason(struct tls *tls, int error)
{
	const char *reason = NULL;

	if (error == MBEDTLS_ERR_X509_CERT_VERIFY_FAILED)
		reason = certificate_reason(mbedtls_ssl_get_verify_result(&tls->ssl));
	else if (error == MBEDTLS_ERR_SSL_PEER_CLOSE_NOTIFY)
		reason = "the connection was closed";
	else if (error == MBEDTLS_ERR_SSL_INVALID_RECORD && !tls->is_open)
		reason = "it does not speak TLS";
	else if (error == MBEDTLS_ERR_SSL_FATAL_ALERT_MESSAGE && !tls->is_open)
		reason = "it refused the TLS handshake";
	if (reason)
		strncat(tls->reason, reason, sizeof tls->reason - 1);
	else
		mbedtls_strerror(error, tls->reason, sizeof tls->reason);
}

/* Returns how many bytes a call of mbedtls has answered with, in *ret_len. */
static enum status judge(struct tls *tls, int result, size_t *ret_len)
{
	*ret_len = result > 0 ? (size_t)result : 0;
	if (result > 0 || result == MBEDTLS_ERR_SSL_WANT_READ)
		return STATUS_OK;
	if (result == MBEDTLS_ERR_SSL_ALLOC_FAILED)
		mem_die("no memory for TLS\n");
	tls->is_over = true;
	set_reason(tls, result == 0 ? MBEDTLS_ERR_SSL_PEER_CLOSE_NOTIFY : result);
	return STATUS_UNAVAILABLE;
}

static enum status shake_hands(struct tls *tls)
{
	int result = mbedtls_ssl_handshake(&tls->ssl);
	size_t len;

	tls->is_open = result == 0;
	return result == 0 ? STATUS_OK : judge(tls, result, &len);
}

/* TLS 1.3 sends tickets for later connections, which are of no use here. */
static bool is_ticket(int result)
{
#ifdef MBEDTLS_ERR_SSL_RECEIVED_NEW_SESSION_TICKET
	return result == MBEDTLS_ERR_SSL_RECEIVED_NEW_SESSION_TICKET;
#else
	return false;
#endif
}

static int read_data(struct tls *tls, char *into, size_t size)
{
	int result = mbedtls_ssl_read(&tls->ssl, (unsigned char *)into, size);

	while (is_ticket(result))
		result = mbedtls_ssl_read(&tls->ssl, (unsigned char *)into, size);
	return result;
}

/* TLS 1.3 takes its random numbers from here. Not earlier, because a parent and its processes would then share them. */
static void begin_psa(void)
{
#if MBEDTLS_VERSION_MAJOR >= 3
	if (psa_crypto_init() != PSA_SUCCESS)
		mem_die("mbedtls cannot begin\n");
#endif
}

struct tls *tls_new(struct tls_trust *trust, const char *host)
{
	struct tls *tls = mem_alloc(sizeof *tls);

	begin_psa();
	tls->trust = trust;
	trust->users++;
	tls->out = evbuffer_new();
	mbedtls_ssl_init(&tls->ssl);
	if (!tls->out || mbedtls_ssl_setup(&tls->ssl, &trust->config) != 0)
		mem_die("no memory for TLS\n");
	set_host(tls, host);
	mbedtls_ssl_set_bio(&tls->ssl, tls, put_out, take_fed, NULL);
	(void)shake_hands(tls); /* it cannot fail before the server has answered */
	return tls;
}

void tls_free(struct tls *tls)
{
	if (!tls)
		return;
	mbedtls_ssl_free(&tls->ssl);
	tls_trust_free(tls->trust);
	evbuffer_free(tls->out);
	free(tls);
}

struct evbuffer *tls_out(struct tls *tls)
{
	return tls->out;
}

bool tls_is_open(const struct tls *tls)
{
	return tls->is_open && !tls->is_over;
}

void tls_feed(struct tls *tls, const char *bytes, size_t len)
{
	tls->fed = bytes;
	tls->fed_len = len;
}

enum status tls_read(struct tls *tls, char *into, size_t size, size_t *ret_len)
{
	*ret_len = 0;
	if (tls->is_over)
		return STATUS_UNAVAILABLE;
	if (!tls->is_open) {
		enum status status = shake_hands(tls);

		if (status != STATUS_OK || !tls->is_open)
			return status;
	}
	return judge(tls, read_data(tls, into, size), ret_len);
}

enum status tls_write(struct tls *tls, const char *bytes, size_t len)
{
	size_t sent;

	for (; len > 0; bytes += sent, len -= sent)
		if (!tls_is_open(tls) ||
		    judge(tls, mbedtls_ssl_write(&tls->ssl, (const unsigned char *)bytes, len), &sent) != STATUS_OK ||
		    sent == 0)
			return STATUS_UNAVAILABLE;
	return STATUS_OK;
}

void tls_close(struct tls *tls)
{
	if (!tls_is_open(tls))
		return;
	(void)mbedtls_ssl_close_notify(&tls->ssl);
	tls->is_over = true;
}

const char *tls_reason(const struct tls *tls)
{
	return tls->reason;
}
