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

enum status redis_url_parse(const char *url, struct redis_address *ret_address)
{
	static const char scheme[] = "redis://";
	char *copy, *authority, *path, *at, *colon;
	struct redis_address address = {.port = 6379};
	int64_t number;
	size_t len;
	enum status status = STATUS_INVALID;

	if (strncmp(url, scheme, sizeof scheme - 1) != 0)
		return STATUS_INVALID;
	copy = authority = mem_strdup(url + sizeof scheme - 1);
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
	if ((colon = strrchr(authority, ':'))) {
		*colon = '\0';
		if (int64_parse(colon + 1, &number) != STATUS_OK || number < 1 || number > 65535)
			goto out;
		address.port = (int)number;
	}
	if (!*authority)
		goto out;
	address.host = mem_strdup(authority);
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
