/* How many messages an address and a domain get, counted in Redis for all mailers together. The keys are digests, so that Redis
 * keeps no list of addresses. */
#ifndef ABACUS_MAILER_RATES_H
#define ABACUS_MAILER_RATES_H

#include "redis/redis.h"
#include "service.h"

extern const struct redis_script rates_script;

/* OK: it may be sent, and was counted. BUSY: not now. Any other status: Redis did not answer. The recipient is an address. */
typedef void rates_counted(enum status status, void *arg);
void rates_count(struct redis *redis, struct scope *scope, const struct mailer_config *config, const char *recipient,
		 rates_counted *counted, void *arg);

#endif
