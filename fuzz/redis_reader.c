/* Replies of Redis, of any bytes, for redis/reader.c. The first byte of the input says where it is cut in pieces. Invariants:
 * - however the bytes are cut, the same replies come, and the same end: more is missing, or the bytes are no reply;
 * - hiredis's own reader reads every reply that ours reads, and the same in it. (Not the other way round: ours has bounds, and
 *   takes a number in one spelling only.) */
#include <hiredis/hiredis.h>

#include "base/buf.h"
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

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	size_t piece = (size_t)take_byte(&data, &size) + 1;
	struct buf whole = {0}, pieces = {0};
	int count = 0, count_of_pieces = 0, deepest = 0;
	enum status status = read_all(data, size, size ? size : 1, &whole, &deepest, &count);

	require(read_all(data, size, piece, &pieces, &deepest, &count_of_pieces) == status);
	require(count == count_of_pieces && whole.len == pieces.len);
	require(whole.len == 0 || memcmp(whole.bytes, pieces.bytes, whole.len) == 0);
	if (deepest <= DEPTH_MAX_OF_HIREDIS)
		hold_against_hiredis(data, size, count, &whole);
	buf_free(&whole);
	buf_free(&pieces);
	return 0;
}
