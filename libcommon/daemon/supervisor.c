/* The parent of the serving processes. It forks them before any loop exists, passes SIGTERM and SIGINT on as SIGTERM,
 * replaces a child that dies, with a growing delay when the child keeps dying soon after its start, and kills and replaces a
 * child that hangs. It has no loop and no socket, and uses little memory beyond its stack.
 *
 * Detecting a hang: each child's loop writes a byte a second into a pipe of the child's own, so a child that is stopped, or
 * whose loop does not turn, is silent. Children never block on the pipe, so they go on while the parent is stopped; only
 * nothing is replaced meanwhile. Time in which the parent did not run does not count as silence: otherwise it would kill
 * healthy children when a suspended machine wakes up. */
#include "daemon/daemon_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/random.h"

#define RESTART_MS 10
#define RESTART_MS_MAX 5000
#define SHORT_LIFE_MS 2000
#define REPLACE_MS 500 /* before HANG_SECONDS are over, so that the replacement serves by then */
#define LATE_MS 1000
#define POLL_FAILED_MS 100
#define TURN_MS 1000 /* longest wait, so that a pause of the parent itself can be recognized */

struct child {
	pid_t pid; /* 0: not running */
	int64_t started_ms, due_ms;
	int64_t delay_ms;
	int beats;        /* read end of its pipe; -1: none */
	int64_t heard_ms; /* its last byte */
};

struct supervisor {
	struct daemon *daemon;
	struct child children[DAEMON_PROCESSES_MAX];
	int signals; /* a signalfd */
	sigset_t before;
	int64_t kill_at_ms;
};

static int64_t now_ms(void)
{
	return clock_monotonic_us() / 1000;
}

/* ---- start ---- */

static void become_child(struct supervisor *supervisor, unsigned number, pid_t parent, int beats)
{
	prctl(PR_SET_PDEATHSIG, SIGKILL); /* at once, because a new daemon may be starting on the same ports */
	if (getppid() != parent)
		_exit(1);
	for (unsigned i = 0; i < supervisor->daemon->processes; i++)
		if (supervisor->children[i].beats >= 0)
			close(supervisor->children[i].beats);
	close(supervisor->signals);
	sigprocmask(SIG_SETMASK, &supervisor->before, NULL);
	log_forked();
	random_forget();
	supervisor->daemon->process = number;
	supervisor->daemon->beats = beats;
}

/* Longer each time. */
static void delay_start(struct child *child)
{
	child->delay_ms = child->delay_ms ? child->delay_ms * 2 : RESTART_MS;
	if (child->delay_ms > RESTART_MS_MAX)
		child->delay_ms = RESTART_MS_MAX;
	child->due_ms = now_ms() + child->delay_ms;
}

/* True in the child. */
static bool spawn(struct supervisor *supervisor, unsigned number)
{
	struct child *child = &supervisor->children[number];
	int ends[2] = {-1, -1};
	pid_t parent = getpid(), pid = -1;

	atomic_store(&supervisor->daemon->slots[number].has_started, false);
	if (supervisor->daemon->options.hang_s == 0 || pipe2(ends, O_NONBLOCK | O_CLOEXEC) == 0)
		pid = fork();
	if (pid == 0) {
		if (ends[0] >= 0)
			close(ends[0]);
		become_child(supervisor, number, parent, ends[1]);
		return true;
	}
	if (ends[1] >= 0)
		close(ends[1]);
	if (pid < 0) {
		log_line(LOG_ERROR, "a serving process can not be started", LOG_TEXT("reason", strerror(errno)));
		if (ends[0] >= 0)
			close(ends[0]);
		delay_start(child);
		return false;
	}
	child->pid = pid;
	child->beats = ends[0];
	child->started_ms = child->heard_ms = now_ms();
	return false;
}

