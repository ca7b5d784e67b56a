/* A Redis of the test's own, on the loop `base`: `answer` decides what each command is answered with, so that a test can let
 * any command fail, lie, or wait. Include after cmocka.h. */
#ifndef ABACUS_TESTS_REDIS_FAKE_REDIS_H
#define ABACUS_TESTS_REDIS_FAKE_REDIS_H

#include <arpa/inet.h>
#include <event2/event.h>
#include <hiredis/hiredis.h>
#include <signal.h>
#include <stdbool.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#define FAKE_REDIS_CLIENTS_MAX 8

struct fake_redis {
	/* What the command is answered with, in Redis's protocol ("-ERR no\r\n"); NULL: nothing, ever. CLIENT, PING and SCRIPT
	 * are answered as by Redis. */
	const char *(*answer)(const redisReply *command);
	int fd, port, clients[FAKE_REDIS_CLIENTS_MAX], count;
	struct event *acceptable, *readable[FAKE_REDIS_CLIENTS_MAX];
	redisReader *readers[FAKE_REDIS_CLIENTS_MAX];
};

static struct fake_redis fake_redis;

static inline bool fake_redis_is(const redisReply *command, const char *name)
{
	return strcasecmp(command->element[0]->str, name) == 0;
}

static inline const char *fake_redis_answer(const redisReply *command)
{
	if (fake_redis_is(command, "CLIENT"))
		return ":1\r\n";
	if (fake_redis_is(command, "PING"))
		return "+PONG\r\n";
	if (fake_redis_is(command, "SCRIPT"))
		return "$40\r\n0123456789012345678901234567890123456789\r\n";
	return fake_redis.answer(command);
}

static inline void fake_redis_read(evutil_socket_t fd, short what, void *arg)
{
	redisReader *reader = arg;
	char bytes[16 * 1024];
	ssize_t n = read(fd, bytes, sizeof bytes);
	void *command;

	if (n <= 0)
		return (void)event_del(event_base_get_running_event(base));
	assert_int_equal(redisReaderFeed(reader, bytes, (size_t)n), REDIS_OK);
	while (redisReaderGetReply(reader, &command) == REDIS_OK && command) {
		const char *answer = fake_redis_answer(command);

		if (answer)
			(void)!write(fd, answer, strlen(answer));
		freeReplyObject(command);
	}
}

static inline void fake_redis_accept(evutil_socket_t fd, short what, void *arg)
{
	int at = fake_redis.count++;

	assert_true(at < FAKE_REDIS_CLIENTS_MAX);
	fake_redis.clients[at] = accept(fd, NULL, NULL);
	fake_redis.readers[at] = redisReaderCreate();
	fake_redis.readable[at] =
		event_new(base, fake_redis.clients[at], EV_READ | EV_PERSIST, fake_redis_read, fake_redis.readers[at]);
	event_add(fake_redis.readable[at], NULL);
}

static inline void fake_redis_open(const char *(*answer)(const redisReply *command))
{
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t len = sizeof address;

	signal(SIGPIPE, SIG_IGN); /* as every daemon does: a client may be gone before its answer */
	fake_redis =
		(struct fake_redis){.answer = answer, .fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)};
	assert_int_equal(bind(fake_redis.fd, (struct sockaddr *)&address, len), 0);
	assert_int_equal(listen(fake_redis.fd, FAKE_REDIS_CLIENTS_MAX), 0);
	assert_int_equal(getsockname(fake_redis.fd, (struct sockaddr *)&address, &len), 0);
	fake_redis.port = ntohs(address.sin_port);
	fake_redis.acceptable = event_new(base, fake_redis.fd, EV_READ | EV_PERSIST, fake_redis_accept, NULL);
	event_add(fake_redis.acceptable, NULL);
}

static inline struct redis_config fake_redis_config(void)
{
	return (struct redis_config){.host = (char *)(uintptr_t) "127.0.0.1",
				     .port = fake_redis.port,
				     .command_timeout_ms = 10000,
				     .connect_timeout_ms = 10000,
				     .in_flight_max = 100};
}

static inline void fake_redis_close(void)
{
	for (int i = 0; i < fake_redis.count; i++) {
		event_free(fake_redis.readable[i]);
		redisReaderFree(fake_redis.readers[i]);
		close(fake_redis.clients[i]);
	}
	event_free(fake_redis.acceptable);
	close(fake_redis.fd);
}

#endif
