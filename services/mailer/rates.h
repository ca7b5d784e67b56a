/* How many messages an address and a domain get, and telephones, counted in Redis for all mailers together. */
#ifndef ABACUS_MAILER_RATES_H
#define ABACUS_MAILER_RATES_H

#include "redis/limit.h"
#include "service.h"

/* Counts a message to the recipient, which is an address (compose_is_address()). */
void rates_count(struct redis *redis, struct scope *scope, const struct mailer_config *config, const char *recipient,
		 limit_counted *counted, void *arg);

/* The same of an SMS to a number (compose_is_number()): of that number, of all that begin alike, and of all. */
void rates_count_sms(struct redis *redis, struct scope *scope, const struct mailer_config *config, const char *number,
		     limit_counted *counted, void *arg);

#endif
