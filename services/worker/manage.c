/* The worker's command line. It has no database and no routes; jobs are looked after by values' `manage jobs`. */
#include "daemon/manage.h"
#include "service.h"

int main(int argc, char **argv)
{
	static const struct manage_command commands[] = {{0}};
	static const struct manage_spec spec = {.service = "worker", .configs = worker_configs, .commands = commands};

	return manage_main(&spec, argc, argv);
}
