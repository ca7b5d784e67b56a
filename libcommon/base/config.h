/* Configuration, from the environment alone. A program declares a table of options, and config_load() stores their values in
 * the program's own struct. All problems are reported together, so that an operator corrects them in one attempt.
 * NAME_FILE reads NAME from a file, without one trailing newline; setting both is a problem. Empty counts as not set. */
#ifndef ABACUS_BASE_CONFIG_H
#define ABACUS_BASE_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "base/status.h"

#define CONFIG_EXIT_CODE 78 /* EX_CONFIG of sysexits.h */
#define CONFIG_SECRET_BYTES_MIN 32
#define CONFIG_DEVELOPMENT_KEY "development-secret-key-not-for-production" /* the default of SECRET_KEY */

enum config_type {
	CONFIG_TEXT,   /* char *, owned by the struct */
	CONFIG_SECRET, /* char *; never printed; staging and production refuse less than 32 bytes, and what the repository shows
			*/
	CONFIG_INT,    /* long, within [min, max] */
	CONFIG_BOOL,   /* bool: true|false|1|0|yes|no, any case */
	CONFIG_URL,    /* char *; may hold a password, so it is printed without */
};

struct config_option {
	const char *name;
	enum config_type type;
	size_t offset;             /* offsetof() into the program's struct */
	const char *default_value; /* NULL: the option is required, unless it is `optional` */
	const char *meaning;       /* one line for --help, with the unit */
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
/* Adds a problem, formatted as printf() does: for a rule about several options ("DATABASE_URL or PGHOST"). */
void config_problem(struct config *config, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Adds a problem in staging and production when the repository shows this secret (as a default, in a Compose file or a script),
 * because everyone may know it. For passwords within other options; config_load() checks each CONFIG_SECRET. NULL: none. */
void config_refuse_public(struct config *config, const char *name, const char *secret);
/* Prints every problem to standard error (standard_error.h), one a line, `service: NAME: what is wrong and what to set`;
 * returns their number. */
int config_finish(const struct config *config, const char *program) MUST_CHECK;
/* Frees the strings that config_load() put into the struct, secrets wiped. */
void config_release(const struct config_option *options, void *into);
/* One line an option: name, default, meaning. */
void config_help(FILE *out, const struct config_option *options);

#endif
