/* What the tests on a real Redis share: a loop, a client on it, a plain connection beside it, and answers that can be waited
 * for. They have the database of TEST_REDIS_URL to themselves, and nothing else of that Redis. Include after cmocka.h. */
#ifndef ABACUS_REDIS_FIXTURE_H
#define ABACUS_REDIS_FIXTURE_H

#include <arpa/inet.h>
#include <event2/event.h>
#include <hiredis/hiredis.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/loop.h"
#include "base/mem.h"
#include "redis/redis_internal.h"
#include "tests/wait_for.h"

static struct event_base *base;
static struct redis *redis;
static struct scope scope;
static redisContext *beside;
static unsigned answers;

/* ---- beside the client ---- */

static inline redisReply *fixture_reply(int argc, const char **argv)
{
	redisReply *reply = redisCommandArgv(beside, argc, argv, NULL);

	if (!reply)
		fail_msg("%s: %s", argv[0], beside->errstr);
	if (reply->type == REDIS_REPLY_ERROR)
		fail_msg("%s: %s", argv[0], reply->str);
	return reply;
}

static inline long long fixture_integer(int argc, const char **argv)
{
	redisReply *reply = fixture_reply(argc, argv);
	long long integer = reply->integer;

	freeReplyObject(reply);
	return integer;
}

#define ARGV(...)                                                                       \
	(int)(sizeof((const char *[]){__VA_ARGS__}) / sizeof(char *)), (const char *[]) \
	{                                                                               \
		__VA_ARGS__                                                             \
	}
/* BESIDE("SET", "key", "value") */
#define BESIDE(...) fixture_integer(ARGV(__VA_ARGS__))

/* A string reply; the caller frees. NULL: nil. */
static inline char *fixture_text(int argc, const char **argv)
{
	redisReply *reply = fixture_reply(argc, argv);
	char *text = reply->str ? mem_strdup(reply->str) : NULL;

	freeReplyObject(reply);
	return text;
}
#define BESIDE_TEXT(...) fixture_text(ARGV(__VA_ARGS__))

static inline bool fixture_is_cluster(void)
{
	char *info = BESIDE_TEXT("INFO", "cluster");
	bool is_cluster = strstr(info, "cluster_enabled:1");

	free(info);
	return is_cluster;
}

static inline void fixture_connect_beside(void)
{
	struct redis_address address;

	assert_int_equal(redis_url_parse(getenv("TEST_REDIS_URL"), &address), STATUS_OK);
	beside = redisConnect(address.host, address.port);
	if (!beside || beside->err)
		fail_msg("no Redis at TEST_REDIS_URL: %s", beside ? beside->errstr : "no memory");
	if (address.password && address.user)
		BESIDE("AUTH", address.user, address.password);
	else if (address.password)
		BESIDE("AUTH", address.password);
	freeReplyObject(redisCommand(beside, "SELECT %d", address.database));
	redis_address_free(&address);
}

/* Its own port, or its peer's. 0: it is no socket of TCP, or not connected. */
static inline int port_of(int fd, bool is_of_peer)
{
	union {
		struct sockaddr any;
		struct sockaddr_in v4;
		struct sockaddr_in6 v6;
	} address;
	socklen_t len = sizeof address;

	if ((is_of_peer ? getpeername(fd, &address.any, &len) : getsockname(fd, &address.any, &len)) < 0)
		return 0;
	return address.any.sa_family == AF_INET    ? ntohs(address.v4.sin_port)
	       : address.any.sa_family == AF_INET6 ? ntohs(address.v6.sin6_port)
						   : 0;
}

/* Of the address that ends where `next` begins. */
static inline int port_before(const char *line, const char *next)
{
	const char *port = strstr(line, next);

	while (port && port > line && port[-1] != ':')
		port--;
	return port ? atoi(port) : 0;
}

/* Is a line of CLIENT LIST ("id=7 addr=127.0.0.1:40000 laddr=127.0.0.1:6379 fd=…") about a connection of this process, but for
 * the one beside? Both ports say so: the kernel may give one port to two clients, one of which speaks to Redis's port of TLS.
 */
