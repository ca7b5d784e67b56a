/* Captures what is written to a file descriptor (stdout, stderr). End it before the first assertion, because it would capture
 * the message of a failure too. Include after cmocka.h. */
#ifndef ABACUS_TESTS_CAPTURE_H
#define ABACUS_TESTS_CAPTURE_H

#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

struct capture {
	int fd, saved, file;
	size_t len;
	char text[200 * 1024];
};

static inline void capture_start(struct capture *capture, int fd)
{
	fflush(NULL);
	capture->fd = fd;
	capture->saved = dup(fd);
	capture->file = memfd_create("capture", MFD_CLOEXEC);
	if (capture->saved < 0 || capture->file < 0 || dup2(capture->file, fd) < 0)
		fail_msg("what is written to %d can not be captured", fd);
}

/* What has been captured so far. */
static inline const char *capture_text(struct capture *capture)
{
	ssize_t n;

	fflush(NULL);
	n = pread(capture->file, capture->text, sizeof capture->text - 1, 0);
	capture->len = n > 0 ? (size_t)n : 0;
	capture->text[capture->len] = '\0';
	return capture->text;
}

static inline const char *capture_end(struct capture *capture)
{
	const char *text = capture_text(capture);

	dup2(capture->saved, capture->fd);
	close(capture->saved);
	close(capture->file);
	return text;
}

#endif
