/* Who may have how many of the process's descriptors. Clients get what is left, so that the daemon's own connections, which
 * come and go, never compete with them for the last one. */
#include "daemon/daemon_internal.h"

#include <sys/resource.h>

#include "base/log.h"
#include "postgres/postgres.h"

#define FILES_MAX (1 << 20) /* the hard limit may be far beyond the size that tables indexed by descriptor should have */
/* Standard input and output, the pipe to the parent, epoll and what wakes it (6), two listeners, each with a reserve and a
 * connection that is accepted to be closed (6), four connections to Redis, each with a resolver of up to three name servers
 * (16), the resolvers for Postgres and for requests to other servers (6), files of /etc (1), and some to spare. */
#define OWN 43
#define EXPORTER 4     /* a connection to the collector, and a resolver of up to three name servers */
#define CLIENTS_MIN 10 /* the least HTTP_CONNECTIONS_MAX */
#define ADMIN_MIN 4
#define ADMIN_MAX 64
#define ADMIN_PART 4 /* of what is left, the admin listener gets a quarter, at most ADMIN_MAX */

struct daemon_descriptors daemon_descriptors_divide(long limit, long outgoing)
{
	struct daemon_descriptors is = {.limit = limit, .own = OWN + outgoing};
	long left = limit - is.own;

	is.admin = left / ADMIN_PART < ADMIN_MAX ? left / ADMIN_PART : ADMIN_MAX;
	if (is.admin < ADMIN_MIN)
		is.admin = ADMIN_MIN;
	is.clients = left - is.admin;
	is.is_enough = is.clients >= CLIENTS_MIN;
	is.least = is.own + ADMIN_MIN + CLIENTS_MIN;
	return is;
}

/* The usual soft limit of 1,024 protects programs that use select(2); this one needs a descriptor for each connection. */
void daemon_descriptors_raise(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) < 0 || limit.rlim_cur >= FILES_MAX)
		return;
	limit.rlim_cur = limit.rlim_max < FILES_MAX ? limit.rlim_max : FILES_MAX;
	if (setrlimit(RLIMIT_NOFILE, &limit) < 0)
		log_line(LOG_WARN, "the limit of open files could not be raised");
}

static void *options_of(const struct daemon *daemon, const struct config_option *options)
{
	for (const struct daemon_config *part = daemon->spec->configs; part->options; part++)
		if (part->options == options)
			return part->into;
	return NULL;
}

static void report(const struct daemon_descriptors *is, long clients, bool is_held)
{
	const char *text = is_held ? "descriptors: HTTP_CONNECTIONS_MAX is held below what the limit leaves" : "descriptors";

	log_line(is_held ? LOG_WARN : LOG_INFO, text, LOG_INT("limit", is->limit), LOG_INT("own", is->own),
		 LOG_INT("admin", is->admin), LOG_INT("clients", clients));
}

enum status daemon_descriptors_share(struct daemon *daemon)
{
	const struct postgres_config *postgres = options_of(daemon, postgres_options);
	struct http_config *http = options_of(daemon, http_options);
	struct daemon_descriptors is;
	struct rlimit limit;
	bool is_held;
	long outgoing;

	if (getrlimit(RLIMIT_NOFILE, &limit) < 0 || limit.rlim_cur > FILES_MAX)
		limit.rlim_cur = FILES_MAX;
	outgoing = (daemon->spec->descriptors ? daemon->spec->descriptors() : 0) + (postgres ? postgres->connections : 0) +
		   (daemon->options.otlp_endpoint ? EXPORTER : 0);
	is = daemon_descriptors_divide((long)limit.rlim_cur, outgoing);
	daemon->admin_connections_max = is.admin;
	if (!is.is_enough) {
		log_line(LOG_ERROR, "too few descriptors: raise the limit of open files", LOG_INT("limit", is.limit),
			 LOG_INT("least", is.least));
		return STATUS_INTERNAL;
	}
	is_held = http && http->connections_max > is.clients;
	if (is_held)
		http->connections_max = is.clients;
	report(&is, http ? http->connections_max : 0, is_held);
	return STATUS_OK;
}
