/* The parent of several serving processes: forks them before any loop exists, passes SIGTERM and SIGINT on, and replaces one
 * that dies, with a growing delay when it keeps dying soon after its start. It holds no loop and no socket. */
#include "daemon_internal.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "clock.h"
#include "log.h"

#define RESTART_MS 10
#define RESTART_MS_MAX 5000
#define SHORT_LIFE_MS 2000

struct child {
	pid_t pid; /* 0: not running */
	int64_t started_ms, due_ms;
	int64_t delay_ms;
};

static int64_t now_ms(void)
{
	return clock_monotonic_us() / 1000;
}

/* True in the child. */
static bool spawn(struct daemon *daemon, struct child *child, unsigned number, const sigset_t *before)
{
	pid_t parent = getpid(), pid = fork();

	if (pid < 0) {
		log_line(LOG_ERROR, "fork failed", LOG_TEXT("reason", strerror(errno)));
		child->due_ms = now_ms() + RESTART_MS_MAX;
		return false;
	}
	if (pid > 0) {
		child->pid = pid;
		child->started_ms = now_ms();
		return false;
	}
	prctl(PR_SET_PDEATHSIG, SIGTERM);
	if (getppid() != parent)
		_exit(1);
	sigprocmask(SIG_SETMASK, before, NULL);
	daemon->process = number;
	return true;
}

/* SIGTERM kills one that has not come as far as handling it; nothing was in flight there. */
static bool has_ended_well(int how)
{
	return WIFEXITED(how) ? WEXITSTATUS(how) == 0 : WTERMSIG(how) == SIGTERM;
}

static void reap(struct daemon *daemon, struct child *children)
{
	int how;
	pid_t pid;

	while ((pid = waitpid(-1, &how, WNOHANG)) > 0)
		for (unsigned i = 0; i < daemon->processes; i++) {
			struct child *child = &children[i];

			if (child->pid != pid)
				continue;
			child->pid = 0;
			atomic_store(&daemon->slots[i].is_ready, false);
			strcpy(daemon->slots[i].reason, "starting");
			child->delay_ms = now_ms() - child->started_ms > SHORT_LIFE_MS || !child->delay_ms
						  ? RESTART_MS
						  : child->delay_ms * 2;
			if (child->delay_ms > RESTART_MS_MAX)
				child->delay_ms = RESTART_MS_MAX;
			child->due_ms = now_ms() + child->delay_ms;
			if (daemon->is_draining)
				daemon->was_cut_off |= !has_ended_well(how);
			else
				log_line(LOG_ERROR, "a serving process ended", LOG_INT("pid", pid),
					 LOG_INT("signal", WIFSIGNALED(how) ? WTERMSIG(how) : 0),
					 LOG_INT("exit_code", WIFEXITED(how) ? WEXITSTATUS(how) : 0),
					 LOG_INT("restart_ms", child->delay_ms));
		}
}

static bool is_any_running(const struct daemon *daemon, const struct child *children)
{
	for (unsigned i = 0; i < daemon->processes; i++)
		if (children[i].pid)
			return true;
	return false;
}

/* Sends a signal to all; 0 milliseconds until the next restart is due means now, -1 none. */
static void pass_on(const struct daemon *daemon, const struct child *children, int number)
{
	for (unsigned i = 0; i < daemon->processes; i++)
		if (children[i].pid)
			kill(children[i].pid, number);
}

static int64_t next_due_ms(const struct daemon *daemon, const struct child *children)
{
	int64_t next = 1000;

	for (unsigned i = 0; i < daemon->processes; i++)
		if (!children[i].pid && children[i].due_ms - now_ms() < next)
			next = children[i].due_ms - now_ms();
	return next < 1 ? 1 : next;
}

bool daemon_supervise(struct daemon *daemon, int *ret_exit_code)
{
	struct child children[DAEMON_PROCESSES_MAX] = {0};
	int64_t kill_at_ms = 0;
	sigset_t handled, before;

	sigemptyset(&handled);
	sigaddset(&handled, SIGCHLD);
	sigaddset(&handled, SIGTERM);
	sigaddset(&handled, SIGINT);
	sigprocmask(SIG_BLOCK, &handled, &before);
	while (!daemon->is_draining || is_any_running(daemon, children)) {
		for (unsigned i = 0; i < daemon->processes && !daemon->is_draining; i++)
			if (!children[i].pid && children[i].due_ms <= now_ms() && spawn(daemon, &children[i], i, &before))
				return true;
		int64_t wait_ms = next_due_ms(daemon, children);
		int number = sigtimedwait(&handled, NULL,
					  &(struct timespec){.tv_sec = wait_ms / 1000, .tv_nsec = wait_ms % 1000 * 1000000});

		if ((number == SIGTERM || number == SIGINT) && !daemon->is_draining) {
			daemon->is_draining = true;
			kill_at_ms = now_ms() + (daemon->options.drain_s + 2) * 1000;
			pass_on(daemon, children, SIGTERM);
		}
		reap(daemon, children);
		if (daemon->is_draining && now_ms() > kill_at_ms)
			pass_on(daemon, children, SIGKILL);
	}
	*ret_exit_code = daemon->was_cut_off ? 1 : 0;
	return false;
}
