#include "daemon/daemon_internal.h"

#include <errno.h>
#include <event2/event.h>
#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/int64.h"
#include "base/log.h"
#include "base/loop.h"
#include "base/mem.h"
#include "base/metrics.h"
#include "base/standard_error.h"
#include "base/version.h"
#include "trace/span.h"

#define READINESS_MS 50

static const struct config_option options_table[] = {
	{"ADMIN_HOST", CONFIG_TEXT, offsetof(struct daemon_options, admin_host), "127.0.0.1",
	 "address of the admin listener (/healthz /readyz /startupz /metrics)", 0, 0, false},
	{"PROCESSES", CONFIG_TEXT, offsetof(struct daemon_options, processes), "1",
	 "serving processes, a number or auto for one a processor, under a supervising parent", 0, 0, false},
	{"HANG_SECONDS", CONFIG_INT, offsetof(struct daemon_options, hang_s), "10",
	 "a serving process that hangs is killed and replaced within that time; 0: never, and one process then has no parent",
	 0, 3600, false},
	{"DRAIN_SECONDS", CONFIG_INT, offsetof(struct daemon_options, drain_s), "10",
	 "on SIGTERM: time to answer what is in flight", 0, 3600, false},
	{"INSTANCE", CONFIG_TEXT, offsetof(struct daemon_options, instance), NULL,
	 "name of this instance in logs; default host:pid", 0, 0, true},
	{"LOG_LEVEL", CONFIG_TEXT, offsetof(struct daemon_options, log_level), "info", "debug, info, warn or error", 0, 0,
	 false},
	{"OTEL_EXPORTER_OTLP_ENDPOINT", CONFIG_TEXT, offsetof(struct daemon_options, otlp_endpoint), NULL,
	 "collector of traces, http://host:4318 (OTLP over HTTP); default: no traces are recorded", 0, 0, true},
	{"OTEL_TRACES_SAMPLER_ARG", CONFIG_TEXT, offsetof(struct daemon_options, trace_ratio), "0.01",
	 "part of the requests whose traces are recorded, 0 to 1", 0, 0, false},
	{0},
};

/* A table of its own, because each daemon has its own default. */
static const struct config_option *admin_port_table(const struct daemon_spec *spec)
{
	static char port[INT64_TEXT_BYTES];
	static const struct config_option table[] = {
		{"ADMIN_PORT", CONFIG_INT, offsetof(struct daemon_options, admin_port), port, "port of the admin listener", 0,
		 65535, false},
		{0},
	};

	int64_format(spec->admin_port, port);
	return table;
}

/* ---- command line and configuration ---- */

static void print_help(const struct daemon_spec *spec)
{
	printf("%s: %s\n\n"
	       "usage: %s [--help | --version | --check | --check-ready | --check-alive]\n"
	       "  --check        check the configuration, and exit with 0 or %d\n"
	       "  --check-ready  ask the running daemon whether it is ready, and exit with 0 or 1\n"
	       "  --check-alive  the same, but once it has been ready it need only answer\n\n"
	       "Configuration is read from the environment; NAME_FILE reads NAME from a file. [default]\n"
	       "  %-32s development, testing, staging or production [development]\n",
	       spec->name, spec->summary, spec->name, CONFIG_EXIT_CODE, "APP_ENV");
	for (const struct daemon_config *part = spec->configs; part->options; part++)
		config_help(stdout, part->options);
	config_help(stdout, admin_port_table(spec));
	config_help(stdout, options_table);
}

static int level_of(const char *name)
{
	static const char *const names[] = {"debug", "info", "warn", "error"};

	for (int level = 0; level < 4; level++)
		if (strcmp(name, names[level]) == 0)
			return level;
	return -1;
}

static void set_processes(struct daemon *daemon, struct config *config)
{
	const char *text = daemon->options.processes;
	int64_t count = 0;

	if (strcmp(text, "auto") == 0)
		count = sysconf(_SC_NPROCESSORS_ONLN);
	else if (int64_parse(text, &count) != STATUS_OK || count < 1 || count > DAEMON_PROCESSES_MAX)
		config_problem(config, "PROCESSES: must be auto or a number from 1 to %d", DAEMON_PROCESSES_MAX);
	daemon->processes = (unsigned)(count < 1 ? 1 : count > DAEMON_PROCESSES_MAX ? DAEMON_PROCESSES_MAX : count);
}

