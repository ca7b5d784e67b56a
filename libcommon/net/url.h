/* URLs of other daemons (RFC 3986 §3, http only): taken apart strictly, because they come from configuration and go into a
 * request line. */
#ifndef ABACUS_HTTP_URL_H
#define ABACUS_HTTP_URL_H

#include <stdbool.h>

#include "base/status.h"

#define URL_HOST_BYTES_MAX 254
#define URL_BYTES_MAX 2048

struct url {
	char host[URL_HOST_BYTES_MAX];          /* a name, an IPv4 address, or an IPv6 address without its brackets */
	char authority[URL_HOST_BYTES_MAX + 8]; /* host[:port] as it stood there: the value of Host */
	int port;                               /* 80 when there is none */
	const char *path;                       /* with the query; "/" when there is none; borrowed from the url */
};

/* INVALID: not http://host[:port][/path[?query]]. No user, no fragment, no zone, nothing outside of printable ASCII. */
enum status url_parse(const char *url, struct url *ret_url) MUST_CHECK;
/* A name, an IPv4 address, or an IPv6 address without brackets. */
bool url_is_host(const char *text) MUST_CHECK;

#endif
