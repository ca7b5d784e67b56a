/* Replies of Redis, of any bytes, for redis/reader.c, and behind it for a connection, whose link to Redis is this file's own.
 * The first byte of the input says where it is cut in pieces. Invariants:
 * - however the bytes are cut, the same replies come, and the same end: more is missing, or the bytes are no reply;
 * - hiredis's own reader reads every reply that ours reads, and the same in it. (Not the other way round: ours has bounds, and
 *   takes a number in one spelling only.)
 * - a connection reports in turn that it is ready and that it is lost; it is ready when each reply of its handshake was right;
 * - each command completes once: OK with the reply that has just come, and no error is OK; or without a reply, when the
 *   connection is lost;
 * - a message reaches the subscriber of its channel, and nothing else does. */
#include <hiredis/hiredis.h>

#include "base/buf.h"
#include "base/log.h"
#include "base/loop.h"
#include "fuzz.h"
#include "redis/redis_internal.h"
#include "redis_replies.h"

#define DEPTH_MAX_OF_HIREDIS 7

/* A reply as text, to compare. */
static void describe(const redisReply *reply, int depth, int *deepest, struct buf *out)
{
	if (depth > *deepest)
		*deepest = depth;
	buf_int(out, reply->type);
	buf_text(out, ":");
	if (reply->type == REDIS_REPLY_INTEGER)
		buf_int(out, reply->integer);
	if (reply->str) {
		require(reply->str[reply->len] == '\0');
		buf_int(out, (int64_t)reply->len);
		buf_text(out, ":");
		buf_add(out, reply->str, reply->len);
	}
	for (size_t i = 0; i < reply->elements; i++) {
		buf_text(out, i ? "," : "[");
		describe(reply->element[i], depth + 1, deepest, out);
	}
	buf_text(out, ";");
}

/* Describes all replies that come; returns the end's status. */
static enum status read_all(const uint8_t *data, size_t size, size_t piece, struct buf *out, int *deepest, int *ret_count)
{
	struct redis_reader reader = {0};
	enum status status = STATUS_OK;
	redisReply *reply;

	for (size_t at = 0; at < size && status == STATUS_OK; at += piece) {
		size_t len = size - at < piece ? size - at : piece;
		char *copy = copy_bytes(data + at, len);

		redis_reader_feed(&reader, copy, len);
		free(copy);
		while ((status = redis_reader_next(&reader, &reply)) == STATUS_OK && reply) {
			describe(reply, 0, deepest, out);
			freeReplyObject(reply);
			++*ret_count;
		}
		require(!reply);
	}
	redis_reader_free(&reader);
	return status;
}

static void hold_against_hiredis(const uint8_t *data, size_t size, int count, const struct buf *ours)
{
	redisReader *theirs = open_replies(data, size);
	struct buf description = {0};
	int deepest = 0;
	void *reply = NULL;

	if (!theirs)
		return;
	for (int i = 0; i < count; i++) {
		require(redisReaderGetReply(theirs, &reply) == REDIS_OK && reply);
		describe(reply, 0, &deepest, &description);
		freeReplyObject(reply);
	}
	require(description.len == ours->len && (ours->len == 0 || memcmp(description.bytes, ours->bytes, ours->len) == 0));
	buf_free(&description);
	redisReaderFree(theirs);
}

/* ---- a connection; in place of redis/link.c ---- */

#define IN_FLIGHT_MAX 5
#define COMMANDS_MAX 10000
#define CHANNEL "live"

static char link_of_ours; /* whose address stands for the link */
static const redisReply *fed;
static bool is_completed[COMMANDS_MAX]; /* each command of the caller */
static size_t sent, completed, messages;
static bool was_ready;

struct redis_link *redis_link_new(struct redis *redis, const union resolver_address *address)
{
	return (struct redis_link *)(void *)&link_of_ours;
}

void redis_link_free(struct redis_link *link)
{
}

void redis_link_send(struct redis_link *link, const char *bytes, size_t len)
{
	require((void *)link == &link_of_ours && len > 0 && bytes[0] == '*');
}

static void changed(bool is_ready, void *arg)
{
	const struct redis *redis = arg;

	require(is_ready != was_ready && is_ready == redis_is_ready(redis));
	require(!is_ready || (redis->handshakes == 0 && redis->in_flight_count == 0));
	was_ready = is_ready;
}

