#include "base/standard_error.h"

#include <limits.h>
#include <poll.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"

/* For PIPE_BUF bytes. A write to a pipe that is full and not read would wait for ever. If poll() fails, it is taken as full. */
static bool has_room(void)
{
	struct pollfd poller = {.fd = STDERR_FILENO, .events = POLLOUT};

	return poll(&poller, 1, 0) == 1;
}

void standard_error_write(const char *text)
{
	size_t len = strlen(text);

	while (len > 0 && has_room()) {
		ssize_t written = write(STDERR_FILENO, text, len < PIPE_BUF ? len : PIPE_BUF);

		if (written <= 0)
			return; /* there is nothing left to do about it */
		text += written;
		len -= (size_t)written;
	}
}

void standard_error_print(const char *format, ...)
{
	va_list args;
	char *text = NULL;

	va_start(args, format);
	if (vasprintf(&text, format, args) < 0)
		mem_die("out of memory\n");
	va_end(args);
	standard_error_write(text);
	free(text);
}
