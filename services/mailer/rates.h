/* How many messages an address and a domain get, and telephones, counted in Redis for all mailers together: those to an address
 * and to its domain, and SMS to a number, to all that begin alike, and to all.
 *
 * Of the rate of a domain a quarter is kept for codes, and a further one for codes and links for a new password
 * (docs/decisions/0021-mail.md). */
#ifndef ABACUS_MAILER_RATES_H
#define ABACUS_MAILER_RATES_H

#include "mail/mail.h"
#include "redis/limit.h"
#include "service.h"

/* What a message is counted by. */
struct rated {
	enum mail_channel channel;
	enum mail_priority priority; /* of no meaning for an SMS */
	const char *recipient;       /* an address (compose_is_address()) or a number (compose_is_number()) */
};

void rates_count(struct redis *redis, struct scope *scope, const struct mailer_config *config, const struct rated *message,
		 limit_counted *counted, void *arg);
/* Takes back one that was counted. It has happened before whatever is counted on this connection from now on. */
void rates_undo(struct redis *redis, struct scope *scope, const struct mailer_config *config, const struct rated *message);

#endif
