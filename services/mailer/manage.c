/* mailer's command line. mailer has neither a database nor routes. */
#include "daemon/manage.h"
#include "service.h"

int main(int argc, char **argv)
{
	static const struct manage_command commands[] = {{0}};
	static const struct manage_spec spec = {.service = "mailer", .configs = mailer_configs, .commands = commands};

	return manage_main(&spec, argc, argv);
}
