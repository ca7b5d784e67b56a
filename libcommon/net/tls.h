/* TLS 1.2 and later (RFC 5246, RFC 8446) on the client's side, by mbedtls. It has no socket: the caller feeds it what has
 * arrived and sends what it puts out, so that partial writes, time limits and the loop remain the caller's, and nothing here
 * can block. The server proves its name by a certificate that an authority of the trust has signed; there is no way to do
 * without. Only ciphers with forward secrecy and authentication are offered.
 *
 * All of it runs on one thread. A handshake computes for some milliseconds (docs/decisions/0018-tls-to-redis.md). */
#ifndef ABACUS_NET_TLS_H
#define ABACUS_NET_TLS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/status.h"

struct evbuffer;

/* The authorities whose signatures are believed. */
#define TLS_SYSTEM_STORE "/etc/ssl/certs/ca-certificates.crt" /* Debian's, of the package ca-certificates */
struct tls_trust;
/* From a file of certificates in PEM; NULL: TLS_SYSTEM_STORE. Two with the same file share what was read. Returns NULL when the
 * file cannot be read or holds no certificate. */
struct tls_trust *tls_trust_new(const char *file) MUST_CHECK;
void tls_trust_free(struct tls_trust *trust); /* NULL is fine; connections keep what they need of it */

/* One connection. host: what the certificate must name, a name or an address as url_is_host() takes them; a name is also sent
 * to the server (SNI). The first message of the handshake is in tls_out() when this returns. */
struct tls;
struct tls *tls_new(struct tls_trust *trust, const char *host);
void tls_free(struct tls *tls); /* NULL is fine */

/* What is to be sent, in this order; the caller drains it. Owned by the connection. */
struct evbuffer *tls_out(struct tls *tls);
/* Has the handshake ended well, and the connection not ended since? Only then does tls_write() write. */
bool tls_is_open(const struct tls *tls);

/* What has arrived, borrowed until tls_read() has returned no more. */
void tls_feed(struct tls *tls, const char *bytes, size_t len);
/* Goes on with the handshake, then decrypts: call it until *ret_len is 0, when all that was fed is used up. Both may add to
 * tls_out(). UNAVAILABLE: the connection is over, as tls_reason() says; what tls_out() holds is the alert for the server. */
enum status tls_read(struct tls *tls, char *into, size_t size, size_t *ret_len) MUST_CHECK;
/* Encrypts len bytes. Each call makes a record (two dozen bytes more) for each TLS_RECORD_BYTES begun. UNAVAILABLE: the
 * connection is not open. */
#define TLS_RECORD_BYTES (16 * 1024)
enum status tls_write(struct tls *tls, const char *bytes, size_t len) MUST_CHECK;
/* Adds the end of the connection (close_notify) to tls_out(), if it is open. */
void tls_close(struct tls *tls);
/* Why it is over, in plain words for the log. */
const char *tls_reason(const struct tls *tls);

#endif
