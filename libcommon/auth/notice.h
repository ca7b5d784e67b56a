/* What happened to an account, as users reports it to the pages that its user has open (GET /values/live), besides by mail. A
 * channel of Redis carries it to each process of values: {"user":7,"notice":"new_device","at_ms":1700000000123}. It has no code
 * and no address. A notice is published once and never again, so no connection gets it twice; one that no process receives is
 * lost, because the message by mail does not depend on it. */
#ifndef ABACUS_NOTICE_H
#define ABACUS_NOTICE_H

#include "redis/redis.h"

#define NOTICE_CHANNEL "notices"
#define NOTICE_BYTES_MAX 256 /* a longer message is none */

struct notice {
	int64_t user_id;
	const char *kind; /* static */
	int64_t at_ms;    /* Unix time */
};

/* The kind of that name, which is also the template of its mail; NULL: there is none. */
const char *notice_kind_find(const char *name);
/* Does not wait for the reply. */
void notice_publish(struct redis *redis, struct scope *scope, const struct notice *notice);
/* INVALID: these bytes are no notice, or one of a kind that this version does not know. */
enum status notice_read(const char *bytes, size_t len, struct notice *ret_notice) MUST_CHECK;

#endif
