/* The options of the values service; the options of each module are beside it in libcommon. */
#include "service.h"

#include <string.h>

#include "net/url.h"

struct values_config values_config;

static const struct config_option own_options[] = {
	{"PORT", CONFIG_INT, offsetof(struct values_config, http.port), "5002", "port to listen on", 0, 65535, false},
	{"USERS_URL", CONFIG_URL, offsetof(struct values_config, users_url), NULL,
	 "users, as http://host:port: values asks it about each token while Redis is away, healthcheck about each admin", 0, 0,
	 true},
	{"VALUES_ANONYMOUS", CONFIG_BOOL, offsetof(struct values_config, anonymous), "false",
	 "true: submitting and reading a result need no token, whatever the index", 0, 0, false},
	{"VALUES_ANONYMOUS_MAX", CONFIG_INT, offsetof(struct values_config, anonymous_max), "1000",
	 "highest index that may be submitted, and whose result may be read, without a token; 0: none", 0, 1000000000, false},
	{"VALUES_PENDING_MAX", CONFIG_INT, offsetof(struct values_config, pending_max), "10000",
	 "unfinished calculations that each user may have caused; 0: no limit", 0, 1000000, false},
	{"VALUES_RETENTION_DAYS", CONFIG_INT, offsetof(struct values_config, retention_days), "0",
	 "days after which submissions are deleted; results stay; 0: never", 0, 36500, false},
	{"VALUES_RATE", CONFIG_INT, offsetof(struct values_config, rate), "50",
	 "submissions a second of each user, or of each address without a token; 0: no limit", 0, 1000000, false},
	{"VALUES_BURST", CONFIG_INT, offsetof(struct values_config, burst), "500",
	 "submissions that may come at once before VALUES_RATE holds", 1, 1000000, false},
	{"REPAIR_SECONDS", CONFIG_INT, offsetof(struct values_config, repair_s), "15",
	 "how often to compare what is pending in Postgres with the jobs in Redis", 1, 3600, false},
	{"WINDOW_JOBS", CONFIG_INT, offsetof(struct values_config, window_jobs), "10000",
	 "small jobs in Redis at most, and as many large ones; further ones wait in Postgres", 1, 100000, false},
	{"WINDOW_LARGE_MS", CONFIG_INT, offsetof(struct values_config, window_large_ms), "500",
	 "work of the large jobs in Redis at most, for each thread of the workers; further ones wait in Postgres", 1, 60000,
	 false},
	{"LIVE_TOKEN_SECONDS", CONFIG_INT, offsetof(struct values_config, live_token_s), "5",
	 "time limit for the token of a WebSocket", 1, 3600, false},
	{"LIVE_CHECK_SECONDS", CONFIG_INT, offsetof(struct values_config, live_check_s), "60",
	 "time limit for a WebSocket whose token cannot be checked yet", 1, 3600, false},
	{"LIVE_PING_SECONDS", CONFIG_INT, offsetof(struct values_config, live_ping_s), "25",
	 "a WebSocket that is silent for this long is pinged, and dropped after twice this long", 1, 3600, false},
	{"LIVE_BUFFER_BYTES_MAX", CONFIG_INT, offsetof(struct values_config, live_buffer_bytes_max), "262144",
	 "a WebSocket that leaves more than this unread is dropped", 4096, 64 << 20, false},
	{0},
};

const struct daemon_config values_configs[] = {
	{own_options, &values_config},
	{kinds_options, &values_config.kinds},
	{auth_options, &values_config.auth},
	{postgres_options, &values_config.postgres},
	{redis_options, &values_config.redis},
	{http_options, &values_config.http},
	{NULL, NULL},
};

void values_check(struct config *config)
{
	struct url url;

	postgres_config_check(&values_config.postgres, config);
	redis_config_check(&values_config.redis, config);
	if (values_config.users_url && (url_parse(values_config.users_url, &url) != STATUS_OK || strcmp(url.path, "/") != 0))
		config_problem(config, "USERS_URL: is not http://host:port");
}
