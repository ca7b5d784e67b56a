#include "base/config.h"

#include <errno.h>
#include <limits.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/buf.h"
#include "base/mem.h"
#include "base/standard_error.h"

#define FILE_BYTES_MAX (64 * 1024)

static const char *const env_names[] = {"development", "testing", "staging", "production"};

struct config {
	enum app_env env;
	struct buf problems; /* NUL after each */
	int count;
};

void config_problem(struct config *config, const char *format, ...)
{
	char line[512];
	va_list args;

	va_start(args, format);
	vsnprintf(line, sizeof line, format, args);
	va_end(args);
	buf_add(&config->problems, line, strlen(line) + 1);
	config->count++;
}

struct config *config_new(void)
{
	struct config *config = mem_alloc(sizeof *config);
	const char *name = getenv("APP_ENV");

	if (!name || !*name)
		return config;
	for (size_t i = 0; i < sizeof env_names / sizeof *env_names; i++)
		if (strcmp(name, env_names[i]) == 0) {
			config->env = (enum app_env)i;
			return config;
		}
	config_problem(config, "APP_ENV: must be development, testing, staging or production");
	config->env = APP_ENV_PRODUCTION; /* the strictest rules for the checks that follow */
	return config;
}

void config_free(struct config *config)
{
	if (!config)
		return;
	buf_free(&config->problems);
	free(config);
}

enum app_env config_env(const struct config *config)
{
	return config->env;
}

/* The whole file without one trailing newline; NULL after adding a problem. */
static char *read_file(struct config *config, const char *variable, const char *path)
{
	FILE *file = fopen(path, "re");
	char *text;
	size_t len;

	if (!file) {
		config_problem(config, "%s: %s can not be read: %s", variable, path, strerror(errno));
		return NULL;
	}
	text = mem_alloc(FILE_BYTES_MAX + 2);
	len = fread(text, 1, FILE_BYTES_MAX + 1, file);
	if (ferror(file) || len > FILE_BYTES_MAX || memchr(text, '\0', len)) {
		config_problem(config, "%s: %s is not a text file of at most %d bytes", variable, path, FILE_BYTES_MAX);
		mem_free_secret(text);
		text = NULL;
	} else if (len && text[len - 1] == '\n') {
		text[len - 1] = '\0';
	}
	fclose(file);
	return text;
}

/* The value of NAME or NAME_FILE, owned by the caller; NULL when neither is set (an empty variable or file counts as not set).
 */
static char *read_variable(struct config *config, const char *name)
{
	char file_variable[128];
	const char *direct = getenv(name), *path;

	snprintf(file_variable, sizeof file_variable, "%s_FILE", name);
	path = getenv(file_variable);
	if (direct && *direct && path && *path) {
		config_problem(config, "%s: set either %s or %s, not both", name, name, file_variable);
		return mem_strdup(direct);
	}
	if (path && *path) {
		char *text = read_file(config, file_variable, path);

		if (text && *text)
			return text;
		free(text);
		return NULL;
	}
	return direct && *direct ? mem_strdup(direct) : NULL;
}

static void set_int(struct config *config, const struct config_option *option, const char *text, long *into)
{
	bool is_bounded = option->min != 0 || option->max != 0;
	char *end;

	errno = 0;
	*into = strtol(text, &end, 10);
	if (errno || end == text || *end)
		config_problem(config, "%s: must be a whole number", option->name);
	else if (is_bounded && (*into < option->min || *into > option->max))
		config_problem(config, "%s: must be from %ld to %ld", option->name, option->min, option->max);
}

static void set_bool(struct config *config, const struct config_option *option, const char *text, bool *into)
{
	static const struct {
		const char *word;
		bool flag;
	} words[] = {{"true", true}, {"1", true}, {"yes", true}, {"false", false}, {"0", false}, {"no", false}};

	for (size_t i = 0; i < sizeof words / sizeof *words; i++)
		if (strcasecmp(text, words[i].word) == 0) {
			*into = words[i].flag;
			return;
		}
	config_problem(config, "%s: must be true or false", option->name);
}

/* Every key and password in sources, Compose files and scripts. tests/api/test_configuration.py searches the files for others.
 */
static const char *const public_secrets[] = {CONFIG_DEVELOPMENT_KEY, "development", "abacus-admin-dev", "abacus-user-dev"};

static bool is_public(const char *secret)
{
	for (size_t i = 0; i < sizeof public_secrets / sizeof *public_secrets; i++)
		if (strcmp(secret, public_secrets[i]) == 0)
			return true;
	return false;
}

void config_refuse_public(struct config *config, const char *name, const char *secret)
{
	if (config->env >= APP_ENV_STAGING && secret && is_public(secret))
		config_problem(config, "%s: holds a secret that the repository shows to everyone; set another", name);
}

static void check_secret(struct config *config, const struct config_option *option, const char *secret)
{
	if (config->env < APP_ENV_STAGING)
		return;
	if (option->default_value && strcmp(secret, option->default_value) == 0)
		config_problem(config, "%s: the default is for development alone; set %s or %s_FILE", option->name,
			       option->name, option->name);
	else if (is_public(secret))
		config_refuse_public(config, option->name, secret);
	else if (strlen(secret) < CONFIG_SECRET_BYTES_MIN)
		config_problem(config, "%s: must have at least %d bytes", option->name, CONFIG_SECRET_BYTES_MIN);
}

static void load_option(struct config *config, const struct config_option *option, char *into)
{
	char *text = read_variable(config, option->name);

	if (!text && option->default_value)
		text = mem_strdup(option->default_value);
	if (!text) {
		if (!option->optional)
			config_problem(config, "%s: is not set; set %s or %s_FILE", option->name, option->name, option->name);
		return;
	}
	switch (option->type) {
	case CONFIG_INT:
		set_int(config, option, text, (long *)(void *)into);
		break;
	case CONFIG_BOOL:
		set_bool(config, option, text, (bool *)into);
		break;
	case CONFIG_SECRET:
		check_secret(config, option, text);
		/* fall through */
	case CONFIG_TEXT:
	case CONFIG_URL:
		*(char **)(void *)into = text;
		return;
	}
	free(text);
}

void config_load(struct config *config, const struct config_option *options, void *into)
{
	for (; options->name; options++)
		load_option(config, options, (char *)into + options->offset);
}

int config_finish(const struct config *config, const char *program)
{
	const char *line = config->problems.bytes;

	for (int i = 0; i < config->count; i++, line += strlen(line) + 1)
		standard_error_print("%s: %s\n", program, line);
	return config->count;
}

void config_release(const struct config_option *options, void *into)
{
	for (; options->name; options++) {
		char **text = (char **)(void *)((char *)into + options->offset);

		if (options->type == CONFIG_INT || options->type == CONFIG_BOOL)
			continue;
		mem_free_secret(*text);
		*text = NULL;
	}
}

void config_help(FILE *out, const struct config_option *options)
{
	for (; options->name; options++) {
		const char *shown = options->default_value ? options->default_value : options->optional ? "unset" : "required";
		const char *scheme_end = strstr(shown, "://"), *at = scheme_end ? strrchr(scheme_end, '@') : NULL;

		if (options->type == CONFIG_SECRET && options->default_value)
			shown = "a default for development alone";
		fprintf(out, "  %-32s %s [", options->name, options->meaning);
		if (options->type == CONFIG_URL && at)
			fprintf(out, "%.*s%s]\n", (int)(scheme_end + 3 - shown), shown, at + 1);
		else
			fprintf(out, "%s]\n", shown);
	}
}
