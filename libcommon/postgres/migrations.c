/* Migrations: a folder of files on one side, the table schema_migrations on the other, joined by name into one list in the
 * order of their numbers. Every call works on that list under one advisory lock. */
#include "postgres/migrations.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <mbedtls/md.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "base/buf.h"
#include "base/mem.h"
#include "postgres/last_ids.h"

#define LOCK_NUMBER "20260101" /* of the advisory lock; an arbitrary constant */
#define LOCK_TRIES 300         /* with a pause of LOCK_PAUSE_MS after each */
#define LOCK_PAUSE_MS 100
#define OUTSIDE "-- outside a transaction"
#define VERSION_LEN 4
#define NUMBER_MAX 9999

#define CHECKSUM_TEXT_BYTES 65
/* What to do when the database and the folder are of different branches. */
#define MEND                                                                                                                 \
	"; if another branch has migrated this database, take its migrations back there (manage db downgrade), or, when its" \
	" content is not needed, manage recreate_db\n"

struct migration {
	char *name;    /* 0001_users */
	bool has_file; /* false when a newer version of the service has applied it */
	bool is_applied;
	char checksum[CHECKSUM_TEXT_BYTES]; /* as recorded */
};

struct list {
	struct migration *all;
	int count, capacity;
};

/* The name belongs to the list from now on. */
static struct migration *list_add(struct list *list, char *name)
{
	if (list->count == list->capacity) {
		list->capacity = list->capacity ? 2 * list->capacity : 64;
		list->all = mem_resize(list->all, (size_t)list->capacity * sizeof *list->all);
	}
	list->all[list->count] = (struct migration){.name = name};
	return &list->all[list->count++];
}

static bool is_up_file(const char *name)
{
	size_t len = strlen(name);

	return len > VERSION_LEN + 8 && isdigit((unsigned char)name[0]) && isdigit((unsigned char)name[1]) &&
	       isdigit((unsigned char)name[2]) && isdigit((unsigned char)name[3]) && name[4] == '_' &&
	       strcmp(name + len - 7, ".up.sql") == 0;
}

static int by_name(const void *left, const void *right)
{
	return strcmp(((const struct migration *)left)->name, ((const struct migration *)right)->name);
}

static void list_sort(struct list *list)
{
	if (list->count)
		qsort(list->all, (size_t)list->count, sizeof *list->all, by_name);
}

static void report_same_number(const struct migration *one, const struct migration *other)
{
	if (one->has_file && other->has_file)
		fprintf(stderr, "manage: %s and %s have the same number; give the later one the next\n", one->name,
			other->name);
	else
		fprintf(stderr, "manage: %s has the number of %s, which is applied, but whose files are not here" MEND,
			one->has_file ? one->name : other->name, one->has_file ? other->name : one->name);
}

/* Finds two branches that each added the next number before anything is applied. The list is sorted. */
static enum status check_numbers(const struct list *list)
{
	for (int i = 1; i < list->count; i++)
		if (memcmp(list->all[i - 1].name, list->all[i].name, VERSION_LEN) == 0) {
			report_same_number(&list->all[i - 1], &list->all[i]);
			return STATUS_CONFLICT;
		}
	return STATUS_OK;
}

static enum status list_files(const char *dir, struct list *list)
{
	DIR *handle = opendir(dir);
	struct dirent *entry;
	int error;

	if (!handle) {
		fprintf(stderr, "manage: the folder of migrations, %s, can not be read; set MIGRATIONS_DIR\n", dir);
		return STATUS_NOT_FOUND;
	}
	while (errno = 0, entry = readdir(handle))
		if (is_up_file(entry->d_name))
			list_add(list, mem_strndup(entry->d_name, strlen(entry->d_name) - 7))->has_file = true;
	error = errno;
	closedir(handle);
	if (error) {
		fprintf(stderr, "manage: the folder of migrations, %s, can not be read whole: %s\n", dir, strerror(error));
		return STATUS_INTERNAL;
	}
	list_sort(list);
	return check_numbers(list);
}

