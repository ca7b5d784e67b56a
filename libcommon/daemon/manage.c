/* `manage`: the commands that every service has, and the choice of the command to run. */
#include "daemon/manage.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "postgres/migrations.h"
#include "postgres/postgres.h"
#include "postgres/session.h"
#include "redis/redis.h"

#define EXIT_USAGE 64 /* EX_USAGE of sysexits.h */

struct manage {
	const struct manage_spec *spec;
	enum app_env env;
	const char *migrations_dir;
	PGconn *conn;
};

enum app_env manage_env(const struct manage *manage)
{
	return manage->env;
}

/* The struct that these options are loaded into; NULL when the service does not use the module. */
static void *config_of(const struct manage *manage, const struct config_option *options)
{
	for (const struct daemon_config *part = manage->spec->configs; part->options; part++)
		if (part->options == options)
			return part->into;
	return NULL;
}

static struct postgres_config *postgres_config_of(const struct manage *manage)
{
	return config_of(manage, postgres_options);
}

PGconn *manage_postgres(struct manage *manage)
{
	const struct postgres_config *config = postgres_config_of(manage);
	const char *keys[] = {"application_name", "connect_timeout", config && config->url ? "dbname" : NULL, NULL};
	const char *values[] = {"abacus manage", "5", config ? config->url : NULL, NULL}, *words;

	if (manage->conn)
		return manage->conn;
	manage->conn = PQconnectdbParams(keys, values, 1);
	if (PQstatus(manage->conn) == CONNECTION_OK && postgres_session_set(manage->conn) == STATUS_OK)
		return manage->conn;
	words = PQerrorMessage(manage->conn);
	fprintf(stderr, "manage: the database can not be reached; see DATABASE_URL: %.*s\n", (int)strcspn(words, "\n"), words);
	PQfinish(manage->conn);
	exit(1);
}

/* ---- commands that every service has ---- */

static int exit_code(enum status status)
{
	return status == STATUS_OK ? 0 : 1;
}

static int upgrade(struct manage *manage, int argc, char **argv)
{
	return exit_code(migrations_upgrade(manage_postgres(manage), manage->migrations_dir));
}

static int downgrade(struct manage *manage, int argc, char **argv)
{
	return exit_code(migrations_downgrade(manage_postgres(manage), manage->migrations_dir));
}

static int current(struct manage *manage, int argc, char **argv)
{
	return exit_code(migrations_current(manage_postgres(manage), manage->migrations_dir));
}

static int history(struct manage *manage, int argc, char **argv)
{
	return exit_code(migrations_history(manage_postgres(manage), manage->migrations_dir));
}

static int stamp(struct manage *manage, int argc, char **argv)
{
	if (argc != 1)
		return EXIT_USAGE;
	return exit_code(migrations_stamp(manage_postgres(manage), manage->migrations_dir, argv[0]));
}

static int new_migration(struct manage *manage, int argc, char **argv)
{
	return argc == 1 ? exit_code(migrations_new(manage->migrations_dir, argv[0])) : EXIT_USAGE;
}

/* The role owns its database but may not create one, so this drops the contents and keeps the database. */
static int recreate_db(struct manage *manage, int argc, char **argv)
{
	bool is_confirmed = argc == 1 && strcmp(argv[0], "--yes-destroy") == 0, is_done;
	PGresult *result;

	if (argc > 0 && !is_confirmed)
		return EXIT_USAGE;
	if (manage->env == APP_ENV_PRODUCTION && !is_confirmed) {
		fprintf(stderr,
			"manage: recreate_db destroys everything in the production database; say --yes-destroy to do it\n");
		return 1;
	}
	result = PQexec(manage_postgres(manage), "SET client_min_messages = warning; SET lock_timeout = '30s';"
						 " DROP SCHEMA public CASCADE; CREATE SCHEMA public");
	is_done = PQresultStatus(result) == PGRES_COMMAND_OK;
	if (!is_done)
		fprintf(stderr, "manage: %s", PQerrorMessage(manage->conn));
	PQclear(result);
	return is_done ? upgrade(manage, 0, NULL) : 1;
}

static int routes(struct manage *manage, int argc, char **argv)
{
	for (const struct http_route *route = manage->spec->routes; route && route->method; route++)
		printf("%-7s %-28s %s\n", route->method, route->path, route->wants_token ? "token" : "open");
	return 0;
}

