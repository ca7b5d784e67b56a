/* URLs of other daemons (RFC 3986 §3, http only), parsed strictly, because they come from configuration and go into a request
 * line; and percent-decoding, which paths, queries and the URLs of dependencies share. */
#ifndef ABACUS_NET_URL_H
#define ABACUS_NET_URL_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"
#include "base/status.h"

#define URL_HOST_BYTES_MAX 254
#define URL_BYTES_MAX 2048

struct url {
	char host[URL_HOST_BYTES_MAX];          /* a name, an IPv4 address, or an IPv6 address without its brackets */
	char authority[URL_HOST_BYTES_MAX + 8]; /* host[:port] as the URL spells it: the value of Host */
	int port;                               /* 80 when the URL has none */
	const char *path;                       /* with the query; "/" when the URL has none; borrowed from it */
};

/* INVALID: not http://host[:port][/path[?query]], or with a user, a fragment, a zone or anything but printable ASCII. */
enum status url_parse(const char *url, struct url *ret_url) MUST_CHECK;
/* A name, an IPv4 address, or an IPv6 address without brackets. */
bool url_is_host(const char *text) MUST_CHECK;

/* Percent-decoding (RFC 3986 §2.1) of len bytes into ret_text, which gets a closing NUL and may be bytes itself. INVALID: a '%'
 * without two hexadecimal digits after it, a NUL (encoded or not: it would cut the text short), or a text that does not fit
 * into size bytes; ret_text is of no use then. Whether the text is UTF-8 is not checked. */
enum status url_decode(const char *bytes, size_t len, char *ret_text, size_t size) MUST_CHECK;
/* The same for a name or a value in a query: '+' is a space (application/x-www-form-urlencoded, WHATWG URL §5.1). */
enum status url_decode_query(const char *bytes, size_t len, char *ret_text, size_t size) MUST_CHECK;
/* Adds the text as a name or a value of a query: every byte is encoded but the unreserved ones (RFC 3986 §2.3). */
void url_encode_query(struct buf *out, const char *text);

#endif