static void list_free(struct list *list)
{
	for (int i = 0; i < list->count; i++)
		free(list->all[i].name);
	free(list->all);
	free(list);
}

/* The text of NAME.up.sql or NAME.down.sql; the caller frees. NULL after saying why not: half of a migration must not run. */
static char *read_sql(const char *dir, const char *name, const char *direction)
{
	char *path = mem_printf("%s/%s.%s.sql", dir, name, direction);
	FILE *file = fopen(path, "re");
	struct buf text = {0};
	char part[4096];
	bool is_whole;

	while (file && !feof(file) && !ferror(file)) {
		size_t len = fread(part, 1, sizeof part, file);

		buf_add(&text, part, len);
	}
	is_whole = file && !ferror(file) && !(text.len && memchr(text.bytes, '\0', text.len));
	if (!is_whole)
		fprintf(stderr, "manage: %s can not be read\n", path);
	if (file)
		fclose(file);
	free(path);
	if (is_whole)
		return text.bytes ? text.bytes : mem_strdup("");
	buf_free(&text);
	return NULL;
}

static void checksum_of(const char *text, char checksum[CHECKSUM_TEXT_BYTES])
{
	unsigned char hash[32];

	mbedtls_md(mbedtls_md_info_from_type(MBEDTLS_MD_SHA256), (const unsigned char *)text, strlen(text), hash);
	for (int i = 0; i < 32; i++)
		snprintf(checksum + 2 * i, 3, "%02x", hash[i]);
}

static enum status run(PGconn *conn, const char *sql)
{
	PGresult *result = PQexec(conn, sql);
	ExecStatusType status = PQresultStatus(result);

	PQclear(result);
	if (status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK || status == PGRES_EMPTY_QUERY)
		return STATUS_OK;
	fprintf(stderr, "manage: %s", PQerrorMessage(conn));
	return STATUS_INTERNAL;
}

static enum status record(PGconn *conn, const char *name, const char *checksum, bool is_applied)
{
	const char *params[] = {name, checksum};
	PGresult *result =
		is_applied
			? PQexecParams(conn,
				       "INSERT INTO schema_migrations (version, name, checksum) VALUES (left($1, 4), $1, $2)",
				       2, NULL, params, NULL, NULL, 0)
			: PQexecParams(conn, "DELETE FROM schema_migrations WHERE name = $1", 1, NULL, params, NULL, NULL, 0);
	bool is_fine = PQresultStatus(result) == PGRES_COMMAND_OK;

	if (!is_fine)
		fprintf(stderr, "manage: %s", PQerrorMessage(conn));
	PQclear(result);
	return is_fine ? STATUS_OK : STATUS_INTERNAL;
}

static void note_applied(struct list *list, const char *name, const char *checksum)
{
	struct migration *migration = list->all, *end = list->all + list->count;

	while (migration < end && strcmp(migration->name, name) != 0)
		migration++;
	if (migration == end)
		migration = list_add(list, mem_strdup(name));
	migration->is_applied = true;
	snprintf(migration->checksum, sizeof migration->checksum, "%s", checksum);
}

static enum status read_applied(PGconn *conn, struct list *list)
{
	PGresult *result;
	enum status status =
		run(conn, "CREATE TABLE IF NOT EXISTS schema_migrations (version text PRIMARY KEY, name text NOT NULL,"
			  " checksum text NOT NULL, applied_at timestamptz NOT NULL DEFAULT now())");

	if (status != STATUS_OK)
		return status;
	result = PQexec(conn, "SELECT name, checksum FROM schema_migrations ORDER BY version");
	if (PQresultStatus(result) != PGRES_TUPLES_OK) {
		fprintf(stderr, "manage: %s", PQerrorMessage(conn));
		status = STATUS_INTERNAL;
	}
	for (int row = 0; status == STATUS_OK && row < PQntuples(result); row++)
		note_applied(list, PQgetvalue(result, row, 0), PQgetvalue(result, row, 1));
	list_sort(list);
	PQclear(result);
	return status;
}

