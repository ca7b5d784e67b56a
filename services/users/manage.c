/* The users service's command line: the commands of every service, and create_admin, seed_db and reseal_factors. */
#include "daemon/manage.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include "accounts/validation.h"
#include "auth/jwt.h"
#include "base/clock.h"
#include "base/mem.h"
#include "factors/reseal.h"
#include "service.h"
#include "store/accounts.h"

/* A user that exists is left as it is. fourth: the last parameter of the statement. Returns an exit code. */
static int insert_with(struct manage *manage, const struct postgres_statement *statement, const char *username,
		       const char *email, const char *password, const char *fourth, bool may_exist)
{
	char *hash = password_hash_now(&users_config.password, password);
	const char *params[] = {username, email, hash, fourth};
	PGresult *result = PQexecParams(manage_postgres(manage), statement->sql, 4, NULL, params, NULL, NULL, 0);
	bool is_fine = PQresultStatus(result) == PGRES_COMMAND_OK,
	     was_inserted = is_fine && strcmp(PQcmdTuples(result), "1") == 0;

	if (!is_fine)
		fprintf(stderr, "manage: %s", PQerrorMessage(manage_postgres(manage)));
	else if (was_inserted)
		printf("created %s\n", email);
	else if (!may_exist)
		fprintf(stderr, "manage: a user with this username or email exists already\n");
	PQclear(result);
	free(hash);
	return is_fine && (was_inserted || may_exist) ? 0 : 1;
}

static int insert_user(struct manage *manage, const char *username, const char *email, const char *password, bool is_admin,
		       bool may_exist)
{
	return insert_with(manage, &store_user_insert_if_absent, username, email, password, is_admin ? "true" : "false",
			   may_exist);
}

/* One line from stdin, not echoed on a terminal. The caller frees. NULL: end of input. */
static char *read_password(void)
{
	struct termios before, silent;
	bool is_terminal = tcgetattr(STDIN_FILENO, &before) == 0;
	char *line = NULL;
	size_t size = 0;

	if (is_terminal) {
		fprintf(stderr, "password: ");
		silent = before;
		silent.c_lflag &= ~(tcflag_t)ECHO;
		tcsetattr(STDIN_FILENO, TCSAFLUSH, &silent);
	}
	if (getline(&line, &size, stdin) < 0) {
		free(line);
		line = NULL;
	}
	if (is_terminal)
		tcsetattr(STDIN_FILENO, TCSAFLUSH, &before);
	if (line)
		line[strcspn(line, "\r\n")] = '\0';
	return line;
}

/* The rules of the daemon, so that the account with the most rights does not have the weakest password. */
static const char *admin_password_problem(const char *password, const char *username, const char *email)
{
	const char *const about[] = {username, email, NULL}, *problem = password_problem(password);

	if (!problem && password_judge(&users_config.password, password, about, &problem) != STATUS_OK)
		problem = "can not be judged without PASSWORD_DENYLIST";
	return problem;
}

static int create_admin(struct manage *manage, int argc, char **argv)
{
	const char *problem;
	char *password;
	int code = 1;

	if (argc != 2)
		return 64; /* EX_USAGE */
	password = read_password();
	if ((problem = username_problem(argv[0])))
		fprintf(stderr, "manage: the username %s\n", problem);
	else if ((problem = email_problem(argv[1])))
		fprintf(stderr, "manage: the email %s\n", problem);
	else if ((problem = admin_password_problem(password, argv[0], argv[1])))
		fprintf(stderr, "manage: the password, read from standard input, %s\n", problem);
	else
		code = insert_user(manage, argv[0], argv[1], password, true, false);
	mem_free_secret(password);
	return code;
}

/* The users of the legacy system, whose sensitive actions mTAN confirms (MTAN_TEST_CODES). */
static int insert_legacy_users(struct manage *manage)
{
	static const char *const names[] = {"maxmustermann", "gabimusterfrau", "erikatest"};
	int code = 0;

	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		char *email = mem_printf("%s@gmail.com", names[i]), id[37];
		uint8_t factor[JWT_JTI_BYTES];

		jwt_jti_make(clock_unix_ms(), factor);
		jwt_jti_format(factor, id);
		code |= insert_with(manage, &store_user_insert_with_mtan, names[i], email, names[i], id, true);
		free(email);
	}
	return code;
}

static int seed_db(struct manage *manage, int argc, char **argv)
{
	if (manage_env(manage) >= APP_ENV_STAGING) {
		fprintf(stderr,
			"manage: seed_db creates users with publicly known passwords; it is for development and testing\n");
		return 1;
	}
	return insert_user(manage, "admin", "admin@abacus.test", "abacus-admin-dev", true, true) |
	       insert_user(manage, "user", "user@abacus.test", "abacus-user-dev", false, true) | insert_legacy_users(manage);
}

static int reseal(struct manage *manage, int argc, char **argv)
{
	return reseal_factors(manage_postgres(manage), &users_config.auth);
}

int main(int argc, char **argv)
{
	static const struct manage_command commands[] = {
		{"create_admin", "USERNAME EMAIL", "create an admin; the password is read from standard input", create_admin},
		{"seed_db", "", "create the users for development", seed_db},
		{"reseal_factors", "", "seal second factors with SECRET_KEY, before SECRET_KEY_PREVIOUS is removed", reseal},
		{0},
	};
	static const struct manage_spec spec = {.service = "users",
						.configs = users_configs,
						.routes = users_routes,
						.commands = commands,
						.has_database = true};

	return manage_main(&spec, argc, argv);
}
