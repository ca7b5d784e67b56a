#include "rates.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "compose.h"

#define RECIPIENTS_KEY "{mail}:recipients"
#define DOMAINS_KEY "{mail}:domains"
#define SMS_KEY "{mail}:sms"
#define SMS_WINDOW_S 3600
/* A country and a network in it: an attacker who is paid for messages holds numbers in a row. */
#define SMS_PREFIX_LEN (sizeof "+49151" - 1)
#define RECIPIENT_WINDOW_S 3600
#define DOMAIN_WINDOW_S 60
#define NAME_BYTES (sizeof "domain:" + ADDRESS_BYTES_MAX)

/* The local part too is compared without regard to case, as nearly every provider does. */
static void make_name(const char *kind, const char *text, char name[NAME_BYTES])
{
	snprintf(name, NAME_BYTES, "%s:%s", kind, text);
	for (char *c = name; *c; c++)
		*c = (char)tolower((unsigned char)*c);
}

void rates_count(struct redis *redis, struct scope *scope, const struct mailer_config *config, const char *recipient,
		 limit_counted *done, void *arg)
{
	char address[NAME_BYTES], domain[NAME_BYTES];

	make_name("to", recipient, address);
	make_name("domain", strrchr(recipient, '@') + 1, domain);
	limit_count(redis, scope,
		    (const struct limit[]){{RECIPIENTS_KEY, address, config->recipient_rate, RECIPIENT_WINDOW_S},
					   {DOMAINS_KEY, domain, config->domain_rate, DOMAIN_WINDOW_S}},
		    2, done, arg);
}

void rates_count_sms(struct redis *redis, struct scope *scope, const struct mailer_config *config, const char *number,
		     limit_counted *done, void *arg)
{
	char name[NAME_BYTES], prefix[NAME_BYTES];

	make_name("to", number, name);
	snprintf(prefix, sizeof prefix, "prefix:%.*s", (int)SMS_PREFIX_LEN, number);
	limit_count(redis, scope,
		    (const struct limit[]){{SMS_KEY, name, config->sms_number_rate, SMS_WINDOW_S},
					   {SMS_KEY, prefix, config->sms_prefix_rate, SMS_WINDOW_S},
					   {SMS_KEY, "all", config->sms_rate, SMS_WINDOW_S}},
		    3, done, arg);
}