static enum status unload(PGconn *conn, struct list *list, enum status status)
{
	enum status unlocked = run(conn, "SELECT pg_advisory_unlock(" LOCK_NUMBER ")");

	list_free(list);
	return status == STATUS_OK ? unlocked : status;
}

static enum status try_lock(PGconn *conn, bool *ret_is_locked)
{
	PGresult *result = PQexec(conn, "SELECT pg_try_advisory_lock(" LOCK_NUMBER ")");
	enum status status = PQresultStatus(result) == PGRES_TUPLES_OK ? STATUS_OK : STATUS_INTERNAL;

	if (status == STATUS_OK)
		*ret_is_locked = PQgetvalue(result, 0, 0)[0] == 't';
	else
		fprintf(stderr, "manage: %s", PQerrorMessage(conn));
	PQclear(result);
	return status;
}

/* Asks again and again instead of waiting in Postgres, because CREATE INDEX CONCURRENTLY of the one that has the lock waits for
 * every statement that runs. */
static enum status lock(PGconn *conn)
{
	const struct timespec pause = {.tv_nsec = LOCK_PAUSE_MS * 1000000L};
	bool is_locked = false;

	for (int i = 0; i < LOCK_TRIES; i++) {
		enum status status = try_lock(conn, &is_locked);

		if (status != STATUS_OK || is_locked)
			return status;
		nanosleep(&pause, NULL);
	}
	fprintf(stderr, "manage: another process is migrating; try again later\n");
	return STATUS_TIMEOUT;
}

/* Everything happens under one lock, so that two instances that start at once do not both migrate. */
static enum status load(PGconn *conn, const char *dir, struct list **ret_list)
{
	struct list *list = mem_alloc(sizeof *list);
	enum status status = list_files(dir, list);

	if (status == STATUS_OK)
		status = run(conn, "SET client_min_messages = warning; SET lock_timeout = '30s'");
	if (status == STATUS_OK)
		status = lock(conn);
	if (status != STATUS_OK) {
		list_free(list);
		return status;
	}
	status = read_applied(conn, list);
	if (status != STATUS_OK)
		return unload(conn, list, status);
	*ret_list = list;
	return STATUS_OK;
}

/* A file that commits by itself would stay unrecorded if it failed afterwards. */
static enum status run_file(PGconn *conn, const char *sql)
{
	enum status status = run(conn, sql);

	if (status == STATUS_OK && PQtransactionStatus(conn) != PQTRANS_INTRANS) {
		fprintf(stderr, "manage: a migration must not end the transaction that it runs in\n");
		status = STATUS_INVALID;
	}
	return status;
}

/* Each statement by itself: up to a semicolon at the end of a line. Waits for locks as long as it takes, because it keeps no
 * other statement waiting meanwhile. */
static enum status run_each(PGconn *conn, char *sql)
{
	enum status status = run(conn, "SET lock_timeout = 0");

	for (char *rest = sql; status == STATUS_OK && rest;) {
		char *end = strstr(rest, ";\n");

		if (end)
			*end = '\0';
		status = run(conn, rest);
		rest = end ? end + 2 : NULL;
	}
	if (status == STATUS_OK && PQtransactionStatus(conn) != PQTRANS_IDLE) {
		fprintf(stderr, "manage: a migration outside a transaction must not begin one\n");
		status = STATUS_INVALID;
	}
	return status;
}

/* If one of its statements fails, it runs again from the first, so it has to take back what an earlier attempt has left. */
static enum status apply_outside(PGconn *conn, const struct migration *migration, char *sql, const char *checksum, bool is_up)
{
	enum status status = run_each(conn, sql);

	if (status == STATUS_OK)
		status = record(conn, migration->name, checksum, is_up);
	if (PQtransactionStatus(conn) != PQTRANS_IDLE && run(conn, "ROLLBACK") != STATUS_OK)
		return STATUS_UNAVAILABLE;
	return status == STATUS_OK ? run(conn, "SET lock_timeout = '30s'") : status;
}