static inline bool is_ours(const char *line)
{
	int port = port_before(line, " laddr="), port_of_redis = port_before(line, " fd=");

	for (int fd = 3; port > 0 && fd < 256; fd++)
		if (fd != beside->fd && port_of(fd, false) == port && port_of(fd, true) == port_of_redis)
			return true;
	return false;
}

/* The ids of this process's connections to Redis, but for the one beside. */
static inline int fixture_own_connections(long long ids[16])
{
	char *list = BESIDE_TEXT("CLIENT", "LIST"), *rest = list, *line;
	int n = 0;

	while ((line = strsep(&rest, "\n")))
		if (n < 16 && is_ours(line))
			ids[n++] = atoll(line + 3);
	free(list);
	return n;
}

/* Ends them all, as a Redis that restarts does. Returns how many there were. */
static inline int fixture_kill(void)
{
	long long ids[16];
	int n = fixture_own_connections(ids);

	for (int i = 0; i < n; i++) {
		char id[24];

		snprintf(id, sizeof id, "%lld", ids[i]);
		BESIDE("CLIENT", "KILL", "ID", id);
	}
	return n;
}

/* ---- the client ---- */

static inline struct redis_config fixture_config(void)
{
	return (struct redis_config){.url = getenv("TEST_REDIS_URL"),
				     .command_timeout_ms = 10000,
				     .connect_timeout_ms = 5000,
				     .in_flight_max = 10000};
}

static inline void fixture_ready(const struct redis_config *config, const struct redis_script *const *scripts)
{
	redis = redis_new(base, config, scripts, LOOP_PRIORITY_NORMAL);
	WAIT_FOR(redis_is_ready(redis));
}

struct answer {
	bool is_there, has_reply;
	enum status status;
	int type;
	long long integer;
	char text[200];
	size_t len;
	unsigned place; /* among all answers, from 1 */
};

static inline void fixture_answered(enum status status, const redisReply *reply, void *arg)
{
	struct answer *answer = arg;

	assert_false(answer->is_there);
	answer->is_there = true;
	answer->has_reply = reply != NULL;
	answer->status = status;
	answer->place = ++answers;
	if (!reply)
		return;
	answer->type = reply->type;
	answer->integer = reply->integer;
	answer->len = reply->str ? (size_t)reply->len : 0;
	memcpy(answer->text, reply->str ? reply->str : "",
	       answer->len < sizeof answer->text ? answer->len : sizeof answer->text - 1);
}

/* Every call of every test proves here that no callback runs before the call has returned. */
static inline void fixture_ask(struct answer *answer, int argc, const char **argv)
{
	*answer = (struct answer){0};
	redis_command(redis, &scope, argc, argv, NULL, fixture_answered, answer);
	assert_false(answer->is_there);
}
/* ASK(&answer, "GET", "key") */
#define ASK(answer, ...) fixture_ask((answer), ARGV(__VA_ARGS__))

static inline enum status fixture_get(struct answer *answer, int argc, const char **argv)
{
	fixture_ask(answer, argc, argv);
	WAIT_FOR(answer->is_there);
	return answer->status;
}
#define GET(answer, ...) fixture_get((answer), ARGV(__VA_ARGS__))

/* ---- around each test ---- */

static inline int fixture_set_up(void **state)
{
	answers = 0;
	redis = NULL;
	base = loop_new();
	scope_init(&scope);
	fixture_connect_beside();
	BESIDE("FLUSHDB");
	return 0;
}

static inline int fixture_tear_down(void **state)
{
	redis_free(redis);
	scope_cancel(&scope);
	BESIDE("FLUSHDB");
	redisFree(beside);
	event_base_free(base);
	return 0;
}

#define REDIS_TEST(test) cmocka_unit_test_setup_teardown(test, fixture_set_up, fixture_tear_down)

static inline int fixture_run(const char *program, const struct CMUnitTest *tests, size_t count)
{
	if (!getenv("TEST_REDIS_URL")) {
		fprintf(stderr, "%s: TEST_REDIS_URL must name a Redis and a database of it to test on\n", program);
		return 1;
	}
	return _cmocka_run_group_tests(program, tests, count, NULL, NULL);
}

#endif
