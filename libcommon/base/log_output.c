/* How to write without waiting. O_NONBLOCK belongs to the open file description, which we share with our parent, with other
 * processes and perhaps with a terminal, so it is not ours to set on standard output. Instead:
 *
 *   a pipe, a terminal   opened once more through /proc, which gives a description of our own to set it on
 *   a socket             can not be opened once more; send() has a flag for one call
 *   a file, a device     written as it is, because it has no reader to wait for
 *   what can not be opened once more (a pipe of another user, no /proc)
 *                        poll() says whether a page is free. Another process may take it before we write, so this alone can
 *                        wait, for as long as the reader rests.
 *
 * Decided against RWF_NOWAIT, which pipes have only since Linux 6.5; and against a thread, because a process that forks and
 * ends must then wait for it.
 *
 * Several processes write into one pipe. A write of up to PIPE_BUF bytes is never split, so each write is of whole lines within
 * that; only a longer line can be interleaved. */
#include "base/log_output.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/metrics.h"

enum way { UNKNOWN, REOPENED, SEND, PLAIN, POLL };

static struct {
	struct buf waiting; /* of the first line a part may have been written */
	int64_t dropped;    /* not reported yet */
	bool is_full;       /* drops until they have been reported */
	bool is_blocked, is_broken;
	struct metric *counter;
	enum way way;
	int reopened; /* of REOPENED */
	dev_t device; /* what `way` was chosen for */
	ino_t inode;
} output;

/* ---- the way to write ---- */

static void choose_way(const struct stat *stdout_stat)
{
	output.way = PLAIN;
	if (S_ISSOCK(stdout_stat->st_mode))
		output.way = SEND;
	if (!S_ISFIFO(stdout_stat->st_mode) && !isatty(STDOUT_FILENO))
		return;
	output.reopened = open("/proc/self/fd/1", O_WRONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	output.way = output.reopened >= 0 ? REOPENED : POLL;
}

/* Standard output may have become another file since the last write. */
static void follow_stdout(void)
{
	struct stat now = {0};
	bool is_open = fstat(STDOUT_FILENO, &now) == 0;

	if (output.way != UNKNOWN && output.way != POLL && now.st_dev == output.device && now.st_ino == output.inode)
		return;
	if (output.way == REOPENED)
		close(output.reopened);
	output.device = now.st_dev;
	output.inode = now.st_ino;
	if (is_open)
		choose_way(&now);
	else
		output.way = PLAIN;
}

int log_output_fd(void)
{
	if (output.way == PLAIN || output.way == UNKNOWN)
		return -1;
	return output.way == REOPENED ? output.reopened : STDOUT_FILENO;
}

static bool is_writable(int wait_ms)
{
	struct pollfd fd = {.fd = log_output_fd(), .events = POLLOUT};

	return poll(&fd, 1, wait_ms) == 1;
}

/* As write(2): bytes written, or -1 with errno. */
static ssize_t write_some(const char *bytes, size_t len)
{
	switch (output.way) {
	case REOPENED:
		return write(output.reopened, bytes, len);
	case SEND:
		return send(STDOUT_FILENO, bytes, len, MSG_DONTWAIT | MSG_NOSIGNAL);
	case POLL:
		if (is_writable(0))
			return write(STDOUT_FILENO, bytes, len < PIPE_BUF ? len : PIPE_BUF);
		errno = EAGAIN;
		return -1;
	default:
		return write(STDOUT_FILENO, bytes, len);
	}
}

/* Whole lines within PIPE_BUF, or else the first line. */
static size_t piece(const char *bytes, size_t len)
{
	const char *end;

	if (output.way == PLAIN || len <= PIPE_BUF)
		return len;
	end = memrchr(bytes, '\n', PIPE_BUF);
	if (!end)
		end = memchr(bytes, '\n', len);
	return (size_t)(end - bytes) + 1;
}

/* ---- what waits ---- */

static void count_dropped(int64_t lines)
{
	output.dropped += lines;
	output.is_full = true;
	if (output.counter)
		metrics_add(output.counter, (double)lines);
}

void log_output_add(const char *line, size_t len)
{
	if (output.is_full || output.waiting.len + len > LOG_WAITING_BYTES_MAX)
		count_dropped(1);
	else
		buf_add(&output.waiting, line, len);
}

static void drop_from(size_t written)
{
	int64_t lines = 0;

	for (size_t i = written; i < output.waiting.len; i++)
		lines += output.waiting.bytes[i] == '\n';
	output.waiting.len = written;
	count_dropped(lines);
}

/* A full disk may get room again, as a full pipe does. */
static bool is_passing(int error)
{
	return error == EAGAIN || error == EWOULDBLOCK || error == ENOBUFS || error == ENOSPC || error == EDQUOT;
}

void log_output_write(void)
{
	struct buf *waiting = &output.waiting;
	size_t written = 0;

	if (waiting->len == 0)
		return;
	follow_stdout();
	while (written < waiting->len) {
		const char *bytes = waiting->bytes + written;
		ssize_t n = write_some(bytes, piece(bytes, waiting->len - written));

		if (n < 0 && errno == EINTR)
			continue;
		output.is_broken = n < 0 && !is_passing(errno);
		if (output.is_broken)
			drop_from(written);
		if (n < 0)
			break;
		written += (size_t)n;
	}
	waiting->len -= written;
	memmove(waiting->bytes, waiting->bytes + written, waiting->len);
	output.is_blocked = waiting->len > 0;
}

size_t log_output_bytes(void)
{
	return output.waiting.len;
}

bool log_output_is_blocked(void)
{
	return output.is_blocked;
}

int64_t log_output_take_dropped(void)
{
	int64_t dropped = output.dropped;

	if (output.is_broken && output.waiting.len == 0)
		output.is_full = false; /* the next line shows whether there is a reader again */
	if (output.is_broken || output.waiting.len > LOG_WAITING_BYTES_MAX / 2)
		return 0;
	output.is_full = false;
	output.dropped = 0;
	return dropped;
}

void log_output_count_in(struct metric *dropped)
{
	output.counter = dropped;
}

/* Waits for room until that time, which may have passed. */
static bool is_writable_by(int64_t end_us)
{
	int64_t left_us = end_us - clock_monotonic_us();

	return left_us > 0 && is_writable((int)((left_us + 999) / 1000));
}

void log_output_finish(long rest_ms, long limit_ms)
{
	int64_t now_us = clock_monotonic_us(), end_us = now_us + limit_ms * 1000, rests_us = now_us + rest_ms * 1000;
	size_t before;

	log_output_write();
	while (output.is_blocked && log_output_fd() >= 0 && is_writable_by(rests_us < end_us ? rests_us : end_us)) {
		before = output.waiting.len;
		log_output_write();
		if (output.waiting.len < before)
			rests_us = clock_monotonic_us() + rest_ms * 1000;
	}
}

void log_output_forget(void)
{
	output.waiting.len = 0;
	output.dropped = 0;
	output.is_full = output.is_blocked = output.is_broken = false;
}