/* The file and its record in one transaction, in which the ids of tables that are dropped are noted, and those of tables that
 * are made again go on. */
static enum status apply_inside(PGconn *conn, const struct migration *migration, const char *sql, const char *checksum,
				bool is_up)
{
	enum status status = run(conn, "BEGIN");

	if (status == STATUS_OK && !is_up)
		status = run(conn, last_ids_note);
	if (status == STATUS_OK)
		status = run_file(conn, sql);
	if (status == STATUS_OK)
		status = run(conn, last_ids_go_on);
	if (status == STATUS_OK)
		status = record(conn, migration->name, checksum, is_up);
	if (status == STATUS_OK)
		status = run(conn, "COMMIT");
	if (status != STATUS_OK && PQtransactionStatus(conn) != PQTRANS_IDLE && run(conn, "ROLLBACK") != STATUS_OK)
		status = STATUS_UNAVAILABLE;
	return status;
}

static enum status apply(PGconn *conn, const char *dir, const struct migration *migration, bool is_up)
{
	char *sql = read_sql(dir, migration->name, is_up ? "up" : "down"), checksum[CHECKSUM_TEXT_BYTES] = "";
	enum status status;

	if (!sql)
		return STATUS_NOT_FOUND;
	if (is_up)
		checksum_of(sql, checksum);
	if (strncmp(sql, OUTSIDE, sizeof OUTSIDE - 1) == 0)
		status = apply_outside(conn, migration, sql, checksum, is_up);
	else
		status = apply_inside(conn, migration, sql, checksum, is_up);
	if (status == STATUS_OK)
		printf("%s %s\n", is_up ? "applied" : "taken back", migration->name);
	else
		fprintf(stderr, "manage: %s was not %s\n", migration->name, is_up ? "applied" : "taken back");
	free(sql);
	return status;
}

static enum status check_unchanged(const char *dir, const struct migration *migration)
{
	char *sql, checksum[CHECKSUM_TEXT_BYTES];
	enum status status = STATUS_OK;

	if (!migration->has_file) { /* an older version of the service may follow a newer one */
		fprintf(stderr, "manage: note: %s is applied, but its files are not in %s\n", migration->name, dir);
		return STATUS_OK;
	}
	sql = read_sql(dir, migration->name, "up");
	if (!sql)
		return STATUS_NOT_FOUND;
	checksum_of(sql, checksum);
	free(sql);
	if (strcmp(checksum, migration->checksum) != 0) {
		fprintf(stderr, "manage: %s was changed after it had been applied; write a new migration instead" MEND,
			migration->name);
		status = STATUS_CONFLICT;
	}
	return status;
}

enum status migrations_upgrade(PGconn *conn, const char *dir)
{
	struct list *list;
	enum status status = load(conn, dir, &list);

	if (status != STATUS_OK)
		return status;
	status = check_numbers(list);
	for (int i = 0; i < list->count && status == STATUS_OK; i++)
		status = list->all[i].is_applied ? check_unchanged(dir, &list->all[i]) : apply(conn, dir, &list->all[i], true);
	return unload(conn, list, status);
}

/* What PQexec() gets as one text is one transaction. */
static enum status drop_all(PGconn *conn)
{
	char *sql = mem_printf("SET client_min_messages = warning; SET lock_timeout = '30s'; %s;"
			       " DROP SCHEMA public CASCADE; CREATE SCHEMA public",
			       last_ids_note);
	enum status status = run(conn, sql);

	free(sql);
	return status;
}

enum status migrations_recreate(PGconn *conn, const char *dir)
{
	struct list *list = mem_alloc(sizeof *list);
	enum status status = list_files(dir, list);

	list_free(list);
	if (status == STATUS_OK)
		status = drop_all(conn);
	return status == STATUS_OK ? migrations_upgrade(conn, dir) : status;
}

