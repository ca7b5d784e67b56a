#include "rates.h"

#include <ctype.h>
#include <mbedtls/md.h>
#include <stdio.h>
#include <string.h>

#include "base/int64.h"
#include "base/mem.h"

#define RECIPIENT_WINDOW_S "3600"
#define DOMAIN_WINDOW_S "60"
#define KEY_BYTES 64

REDIS_SCRIPT(services_mailer, rates, rates);

struct counting { /* freed with its redis_call */
	rates_counted *counted;
	void *arg;
};

/* The local part too is compared without regard to case, as nearly every provider does. */
static void make_key(const char *kind, const char *text, char key[KEY_BYTES])
{
	unsigned char lower[256] = {0}, digest[32];
	size_t len = strnlen(text, sizeof lower);
	int at;

	for (size_t i = 0; i < len; i++)
		lower[i] = (unsigned char)tolower((unsigned char)text[i]);
	if (mbedtls_md(mbedtls_md_info_from_type(MBEDTLS_MD_SHA256), lower, len, digest) != 0)
		mem_die("mailer: no digest could be made\n");
	at = snprintf(key, KEY_BYTES, "{mail}:%s:", kind);
	for (int i = 0; i < 16; i++)
		at += snprintf(key + at, (size_t)(KEY_BYTES - at), "%02x", digest[i]);
}

static void counted(enum status status, const redisReply *reply, void *arg)
{
	struct counting *counting = arg;

	if (status == STATUS_OK && reply->type != REDIS_REPLY_INTEGER)
		status = redis_unexpected("rates", reply);
	counting->counted(status == STATUS_OK && reply->integer != 1 ? STATUS_BUSY : status, counting->arg);
}

void rates_count(struct redis *redis, struct scope *scope, const struct mailer_config *config, const char *recipient,
		 rates_counted *done, void *arg)
{
	char recipient_key[KEY_BYTES], domain_key[KEY_BYTES], recipient_max[INT64_TEXT_BYTES], domain_max[INT64_TEXT_BYTES];
	struct counting *counting = mem_alloc(sizeof *counting);

	*counting = (struct counting){done, arg};
	make_key("to", recipient, recipient_key);
	make_key("domain", strrchr(recipient, '@') + 1, domain_key);
	int64_format(config->recipient_rate, recipient_max);
	int64_format(config->domain_rate, domain_max);
	redis_call_own(redis_eval(redis, scope, &rates_script, 2, 6,
				  (const char *[]){recipient_key, domain_key, recipient_max, RECIPIENT_WINDOW_S, domain_max,
						   DOMAIN_WINDOW_S},
				  NULL, counted, counting),
		       counting);
}
