/* How many messages an address and a domain get, and telephones, counted in Redis for all mailers together: those to an address
 * and to its domain, and SMS to a number, to all that begin alike, and to all. */
#ifndef ABACUS_MAILER_RATES_H
#define ABACUS_MAILER_RATES_H

#include "mail/mail.h"
#include "redis/limit.h"
#include "service.h"

/* Counts a message to the recipient, which is an address (compose_is_address()) or a number (compose_is_number()). */
void rates_count(struct redis *redis, struct scope *scope, const struct mailer_config *config, enum mail_channel channel,
		 const char *recipient, limit_counted *counted, void *arg);
/* Takes back one that was counted. It has happened before whatever is counted on this connection from now on. */
void rates_undo(struct redis *redis, struct scope *scope, const struct mailer_config *config, enum mail_channel channel,
		const char *recipient);

#endif
