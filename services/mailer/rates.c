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

/* What a message counts for. The limits borrow the names. */
struct rates {
	char names[2][NAME_BYTES];
	struct limit limits[LIMITS_MAX];
	int n;
};

static void rates_of_email(struct rates *rates, const struct mailer_config *config, const char *recipient)
{
	make_name("to", recipient, rates->names[0]);
	make_name("domain", strrchr(recipient, '@') + 1, rates->names[1]);
	rates->n = 2;
	rates->limits[0] = (struct limit){RECIPIENTS_KEY, rates->names[0], config->recipient_rate, RECIPIENT_WINDOW_S};
	rates->limits[1] = (struct limit){DOMAINS_KEY, rates->names[1], config->domain_rate, DOMAIN_WINDOW_S};
}

static void rates_of_sms(struct rates *rates, const struct mailer_config *config, const char *number)
{
	make_name("to", number, rates->names[0]);
	snprintf(rates->names[1], NAME_BYTES, "prefix:%.*s", (int)SMS_PREFIX_LEN, number);
	rates->n = 3;
	rates->limits[0] = (struct limit){SMS_KEY, rates->names[0], config->sms_number_rate, SMS_WINDOW_S};
	rates->limits[1] = (struct limit){SMS_KEY, rates->names[1], config->sms_prefix_rate, SMS_WINDOW_S};
	rates->limits[2] = (struct limit){SMS_KEY, "all", config->sms_rate, SMS_WINDOW_S};
}

static void rates_of(struct rates *rates, const struct mailer_config *config, enum mail_channel channel, const char *recipient)
{
	(channel == MAIL_SMS ? rates_of_sms : rates_of_email)(rates, config, recipient);
}

void rates_count(struct redis *redis, struct scope *scope, const struct mailer_config *config, enum mail_channel channel,
		 const char *recipient, limit_counted *done, void *arg)
{
	struct rates rates;

	rates_of(&rates, config, channel, recipient);
	limit_count(redis, scope, rates.limits, rates.n, done, arg);
}

void rates_undo(struct redis *redis, struct scope *scope, const struct mailer_config *config, enum mail_channel channel,
		const char *recipient)
{
	struct rates rates;

	rates_of(&rates, config, channel, recipient);
	for (int i = 0; i < rates.n; i++)
		limit_undo(redis, scope, rates.limits[i].key, rates.limits[i].name);
}