/* True in a child. */
static bool spawn_due(struct supervisor *supervisor)
{
	bool has_spawned = false;

	for (unsigned i = 0; i < supervisor->daemon->processes && !supervisor->daemon->is_draining; i++) {
		struct child *child = &supervisor->children[i];

		if (child->pid || child->due_ms > now_ms())
			continue;
		if (spawn(supervisor, i))
			return true;
		has_spawned = true;
	}
	if (has_spawned)
		mem_drop_clean_pages();
	return false;
}

/* ---- end ---- */

/* SIGTERM kills a child that does not handle it yet; such a child has nothing in flight. */
static bool has_ended_well(int how)
{
	return WIFEXITED(how) ? WEXITSTATUS(how) == 0 : WTERMSIG(how) == SIGTERM;
}

static void note_end(struct supervisor *supervisor, unsigned number, int how)
{
	struct daemon *daemon = supervisor->daemon;
	struct daemon_slot *slot = &daemon->slots[number];
	struct child *child = &supervisor->children[number];
	bool was_short = now_ms() - child->started_ms <= SHORT_LIFE_MS;
	pid_t pid = child->pid;

	child->pid = 0;
	if (child->beats >= 0)
		close(child->beats);
	child->beats = -1;
	atomic_store(&slot->is_ready, false);
	strcpy(slot->reason, "starting");
	if (!was_short)
		child->delay_ms = 0;
	delay_start(child);
	if (daemon->is_draining) {
		daemon->was_cut_off |= !has_ended_well(how);
		return;
	}
	/* The only child exits because it can not start: then the daemon can not start either. */
	if (daemon->processes == 1 && !atomic_load(&slot->has_started) && WIFEXITED(how) && WEXITSTATUS(how) != 0) {
		daemon->is_draining = daemon->was_cut_off = true;
		return;
	}
	log_line(LOG_ERROR, "a serving process ended", LOG_INT("pid", pid),
		 LOG_INT("signal", WIFSIGNALED(how) ? WTERMSIG(how) : 0),
		 LOG_INT("exit_code", WIFEXITED(how) ? WEXITSTATUS(how) : 0), LOG_INT("restart_ms", child->delay_ms));
}

static void reap(struct supervisor *supervisor)
{
	int how;
	pid_t pid;

	while ((pid = waitpid(-1, &how, WNOHANG)) > 0)
		for (unsigned i = 0; i < supervisor->daemon->processes; i++)
			if (supervisor->children[i].pid == pid)
				note_end(supervisor, i, how);
}

static bool is_any_running(const struct supervisor *supervisor)
{
	for (unsigned i = 0; i < supervisor->daemon->processes; i++)
		if (supervisor->children[i].pid)
			return true;
	return false;
}

static void pass_on(const struct supervisor *supervisor, int number)
{
	for (unsigned i = 0; i < supervisor->daemon->processes; i++)
		if (supervisor->children[i].pid)
			kill(supervisor->children[i].pid, number);
}

/* ---- watch ---- */

static bool is_watched(const struct supervisor *supervisor, const struct child *child)
{
	return child->pid && child->beats >= 0 && !supervisor->daemon->is_draining; /* draining has a limit of its own */
}

static int64_t hangs_at_ms(const struct supervisor *supervisor, const struct child *child)
{
	return child->heard_ms + supervisor->daemon->options.hang_s * 1000 - REPLACE_MS;
}

static void listen_to(struct child *child)
{
	char bytes[256];

	while (child->beats >= 0 && read(child->beats, bytes, sizeof bytes) > 0)
		child->heard_ms = now_ms();
}

/* was_late: the parent itself did not run for a while, so silence in that time does not count. */
static void watch(struct supervisor *supervisor, bool was_late)
{
	for (unsigned i = 0; i < supervisor->daemon->processes; i++) {
		struct child *child = &supervisor->children[i];

		listen_to(child);
		if (was_late)
			child->heard_ms = now_ms();
		if (!is_watched(supervisor, child) || now_ms() < hangs_at_ms(supervisor, child))
			continue;
		kill(child->pid, SIGKILL); /* first, because replacing a process must not depend on the log */
		log_line(LOG_ERROR, "a serving process hangs", LOG_INT("pid", child->pid),
			 LOG_INT("silent_ms", now_ms() - child->heard_ms));
		child->heard_ms = now_ms();
	}
}

