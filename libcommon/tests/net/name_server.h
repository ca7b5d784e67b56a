/* A name server of the test's own (RFC 1035 §4), which answers what each test needs. Include after cmocka.h. */
#ifndef ABACUS_TESTS_NET_NAME_SERVER_H
#define ABACUS_TESTS_NET_NAME_SERVER_H

#include <arpa/inet.h>
#include <event2/event.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define QTYPE_A 1
#define QTYPE_AAAA 28
#define RCODE_SERVFAIL 2
#define RCODE_NXDOMAIN 3
#define HELD_MAX 16

struct name_question {
	unsigned char message[512];
	size_t len;
	struct sockaddr_in from;
};

static struct {
	int fd;
	struct event *readable;
	char address[32];
	unsigned ipv4, ipv6;   /* addresses in an answer: 10.0.0.1 …, fd00::1 …; the last comes first */
	unsigned char network; /* 10, for IPv4 */
	int rcode;
	bool is_mute, is_mute_for_ipv6;
	bool is_holding;    /* questions wait until name_server_answer_held() */
	unsigned lost_ipv4; /* so many of the next questions for IPv4 addresses are lost */
	unsigned asked;
	struct name_question held[HELD_MAX];
	size_t held_count;
} server;

static inline int name_question_type(const struct name_question *question)
{
	return question->message[question->len - 3]; /* the question's type and class end the message */
}

static inline size_t name_server_put_record(unsigned char *at, int qtype, unsigned number)
{
	/* a pointer to the question's name, type, class IN, 60 s, length */
	unsigned char head[] = {0xC0, 12, 0, (unsigned char)qtype, 0, 1, 0, 0, 0, 60, 0, qtype == QTYPE_A ? 4 : 16};
	unsigned char ipv4[4] = {server.network, 0, 0, (unsigned char)number}, ipv6[16] = {0xFD, [15] = (unsigned char)number};

	memcpy(at, head, sizeof head);
	memcpy(at + sizeof head, qtype == QTYPE_A ? ipv4 : ipv6, head[11]);
	return sizeof head + head[11];
}

static inline void name_server_answer(const struct name_question *question)
{
	int qtype = name_question_type(question);
	unsigned count = server.rcode ? 0 : qtype == QTYPE_A ? server.ipv4 : server.ipv6;
	unsigned char message[2000];
	size_t len = question->len;

	memcpy(message, question->message, len);
	message[2] = 0x81;
	message[3] = (unsigned char)(0x80 | server.rcode);
	message[7] = (unsigned char)count;
	for (unsigned i = 0; i < count; i++)
		len += name_server_put_record(message + len, qtype, count - i);
	assert_int_equal(sendto(server.fd, message, len, 0, (const struct sockaddr *)&question->from, sizeof question->from),
			 len);
}

static inline void name_server_answer_held(void)
{
	server.is_holding = false;
	for (size_t i = 0; i < server.held_count; i++)
		name_server_answer(&server.held[i]);
	server.held_count = 0;
}

static inline bool name_server_loses(int qtype)
{
	if (server.is_mute || (server.is_mute_for_ipv6 && qtype == QTYPE_AAAA))
		return true;
	if (qtype != QTYPE_A || server.lost_ipv4 == 0)
		return false;
	server.lost_ipv4--;
	return true;
}

static inline void name_server_asked(evutil_socket_t fd, short what, void *arg)
{
	struct name_question question;
	socklen_t from_len = sizeof question.from;
	ssize_t got = recvfrom(fd, question.message, sizeof question.message, 0, (struct sockaddr *)&question.from, &from_len);

	if (got < 12)
		return;
	question.len = (size_t)got;
	server.asked++;
	if (name_server_loses(name_question_type(&question)))
		return;
	if (!server.is_holding)
		name_server_answer(&question);
	else if (server.held_count < HELD_MAX)
		server.held[server.held_count++] = question;
}

static inline void name_server_open(struct event_base *on)
{
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t len = sizeof address;

	memset(&server, 0, sizeof server);
	server.network = 10;
	server.fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(server.fd, (struct sockaddr *)&address, len), 0);
	assert_int_equal(getsockname(server.fd, (struct sockaddr *)&address, &len), 0);
	snprintf(server.address, sizeof server.address, "127.0.0.1:%d", ntohs(address.sin_port));
	server.readable = event_new(on, server.fd, EV_READ | EV_PERSIST, name_server_asked, NULL);
	event_add(server.readable, NULL);
}

static inline void name_server_close(void)
{
	event_free(server.readable);
	close(server.fd);
}

#endif