/* Becomes psql, with the connection in its environment, because a password must not appear in the list of processes. */
static int shell(struct manage *manage, int argc, char **argv)
{
	const struct postgres_config *config = postgres_config_of(manage);
	PQconninfoOption *parts = config && config->url ? PQconninfoParse(config->url, NULL) : NULL;

	for (PQconninfoOption *part = parts; part && part->keyword; part++)
		if (part->val && part->envvar)
			setenv(part->envvar, part->val, 1);
	PQconninfoFree(parts);
	execlp("psql", "psql", (char *)NULL);
	fprintf(stderr, "manage: psql is not there\n");
	return 127;
}

static const struct manage_command database_commands[] = {
	{"db upgrade", "", "apply the migrations that are missing", upgrade},
	{"db downgrade", "", "take the last one back", downgrade},
	{"db current", "", "print the last one that is applied", current},
	{"db history", "", "print all, applied or pending", history},
	{"db stamp", "VERSION", "record all up to VERSION as applied, without running them", stamp},
	{"db new", "NAME", "make the files of a new migration", new_migration},
	{"recreate_db", "[--yes-destroy]", "drop everything and apply all migrations", recreate_db},
	{"shell", "", "psql on the service's database", shell},
	{0},
};

static const struct manage_command route_commands[] = {
	{"routes", "", "print method, path and whether a token is needed", routes}, {0}};

/* ---- choosing the command ---- */

/* The number of arguments that spell the command's name; 0 when they are another command. */
static int words_matched(const struct manage_command *command, int argc, char **argv)
{
	const char *rest = command->name;
	int words = 0;

	while (*rest) {
		size_t len = strcspn(rest, " ");

		if (words == argc || strlen(argv[words]) != len || memcmp(argv[words], rest, len) != 0)
			return 0;
		rest += len + (rest[len] == ' ');
		words++;
	}
	return words;
}

static void print_help(FILE *out, const struct manage_command *const tables[])
{
	fprintf(out, "usage: manage COMMAND\n");
	for (; *tables; tables++)
		for (const struct manage_command *command = *tables; command->name; command++) {
			char left[64];

			snprintf(left, sizeof left, "%s %s", command->name, command->usage);
			fprintf(out, "  %-32s %s\n", left, command->meaning);
		}
	fprintf(out, "The environment is the daemon's; MIGRATIONS_DIR is the folder of migrations [migrations].\n");
}

static int run_command(struct manage *manage, const struct manage_command *command, int argc, char **argv)
{
	bool takes_none = !*command->usage;
	int code = takes_none && argc > 0 ? EXIT_USAGE : command->run(manage, argc, argv);

	if (code == EXIT_USAGE)
		fprintf(stderr, "usage: manage %s%s%s\n", command->name, takes_none ? "" : " ", command->usage);
	return code;
}

static int dispatch(struct manage *manage, const struct manage_command *const tables[], int argc, char **argv)
{
	for (const struct manage_command *const *table = tables; *table; table++)
		for (const struct manage_command *command = *table; command->name; command++) {
			int words = words_matched(command, argc, argv);

			if (words)
				return run_command(manage, command, argc - words, argv + words);
		}
	print_help(stderr, tables);
	return EXIT_USAGE;
}

/* Chooses the database as the daemon does, because recreate_db with APP_ENV=testing must never destroy another one. */
static void load_config(struct manage *manage, struct config *config)
{
	const struct redis_config *redis = config_of(manage, redis_options);
	struct postgres_config *postgres = postgres_config_of(manage);

	for (const struct daemon_config *part = manage->spec->configs; part->options; part++)
		config_load(config, part->options, part->into);
	if (postgres)
		postgres_config_check(postgres, config);
	if (redis)
		redis_config_check(redis, config);
}

int manage_main(const struct manage_spec *spec, int argc, char **argv)
{
	static const struct manage_command none[] = {{0}};
	const struct manage_command *const tables[] = {
		spec->has_database ? database_commands : none,
		spec->routes ? route_commands : none,
		spec->commands,
		NULL,
	};
	struct config *config = config_new();
	struct manage manage = {.spec = spec, .env = config_env(config), .migrations_dir = getenv("MIGRATIONS_DIR")};
	int code = CONFIG_EXIT_CODE;

	if (!manage.migrations_dir)
		manage.migrations_dir = "migrations";
	if (argc > 1 && strcmp(argv[1], "--help") == 0) {
		print_help(stdout, tables);
		code = 0;
		goto out;
	}
	load_config(&manage, config);
	if (config_finish(config, "manage") > 0)
		goto out;
	code = dispatch(&manage, tables, argc - 1, argv + 1);
	PQfinish(manage.conn);
out:
	for (const struct daemon_config *part = spec->configs; part->options; part++)
		config_release(part->options, part->into);
	config_free(config);
	return code;
}
