#include "postgres/postgres_internal.h"

#include <libpq-fe.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

void postgres_config_choose(struct postgres_config *postgres, enum app_env env)
{
	char *url = postgres->url;

	if (env != APP_ENV_TESTING || !postgres->test_url)
		return;
	postgres->url = postgres->test_url;
	postgres->test_url = url;
	postgres->variable = "DATABASE_TEST_URL";
}

/* libpq finds the password, because a URL may hold it percent-encoded or as a parameter. */
static void check_password(const char *url, const char *variable, struct config *config)
{
	PQconninfoOption *parts = PQconninfoParse(url, NULL);

	for (const PQconninfoOption *part = parts; part && part->keyword; part++)
		if (strcmp(part->keyword, "password") == 0)
			config_refuse_public(config, variable, part->val);
	PQconninfoFree(parts);
}

void postgres_config_check_url(const struct postgres_config *postgres, struct config *config)
{
	const char *variable = postgres->variable ? postgres->variable : "DATABASE_URL";
	const char *problem = postgres_config_problem(postgres);

	if (problem)
		config_problem(config, "%s: %s", variable, problem);
	else if (postgres->url)
		check_password(postgres->url, variable, config);
	config_refuse_public(config, "PGPASSWORD", getenv("PGPASSWORD")); /* libpq takes it if the URL has none */
}

void postgres_config_check(struct postgres_config *postgres, struct config *config)
{
	const char *host = getenv("PGHOST");

	postgres_config_choose(postgres, config_env(config));
	postgres_config_check_url(postgres, config);
	if (config_env(config) >= APP_ENV_STAGING && !postgres->url && (!host || !*host))
		config_problem(config, "DATABASE_URL: is not set; set DATABASE_URL or DATABASE_URL_FILE");
}

/* libpq takes a text that does not begin like a URL for the name of a database, and would show it in errors, password included.
 */
const char *postgres_config_problem(const struct postgres_config *config)
{
	PQconninfoOption *parts;

	if (!config->url)
		return NULL;
	if (strncmp(config->url, "postgres://", 11) != 0 && strncmp(config->url, "postgresql://", 13) != 0)
		return "must begin with postgres:// or postgresql://";
	parts = PQconninfoParse(config->url, NULL);
	PQconninfoFree(parts);
	return parts ? NULL : "is not a URL that libpq understands; are special characters in it percent-encoded?";
}

/* From the URL or, where it says nothing, from the environment; NULL: neither. */
static const char *part_of(const PQconninfoOption *parts, const char *keyword, const char *variable)
{
	const char *found = NULL;

	for (const PQconninfoOption *part = parts; part && part->keyword; part++)
		if (strcmp(part->keyword, keyword) == 0)
			found = part->val;
	if (!found || !*found)
		found = getenv(variable);
	return found && *found ? found : NULL;
}

char *postgres_config_host(const struct postgres_config *config)
{
	PQconninfoOption *parts = config->url ? PQconninfoParse(config->url, NULL) : NULL;
	const char *host = part_of(parts, "host", "PGHOST");
	char *name = NULL;

	if (host && !part_of(parts, "hostaddr", "PGHOSTADDR") && !strpbrk(host, "/@,:") && !resolver_is_address(host))
		name = mem_strdup(host);
	PQconninfoFree(parts);
	return name;
}