enum status migrations_downgrade(PGconn *conn, const char *dir)
{
	struct list *list;
	enum status status = load(conn, dir, &list);
	int last;

	if (status != STATUS_OK)
		return status;
	last = list->count - 1;
	while (last >= 0 && !list->all[last].is_applied)
		last--;
	if (last >= 0)
		status = apply(conn, dir, &list->all[last], false);
	else
		printf("nothing is applied\n");
	return unload(conn, list, status);
}

enum status migrations_current(PGconn *conn, const char *dir)
{
	struct list *list;
	enum status status = load(conn, dir, &list);
	const char *current = "none";

	if (status != STATUS_OK)
		return status;
	for (int i = 0; i < list->count; i++)
		if (list->all[i].is_applied)
			current = list->all[i].name;
	printf("%s\n", current);
	return unload(conn, list, STATUS_OK);
}

enum status migrations_history(PGconn *conn, const char *dir)
{
	struct list *list;
	enum status status = load(conn, dir, &list);

	if (status != STATUS_OK)
		return status;
	for (int i = 0; i < list->count; i++)
		printf("%s %s%s\n", list->all[i].is_applied ? "applied" : "pending", list->all[i].name,
		       list->all[i].has_file ? "" : " (its files are not here)");
	return unload(conn, list, STATUS_OK);
}

static int find_version(const struct list *list, const char *version)
{
	for (int i = 0; i < list->count && strlen(version) == VERSION_LEN; i++)
		if (list->all[i].has_file && memcmp(list->all[i].name, version, VERSION_LEN) == 0)
			return i;
	return -1;
}

static enum status stamp_one(PGconn *conn, const char *dir, const struct migration *migration)
{
	char *sql, checksum[CHECKSUM_TEXT_BYTES];

	if (migration->is_applied)
		return STATUS_OK;
	sql = read_sql(dir, migration->name, "up");
	if (!sql)
		return STATUS_NOT_FOUND;
	checksum_of(sql, checksum);
	free(sql);
	return record(conn, migration->name, checksum, true);
}

enum status migrations_stamp(PGconn *conn, const char *dir, const char *version)
{
	struct list *list;
	enum status status = load(conn, dir, &list);
	int last;

	if (status != STATUS_OK)
		return status;
	last = find_version(list, version);
	if (last < 0) {
		fprintf(stderr, "manage: there is no migration %s\n", version);
		status = STATUS_NOT_FOUND;
	}
	for (int i = 0; i <= last && status == STATUS_OK; i++)
		status = stamp_one(conn, dir, &list->all[i]);
	return unload(conn, list, status);
}

static enum status make_file(const char *dir, int number, const char *name, const char *direction)
{
	char *path = mem_printf("%s/%04d_%s.%s.sql", dir, number, name, direction);
	FILE *file = fopen(path, "wxe");

	if (file) {
		printf("%s\n", path);
		fclose(file);
	} else {
		fprintf(stderr, "manage: %s can not be made\n", path);
	}
	free(path);
	return file ? STATUS_OK : STATUS_INTERNAL;
}

enum status migrations_new(const char *dir, const char *name)
{
	struct list *list = mem_alloc(sizeof *list);
	enum status status = list_files(dir, list);
	int number = list->count ? atoi(list->all[list->count - 1].name) + 1 : 1;

	list_free(list);
	if (status == STATUS_OK && number > NUMBER_MAX) {
		fprintf(stderr, "manage: there is no number after %d\n", NUMBER_MAX);
		return STATUS_INVALID;
	}
	if (status == STATUS_OK && (!*name || strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789_") != strlen(name))) {
		fprintf(stderr, "manage: a migration's name is made of a-z, 0-9 and _\n");
		return STATUS_INVALID;
	}
	if (status == STATUS_OK)
		status = make_file(dir, number, name, "up");
	if (status == STATUS_OK)
		status = make_file(dir, number, name, "down");
	return status;
}
