#include "net/url.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

static bool is_name(const char *text)
{
	static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_";

	return *text && *text != '.' && *text != '-' && !text[strspn(text, allowed)];
}

bool url_is_host(const char *text)
{
	struct in6_addr address;

	return strnlen(text, URL_HOST_BYTES_MAX) < URL_HOST_BYTES_MAX &&
	       (is_name(text) || inet_pton(AF_INET6, text, &address) == 1);
}

static bool copy(char *into, size_t size, const char *bytes, size_t len)
{
	if (len >= size)
		return false;
	memcpy(into, bytes, len);
	into[len] = '\0';
	return true;
}

/* ":8080" or nothing. */
static bool read_port(const char *text, size_t len, int *ret_port)
{
	char digits[6];

	*ret_port = 80;
	if (len == 0)
		return true;
	if (*text != ':' || !copy(digits, sizeof digits, text + 1, len - 1) || !*digits || digits[strspn(digits, "0123456789")])
		return false;
	*ret_port = atoi(digits); // NOLINT: five digits at most
	return *ret_port > 0 && *ret_port <= 65535;
}

static bool read_authority(const char *text, size_t len, struct url *url)
{
	struct in6_addr address;
	size_t host_len;

	if (!copy(url->authority, sizeof url->authority, text, len))
		return false;
	if (*url->authority == '[') {
		host_len = strcspn(url->authority, "]");
		return url->authority[host_len] == ']' && copy(url->host, sizeof url->host, text + 1, host_len - 1) &&
		       inet_pton(AF_INET6, url->host, &address) == 1 &&
		       read_port(text + host_len + 1, len - host_len - 1, &url->port);
	}
	host_len = strcspn(url->authority, ":");
	return copy(url->host, sizeof url->host, text, host_len) && is_name(url->host) &&
	       read_port(text + host_len, len - host_len, &url->port);
}

static bool is_path(const char *text)
{
	for (; *text; text++)
		if (*text <= ' ' || *text > '~' || *text == '#')
			return false;
	return true;
}

enum status url_parse(const char *text, struct url *ret_url)
{
	static const char scheme[] = "http://";
	struct url url;
	size_t len;

	if (strnlen(text, URL_BYTES_MAX + 1) > URL_BYTES_MAX || strncasecmp(text, scheme, strlen(scheme)) != 0)
		return STATUS_INVALID;
	text += strlen(scheme);
	len = strcspn(text, "/?#");
	if (!read_authority(text, len, &url) || (text[len] && text[len] != '/') || !is_path(text + len))
		return STATUS_INVALID;
	url.path = text[len] ? text + len : "/";
	*ret_url = url;
	return STATUS_OK;
}

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if ((c | 32) >= 'a' && (c | 32) <= 'f')
		return (c | 32) - 'a' + 10;
	return -1;
}

/* The byte that the escape stands for, -1 when it is none. */
static int decode_escape(const char *bytes, size_t len)
{
	int high, low;

	if (len < 3)
		return -1;
	high = hex_digit(bytes[1]);
	low = hex_digit(bytes[2]);
	return high < 0 || low < 0 ? -1 : high << 4 | low;
}

static enum status decode(const char *bytes, size_t len, char plus, char *ret_text, size_t size)
{
	size_t at = 0, out = 0;

	while (at < len) {
		bool is_escape = bytes[at] == '%';
		int byte = is_escape ? decode_escape(bytes + at, len - at) : bytes[at] == '+' ? plus : (unsigned char)bytes[at];

		if (byte <= 0 || out + 1 >= size)
			return STATUS_INVALID;
		ret_text[out++] = (char)byte;
		at += is_escape ? 3 : 1;
	}
	if (out >= size)
		return STATUS_INVALID;
	ret_text[out] = '\0';
	return STATUS_OK;
}

enum status url_decode(const char *bytes, size_t len, char *ret_text, size_t size)
{
	return decode(bytes, len, '+', ret_text, size);
}

enum status url_decode_query(const char *bytes, size_t len, char *ret_text, size_t size)
{
	return decode(bytes, len, ' ', ret_text, size);
}

void url_encode_query(struct buf *out, const char *text)
{
	static const char unreserved[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~";

	while (*text) {
		size_t len = strspn(text, unreserved);

		buf_add(out, text, len);
		text += len;
		if (*text)
			buf_printf(out, "%%%02X", (unsigned)(unsigned char)*text++);
	}
}
