#include "redis/redis_internal.h"

#include <stdlib.h>
#include <string.h>

#include "base/int64.h"
#include "base/mem.h"
#include "net/url.h"

/* In place: the text never becomes longer. */
static bool decode(char *text)
{
	size_t len = strlen(text);

	return url_decode(text, len, text, len + 1) == STATUS_OK;
}

static bool read_port(const char *text, int *ret_port)
{
	int64_t number;

	if (int64_parse(text, &number) != STATUS_OK || number < 1 || number > 65535)
		return false;
	*ret_port = (int)number;
	return true;
}

/* "redis", "10.0.0.1:6379" or "[::1]:6379"; cuts the text. */
static bool read_host(char *text, struct redis_address *address)
{
	bool is_bracketed = *text == '[';
	char *host = text + is_bracketed, *end = host + strcspn(host, is_bracketed ? "]" : ":"), *port = end + is_bracketed;
	bool has_port = *end && *port == ':';

	if ((is_bracketed && !*end) || (*end && *port && !has_port) || (has_port && !read_port(port + 1, &address->port)))
		return false;
	*end = '\0';
	if (!url_is_host(host) || is_bracketed != (strchr(host, ':') != NULL))
		return false;
	address->host = mem_strdup(host);
	return true;
}

enum status redis_url_parse(const char *url, struct redis_address *ret_address)
{
	char *copy, *authority, *path, *at, *colon;
	struct redis_address address = {.port = 6379, .is_tls = strncmp(url, "rediss:", 7) == 0};
	const char *scheme = address.is_tls ? "rediss://" : "redis://";
	int64_t number;
	size_t len;
	enum status status = STATUS_INVALID;

	if (strncmp(url, scheme, strlen(scheme)) != 0)
		return STATUS_INVALID;
	copy = authority = mem_strdup(url + strlen(scheme));
	len = strlen(copy);
	if ((path = strchr(authority, '/'))) {
		*path++ = '\0';
		if (*path && (int64_parse(path, &number) != STATUS_OK || number < 0 || number > 9999))
			goto out;
		address.database = *path ? (int)number : 0;
	}
	if ((at = strrchr(authority, '@'))) {
		*at = '\0';
		if ((colon = strchr(authority, ':'))) {
			*colon = '\0';
			if (!decode(colon + 1))
				goto out;
			address.password = mem_strdup(colon + 1);
		}
		if (!decode(authority))
			goto out;
		address.user = *authority ? mem_strdup(authority) : NULL;
		authority = at + 1;
	}
	if (!read_host(authority, &address))
		goto out;
	*ret_address = address;
	address = (struct redis_address){0};
	status = STATUS_OK;
out:
	redis_address_free(&address);
	explicit_bzero(copy, len); /* it has NULs before the password by now */
	free(copy);
	return status;
}

void redis_address_free(struct redis_address *address)
{
	free(address->host);
	free(address->user);
	mem_free_secret(address->password);
	*address = (struct redis_address){0};
}
