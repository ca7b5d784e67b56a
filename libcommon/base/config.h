/* Configuration from the environment alone. A program declares a table of options; config_load() reads them all, reports
 * every problem in one go, and the values land in the program's own struct.
 * NAME_FILE reads NAME from a file (one trailing newline is cut); NAME and NAME_FILE both set is an error. Empty counts as not
 * set. */
#ifndef ABACUS_BASE_CONFIG_H
#define ABACUS_BASE_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "base/status.h"

#define CONFIG_EXIT_CODE 78 /* EX_CONFIG of sysexits.h */
#define CONFIG_SECRET_BYTES_MIN 32

enum config_type {
	CONFIG_TEXT,   /* char *, owned by the struct */
	CONFIG_SECRET, /* char *; never printed; staging and production refuse the default and under 32 bytes */
	CONFIG_INT,    /* long, within [min, max] */
	CONFIG_BOOL,   /* bool: true|false|1|0|yes|no, any case */
	CONFIG_URL,    /* char *; may hold a password, so printed without it */
};

struct config_option {
	const char *name;
	enum config_type type;
	size_t offset;             /* offsetof() into the program's struct */
	const char *default_value; /* NULL: none; the option is then required unless `optional` */
	const char *meaning;       /* one line for --help, unit included */
	long min, max;             /* CONFIG_INT; both 0: unbounded */
	bool optional;             /* unset leaves NULL, 0 or false */
};

enum app_env { APP_ENV_DEVELOPMENT, APP_ENV_TESTING, APP_ENV_STAGING, APP_ENV_PRODUCTION };

/* Tables end with an option whose name is NULL. Several tables may be loaded one after another into several structs:
 * problems are collected until config_finish(). APP_ENV is read by config_new(). */
struct config;
struct config *config_new(void);
void config_free(struct config *config);
enum app_env config_env(const struct config *config);
void config_load(struct config *config, const struct config_option *options, void *into);
/* For a rule that spans options ("DATABASE_URL or PGHOST"): adds one problem line, as printf. */
void config_problem(struct config *config, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Prints every problem to stderr, one a line, `service: NAME: what is wrong and what to set`; returns their number. */
int config_finish(const struct config *config, const char *program) MUST_CHECK;
/* Frees the strings that config_load() put into the struct, secrets wiped. */
void config_release(const struct config_option *options, void *into);
/* One line an option: name, default, meaning. */
void config_help(FILE *out, const struct config_option *options);

#endif
