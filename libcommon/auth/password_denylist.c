#include "auth/password_denylist.h"

#include <errno.h>
#include <fcntl.h>
#include <mbedtls/md.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"

#define HASH_LEN 40
#define LINE_MAX_BYTES 128

struct file {
	int fd;
	off_t size;
};

/* ---- the file ---- */

/* O_NONBLOCK: to open a FIFO without a writer would wait for one. */
static enum status file_open(const char *path, struct file *ret_file)
{
	struct stat about;
	int fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);

	if (fd < 0)
		return STATUS_NOT_FOUND;
	if (fstat(fd, &about) != 0 || !S_ISREG(about.st_mode)) {
		close(fd);
		return STATUS_INVALID;
	}
	*ret_file = (struct file){fd, about.st_size};
	return STATUS_OK;
}

/* What is there, up to LINE_MAX_BYTES; -1: it cannot be read. */
static ssize_t read_at(const struct file *file, off_t at, char bytes[LINE_MAX_BYTES])
{
	ssize_t len;

	do
		len = pread(file->fd, bytes, LINE_MAX_BYTES, at);
	while (len < 0 && errno == EINTR);
	return len;
}

/* Where the line after the one with this byte begins; the end of the file after the last. */
static enum status next_line(const struct file *file, off_t at, off_t *ret_start)
{
	char bytes[LINE_MAX_BYTES];
	ssize_t len = read_at(file, at, bytes);
	const char *end = len > 0 ? memchr(bytes, '\n', (size_t)len) : NULL;

	if (!end && (len < 0 || at + len < file->size))
		return STATUS_INVALID;
	*ret_start = end ? at + (end - bytes) + 1 : file->size;
	return STATUS_OK;
}

static enum status read_hash(const struct file *file, off_t start, char ret_hash[HASH_LEN + 1])
{
	char bytes[LINE_MAX_BYTES];

	if (read_at(file, start, bytes) < HASH_LEN)
		return STATUS_INVALID;
	memcpy(ret_hash, bytes, HASH_LEN);
	ret_hash[HASH_LEN] = '\0';
	return strspn(ret_hash, "0123456789abcdefABCDEF") == HASH_LEN ? STATUS_OK : STATUS_INVALID;
}

/* ---- looking ---- */

static void hash_of(const char *password, char ret_hash[HASH_LEN + 1])
{
	uint8_t digest[HASH_LEN / 2];

	if (mbedtls_md(mbedtls_md_info_from_type(MBEDTLS_MD_SHA1), (const uint8_t *)password, strlen(password), digest) != 0)
		mem_die("mbedtls has no SHA-1\n");
	for (size_t i = 0; i < sizeof digest; i++)
		snprintf(ret_hash + 2 * i, 3, "%02X", digest[i]);
}

/* The line of the hash begins in [low, high), if there is one, and low always begins a line. */
static enum status search(const struct file *file, const char *hash, bool *ret_is_listed)
{
	off_t low = 0, high = file->size;
	char found[HASH_LEN + 1];

	*ret_is_listed = false;
	while (low < high && !*ret_is_listed) {
		off_t middle = low + (high - low) / 2, start = low;
		int order;

		if (middle > low && next_line(file, middle - 1, &start) != STATUS_OK)
			return STATUS_INVALID;
		if (start >= high) { /* no line begins in [middle, high) */
			high = middle;
			continue;
		}
		if (read_hash(file, start, found) != STATUS_OK)
			return STATUS_INVALID;
		order = strcasecmp(hash, found);
		*ret_is_listed = order == 0;
		if (order < 0)
			high = start;
		else if (next_line(file, start, &low) != STATUS_OK)
			return STATUS_INVALID;
	}
	return STATUS_OK;
}

enum status password_denylist_look(const char *path, const char *password, bool *ret_is_listed)
{
	char hash[HASH_LEN + 1];
	struct file file;
	enum status status = file_open(path, &file);

	if (status == STATUS_OK) {
		hash_of(password, hash);
		status = search(&file, hash, ret_is_listed);
		close(file.fd);
	}
	return status == STATUS_OK ? STATUS_OK : STATUS_INTERNAL;
}

/* ---- at start ---- */

/* Sorted and with at least one line, as far as its ends say. */
static bool is_denylist(const struct file *file)
{
	off_t end = file->size > LINE_MAX_BYTES ? file->size - LINE_MAX_BYTES : 0, last = 0, start = 0, next;
	char first_hash[HASH_LEN + 1], last_hash[HASH_LEN + 1];

	if (end > 0 && (next_line(file, end, &start) != STATUS_OK || start == file->size))
		return false;
	for (; start < file->size && next_line(file, start, &next) == STATUS_OK; start = next)
		last = start;
	return read_hash(file, 0, first_hash) == STATUS_OK && read_hash(file, last, last_hash) == STATUS_OK &&
	       strcasecmp(first_hash, last_hash) <= 0;
}

const char *password_denylist_problem(const char *path)
{
	struct file file;
	bool is_good;

	if (file_open(path, &file) != STATUS_OK)
		return "must be a file that can be read";
	is_good = is_denylist(&file);
	close(file.fd);
	return is_good ? NULL : "must have sorted lines that begin with a SHA-1 of 40 hexadecimal digits";
}
