/* The URL of a daemon, of Redis or of Postgres, of any bytes. The first byte of the input chooses whose. Invariants:
 * - what is accepted, written anew from its parts, is accepted and has the same parts;
 * - a host is a name or an address, a port and a database are within their bounds;
 * - what goes into a request's head has no byte that ends a line or a field;
 * - a problem with the URL of Postgres shows no part of it, and a password that the repository shows is refused in production,
 *   however the URL spells it. */
#include <arpa/inet.h>
#include <libpq-fe.h>
#include <stdio.h>

#include "base/buf.h"
#include "base/config.h"
#include "fuzz.h"
#include "net/url.h"
#include "postgres/postgres.h"
#include "redis/redis_internal.h"
#include "standard_error.h"

#define PUBLIC_PASSWORD "development"

/* ---- of a daemon ---- */

static bool is_printable(const char *text)
{
	for (; *text; text++)
		if (*text <= ' ' || *text > '~')
			return false;
	return true;
}

static void check_same_url(const char *text, const struct url *url)
{
	struct url again;

	require(url_parse(text, &again) == STATUS_OK && again.port == url->port);
	require(strcmp(again.host, url->host) == 0 && strcmp(again.path, url->path) == 0);
}

static void check_url(const char *text)
{
	bool is_ipv6;
	struct url url;
	char *anew;

	if (url_parse(text, &url) != STATUS_OK)
		return;
	require(url_is_host(url.host) && url.port >= 1 && url.port <= 65535);
	require(is_printable(url.authority) && is_printable(url.path) && *url.path == '/' && !strchr(url.authority, '@'));
	is_ipv6 = strchr(url.host, ':') != NULL;
	anew = malloc(strlen(text) + 100);
	sprintf(anew, "http://%s%s", url.authority, url.path);
	check_same_url(anew, &url);
	if (snprintf(anew, URL_BYTES_MAX + 1, "HTTP://%s%s%s:%d%s", is_ipv6 ? "[" : "", url.host, is_ipv6 ? "]" : "", url.port,
		     url.path) <= URL_BYTES_MAX)
		check_same_url(anew, &url);
	free(anew);
}

/* ---- of Redis ---- */

static void add_encoded(struct buf *out, const char *text)
{
	for (; *text; text++)
		buf_printf(out, "%%%02X", (uint8_t)*text);
}

static bool is_same_text(const char *a, const char *b)
{
	return a && b ? strcmp(a, b) == 0 : a == b;
}

static void check_redis_anew(const struct redis_address *address)
{
	bool is_ipv6 = strchr(address->host, ':') != NULL;
	struct redis_address again = {0};
	struct buf anew = {0};

	buf_text(&anew, "redis://");
	if (address->user)
		add_encoded(&anew, address->user);
	if (address->password) {
		buf_text(&anew, ":");
		add_encoded(&anew, address->password);
	}
	if (address->user || address->password)
		buf_text(&anew, "@");
	buf_printf(&anew, "%s%s%s:%d/%d", is_ipv6 ? "[" : "", address->host, is_ipv6 ? "]" : "", address->port,
		   address->database);
	require(redis_url_parse(anew.bytes, &again) == STATUS_OK);
	require(is_same_text(again.host, address->host) && is_same_text(again.user, address->user) &&
		is_same_text(again.password, address->password));
	require(again.port == address->port && again.database == address->database);
	redis_address_free(&again);
	buf_free(&anew);
}

static void check_redis(const char *text)
{
	struct redis_address address = {0};

	if (redis_url_parse(text, &address) != STATUS_OK) {
		require(!address.host && !address.user && !address.password);
		return;
	}
	require(url_is_host(address.host) && address.port >= 1 && address.port <= 65535);
	require(address.database >= 0 && address.database <= 9999);
	check_redis_anew(&address);
	redis_address_free(&address);
}

/* ---- of Postgres ---- */

static const char *find_password(const PQconninfoOption *parts)
{
	for (; parts && parts->keyword; parts++)
		if (strcmp(parts->keyword, "password") == 0)
			return parts->val;
	return NULL;
}

static void check_postgres(char *text)
{
	struct postgres_config postgres = {.url = text};
	PQconninfoOption *parts = PQconninfoParse(text, NULL);
	struct config *config = config_new();
	char *problems = NULL;
	size_t len;
	int count;

	postgres_config_check_url(&postgres, config);
	keep_errors(&problems, &len);
	count = config_finish(config, "fuzz");
	kept_all_errors();
	require(count <= 1 && (count == 1) == (*problems != '\0'));
	require(count == 0 || strncmp(problems, "fuzz: DATABASE_URL: ", 20) == 0);
	require(count == 0 || len < 150);
	if (find_password(parts) && strcmp(find_password(parts), PUBLIC_PASSWORD) == 0)
		require(count == 1);
	if (!parts || strncmp(text, "postgres", 8) != 0)
		require(count == 1);
	PQconninfoFree(parts);
	config_free(config);
	free(problems);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t whose = take_byte(&data, &size);
	char *text = copy_text(data, size);

	setenv("APP_ENV", "production", 1);
	if (whose % 3 == 0)
		check_url(text);
	else if (whose % 3 == 1)
		check_redis(text);
	else
		check_postgres(text);
	free(text);
	return 0;
}
