/* The worker daemon: takes jobs from Redis, calculates, and stores the results there. Redis is its only dependency. */
#include "service.h"

static enum status start(struct daemon *daemon, struct event_base *base, void **ret_service)
{
	*ret_service = work_new(base, &worker_config, daemon_process(daemon) == 0);
	return STATUS_OK;
}

static bool is_ready(void *service, const char **ret_reason)
{
	return work_is_ready(service, ret_reason);
}

static void drain(void *service, void (*drained)(void *arg), void *arg)
{
	work_drain(service, drained, arg);
}

static void stop(void *service)
{
	work_free(service);
}

int main(int argc, char **argv)
{
	static const struct daemon_spec spec = {
		.name = "worker",
		.summary = "calculates what was submitted",
		.admin_port = 9004,
		.configs = worker_configs,
		.check = worker_check,
		.register_metrics = work_register_metrics,
		.start = start,
		.is_ready = is_ready,
		.drain = drain,
		.stop = stop,
	};

	return daemon_main(&spec, argc, argv);
}
