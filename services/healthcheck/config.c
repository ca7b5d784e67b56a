/* The options of the healthcheck itself; those of each module are beside it in libcommon. */
#include "service.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/int64.h"
#include "net/url.h"
#include "watch/targets.h"

#define INTERVAL_S_MIN 0.001
#define INTERVAL_S_MAX 60
#define DASHBOARD_PORT 5000 /* where the legacy system's dashboard was */

struct healthcheck_config healthcheck_config;

static const struct config_option own_options[] = {
	{"PORT", CONFIG_INT, offsetof(struct healthcheck_config, http.port), "5003", "port to listen on", 0, 65535, false},
	{"HEALTHCHECK_TARGETS", CONFIG_TEXT, offsetof(struct healthcheck_config, targets), NULL,
	 "admin listeners to watch: users=http://users:9001,values=http://values:9002,…; each address of a name is an instance",
	 0, 0, false},
	{"HEALTHCHECK_INTERVAL", CONFIG_TEXT, offsetof(struct healthcheck_config, interval), "2",
	 "seconds between two rounds of asking, e.g. 0.5", 0, 0, false},
	{"HEALTHCHECK_TIMEOUT_MS", CONFIG_INT, offsetof(struct healthcheck_config, timeout_ms), "1500",
	 "time limit for an answer; should be shorter than the interval", 10, 60000, false},
	{"HEALTHCHECK_POSTGRES", CONFIG_URL, offsetof(struct healthcheck_config, postgres.url), NULL,
	 "postgres://user:password@host:port/database to watch; any role will do, because only counts are read", 0, 0, true},
	{"HEALTHCHECK_REDIS", CONFIG_BOOL, offsetof(struct healthcheck_config, watches_redis), "true",
	 "false: Redis and the queue are not watched", 0, 0, false},
	{"HEALTHCHECK_NGINX_URL", CONFIG_URL, offsetof(struct healthcheck_config, nginx_url), NULL,
	 "http://host:port/path of nginx's stub_status to watch", 0, 0, true},
	{"HEALTHCHECK_STREAMS_MAX", CONFIG_INT, offsetof(struct healthcheck_config, streams_max), "100",
	 "largest number of open event streams of the public, and as many of operators; further dashboards get 503 and poll", 1,
	 10000, false},
	{"HEALTHCHECK_STREAMS_PER_CLIENT", CONFIG_INT, offsetof(struct healthcheck_config, streams_per_client), "10",
	 "of them, of one client: an IPv4 address, or a /64 network of IPv6; then 429", 1, 10000, false},
	{"USERS_URL", CONFIG_URL, offsetof(struct healthcheck_config, users_url), NULL,
	 "users, as http://host:port: values asks it about each token while Redis is away, healthcheck about each admin", 0, 0,
	 true},
	{"STATUS_PUBLIC", CONFIG_TEXT, offsetof(struct healthcheck_config, status_public), NULL,
	 "summary, full: what is shown without the token of an admin; default: full in development and testing, else summary",
	 0, 0, true},
	{"DASHBOARD_PORT", CONFIG_TEXT, offsetof(struct healthcheck_config, dashboard), NULL,
	 "a second port, which shows all without a token and is for operators alone; 0: none; default: 5000 in development, "
	 "else 0",
	 0, 0, true},
	{"DASHBOARD_HOST", CONFIG_TEXT, offsetof(struct healthcheck_config, private_http.host), "127.0.0.1",
	 "address of that port", 0, 0, false},
	{0},
};

const struct daemon_config healthcheck_configs[] = {
	{own_options, &healthcheck_config},
	{redis_options, &healthcheck_config.redis},
	{http_options, &healthcheck_config.http},
	{NULL, NULL},
};

static void check_interval(struct config *config)
{
	const char *text = healthcheck_config.interval;
	char *end = NULL;
	double seconds = text ? strtod(text, &end) : 0;

	if (!text)
		return;
	if (end == text || *end || !(seconds >= INTERVAL_S_MIN && seconds <= INTERVAL_S_MAX))
		config_problem(config, "HEALTHCHECK_INTERVAL: must be seconds from %g to %d", INTERVAL_S_MIN, INTERVAL_S_MAX);
	else
		healthcheck_config.interval_ms = lround(seconds * 1000);
}

static void check_targets(struct config *config)
{
	struct targets *targets;
	char problem[400];

	if (!healthcheck_config.targets)
		return;
	if (targets_parse(healthcheck_config.targets, &targets, problem, sizeof problem) == STATUS_OK)
		targets_free(targets);
	else
		config_problem(config, "HEALTHCHECK_TARGETS: %s", problem);
}

static bool is_development(const struct config *config)
{
	return config_env(config) == APP_ENV_DEVELOPMENT;
}

static void check_status_public(struct config *config)
{
	const char *text = healthcheck_config.status_public;

	if (text && strcmp(text, "summary") != 0 && strcmp(text, "full") != 0)
		config_problem(config, "STATUS_PUBLIC: must be summary or full");
	healthcheck_config.shows_all =
		text ? strcmp(text, "full") == 0 : is_development(config) || config_env(config) == APP_ENV_TESTING;
}

/* The private listener is as the public one, but for its address. */
static void check_dashboard(struct config *config)
{
	char *host = healthcheck_config.private_http.host;
	int64_t port = is_development(config) ? DASHBOARD_PORT : 0;

	if (healthcheck_config.dashboard &&
	    (int64_parse(healthcheck_config.dashboard, &port) != STATUS_OK || port < 0 || port > 65535))
		config_problem(config, "DASHBOARD_PORT: must be a whole number from 0 to 65535");
	healthcheck_config.private_http = healthcheck_config.http;
	healthcheck_config.private_http.host = host;
	healthcheck_config.private_http.port = (long)port;
	healthcheck_config.private_http.connections_max = HEALTHCHECK_PRIVATE_CONNECTIONS;
}

static void check_users_url(struct config *config)
{
	struct url url;

	if (healthcheck_config.users_url &&
	    (url_parse(healthcheck_config.users_url, &url) != STATUS_OK || strcmp(url.path, "/") != 0))
		config_problem(config, "USERS_URL: is not http://host:port");
}

void healthcheck_check(struct config *config)
{
	struct postgres_config *postgres = &healthcheck_config.postgres;
	struct url url;

	check_interval(config);
	check_targets(config);
	check_users_url(config);
	check_status_public(config);
	check_dashboard(config);
	postgres->variable = "HEALTHCHECK_POSTGRES";
	postgres->connections = 1;
	postgres->in_flight_max = 10;
	postgres->query_timeout_ms = postgres->connect_timeout_ms = healthcheck_config.timeout_ms;
	postgres->prepares = false; /* one statement every few seconds, and any pooler will do */
	redis_config_check(&healthcheck_config.redis, config);
	postgres_config_check_url(postgres, config);
	if (healthcheck_config.nginx_url && url_parse(healthcheck_config.nginx_url, &url) != STATUS_OK)
		config_problem(config, "HEALTHCHECK_NGINX_URL: is not http://host:port/path");
}
