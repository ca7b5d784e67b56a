/* The mailer daemon: takes messages from Redis and sends them by SMTP. Redis and the SMTP server are its only dependencies, and
 * without the latter it stays ready, because the messages wait. */
#include "service.h"

static enum status start(struct daemon *daemon, struct event_base *base, void **ret_service)
{
	*ret_service = mailer_new(base, &mailer_config);
	return *ret_service ? STATUS_OK : STATUS_INTERNAL;
}

static bool is_ready(void *service, const char **ret_reason)
{
	*ret_reason = "redis";
	return mailer_is_ready(service);
}

static void drain(void *service, void (*drained)(void *arg), void *arg)
{
	mailer_drain(service, drained, arg);
}

static void stop(void *service)
{
	mailer_free(service);
}

int main(int argc, char **argv)
{
	static const struct daemon_spec spec = {
		.name = "mailer",
		.summary = "sends email",
		.admin_port = 9005,
		.configs = mailer_configs,
		.check = mailer_check,
		.register_metrics = mailer_register_metrics,
		.start = start,
		.is_ready = is_ready,
		.drain = drain,
		.stop = stop,
	};

	return daemon_main(&spec, argc, argv);
}
