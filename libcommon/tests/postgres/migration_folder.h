/* A folder of migrations for one test, which goes with everything in it. */
#ifndef ABACUS_MIGRATION_FOLDER_H
#define ABACUS_MIGRATION_FOLDER_H

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct migration_folder {
	char path[64];
};

static inline void migration_folder_make(struct migration_folder *folder)
{
	const char *parent = getenv("TMPDIR");

	snprintf(folder->path, sizeof folder->path, "%.40s/abacus-XXXXXX", parent ? parent : P_tmpdir);
	assert_non_null(mkdtemp(folder->path));
}

static inline char *migration_folder_path(const struct migration_folder *folder, const char *name, char path[160])
{
	snprintf(path, 160, "%s/%.90s", folder->path, name);
	return path;
}

static inline void migration_folder_write(const struct migration_folder *folder, const char *name, const char *sql)
{
	char path[160];
	FILE *file = fopen(migration_folder_path(folder, name, path), "w");

	assert_non_null(file);
	assert_true(fputs(sql, file) >= 0);
	assert_int_equal(fclose(file), 0);
}

static inline int migration_folder_has(const struct migration_folder *folder, const char *name)
{
	char path[160];

	return access(migration_folder_path(folder, name, path), F_OK) == 0;
}

static inline void migration_folder_delete(const struct migration_folder *folder, const char *name)
{
	char path[160];

	assert_int_equal(unlink(migration_folder_path(folder, name, path)), 0);
}

static inline void migration_folder_drop(struct migration_folder *folder)
{
	DIR *handle = opendir(folder->path);
	struct dirent *entry;

	assert_non_null(handle);
	while ((entry = readdir(handle)))
		if (entry->d_name[0] != '.')
			migration_folder_delete(folder, entry->d_name);
	closedir(handle);
	assert_int_equal(rmdir(folder->path), 0);
}

#endif
