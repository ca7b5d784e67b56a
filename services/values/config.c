/* The options of the values service; those of each module stand beside it in libcommon. */
#include "service.h"

struct values_config values_config;

static const struct config_option own_options[] = {
	{"PORT", CONFIG_INT, offsetof(struct values_config, http.port), "5002", "port to listen on", 0, 65535, false},
	{"VALUES_ANONYMOUS", CONFIG_BOOL, offsetof(struct values_config, anonymous), "false", "true: submitting needs no token",
	 0, 0, false},
	{"REPAIR_SECONDS", CONFIG_INT, offsetof(struct values_config, repair_s), "15",
	 "how often to compare what was submitted with what Redis knows", 1, 3600, false},
	{0},
};

const struct daemon_config values_configs[] = {
	{own_options, &values_config},
	{kinds_options, &values_config.kinds},
	{auth_options, &values_config.auth},
	{db_options, &values_config.db},
	{redis_options, &values_config.redis},
	{http_options, &values_config.http},
	{NULL, NULL},
};

void values_check(struct config *config)
{
	db_config_choose(&values_config.db, config_env(config));
}