/* Returns the number of problems, all of which it prints. */
static int load(struct daemon *daemon)
{
	const struct daemon_spec *spec = daemon->spec;
	struct config *config = config_new();
	int problems;

	for (const struct daemon_config *part = spec->configs; part->options; part++)
		config_load(config, part->options, part->into);
	config_load(config, admin_port_table(spec), &daemon->options);
	config_load(config, options_table, &daemon->options);
	set_processes(daemon, config);
	if (daemon->options.hang_s == 1)
		config_problem(config, "HANG_SECONDS: must be 0, or 2 and more: a sign of life comes once a second");
	if (level_of(daemon->options.log_level) < 0)
		config_problem(config, "LOG_LEVEL: must be debug, info, warn or error");
	daemon_spans_check(&daemon->options, config);
	if (spec->check)
		spec->check(config);
	problems = config_finish(config, spec->name);
	config_free(config);
	return problems;
}

static void release(struct daemon *daemon)
{
	for (const struct daemon_config *part = daemon->spec->configs; part->options; part++)
		config_release(part->options, part->into);
	config_release(options_table, &daemon->options);
}

/* ---- one serving process ---- */

static void name_instance(const struct daemon *daemon)
{
	char host[64] = "localhost", text[160];

	gethostname(host, sizeof host - 1);
	if (!daemon->options.instance)
		snprintf(text, sizeof text, "%s:%d", host, (int)getpid());
	else if (daemon->processes > 1)
		snprintf(text, sizeof text, "%.100s:%u", daemon->options.instance, daemon->process);
	else
		snprintf(text, sizeof text, "%.150s", daemon->options.instance);
	log_init(daemon->spec->name, text, (enum log_level)level_of(daemon->options.log_level));
}

static void note_readiness(struct daemon *daemon)
{
	struct daemon_slot *slot = &daemon->slots[daemon->process];
	const char *reason = "draining";
	bool is_ready = !daemon->is_draining && daemon->spec->is_ready(daemon->service, &reason);

	if (!is_ready)
		snprintf(slot->reason, sizeof slot->reason, "%s", reason);
	else if (!daemon->has_been_ready)
		mem_drop_clean_pages(); /* most of what starting and connecting have read is never read again */
	daemon->has_been_ready |= is_ready;
	atomic_store(&slot->is_ready, is_ready);
	if (is_ready)
		atomic_store(&slot->was_ready, true);
	atomic_store(&slot->turned_ms, clock_monotonic_us() / 1000);
}

static void readiness_due(evutil_socket_t fd, short what, void *arg)
{
	note_readiness(arg);
}

static void beat_due(evutil_socket_t fd, short what, void *arg)
{
	const struct daemon *daemon = arg;

	(void)!write(daemon->beats, "", 1); /* fails while the pipe is full because the parent is stopped: nothing is lost */
}

static void limit_reached(evutil_socket_t fd, short what, void *arg)
{
	struct daemon *daemon = arg;

	log_line(LOG_WARN, "the drain limit was reached with work in flight");
	daemon->was_cut_off = true;
	event_base_loopbreak(daemon->base);
}

static void sent_last(void *arg)
{
	struct daemon *daemon = arg;

	event_base_loopbreak(daemon->base);
}

static void drained(void *arg)
{
	struct daemon *daemon = arg;

	daemon_spans_send_last(daemon->spans, sent_last, daemon);
}

static void stop_requested(evutil_socket_t number, short what, void *arg)
{
	struct daemon *daemon = arg;

	if (daemon->is_draining)
		return;
	daemon->is_draining = true;
	log_line(LOG_INFO, "draining");
	note_readiness(daemon);
	event_add(daemon->limit, &(struct timeval){.tv_sec = daemon->options.drain_s});
	daemon->spec->drain(daemon->service, drained, daemon);
}

static struct event *new_event(struct daemon *daemon, int number, short what, void (*run)(evutil_socket_t, short, void *))
{
	struct event *event = event_new(daemon->base, number, what, run, daemon);

	event_priority_set(event, LOOP_PRIORITY_FIRST);
	return event;
}

static void arm(struct daemon *daemon)
{
	daemon->signals[0] = new_event(daemon, SIGTERM, EV_SIGNAL | EV_PERSIST, stop_requested);
	daemon->signals[1] = new_event(daemon, SIGINT, EV_SIGNAL | EV_PERSIST, stop_requested);
	daemon->limit = new_event(daemon, -1, 0, limit_reached);
	daemon->readiness = new_event(daemon, -1, EV_PERSIST, readiness_due);
	event_add(daemon->signals[0], NULL);
	event_add(daemon->signals[1], NULL);
	event_add(daemon->readiness, &(struct timeval){.tv_usec = READINESS_MS * 1000});
	daemon->beat = new_event(daemon, -1, EV_PERSIST, beat_due);
	if (daemon->beats >= 0)
		event_add(daemon->beat, &(struct timeval){.tv_sec = 1});
	atomic_store(&daemon->slots[daemon->process].has_started, true);
}

