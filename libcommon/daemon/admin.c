#include "daemon/daemon_internal.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/metrics.h"
#include "http/reply.h"

#define CHECK_LIMIT_S 2 /* for --check-ready and --check-alive */
#define HANGS_MS 2000

static void healthz(struct http_request *req)
{
	http_reply_success(req, 200, "alive", NULL);
}

static bool is_ready(const struct daemon_slot *slot)
{
	return atomic_load(&slot->is_ready);
}

static bool was_ready(const struct daemon_slot *slot)
{
	return atomic_load(&slot->was_ready);
}

/* NULL when the process is good and its loop turns. A process that hangs can not say so, but the others see when it turned. */
static const char *why_not(bool (*is_good)(const struct daemon_slot *slot), const struct daemon *daemon, unsigned process)
{
	const struct daemon_slot *slot = &daemon->slots[process];

	if (!is_good(slot))
		return slot->reason[0] ? slot->reason : "starting";
	if (process != daemon->process && clock_monotonic_us() / 1000 - atomic_load(&slot->turned_ms) > HANGS_MS)
		return "a serving process hangs";
	return NULL;
}

static void answer_whether(bool (*is_good)(const struct daemon_slot *slot), struct http_request *req)
{
	struct daemon *daemon = http_request_service(req);

	for (unsigned i = 0; i < daemon->processes; i++) {
		const char *reason = why_not(is_good, daemon, i);
		char message[DAEMON_REASON_BYTES + 32];

		if (!reason)
			continue;
		snprintf(message, sizeof message, "Not ready: %.*s.", DAEMON_REASON_BYTES - 1, reason);
		http_reply_fail(req, 503, "not_ready", message);
		return;
	}
	http_reply_success(req, 200, "ready", NULL);
}

static void readyz(struct http_request *req)
{
	answer_whether(is_ready, req);
}

static void startupz(struct http_request *req)
{
	answer_whether(was_ready, req);
}

/* A client that names it prefers it to the format from before it, whatever their q. */
static bool accepts_openmetrics(const struct http_request *req)
{
	const char *accept = http_request_header(req, "Accept");

	return accept && strcasestr(accept, "application/openmetrics-text");
}

static void metrics(struct http_request *req)
{
	struct buf text = {0};

	if (accepts_openmetrics(req)) {
		metrics_open_text(&text);
		http_reply(req, 200, "application/openmetrics-text; version=1.0.0; charset=utf-8", text.bytes, text.len);
	} else {
		metrics_text(&text);
		http_reply(req, 200, "text/plain; version=0.0.4; charset=utf-8", text.bytes, text.len);
	}
	buf_free(&text);
}

static const struct http_route routes[] = {
	{"GET", "/healthz", healthz, false, false},
	{"GET", "/readyz", readyz, false, false},
	{"GET", "/startupz", startupz, false, false},
	{"GET", "/metrics", metrics, false, false},
	{0},
};

enum status daemon_admin_start(struct daemon *daemon)
{
	static char no_proxies[] = "";
	struct http_config config = {
		.host = daemon->options.admin_host,
		.port = daemon->options.admin_port,
		.body_bytes_max = 1024,
		.header_bytes_max = 8192,
		.read_timeout_s = 5,
		.idle_timeout_s = 75,
		.deadline_ms = 2000,
		.connections_max = daemon->admin_connections_max,
		.buffer_bytes_max = 1 << 20,
		.trusted_proxies = no_proxies,
	};

	daemon->admin = http_server_new(daemon->base, &config, routes, daemon);
	http_server_set_quiet(daemon->admin);
	return http_server_listen(daemon->admin);
}

int daemon_admin_check(const struct daemon_options *options, const char *path)
{
	const char *host = strcmp(options->admin_host, "0.0.0.0") == 0 ? "127.0.0.1" : options->admin_host;
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)options->admin_port)};
	struct timeval limit = {.tv_sec = CHECK_LIMIT_S};
	char request[128], answer[13] = "";
	int len = snprintf(request, sizeof request, "GET %s HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n", path);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), is_good;

	inet_pton(AF_INET, host, &address.sin_addr);
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
	is_good = fd >= 0 && connect(fd, (struct sockaddr *)&address, sizeof address) == 0 &&
		  write(fd, request, (size_t)len) == (ssize_t)len &&
		  recv(fd, answer, sizeof answer - 1, MSG_WAITALL) == (ssize_t)sizeof answer - 1 &&
		  strcmp(answer, "HTTP/1.1 200") == 0;
	if (fd >= 0)
		close(fd);
	return is_good ? 0 : 1;
}
