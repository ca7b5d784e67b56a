/* A daemon that only reports, through a pipe, which of its processes run; it is launched as a child of the test. The
 * environment and `behaviour`, set before the launch, decide what it does. Include after cmocka.h. */
#ifndef ABACUS_TESTS_DAEMON_DAEMON_FIXTURE_H
#define ABACUS_TESTS_DAEMON_DAEMON_FIXTURE_H

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "daemon/daemon.h"
#include "tests/environment.h"

#define FIXTURE_LIMIT_MS 20000 /* far longer than any test takes */

enum note_kind { NOTE_STARTING, NOTE_ARMED };

struct note {
	enum note_kind kind;
	pid_t pid;
	unsigned process, processes;
	int64_t at_us;
};

static struct {
	bool start_fails, never_drains, hangs_in_drain, hangs_when_armed;
	bool log_is_not_read; /* standard output is a pipe that is full */
} behaviour;

static struct {
	char *text;
	long number;
} settings;

static struct {
	pid_t pid;                                /* 0: none, or it has been waited for */
	int notes, notes_write, out, err, unread; /* unread: 0: none */
	struct daemon *daemon;                    /* in a serving process */
	bool is_armed;
} fixture;

static char fixture_out[16 * 1024], fixture_err[16 * 1024];

static inline void fixture_note(enum note_kind kind)
{
	struct note note = {.kind = kind,
			    .pid = getpid(),
			    .process = daemon_process(fixture.daemon),
			    .processes = daemon_processes(fixture.daemon),
			    .at_us = clock_monotonic_us()};

	(void)!write(fixture.notes_write, &note, sizeof note);
}

static inline enum status fixture_start(struct daemon *daemon, struct event_base *base, void **ret_service)
{
	fixture.daemon = daemon;
	fixture_note(NOTE_STARTING);
	if (behaviour.start_fails)
		return STATUS_INTERNAL;
	*ret_service = &fixture;
	return STATUS_OK;
}

/* Runs from the loop, so signals are handled by then. */
static inline bool fixture_is_ready(void *service, const char **ret_reason)
{
	if (!fixture.is_armed)
		fixture_note(NOTE_ARMED);
	fixture.is_armed = true;
	while (behaviour.hangs_when_armed)
		pause();
	return true;
}

static inline void fixture_drain(void *service, void (*drained)(void *arg), void *arg)
{
	while (behaviour.hangs_in_drain)
		pause();
	if (!behaviour.never_drains)
		drained(arg);
}

static inline void fixture_stop(void *service)
{
}

static inline void fixture_check(struct config *config)
{
	if (getenv("T_RULE"))
		config_problem(config, "T_RULE: is broken");
}

static const struct config_option fixture_options[] = {
	{"T_TEXT", CONFIG_TEXT, 0, "some", "what it is", 0, 0, false},
	{"T_NUMBER", CONFIG_INT, sizeof(char *), "7", "how many", 1, 9, false},
	{0},
};

static const struct daemon_spec fixture_spec = {
	.name = "tester",
	.summary = "does nothing",
	.admin_port = 0,
	.configs = (const struct daemon_config[]){{fixture_options, &settings}, {NULL, NULL}},
	.check = fixture_check,
	.start = fixture_start,
	.is_ready = fixture_is_ready,
	.drain = fixture_drain,
	.stop = fixture_stop,
};

/* Its reading end stays open, but nothing reads from it. */
static inline int fixture_full_pipe(void)
{
	static char bytes[4096];
	int ends[2];

	assert_int_equal(pipe2(ends, O_NONBLOCK), 0);
	while (write(ends[1], bytes, sizeof bytes) > 0)
		;
	fcntl(ends[1], F_SETFL, 0);
	fcntl(ends[0], F_SETFD, FD_CLOEXEC);
	fixture.unread = ends[0];
	return ends[1];
}

/* flag NULL: none. */
static inline void fixture_launch(const char *flag)
{
	char name[] = "tester", argument[32];
	char *argv[] = {name, flag ? argument : NULL, NULL};
	int ends[2];

	snprintf(argument, sizeof argument, "%s", flag ? flag : "");
	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
	fixture.notes = ends[0];
	fixture.notes_write = ends[1];
	fixture.out = behaviour.log_is_not_read ? fixture_full_pipe() : memfd_create("out", MFD_CLOEXEC);
	fixture.err = memfd_create("err", MFD_CLOEXEC);
	fflush(NULL);
	fixture.pid = fork();
	assert_true(fixture.pid >= 0);
	if (fixture.pid == 0) {
		close(ends[0]);
		dup2(fixture.out, STDOUT_FILENO);
		dup2(fixture.err, STDERR_FILENO);
		exit(daemon_main(&fixture_spec, flag ? 2 : 1, argv));
	}
	close(ends[1]);
}

/* False when all processes have ended, so that none holds the pipe. */
static inline bool fixture_read_note(struct note *ret_note)
{
	struct pollfd wait = {.fd = fixture.notes, .events = POLLIN};
	ssize_t n;

	if (poll(&wait, 1, FIXTURE_LIMIT_MS) != 1)
		fail_msg("waited too long");
	n = read(fixture.notes, ret_note, sizeof *ret_note);
	assert_true(n == 0 || n == sizeof *ret_note);
	return n > 0;
}

/* Waits for the next note of that kind. */
static inline struct note fixture_next(enum note_kind kind)
{
	struct note note;

	do
		assert_true(fixture_read_note(&note));
	while (note.kind != kind);
	return note;
}

static inline void fixture_read_file(int fd, char *text, size_t size)
{
	ssize_t n = pread(fd, text, size - 1, 0);

	text[n > 0 ? n : 0] = '\0';
}

/* Waits until every process has ended. Returns the exit code of the first, or minus the signal that ended it; fixture_out and
 * fixture_err have what was printed. */
static inline int fixture_wait(void)
{
	struct note note;
	int how;

	while (fixture_read_note(&note))
		;
	assert_int_equal(waitpid(fixture.pid, &how, 0), fixture.pid);
	fixture.pid = 0;
	fixture_read_file(fixture.out, fixture_out, sizeof fixture_out);
	fixture_read_file(fixture.err, fixture_err, sizeof fixture_err);
	return WIFEXITED(how) ? WEXITSTATUS(how) : -WTERMSIG(how);
}

static inline int fixture_run(const char *flag)
{
	fixture_launch(flag);
	return fixture_wait();
}

static inline int fixture_set_up(void **state)
{
	memset(&behaviour, 0, sizeof behaviour);
	memset(&fixture, 0, sizeof fixture);
	environment_set("LOG_LEVEL", "error");
	return 0;
}

static inline int fixture_tear_down(void **state)
{
	if (fixture.pid > 0) {
		kill(fixture.pid, SIGKILL); /* the kernel then kills its serving processes */
		waitpid(fixture.pid, NULL, 0);
	}
	close(fixture.notes);
	close(fixture.out);
	close(fixture.err);
	if (fixture.unread > 0)
		close(fixture.unread);
	environment_restore();
	return 0;
}

#endif
