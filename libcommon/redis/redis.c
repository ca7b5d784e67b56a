#include "redis/redis_internal.h"

#include <stdlib.h>

#include "base/mem.h"

#define WATCH_MS 100

const struct config_option redis_options[] = {
	{"REDIS_URL", CONFIG_URL, offsetof(struct redis_config, url), NULL,
	 "redis://[user:password@]host:port/database, or rediss:// for TLS; or REDIS_HOST, REDIS_PORT, REDIS_PASSWORD", 0, 0,
	 true},
	{"REDIS_CA_FILE", CONFIG_TEXT, offsetof(struct redis_config, ca_file), NULL,
	 "with rediss://: file of the authorities' certificates, in PEM; not set: " TLS_SYSTEM_STORE, 0, 0, true},
	{"REDIS_HOST", CONFIG_TEXT, offsetof(struct redis_config, host), "127.0.0.1", "Redis's host", 0, 0, false},
	{"REDIS_PORT", CONFIG_INT, offsetof(struct redis_config, port), "6379", "Redis's port", 1, 65535, false},
	{"REDIS_PASSWORD", CONFIG_URL, offsetof(struct redis_config, password), NULL, "Redis's password", 0, 0, true},
	{"REDIS_COMMAND_TIMEOUT_MS", CONFIG_INT, offsetof(struct redis_config, command_timeout_ms), "2000",
	 "time limit of a command", 10, 600000, false},
	{"REDIS_CONNECT_TIMEOUT_MS", CONFIG_INT, offsetof(struct redis_config, connect_timeout_ms), "2000",
	 "time limit of connecting", 10, 600000, false},
	{"REDIS_IN_FLIGHT_MAX", CONFIG_INT, offsetof(struct redis_config, in_flight_max), "10000",
	 "commands in flight at once; beyond it 503", 1, 1000000, false},
	{0},
};

/* Without rediss:// REDIS_CA_FILE would protect nothing, and its operator believe that it does. */
static void check_ca_file(const struct redis_config *redis, bool is_tls, struct config *config)
{
	struct tls_trust *trust;

	if (!is_tls && redis->ca_file)
		config_problem(config,
			       "REDIS_CA_FILE: REDIS_URL must begin with rediss://; without TLS there is no certificate");
	if (!is_tls)
		return;
	trust = tls_trust_new(redis->ca_file);
	if (!trust)
		config_problem(config, "REDIS_CA_FILE: cannot read certificates (PEM) from %s",
			       redis->ca_file ? redis->ca_file : TLS_SYSTEM_STORE);
	tls_trust_free(trust);
}

void redis_config_check(const struct redis_config *redis, struct config *config)
{
	struct redis_address address = {0};

	if (redis->url && redis_url_parse(redis->url, &address) != STATUS_OK)
		config_problem(config, "REDIS_URL: must be redis://[user:password@]host:port/database, or rediss:// for TLS, "
				       "special characters in user and password percent-encoded");
	else
		check_ca_file(redis, address.is_tls, config);
	config_refuse_public(config, "REDIS_URL", address.password);
	config_refuse_public(config, "REDIS_PASSWORD", redis->password);
	redis_address_free(&address);
}

static void set_address(struct redis *redis)
{
	const struct redis_config *config = &redis->config;

	if (config->url) {
		if (redis_url_parse(config->url, &redis->address) != STATUS_OK)
			abort(); /* redis_config_check() was not called */
		return;
	}
	redis->address.host = mem_strdup(config->host);
	redis->address.port = (int)config->port;
	redis->address.password = config->password ? mem_strdup(config->password) : NULL;
}

struct redis *redis_new(struct event_base *base, const struct redis_config *config, const struct redis_script *const *scripts,
			int priority)
{
	struct redis *redis = mem_alloc(sizeof *redis);
	size_t count = 0;

	while (scripts && scripts[count])
		count++;
	redis->base = base;
	redis->config = *config;
	redis->scripts = scripts;
	redis->sha1 = mem_alloc((count + 1) * sizeof *redis->sha1);
	redis->priority = priority;
	TAILQ_INIT(&redis->in_flight);
	TAILQ_INIT(&redis->failed);
	set_address(redis);
	redis->trust = redis->address.is_tls ? tls_trust_new(config->ca_file) : NULL;
	redis->resolver = resolver_new(base);
	redis->retry = loop_timer_new(base, redis_connect, redis);
	redis->failures = loop_timer_new(base, redis_calls_report_failed, redis);
	redis->watch = loop_every(base, WATCH_MS, redis_watch, redis);
	loop_timer_start(redis->retry, 0);
	return redis;
}

static void free_channels(struct redis *redis)
{
	struct redis_channel *channel;

	while ((channel = LIST_FIRST(&redis->channels))) {
		LIST_REMOVE(channel, link);
		free(channel->name);
		free(channel);
	}
}

void redis_free(struct redis *redis)
{
	if (!redis)
		return;
	redis_calls_detach(redis);
	redis_link_free(redis->link);
	tls_trust_free(redis->trust);
	if (redis->lookup)
		resolver_lookup_drop(redis->lookup);
	resolver_free(redis->resolver);
	loop_timer_free(redis->retry);
	loop_timer_free(redis->watch);
	loop_timer_free(redis->failures);
	redis_address_free(&redis->address);
	free_channels(redis);
	free(redis->sha1);
	free(redis);
}

bool redis_is_ready(const struct redis *redis)
{
	return redis->state == REDIS_READY;
}

const char *redis_refusal(const struct redis *redis)
{
	return redis->refusal;
}

void redis_on_change(struct redis *redis, void (*changed)(bool is_ready, void *arg), void *arg)
{
	redis->changed = changed;
	redis->changed_arg = arg;
}
