/* The healthcheck's command line. It has no database. */
#include "daemon/manage.h"
#include "service.h"

int main(int argc, char **argv)
{
	static const struct manage_command commands[] = {{0}};
	static const struct manage_spec spec = {
		.service = "healthcheck", .configs = healthcheck_configs, .routes = healthcheck_routes, .commands = commands};

	return manage_main(&spec, argc, argv);
}
