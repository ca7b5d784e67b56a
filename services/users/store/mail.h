/* The statements about mail: messages that are not sent yet (mail/outbox.h). */
#ifndef ABACUS_USERS_STORE_MAIL_H
#define ABACUS_USERS_STORE_MAIL_H

#include "statements.h"

/* limit, lease in s -> the messages that are due, of the channels that mail/mail.h knows: one of a newer users waits for that.
 * Each is due again after the lease, unless it is settled before. */
extern const struct postgres_statement store_outbox_claim;
enum {
	COLUMN_CLAIMED_ID,
	COLUMN_CLAIMED_ATTEMPT,
	COLUMN_CLAIMED_CHANNEL,
	COLUMN_CLAIMED_TEMPLATE,
	COLUMN_CLAIMED_RECIPIENT,
	COLUMN_CLAIMED_PARAMETERS,
	COLUMN_CLAIMED_PRIORITY, /* its name (mail/mail.h) */
	COLUMN_CLAIMED_LEFT_MS   /* of this attempt; no moment, because Postgres's clock may differ from Redis's */
};

/* [{id, attempt, deferred}, …], first pause in s, longest pause in s. Removes what was sent or refused for ever, and has what
 * was deferred wait. Applied twice it changes nothing, and neither does a report of an attempt before the last. */
extern const struct postgres_statement store_outbox_settle;

/* now in s -> one row; removes the messages that expired an hour ago, in case a clock is ahead, and links too */
extern const struct postgres_statement store_outbox_prune;
enum { COLUMN_OUTBOX_EXPIRED, COLUMN_OUTBOX_WAITING, COLUMN_OUTBOX_OLDEST_S };

#endif