static void disarm(struct daemon *daemon)
{
	event_free(daemon->signals[0]);
	event_free(daemon->signals[1]);
	event_free(daemon->limit);
	event_free(daemon->readiness);
	event_free(daemon->beat);
}

int daemon_serve(struct daemon *daemon)
{
	bool has_started;

	name_instance(daemon);
	metrics_process(daemon->process);
	srandom((unsigned)getpid());
	daemon->base = loop_new();
	log_attach(daemon->base);
	daemon->spans = daemon_spans_new(daemon->base, daemon->spec->name, &daemon->options);
	has_started = daemon_descriptors_share(daemon) == STATUS_OK &&
		      daemon->spec->start(daemon, daemon->base, &daemon->service) == STATUS_OK;
	if (has_started && daemon_admin_start(daemon) == STATUS_OK) {
		log_line(LOG_INFO, "started", LOG_TEXT("version", version_number), LOG_TEXT("revision", version_revision));
		arm(daemon);
		if (event_base_dispatch(daemon->base) < 0) {
			log_line(LOG_ERROR, "the event loop failed", LOG_TEXT("reason", strerror(errno)));
			has_started = false;
		}
		disarm(daemon);
	} else {
		has_started = false;
	}
	http_server_free(daemon->admin);
	if (daemon->service)
		daemon->spec->stop(daemon->service);
	daemon_spans_free(daemon->spans);
	log_line(LOG_INFO, "stopped");
	log_attach(NULL);
	event_base_loop(daemon->base, EVLOOP_NONBLOCK); /* the resolver is freed from the loop */
	event_base_free(daemon->base);
	return has_started && !daemon->was_cut_off ? 0 : 1;
}

unsigned daemon_process(const struct daemon *daemon)
{
	return daemon->process;
}

unsigned daemon_processes(const struct daemon *daemon)
{
	return daemon->processes;
}

static int run(struct daemon *daemon)
{
	size_t bytes = sizeof *daemon->slots * daemon->processes;
	int exit_code;

	signal(SIGPIPE, SIG_IGN);
	mallopt(M_MXFAST, 0); /* the thread cache serves small blocks, and each larger free() would merge the fast bins again */
	name_instance(daemon);
	daemon_descriptors_raise();
	daemon->slots = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (daemon->slots == MAP_FAILED) {
		log_line(LOG_ERROR, "no shared memory for the serving processes", LOG_TEXT("reason", strerror(errno)));
		return 1;
	}
	if (daemon->spec->register_metrics)
		daemon->spec->register_metrics();
	trace_spans_register_metrics();
	metrics_share(daemon->processes);
	daemon->beats = -1;
	if ((daemon->processes == 1 && daemon->options.hang_s == 0) || daemon_supervise(daemon, &exit_code))
		exit_code = daemon_serve(daemon);
	return exit_code;
}

static bool is_check(const char *flag)
{
	return strcmp(flag, "--check") == 0 || strcmp(flag, "--check-ready") == 0 || strcmp(flag, "--check-alive") == 0;
}

int daemon_main(const struct daemon_spec *spec, int argc, char **argv)
{
	struct daemon daemon = {.spec = spec};
	const char *flag = argc > 1 ? argv[1] : "";
	int exit_code;

	if (strcmp(flag, "--help") == 0) {
		print_help(spec);
		return 0;
	}
	if (strcmp(flag, "--version") == 0) {
		printf("%s %s (%s)\n", spec->name, version_number, version_revision);
		return 0;
	}
	if (argc > 1 && !is_check(flag)) {
		standard_error_print("%s: unknown argument %s; see --help\n", spec->name, flag);
		return 64; /* EX_USAGE of sysexits.h */
	}
	if (load(&daemon) > 0)
		exit_code = CONFIG_EXIT_CODE;
	else if (strcmp(flag, "--check") == 0)
		exit_code = 0;
	else if (strcmp(flag, "--check-ready") == 0)
		exit_code = daemon_admin_check(&daemon.options, "/readyz");
	else if (strcmp(flag, "--check-alive") == 0)
		exit_code = daemon_admin_check(&daemon.options, "/startupz");
	else
		exit_code = run(&daemon);
	release(&daemon);
	return exit_code;
}