/* ---- the turns ---- */

static int wait_ms(const struct supervisor *supervisor)
{
	int64_t now = now_ms(), next = now + TURN_MS;

	for (unsigned i = 0; i < supervisor->daemon->processes; i++) {
		const struct child *child = &supervisor->children[i];

		if (!child->pid && !supervisor->daemon->is_draining && child->due_ms < next)
			next = child->due_ms;
		if (is_watched(supervisor, child) && hangs_at_ms(supervisor, child) < next)
			next = hangs_at_ms(supervisor, child);
	}
	if (supervisor->daemon->is_draining && supervisor->kill_at_ms < next)
		next = supervisor->kill_at_ms;
	return next <= now ? 1 : (int)(next - now);
}

/* Waits until something happens or is due; returns whether the parent was kept from running meanwhile. */
static bool sleep_until_due(const struct supervisor *supervisor)
{
	struct pollfd fds[DAEMON_PROCESSES_MAX + 1] = {{.fd = supervisor->signals, .events = POLLIN}};
	int limit_ms = wait_ms(supervisor);
	int64_t due_ms = now_ms() + limit_ms;

	for (unsigned i = 0; i < supervisor->daemon->processes; i++)
		fds[i + 1] = (struct pollfd){.fd = supervisor->children[i].beats, .events = POLLIN};
	if (poll(fds, supervisor->daemon->processes + 1, limit_ms) < 0 && errno != EINTR)
		usleep(POLL_FAILED_MS * 1000); /* it returned at once, and the loop would spin */
	return now_ms() > due_ms + LATE_MS;
}

static void take_signals(struct supervisor *supervisor)
{
	struct daemon *daemon = supervisor->daemon;
	struct signalfd_siginfo signal;

	while (read(supervisor->signals, &signal, sizeof signal) == sizeof signal)
		if (signal.ssi_signo != SIGCHLD && !daemon->is_draining) {
			daemon->is_draining = true;
			supervisor->kill_at_ms = now_ms() + (daemon->options.drain_s + 2) * 1000;
			pass_on(supervisor, SIGTERM);
		}
}

bool daemon_supervise(struct daemon *daemon, int *ret_exit_code)
{
	struct supervisor supervisor = {.daemon = daemon};
	sigset_t handled;

	for (unsigned i = 0; i < DAEMON_PROCESSES_MAX; i++)
		supervisor.children[i].beats = -1;
	sigemptyset(&handled);
	sigaddset(&handled, SIGCHLD);
	sigaddset(&handled, SIGTERM);
	sigaddset(&handled, SIGINT);
	sigprocmask(SIG_BLOCK, &handled, &supervisor.before);
	supervisor.signals = signalfd(-1, &handled, SFD_NONBLOCK | SFD_CLOEXEC);
	if (supervisor.signals < 0) {
		log_line(LOG_ERROR, "no signalfd", LOG_TEXT("reason", strerror(errno)));
		*ret_exit_code = 1;
		return false;
	}
	while (!daemon->is_draining || is_any_running(&supervisor)) {
		bool was_late;

		if (spawn_due(&supervisor))
			return true;
		was_late = sleep_until_due(&supervisor);
		take_signals(&supervisor);
		reap(&supervisor);
		watch(&supervisor, was_late);
		if (daemon->is_draining && now_ms() > supervisor.kill_at_ms)
			pass_on(&supervisor, SIGKILL);
		log_flush(); /* what waits for a reader, after everything that must not wait */
	}
	close(supervisor.signals);
	*ret_exit_code = daemon->was_cut_off ? 1 : 0;
	return false;
}
