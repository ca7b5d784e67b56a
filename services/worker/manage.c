/* The worker's command line. The worker has neither a database nor routes; to manage jobs, use `manage jobs` of values. */
#include "daemon/manage.h"
#include "service.h"

int main(int argc, char **argv)
{
	static const struct manage_command commands[] = {{0}};
	static const struct manage_spec spec = {.service = "worker", .configs = worker_configs, .commands = commands};

	return manage_main(&spec, argc, argv);
}