static void heard(const char *bytes, size_t len, void *arg)
{
	messages++;
	require(fed->type == REDIS_REPLY_ARRAY && fed->elements == 3 && strcmp(redis_text(fed->element[0]), "message") == 0);
	require(strcmp(redis_text(fed->element[1]), CHANNEL) == 0 && bytes == fed->element[2]->str &&
		len == fed->element[2]->len);
}

static void done(enum status status, const redisReply *reply, void *arg)
{
	bool *is_mine = arg;

	require(!*is_mine && is_mine < is_completed + sent);
	*is_mine = true;
	completed++;
	require(reply ? reply == fed : status != STATUS_OK);
	require(status != STATUS_OK || reply->type != REDIS_REPLY_ERROR);
}

static const struct redis_script first = {"first", "return 1"}, second = {"second", "return 2"};

static void send_more(struct redis *redis, struct scope *scope)
{
	while (redis_is_ready(redis) && redis->in_flight_count < IN_FLIGHT_MAX && sent < COMMANDS_MAX) {
		bool *completion = &is_completed[sent++];

		*completion = false;
		if (sent % 2)
			redis_command(redis, scope, 1, (const char *[]){"PING"}, NULL, done, completion);
		else
			redis_eval(redis, scope, &second, 1, 1, (const char *[]){"key"}, NULL, done, completion);
	}
}

/* Without the loop, so without looking up a name: the link is there at once. */
static void connect_again(struct redis *redis)
{
	redis_calls_report_failed(redis);
	require(completed == sent);
	redis->state = REDIS_CONNECTING;
	redis->link = redis_link_new(redis, NULL);
	redis_connected(redis);
}

static void feed(struct redis *redis, struct scope *scope, const redisReply *reply, bool is_subscriber)
{
	size_t before;

	if (redis->state == REDIS_WAITING)
		connect_again(redis);
	if (!is_subscriber)
		send_more(redis, scope);
	before = messages + completed;
	fed = reply;
	redis_replied(redis, reply);
	fed = NULL;
	require(messages + completed <= before + 1);
}

static void check_connection(const uint8_t *data, size_t size, bool is_subscriber)
{
	static const struct redis_config config = {.url = (char *)(uintptr_t) "redis://user:password@redis:6379/3",
						   .command_timeout_ms = 3600000,
						   .connect_timeout_ms = 3600000,
						   .in_flight_max = IN_FLIGHT_MAX};
	static const struct redis_script *const scripts[] = {&first, &second, NULL};
	static struct event_base *base;
	struct redis_reader reader = {0};
	redisReply *reply = NULL;
	struct redis *redis;
	struct scope scope;

	if (!base)
		base = loop_new();
	scope_init(&scope);
	redis = redis_new(base, &config, scripts, LOOP_PRIORITY_NORMAL);
	redis_on_change(redis, changed, redis);
	sent = completed = messages = 0;
	was_ready = false;
	if (is_subscriber)
		redis_subscribe(redis, CHANNEL, heard, NULL);
	redis_reader_feed(&reader, (const char *)data, size);
	while (redis_reader_next(&reader, &reply) == STATUS_OK && reply) {
		feed(redis, &scope, reply, is_subscriber);
		freeReplyObject(reply);
	}
	redis_reader_free(&reader);
	redis_free(redis);
	require(completed <= sent && scope_is_idle(&scope));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	size_t piece = (size_t)take_byte(&data, &size) + 1;
	struct buf whole = {0}, pieces = {0};
	int count = 0, count_of_pieces = 0, deepest = 0;
	enum status status;

	log_init("fuzz", "fuzz", LOG_ERROR + 1);
	status = read_all(data, size, size ? size : 1, &whole, &deepest, &count);
	require(read_all(data, size, piece, &pieces, &deepest, &count_of_pieces) == status);
	require(count == count_of_pieces && whole.len == pieces.len);
	require(whole.len == 0 || memcmp(whole.bytes, pieces.bytes, whole.len) == 0);
	if (deepest <= DEPTH_MAX_OF_HIREDIS)
		hold_against_hiredis(data, size, count, &whole);
	check_connection(data, size, piece % 2);
	buf_free(&whole);
	buf_free(&pieces);
	return 0;
}
