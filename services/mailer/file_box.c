#include "file_box.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"

static int is_message(const struct dirent *entry)
{
	size_t len = strlen(entry->d_name);

	return len > 4 && strcmp(entry->d_name + len - 4, ".eml") == 0;
}

/* The names sort by time. */
static void drop_oldest(int folder)
{
	struct dirent **entries;
	int count = scandirat(folder, ".", &entries, is_message, alphasort);

	for (int i = 0; i < count; i++) {
		if (i < count - FILE_BOX_MAX)
			(void)unlinkat(folder, entries[i]->d_name, 0);
		free(entries[i]);
	}
	if (count >= 0)
		free(entries);
}

static bool write_all(int fd, const char *bytes, size_t len)
{
	while (len > 0) {
		ssize_t written = write(fd, bytes, len);

		if (written < 0 && errno == EINTR)
			continue;
		if (written <= 0)
			return false;
		bytes += written;
		len -= (size_t)written;
	}
	return true;
}

static bool write_file(int folder, const char *name, const char *message)
{
	int fd = openat(folder, name, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600);
	bool is_written;

	if (fd < 0)
		return false;
	is_written = write_all(fd, message, strlen(message));
	return close(fd) == 0 && is_written;
}

/* Under another name first, so that a reader of the folder sees the whole message or none. What a process that was killed
 * leaves under that name, the next message of the id replaces. */
static bool write_whole(int folder, const char *name, const char *id, const char *message)
{
	char partial[64];
	int reason;

	snprintf(partial, sizeof partial, ".%.36s.partial", id);
	if (write_file(folder, partial, message) && renameat(folder, partial, folder, name) == 0)
		return true;
	reason = errno;
	(void)unlinkat(folder, partial, 0);
	errno = reason;
	return false;
}

enum status file_box_write(const char *path, const char *id, const char *message)
{
	int folder = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	char name[80];
	bool is_written;

	snprintf(name, sizeof name, "%013lld-%.36s.eml", (long long)clock_unix_ms(), id);
	is_written = folder >= 0 && write_whole(folder, name, id, message);
	if (!is_written)
		log_line(LOG_ERROR, "a message could not be written to MAIL_DIR", LOG_TEXT("reason", strerror(errno)));
	if (folder >= 0) {
		drop_oldest(folder);
		close(folder);
	}
	return is_written ? STATUS_OK : STATUS_INTERNAL;
}
