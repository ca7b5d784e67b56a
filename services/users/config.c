/* The options of the users service; the options of each module are beside it in libcommon. */
#include "service.h"

#include <stdlib.h>
#include <string.h>

#include "factors/mtan.h"
#include "factors/phone.h"
#include "passkeys/passkey_party.h"

struct users_config users_config;

static const struct config_option own_options[] = {
	{"PORT", CONFIG_INT, offsetof(struct users_config, http.port), "5001", "port to listen on", 0, 65535, false},
	{"PUBLIC_USERS", CONFIG_BOOL, offsetof(struct users_config, public_users), NULL,
	 "true: users, with email addresses, can be listed without a token; default: only in development", 0, 0, true},
	{"REPAIR_SECONDS", CONFIG_INT, offsetof(struct users_config, repair_s), "15",
	 "how often to check that Redis still has the revocations", 1, 3600, false},
	{"LOGIN_ATTEMPTS_MAX", CONFIG_INT, offsetof(struct users_config, attempts_max), "10",
	 "failed logins to one account from one address, then 429", 1, 1000000, false},
	{"LOGIN_ATTEMPTS_WINDOW_SECONDS", CONFIG_INT, offsetof(struct users_config, attempts_window_s), "300",
	 "time after which failed logins are forgotten", 1, 86400, false},
	{"MAIL_LEASE_SECONDS", CONFIG_INT, offsetof(struct users_config, mail_lease_s), "120",
	 "time for mailer to report what became of a message; later it is published again. Longer than mailer's SMTP_SECONDS",
	 2, 86400, false},
	{"MAIL_RETRY_SECONDS", CONFIG_INT, offsetof(struct users_config, mail_retry_s), "15",
	 "pause before a message that was deferred is tried again; doubles each time, up to an hour, and to a third of the "
	 "time in which it may be sent",
	 1, 3600, false},
	{"EVENTS_RETENTION_DAYS", CONFIG_INT, offsetof(struct users_config, events_retention_days), "90",
	 "days for which it is kept what users did, and from where", 1, 3650, false},
	{"EMAIL_VERIFICATION", CONFIG_TEXT, offsetof(struct users_config, email_verification_text), "off",
	 "off, optional: a link is sent to a new email address, and a changed one counts once its link was used; required: "
	 "and no login succeeds before",
	 0, 0, false},
	{"PUBLIC_URL", CONFIG_TEXT, offsetof(struct users_config, public_url), NULL,
	 "address of the client. users: passkeys are of its host; unset: there are none. mailer: links in messages begin with "
	 "it; default, only in development and testing: http://localhost:8080",
	 0, 0, true},
	{"SMS_URL", CONFIG_URL, offsetof(struct users_config, sms_url), NULL,
	 "https:// of the gateway that sends SMS. mailer: it gets a POST of {\"to\": …, \"text\": …}; unset: messages become "
	 "files (MAIL_DIR), or wait. users: unset: codes by SMS are offered in development and testing alone",
	 0, 0, true},
	{"SMS_COUNTRIES", CONFIG_TEXT, offsetof(struct users_config, sms_countries), NULL,
	 "49,43,…: codes of the countries whose telephone numbers are accepted; unset: all", 0, 0, true},
	{"MTAN_TEST_CODES", CONFIG_TEXT, offsetof(struct users_config, mtan_test_codes), NULL,
	 "email:code,…: users whose mTAN is that code, and who get no message with one; refused in staging and production", 0,
	 0, true},
	{0},
};

static const struct config_option session_options[] = {
	{"SESSION_MAX_SECONDS", CONFIG_INT, offsetof(struct session_config, max_s), "7776000",
	 "how long a session lives that the user asked to be remembered, from its login", 1, 315360000, false},
	{"SESSION_UNREMEMBERED_SECONDS", CONFIG_INT, offsetof(struct session_config, unremembered_s), "43200",
	 "how long any other session lives, from its login", 1, 315360000, false},
	{"SESSION_IDLE_SECONDS", CONFIG_INT, offsetof(struct session_config, idle_s), "2592000",
	 "how long a session lives without being refreshed", 1, 315360000, false},
	{"REFRESH_RETRY_SECONDS", CONFIG_INT, offsetof(struct session_config, retry_s), "600",
	 "time for a client that lost the reply to a refresh to ask again; later the session ends", 1, 86400, false},
	{"SESSIONS_PER_USER", CONFIG_INT, offsetof(struct session_config, per_user_max), "100",
	 "sessions that a user may have; a further login ends the one that was not used for longest", 1, 1000, false},
	{"SESSIONS_PRUNE_SECONDS", CONFIG_INT, offsetof(struct session_config, prune_s), "60",
	 "pause between two removals of sessions that have expired, and of events that are too old", 1, 86400, false},
	{0},
};

const struct daemon_config users_configs[] = {
	{own_options, &users_config},
	{auth_options, &users_config.auth},
	{session_options, &users_config.session},
	{postgres_options, &users_config.postgres},
	{redis_options, &users_config.redis},
	{password_options, &users_config.password},
	{http_options, &users_config.http},
	{NULL, NULL},
};

static bool is_set(const char *variable)
{
	const char *text = getenv(variable);

	return text && *text;
}

static void check_test_codes(struct config *config)
{
	const char *problem = users_config.mtan_test_codes ? mtan_test_codes_problem(users_config.mtan_test_codes) : NULL;

	if (users_config.mtan_test_codes && config_env(config) >= APP_ENV_STAGING)
		config_problem(config,
			       "MTAN_TEST_CODES: must not be set, because everyone who knows a code could confirm with it");
	else if (problem)
		config_problem(config, "MTAN_TEST_CODES: %s", problem);
}

static void check_verification(struct config *config)
{
	static const char *const names[] = {
		[VERIFICATION_OFF] = "off", [VERIFICATION_OPTIONAL] = "optional", [VERIFICATION_REQUIRED] = "required"};
	const char *text = users_config.email_verification_text;

	for (enum email_verification i = VERIFICATION_OFF; text && i <= VERIFICATION_REQUIRED; i++) {
		if (strcmp(text, names[i]) != 0)
			continue;
		users_config.email_verification = i;
		return;
	}
	config_problem(config, "EMAIL_VERIFICATION: must be off, optional or required");
}

static void check_public_url(struct config *config)
{
	bool is_public = config_env(config) >= APP_ENV_STAGING;
	struct passkey_party party;

	if (users_config.public_url && passkey_party_read(users_config.public_url, is_public, &party) != STATUS_OK)
		config_problem(config, "PUBLIC_URL: must be %s:// with a host", is_public ? "https" : "http(s)");
}

static void check_sms(struct config *config)
{
	const char *problem = users_config.sms_countries ? phone_countries_problem(users_config.sms_countries) : NULL;

	if (problem)
		config_problem(config, "SMS_COUNTRIES: %s", problem);
	users_config.is_sms_offered = users_config.sms_url || config_env(config) < APP_ENV_STAGING;
}

void users_check(struct config *config)
{
	if (config_env(config) == APP_ENV_DEVELOPMENT && !is_set("PUBLIC_USERS") && !is_set("PUBLIC_USERS_FILE"))
		users_config.public_users = true;
	postgres_config_check(&users_config.postgres, config);
	redis_config_check(&users_config.redis, config);
	password_config_check(&users_config.password, config);
	check_test_codes(config);
	check_sms(config);
	check_verification(config);
	check_public_url(config);
}
