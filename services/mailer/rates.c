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

/* How far the one count of a domain may go for a message: to half of the rate, three quarters or all of it. One at least. */
static long share_of(long domain_rate, enum mail_priority priority)
{
	static const long quarters_kept[MAIL_PRIORITIES] = {
		[MAIL_PRIORITY_ORDINARY] = 2, [MAIL_PRIORITY_RESET] = 1, [MAIL_PRIORITY_CODE] = 0};

	return domain_rate - domain_rate * quarters_kept[priority] / 4;
}

static void rates_of_email(struct rates *rates, const struct mailer_config *config, const struct rated *message)
{
	long share = share_of(config->domain_rate, message->priority);

	make_name("to", message->recipient, rates->names[0]);
	make_name("domain", strrchr(message->recipient, '@') + 1, rates->names[1]);
	rates->n = 2;
	rates->limits[0] = (struct limit){RECIPIENTS_KEY, rates->names[0], config->recipient_rate, RECIPIENT_WINDOW_S};
	rates->limits[1] = (struct limit){DOMAINS_KEY, rates->names[1], share, DOMAIN_WINDOW_S};
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

static void rates_of(struct rates *rates, const struct mailer_config *config, const struct rated *message)
{
	if (message->channel == MAIL_SMS)
		rates_of_sms(rates, config, message->recipient);
	else
		rates_of_email(rates, config, message);
}

void rates_count(struct redis *redis, struct scope *scope, const struct mailer_config *config, const struct rated *message,
		 limit_counted *done, void *arg)
{
	struct rates rates;

	rates_of(&rates, config, message);
	limit_count(redis, scope, rates.limits, rates.n, done, arg);
}

void rates_undo(struct redis *redis, struct scope *scope, const struct mailer_config *config, const struct rated *message)
{
	struct rates rates;

	rates_of(&rates, config, message);
	for (int i = 0; i < rates.n; i++)
		limit_undo(redis, scope, rates.limits[i].key, rates.limits[i].name);
}
