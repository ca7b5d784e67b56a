/* `manage`: the commands that every service has, and the choice of the command to run. */
#include "daemon/manage.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "daemon/manage_internal.h"
#include "postgres/migrations.h"
#include "postgres/postgres.h"
#include "postgres/session.h"
#include "redis/redis.h"

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
	return exit_code(migrations_stamp(manage_postgres(manage), manage->migrations_dir, argv[0]));
}

static int new_migration(struct manage *manage, int argc, char **argv)
{
	return exit_code(migrations_new(manage->migrations_dir, argv[0]));
}

/* Asks for the name of the database, because a bare "yes" is typed from habit, in whichever window is in front. */
static bool is_name_typed(PGconn *conn)
{
	char *line = NULL;
	size_t size = 0;
	bool is_same;

	fprintf(stderr,
		"recreate_db destroys everything in the database %s at %s, port %s.\nType %s to go on, anything else to stop: ",
		PQdb(conn), PQhost(conn), PQport(conn), PQdb(conn));
	is_same = getline(&line, &size, stdin) > 0;
	if (is_same) {
		line[strcspn(line, "\r\n")] = '\0';
		is_same = strcmp(line, PQdb(conn)) == 0;
	}
	free(line);
	return is_same;
}

static int recreate_db(struct manage *manage, int argc, char **argv)
{
	if (argc == 0 && !isatty(STDIN_FILENO)) {
		fprintf(stderr, "manage: recreate_db destroys everything in the database; say --yes-destroy to do it\n");
		return 1;
	}
	if (argc == 0 && !is_name_typed(manage_postgres(manage))) {
		fprintf(stderr, "manage: nothing was destroyed\n");
		return 1;
	}
	return exit_code(migrations_recreate(manage_postgres(manage), manage->migrations_dir));
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

/* ---- running one of them ---- */

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

/* A command that is there and arguments that it takes; the others end here, before the configuration is read. */
static int refuse(manage_tables tables, const struct manage_command *command, int argc, char **argv)
{
	const char *nearest = manage_command_nearest(tables, argc, argv);

	if (command) {
		manage_command_print(stderr, command);
		return MANAGE_EXIT_USAGE;
	}
	manage_command_print_all(stderr, tables);
	if (argc > 0)
		fprintf(stderr, "manage: there is no command \"%s%s%s\"%s%s\n", argv[0], argc > 1 ? " " : "",
			argc > 1 ? argv[1] : "", nearest ? "; the nearest is: manage " : "", nearest ? nearest : "");
	return MANAGE_EXIT_USAGE;
}

static int run(struct manage *manage, struct config *config, const struct manage_command *command, int argc, char **argv)
{
	int code;

	load_config(manage, config);
	if (config_finish(config, "manage") > 0)
		return CONFIG_EXIT_CODE;
	code = command->run(manage, argc, argv);
	if (code == MANAGE_EXIT_USAGE)
		manage_command_print(stderr, command);
	PQfinish(manage->conn);
	return code;
}

static bool wants_help(int argc, char **argv)
{
	for (int i = 0; i < argc; i++)
		if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0)
			return true;
	return argc == 1 && strcmp(argv[0], "help") == 0;
}

/* Of the command that the arguments name, or of all. */
static void print_help(manage_tables tables, const struct manage_command *command)
{
	if (!command) {
		manage_command_print_all(stdout, tables);
		return;
	}
	manage_command_print(stdout, command);
	printf("%s\n", command->meaning);
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
	int words = 0, code = 0;
	const struct manage_command *command = manage_command_find(tables, argc - 1, argv + 1, &words);

	if (!manage.migrations_dir)
		manage.migrations_dir = "migrations";
	argc -= 1 + words;
	argv += 1 + words;
	if (wants_help(argc, argv))
		print_help(tables, command);
	else if (!command || !manage_command_takes(command, argc, argv))
		code = refuse(tables, command, argc, argv);
	else
		code = run(&manage, config, command, argc, argv);
	for (const struct daemon_config *part = spec->configs; part->options; part++)
		config_release(part->options, part->into);
	config_free(config);
	return code;
}
