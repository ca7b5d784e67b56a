#include "sessions/session_cookie.h"

#include <string.h>
#include <strings.h>

#include "base/buf.h"
#include "http/reply.h"

#define NAME "abacus-session"
#define NAME_SECURE "__Secure-" NAME

/* ---- the origin ---- */

static const char *after_scheme(const char *origin, bool *ret_is_secure)
{
	*ret_is_secure = strncmp(origin, "https://", 8) == 0;
	if (*ret_is_secure)
		return origin + 8;
	return strncmp(origin, "http://", 7) == 0 ? origin + 7 : NULL;
}

/* Without the port, if it is the scheme's. */
static size_t length_without_default_port(const char *host, bool is_secure)
{
	const char *port = is_secure ? ":443" : ":80";
	size_t len = strlen(host), port_len = strlen(port);

	return len > port_len && strcmp(host + len - port_len, port) == 0 ? len - port_len : len;
}

bool session_cookie_is_same_origin(const char *origin, const char *host, const char *forwarded_proto)
{
	bool is_secure;
	const char *authority = after_scheme(origin, &is_secure);
	size_t len;

	if (!authority || !*host || (!is_secure && forwarded_proto && strcasecmp(forwarded_proto, "https") == 0))
		return false;
	len = length_without_default_port(host, is_secure);
	return len == length_without_default_port(authority, is_secure) && strncasecmp(authority, host, len) == 0;
}

bool session_cookie_is_allowed(struct http_request *req)
{
	const char *origin = http_request_header(req, "Origin"), *host = http_request_header(req, "Host");

	if (origin && host && session_cookie_is_same_origin(origin, host, http_request_header(req, "X-Forwarded-Proto")))
		return true;
	http_reply_fail(req, 403, "origin_refused", "Only pages of this site may do that.");
	return false;
}

static bool is_https(const struct http_request *req)
{
	const char *origin = http_request_header(req, "Origin"), *proto = http_request_header(req, "X-Forwarded-Proto");

	return (origin && strncmp(origin, "https://", 8) == 0) || (proto && strcasecmp(proto, "https") == 0);
}

/* ---- the cookie ---- */

/* The value, and its length; NULL: there is none (RFC 6265 §4.2.1). */
static const char *find(const struct http_request *req, const char *name, size_t *ret_len)
{
	const char *at = http_request_header(req, "Cookie");
	size_t name_len = strlen(name);

	while (at) {
		at += strspn(at, "; ");
		if (strncmp(at, name, name_len) == 0 && at[name_len] == '=') {
			*ret_len = strcspn(at + name_len + 1, "; ");
			return at + name_len + 1;
		}
		at = strchr(at, ';');
	}
	return NULL;
}

bool session_cookie_read(const struct http_request *req, char text[REFRESH_TOKEN_LEN + 1])
{
	size_t len;
	const char *value = find(req, is_https(req) ? NAME_SECURE : NAME, &len);

	if (!value || len != REFRESH_TOKEN_LEN)
		return false;
	memcpy(text, value, len);
	text[len] = '\0';
	return true;
}

static void set(struct http_request *req, bool is_secure, const char *value, int64_t max_age_s)
{
	struct buf cookie = {0};

	buf_text(&cookie, is_secure ? NAME_SECURE "=" : NAME "=");
	buf_text(&cookie, value);
	buf_text(&cookie, "; Path=/auth/session; HttpOnly; SameSite=Strict");
	if (is_secure)
		buf_text(&cookie, "; Secure");
	if (max_age_s > 0 || !*value) {
		buf_text(&cookie, "; Max-Age=");
		buf_int(&cookie, max_age_s);
	}
	http_reply_header(req, "Set-Cookie", cookie.bytes);
	buf_free(&cookie);
}

void session_cookie_set(struct http_request *req, const char *text, int64_t max_age_s)
{
	set(req, is_https(req), text, max_age_s);
}

void session_cookie_clear(struct http_request *req)
{
	size_t len;

	if (find(req, NAME_SECURE, &len))
		set(req, true, "", 0);
	if (find(req, NAME, &len))
		set(req, false, "", 0);
}
