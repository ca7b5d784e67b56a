/* SMS by an HTTPS gateway (SMS_URL), by libcurl's multi interface on the loop:
 *
 *   POST SMS_URL
 *   Content-Type: application/json
 *   Authorization: Bearer SMS_TOKEN
 *   Idempotency-Key: the message's id, the same in each attempt
 *
 *   {"to": "+4915112345678", "text": "…"}
 *
 * 2xx: the gateway has it, whatever its body says. 408, 429, 5xx and no answer: it is sent again later; 401 and 403 too,
 * because they are about this mailer. Any other answer is final. libcurl verifies the certificate and the name; redirects and
 * proxies are not followed. The gateway is looked up for each message (peer.h). */
#ifndef ABACUS_MAILER_SMS_H
#define ABACUS_MAILER_SMS_H

#include <stdbool.h>

#include "mail/mail.h"

struct event_base;
struct sms;
struct sms_config {
	const char *url;     /* checked */
	const char *token;   /* checked; NULL: no Authorization */
	const char *ca_file; /* NULL: the system's */
	long timeout_s;
};

/* What is wrong with it, a static text without any part of it; NULL when it is valid. */
const char *sms_url_problem(const char *url, bool wants_tls);
const char *sms_token_problem(const char *token);

struct sms *sms_new(struct event_base *base, const struct sms_config *config);
/* What is being sent is dropped; no callback runs. NULL is fine. */
void sms_free(struct sms *sms);

/* Sends the text to the number, which are copied before the call returns. counts: against the limits, because the gateway has
 * the message, or may have it; not if it has answered anything but 2xx, or got nothing. code: the gateway's answer, 0: none.
 * reason: static. */
typedef void sms_sent(enum mail_result result, bool counts, long code, const char *reason, void *arg);
void sms_send(struct sms *sms, const char *id, const char *number, const char *text, sms_sent *sent, void *arg);

#endif
