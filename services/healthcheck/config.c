/* The options of the healthcheck itself; those of each module are beside it in libcommon. */
#include "service.h"

#include <math.h>
#include <stdlib.h>

#include "net/url.h"
#include "watch/targets.h"

#define INTERVAL_S_MIN 0.001
#define INTERVAL_S_MAX 60

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
	 "largest number of open event streams; further dashboards get 503 and poll", 1, 10000, false},
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

void healthcheck_check(struct config *config)
{
	struct postgres_config *postgres = &healthcheck_config.postgres;
	struct url url;

	check_interval(config);
	check_targets(config);
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
