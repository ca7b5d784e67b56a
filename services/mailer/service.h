/* What main.c and manage.c need of mailer. */
#ifndef ABACUS_MAILER_SERVICE_H
#define ABACUS_MAILER_SERVICE_H

#include "daemon/daemon.h"
#include "redis/redis.h"

struct mailer_config {
	struct redis_config redis;
	char *smtp_url;     /* smtp[s]://[user:password@]host[:port][/name]; NULL: messages become files in `folder` */
	char *smtp_ca_file; /* NULL: the system's */
	char *from;         /* an address */
	char *public_url;   /* without a slash at its end */
	char *folder;       /* NULL, and no smtp_url: messages stay in the outbox */
	bool starttls;
	long timeout_s, connections;
	long recipient_rate, domain_rate; /* messages in an hour, in a minute */
	char *sms_url;                    /* http[s]://…; NULL: SMS become files in `folder`, or wait */
	char *sms_token, *sms_ca_file;    /* NULL: none; the system's */
	long sms_timeout_s;
	long sms_number_rate, sms_prefix_rate, sms_rate; /* SMS in an hour */
};

extern struct mailer_config mailer_config;
extern const struct daemon_config mailer_configs[];
void mailer_check(struct config *config);

/* Takes messages from Redis, sends them, and reports what became of each. */
struct mailer;
struct mailer *mailer_new(struct event_base *base, const struct mailer_config *config);
void mailer_register_metrics(void);
bool mailer_is_ready(const struct mailer *mailer);
/* Takes nothing more. Calls back after each message that was taken was sent and reported. */
void mailer_drain(struct mailer *mailer, void (*drained)(void *arg), void *arg);
void mailer_free(struct mailer *mailer);

#endif
