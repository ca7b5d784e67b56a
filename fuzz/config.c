/* A configuration: APP_ENV is in the first byte of the input, and each line after it is a variable, whose first byte chooses
 * the option, and whether the value comes directly or from a file. Invariants:
 * - without a problem each value is there and within its bounds, and in production no secret is short or known from the
 *   repository;
 * - a problem is one line, which names its option and shows no secret;
 * - a value says the same whether it comes directly or from a file, and when it is read twice;
 * - everything that was read is freed. */
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/config.h"
#include "fuzz.h"
#include "standard_error.h"

#define PORT_MIN 1
#define PORT_MAX 65535
#define VARIABLES_MAX 16

struct options {
	char *text, *optional, *secret, *url;
	long port, any;
	bool flag;
};

enum { TEXT, OPTIONAL, SECRET, URL, PORT, ANY, FLAG, OPTIONS };

static const struct config_option options[] = {
	[TEXT] = {"TEXT", CONFIG_TEXT, offsetof(struct options, text), "a text", "a text", 0, 0, false},
	[OPTIONAL] = {"OPTIONAL", CONFIG_TEXT, offsetof(struct options, optional), NULL, "another", 0, 0, true},
	[SECRET] = {"SECRET", CONFIG_SECRET, offsetof(struct options, secret), CONFIG_DEVELOPMENT_KEY, "a secret", 0, 0, false},
	[URL] = {"URL", CONFIG_URL, offsetof(struct options, url), NULL, "a URL", 0, 0, false},
	[PORT] = {"PORT", CONFIG_INT, offsetof(struct options, port), "80", "a port", PORT_MIN, PORT_MAX, false},
	[ANY] = {"ANY", CONFIG_INT, offsetof(struct options, any), "-1", "a number", 0, 0, false},
	[FLAG] = {"FLAG", CONFIG_BOOL, offsetof(struct options, flag), "false", "a flag", 0, 0, false},
	[OPTIONS] = {0},
};

/* ---- the environment ---- */

static int files[VARIABLES_MAX];
static unsigned files_count;

static void set_from_file(const char *name, const char *value, bool ends_line)
{
	char variable[32], path[32];
	int fd = memfd_create(name, MFD_CLOEXEC);

	require(fd >= 0 && write(fd, value, strlen(value)) == (ssize_t)strlen(value));
	require(!ends_line || write(fd, "\n", 1) == 1);
	snprintf(variable, sizeof variable, "%s_FILE", name);
	snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
	require(setenv(variable, path, 1) == 0);
	files[files_count++] = fd;
}

static void clear_environment(void)
{
	char variable[32];

	for (int i = 0; i < OPTIONS; i++) {
		snprintf(variable, sizeof variable, "%s_FILE", options[i].name);
		unsetenv(variable);
		unsetenv(options[i].name);
	}
	while (files_count > 0)
		close(files[--files_count]);
}

/* from_files: each value comes the other way than the input says. */
static void set_environment(const uint8_t *data, size_t size, bool is_turned)
{
	static const char *const names[] = {"development", "testing", "staging", "production", "", "prod"};

	require(setenv("APP_ENV", names[take_byte(&data, &size) % 6], 1) == 0);
	while (size > 0 && files_count < VARIABLES_MAX) {
		uint8_t choice = take_byte(&data, &size);
		char *value = take_line(&data, &size);
		const char *name = options[choice % OPTIONS].name;

		if ((choice & 0x80) != (is_turned ? 0x80 : 0))
			set_from_file(name, value, choice & 0x40);
		else
			require(setenv(name, value, 1) == 0);
		free(value);
	}
}

/* True unless a variable is set both ways, or more than once the same way. */
static bool is_each_set_once(const uint8_t *data, size_t size)
{
	bool is_set[OPTIONS] = {false}, is_once = true;

	(void)take_byte(&data, &size);
	while (size > 0) {
		int option = take_byte(&data, &size) % OPTIONS;

		free(take_line(&data, &size));
		is_once &= !is_set[option];
		is_set[option] = true;
	}
	return is_once;
}

/* ---- what was read ---- */

struct outcome {
	struct options values;
	enum app_env env;
	int count;
	char *problems;
};

static struct outcome load(void)
{
	struct outcome outcome = {0};
	struct config *config = config_new();
	size_t len;

	config_load(config, options, &outcome.values);
	outcome.env = config_env(config);
	keep_errors(&outcome.problems, &len);
	outcome.count = config_finish(config, "fuzz");
	kept_all_errors();
	config_free(config);
	return outcome;
}

static void outcome_free(struct outcome *outcome)
{
	static const struct options none = {0};

	config_release(options, &outcome->values);
	require(!outcome->values.text && !outcome->values.optional && !outcome->values.secret && !outcome->values.url);
	outcome->values = none;
	free(outcome->problems);
}

static bool names_an_option(const char *line)
{
	for (int i = 0; i < OPTIONS; i++)
		if (strncmp(line, options[i].name, strlen(options[i].name)) == 0 && line[strlen(options[i].name)] == ':')
			return true;
	return strncmp(line, "APP_ENV: ", 9) == 0 || strstr(line, "_FILE: /proc/self/fd/");
}

static void check_problems(const struct outcome *outcome)
{
	const char *secret = outcome->values.secret;
	int count = 0;

	for (const char *line = outcome->problems; *line; line = strchr(line, '\n') + 1, count++)
		require(strncmp(line, "fuzz: ", 6) == 0 && names_an_option(line + 6) && strchr(line, '\n'));
	require(count == outcome->count);
	if (secret && strlen(secret) > 4 && strpbrk(secret, "#~^|")) /* which no problem has of itself */
		require(!strstr(outcome->problems, secret));
}

static void check_values(const struct outcome *outcome)
{
	const struct options *values = &outcome->values;

	require(values->text && *values->text && values->url && *values->url && values->secret && *values->secret);
	require(!values->optional || *values->optional);
	require(values->port >= PORT_MIN && values->port <= PORT_MAX);
	if (outcome->env >= APP_ENV_STAGING)
		require(strlen(values->secret) >= CONFIG_SECRET_BYTES_MIN &&
			strcmp(values->secret, CONFIG_DEVELOPMENT_KEY) != 0);
}

static bool is_same_text(const char *a, const char *b)
{
	return a && b ? strcmp(a, b) == 0 : a == b;
}

static void check_same(const struct outcome *a, struct outcome b)
{
	require(a->count == b.count && strcmp(a->problems, b.problems) == 0 && a->env == b.env);
	require(is_same_text(a->values.text, b.values.text) && is_same_text(a->values.optional, b.values.optional));
	require(is_same_text(a->values.secret, b.values.secret) && is_same_text(a->values.url, b.values.url));
	require(a->values.port == b.values.port && a->values.any == b.values.any && a->values.flag == b.values.flag);
	outcome_free(&b);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct outcome outcome;

	clear_environment();
	set_environment(data, size, false);
	outcome = load();
	check_problems(&outcome);
	if (outcome.count == 0)
		check_values(&outcome);
	check_same(&outcome, load());
	clear_environment();
	if (is_each_set_once(data, size)) {
		set_environment(data, size, true);
		check_same(&outcome, load());
		clear_environment();
	}
	outcome_free(&outcome);
	return 0;
}
