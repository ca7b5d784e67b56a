#include "factors/reseal.h"

#include <mbedtls/platform_util.h>
#include <stdio.h>
#include <stdlib.h>

#include "factors/methods.h"
#include "factors/seal.h"
#include "factors/totp.h"
#include "store/factors.h"

#define PAGE "500"

struct counts {
	int sealed, unreadable;
};

static PGresult *run(PGconn *conn, const struct postgres_statement *statement, int count, const char *const *params)
{
	PGresult *result = PQexecParams(conn, statement->sql, count, NULL, params, NULL, NULL, 0);
	ExecStatusType status = PQresultStatus(result);

	if (status == PGRES_TUPLES_OK || status == PGRES_COMMAND_OK)
		return result;
	fprintf(stderr, "manage: %s", PQerrorMessage(conn));
	PQclear(result);
	return NULL;
}

/* A secret that was replaced meanwhile is left as it is. */
static bool replace(PGconn *conn, const char *id, const char *old, const char *new)
{
	PGresult *result = run(conn, &store_factor_reseal, 3, (const char *[]){id, old, new});

	PQclear(result);
	return result != NULL;
}

static bool reseal(PGconn *conn, const struct auth_config *config, PGresult *page, int row, struct counts *counts)
{
	const char *id = PQgetvalue(page, row, COLUMN_SECRET_ID), *old = PQgetvalue(page, row, COLUMN_SECRET_SEALED);
	char about[METHOD_ABOUT_BYTES], sealed[SEAL_LEN_MAX + 1];
	uint8_t secret[TOTP_SECRET_BYTES];
	bool is_previous, is_fine = true;

	method_about(id, atoll(PQgetvalue(page, row, COLUMN_SECRET_USER_ID)), about);
	if (seal_open(config->secret, config->previous_secret, about, old, secret, sizeof secret, &is_previous) != STATUS_OK) {
		fprintf(stderr, "manage: neither key opens the secret of %s\n", about);
		counts->unreadable++;
	} else if (is_previous) {
		seal(config->secret, about, secret, sizeof secret, sealed);
		is_fine = replace(conn, id, old, sealed);
		counts->sealed += is_fine;
	}
	mbedtls_platform_zeroize(secret, sizeof secret);
	return is_fine;
}

/* The number of rows; -1: it failed. last_id becomes that of the last one. */
static int reseal_page(PGconn *conn, const struct auth_config *config, char last_id[37], struct counts *counts)
{
	PGresult *page = run(conn, &store_factor_secrets, 2, (const char *[]){last_id, PAGE});
	int rows = page ? PQntuples(page) : -1;

	for (int row = 0; row < rows; row++) {
		if (!reseal(conn, config, page, row, counts)) {
			rows = -1;
			break;
		}
		snprintf(last_id, 37, "%s", PQgetvalue(page, row, COLUMN_SECRET_ID));
	}
	PQclear(page);
	return rows;
}

int reseal_factors(PGconn *conn, const struct auth_config *config)
{
	char last_id[37] = "00000000-0000-0000-0000-000000000000";
	struct counts counts = {0};
	int rows;

	while ((rows = reseal_page(conn, config, last_id, &counts)) > 0)
		;
	printf("sealed %d\n", counts.sealed);
	return rows == 0 && counts.unreadable == 0 ? 0 : 1;
}
