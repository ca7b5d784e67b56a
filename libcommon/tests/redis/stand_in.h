/* A Redis that answers every command with bytes of the test's choice. Connecting to it works as always. Include after cmocka.h,
 * and define `static struct event_base *base`. */
#ifndef ABACUS_STAND_IN_H
#define ABACUS_STAND_IN_H

#include <arpa/inet.h>
#include <event2/event.h>
#include <hiredis/hiredis.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "redis/redis_internal.h"
#include "tests/wait_for.h"

static struct {
	const char *reply;
	int answered; /* commands, but for those of connecting */
	int fd, connection, port;
	struct event *acceptable, *readable;
	redisReader *commands;
} stand_in;

static inline const char *stand_in_reply_to(const char *command)
{
	if (strcmp(command, "PING") == 0)
		return "+PONG\r\n";
	if (strcmp(command, "SCRIPT") == 0)
		return "$40\r\n0123456789012345678901234567890123456789\r\n";
	if (strcmp(command, "CLIENT") == 0)
		return ":1\r\n";
	stand_in.answered++;
	return stand_in.reply;
}

static inline void stand_in_answer(evutil_socket_t fd, short what, void *arg)
{
	char bytes[4096];
	ssize_t len = read(fd, bytes, sizeof bytes);
	void *command;

	if (len <= 0) {
		event_del(stand_in.readable);
		return;
	}
	redisReaderFeed(stand_in.commands, bytes, (size_t)len);
	while (redisReaderGetReply(stand_in.commands, &command) == REDIS_OK && command) {
		const char *reply = stand_in_reply_to(((redisReply *)command)->element[0]->str);

		assert_int_equal(write(fd, reply, strlen(reply)), strlen(reply));
		freeReplyObject(command);
	}
}

static inline void stand_in_accept(evutil_socket_t fd, short what, void *arg)
{
	assert_null(stand_in.readable);
	stand_in.connection = accept(fd, NULL, NULL);
	assert_true(stand_in.connection >= 0);
	stand_in.readable = event_new(base, stand_in.connection, EV_READ | EV_PERSIST, stand_in_answer, NULL);
	event_add(stand_in.readable, NULL);
}

static inline void stand_in_open(void)
{
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t len = sizeof address;

	memset(&stand_in, 0, sizeof stand_in);
	stand_in.commands = redisReaderCreate();
	stand_in.fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(stand_in.fd, (struct sockaddr *)&address, len), 0);
	assert_int_equal(listen(stand_in.fd, 4), 0);
	assert_int_equal(getsockname(stand_in.fd, (struct sockaddr *)&address, &len), 0);
	stand_in.port = ntohs(address.sin_port);
	stand_in.acceptable = event_new(base, stand_in.fd, EV_READ | EV_PERSIST, stand_in_accept, NULL);
	event_add(stand_in.acceptable, NULL);
}

static inline struct redis_config stand_in_config(void)
{
	static char host[] = "127.0.0.1";

	return (struct redis_config){.host = host,
				     .port = stand_in.port,
				     .command_timeout_ms = 10000,
				     .connect_timeout_ms = 10000,
				     .in_flight_max = 10};
}

static inline void stand_in_close(void)
{
	event_free(stand_in.acceptable);
	close(stand_in.fd);
	if (stand_in.readable) {
		event_free(stand_in.readable);
		close(stand_in.connection);
	}
	redisReaderFree(stand_in.commands);
}

#endif
