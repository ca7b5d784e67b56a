/* A connection to the stand-in (stand_in.h), for the fixture of a test's group. Include after cmocka.h. */
#ifndef ABACUS_STAND_IN_CLIENT_H
#define ABACUS_STAND_IN_CLIENT_H

#include "base/loop.h"

static struct event_base *base;

#include "tests/redis/stand_in.h"

static struct redis *redis;
static struct scope scope;

/* scripts: as of redis_new() */
static inline void stand_in_connect(const struct redis_script *const *scripts)
{
	struct redis_config config;

	base = loop_new();
	scope_init(&scope);
	stand_in_open();
	config = stand_in_config();
	redis = redis_new(base, &config, scripts, LOOP_PRIORITY_NORMAL);
	WAIT_FOR(redis_is_ready(redis));
}

static inline int stand_in_tear_down(void **state)
{
	redis_free(redis);
	event_base_loop(base, EVLOOP_NONBLOCK);
	stand_in_close();
	event_base_free(base);
	return 0;
}

#endif
