/* Failed logins are counted in Redis by the name that was typed, in small letters, and the address it came from. An attempt
 * counts before it is tried, so that many at once gain nothing; success forgets them all, and one that we had no time to try is
 * taken back. Without Redis there is no limit of ours: nginx's per address stands. */
#include "service.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

#define KEY_BYTES 400

const struct redis_script attempts_script = {
	.name = "attempts",
	.lua = "local count = redis.call('INCR', KEYS[1])\n"
	       "if count == 1 then redis.call('EXPIRE', KEYS[1], ARGV[1]) end\n"
	       "return {count, redis.call('TTL', KEYS[1])}\n",
};

const struct redis_script attempts_undo_script = {
	.name = "attempts_undo",
	.lua = "if redis.call('EXISTS', KEYS[1]) == 1 then redis.call('DECR', KEYS[1]) end\n"
	       "return 1\n",
};

struct attempt {
	struct http_request *req;
	attempts_counted *done;
	void *arg;
};

/* Who has one address of IPv6 has the whole /64 around it (RFC 6177, section 2): that counts as one. */
static void network_of(const char *address, char ret_text[INET6_ADDRSTRLEN])
{
	struct in6_addr bits;

	snprintf(ret_text, INET6_ADDRSTRLEN, "%s", address);
	if (inet_pton(AF_INET6, address, &bits) != 1 || IN6_IS_ADDR_V4MAPPED(&bits))
		return;
	memset(bits.s6_addr + 8, 0, 8);
	inet_ntop(AF_INET6, &bits, ret_text, INET6_ADDRSTRLEN);
}

static void make_key(struct http_request *req, const char *login, char key[KEY_BYTES])
{
	char network[INET6_ADDRSTRLEN];

	network_of(http_request_remote_ip(req), network);
	snprintf(key, KEY_BYTES, "attempts:%s:%.260s", network, login);
}

static void counted(enum status status, const redisReply *reply, void *arg)
{
	struct attempt *attempt = arg;
	long most = users_of(attempt->req)->config->attempts_max;
	bool is_known = status == STATUS_OK && reply->type == REDIS_REPLY_ARRAY && reply->elements == 2;

	attempt->done(!is_known || reply->element[0]->integer <= most, is_known ? (long)reply->element[1]->integer : 0,
		      attempt->arg);
}

void attempts_count(struct http_request *req, const char *login, attempts_counted *done, void *arg)
{
	struct attempt *attempt = http_request_alloc(req, sizeof *attempt, NULL);
	char key[KEY_BYTES], window[24];

	*attempt = (struct attempt){.req = req, .done = done, .arg = arg};
	make_key(req, login, key);
	snprintf(window, sizeof window, "%ld", users_of(req)->config->attempts_window_s);
	redis_eval(users_of(req)->redis, http_request_scope(req), &attempts_script, 1, 2, (const char *[]){key, window}, NULL,
		   counted, attempt);
}

static void forgotten(enum status status, const redisReply *reply, void *arg)
{
}

void attempts_forget(struct http_request *req, const char *login)
{
	char key[KEY_BYTES];

	make_key(req, login, key);
	redis_command(users_of(req)->redis, http_request_scope(req), 2, (const char *[]){"DEL", key}, NULL, forgotten, NULL);
}

void attempts_undo(struct http_request *req, const char *login)
{
	char key[KEY_BYTES];

	make_key(req, login, key);
	redis_eval(users_of(req)->redis, http_request_scope(req), &attempts_undo_script, 1, 1, (const char *[]){key}, NULL,
		   forgotten, NULL);
}
