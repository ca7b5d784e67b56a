/* The options of mailer itself; those of each module are beside it in libcommon. */
#include "service.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "compose.h"
#include "sms.h"
#include "smtp.h"

struct mailer_config mailer_config;

static const struct config_option own_options[] = {
	{"SMTP_URL", CONFIG_URL, offsetof(struct mailer_config, smtp_url), NULL,
	 "smtp[s]://[user:password@]host[:port] of the server that sends; unset: messages wait, or become files (MAIL_DIR)", 0,
	 0, true},
	{"SMTP_CA_FILE", CONFIG_TEXT, offsetof(struct mailer_config, smtp_ca_file), NULL,
	 "certificates that the SMTP server's must be signed by; default: the system's", 0, 0, true},
	{"SMTP_STARTTLS", CONFIG_BOOL, offsetof(struct mailer_config, starttls), "true",
	 "false: smtp:// without TLS, which staging and production refuse", 0, 0, false},
	{"SMTP_SECONDS", CONFIG_INT, offsetof(struct mailer_config, timeout_s), "60",
	 "limit for sending a message; shorter than users' MAIL_LEASE_SECONDS", 1, 600, false},
	{"SMTP_CONNECTIONS", CONFIG_INT, offsetof(struct mailer_config, connections), "10", "messages that are sent at once", 1,
	 MAILER_CONNECTIONS_MAX, false},
	{"MAIL_FROM", CONFIG_TEXT, offsetof(struct mailer_config, from), NULL,
	 "address of the sender; default, only in development and testing: abacus@localhost", 0, 0, true},
	{"MAIL_DIR", CONFIG_TEXT, offsetof(struct mailer_config, folder), NULL,
	 "folder for messages as files when SMTP_URL is unset; refused in staging and production", 0, 0, true},
	{"MAIL_RECIPIENT_RATE", CONFIG_INT, offsetof(struct mailer_config, recipient_rate), "20",
	 "messages to one address in an hour; more are deferred", 1, 1000000, false},
	{"MAIL_DOMAIN_RATE", CONFIG_INT, offsetof(struct mailer_config, domain_rate), "120",
	 "messages to one domain in a minute, a quarter of them kept for codes and one for codes and links for a new password; "
	 "more are deferred",
	 1, 1000000, false},
	{"SMS_URL", CONFIG_URL, offsetof(struct mailer_config, sms_url), NULL,
	 "https:// of the gateway that sends SMS. mailer: it gets a POST of {\"to\": …, \"text\": …}; unset: messages become "
	 "files (MAIL_DIR), or wait. users: unset: codes by SMS are offered in development and testing alone",
	 0, 0, true},
	{"SMS_TOKEN", CONFIG_SECRET, offsetof(struct mailer_config, sms_token), NULL,
	 "token for the gateway (Authorization: Bearer)", 0, 0, true},
	{"SMS_CA_FILE", CONFIG_TEXT, offsetof(struct mailer_config, sms_ca_file), NULL,
	 "certificates that the gateway's must be signed by; default: the system's", 0, 0, true},
	{"SMS_SECONDS", CONFIG_INT, offsetof(struct mailer_config, sms_timeout_s), "15",
	 "limit for the gateway's answer; shorter than users' MAIL_LEASE_SECONDS", 1, 600, false},
	{"SMS_NUMBER_RATE", CONFIG_INT, offsetof(struct mailer_config, sms_number_rate), "10",
	 "SMS to one number in an hour; more are deferred", 1, 10000, false},
	{"SMS_PREFIX_RATE", CONFIG_INT, offsetof(struct mailer_config, sms_prefix_rate), "60",
	 "SMS to numbers with the same first five digits in an hour; more are deferred", 1, 10000, false},
	{"SMS_RATE", CONFIG_INT, offsetof(struct mailer_config, sms_rate), "600",
	 "SMS to all numbers together in an hour; more are deferred", 1, 10000, false},
	{"PUBLIC_URL", CONFIG_TEXT, offsetof(struct mailer_config, public_url), NULL,
	 "address of the client, for links in messages; default, only in development and testing: http://localhost:8080", 0, 0,
	 true},
	{0},
};

const struct daemon_config mailer_configs[] = {
	{own_options, &mailer_config},
	{redis_options, &mailer_config.redis},
	{NULL, NULL},
};

/* An origin, and a path or none: what is printed into every message. */
static bool is_public_url(const char *url, bool wants_tls)
{
	size_t scheme = strncmp(url, "https://", 8) == 0 ? 8 : strncmp(url, "http://", 7) == 0 && !wants_tls ? 7 : 0;

	if (scheme == 0 || !url[scheme] || url[strlen(url) - 1] == '/')
		return false;
	return strspn(url, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~:/[]%") == strlen(url);
}

static void check_smtp_url(const char *url, struct config *config)
{
	const char *problem = smtp_url_problem(url);
	char *password = problem ? NULL : smtp_url_password(url);

	if (problem)
		config_problem(config, "SMTP_URL: %s", problem);
	config_refuse_public(config, "SMTP_URL", password);
	mem_free_secret(password);
}

static void check_sending(struct config *config, bool is_public)
{
	if (mailer_config.smtp_url)
		check_smtp_url(mailer_config.smtp_url, config);
	if (mailer_config.from && !compose_is_address(mailer_config.from))
		config_problem(config, "MAIL_FROM: must be an address, as abacus@example.com");
	if (mailer_config.public_url && !is_public_url(mailer_config.public_url, is_public))
		config_problem(config, "PUBLIC_URL: must be %s:// with a host and without a slash at its end",
			       is_public ? "https" : "http(s)");
	if (is_public && !mailer_config.starttls)
		config_problem(config, "SMTP_STARTTLS: must be true, because messages hold links that log in");
	if (is_public && mailer_config.folder)
		config_problem(config, "MAIL_DIR: must not be set, because messages hold links that log in; set SMTP_URL");
	if (mailer_config.smtp_url && is_public && !mailer_config.from)
		config_problem(config, "MAIL_FROM: is not set; set it to the address of the sender");
	if (mailer_config.smtp_url && is_public && !mailer_config.public_url)
		config_problem(config, "PUBLIC_URL: is not set; set it to the address of the client, as https://example.com");
}

static void check_sms(struct config *config, bool is_public)
{
	const char *problem = mailer_config.sms_url ? sms_url_problem(mailer_config.sms_url, is_public) : NULL;

	if (problem)
		config_problem(config, "SMS_URL: %s", problem);
	problem = mailer_config.sms_token ? sms_token_problem(mailer_config.sms_token) : NULL;
	if (problem)
		config_problem(config, "SMS_TOKEN: %s", problem);
}

void mailer_check(struct config *config)
{
	bool is_public = config_env(config) == APP_ENV_STAGING || config_env(config) == APP_ENV_PRODUCTION;

	redis_config_check(&mailer_config.redis, config);
	check_sending(config, is_public);
	check_sms(config, is_public);
	if (!mailer_config.from)
		mailer_config.from = mem_strdup("abacus@localhost");
	if (!mailer_config.public_url)
		mailer_config.public_url = mem_strdup("http://localhost:8080");
}
