/* What values reads of a client, and of what Redis answers and announces, of any bytes. The first byte of the input chooses. It
 * is a query of a listing, an announcement of a result, a notice, or the replies to the counts of submissions, which hiredis
 * reads (redis_calls.h replaces redis/call.c). Invariants:
 * - the link to the next page of a listing is read as the same filter, and behind the value that it names;
 * - a result is news the first time and not the second time, until announcements are forgotten; whatever is no result always
 * is;
 * - a notice has a user, a kind of its own and a time, and written anew it is read as the same;
 * - of the submissions that are counted at once, each is answered once, as many may submit as Redis said, and no number of a
 *   verdict is negative or beyond its limit. */
#include <event2/event.h>
#include <stdio.h>

#include "announcements.h"
#include "auth/notice.h"
#include "base/json_write.h"
#include "fuzz.h"
#include "http_requests.h"
#include "rate.h"
#include "redis_calls.h"
#include "service.h"
#include "value_filter.h"

#define LIMIT_MAX 1000
#define BURST 10
#define TAKERS 12 /* of two users and an address */

static void check_command(int argc, const char **argv, const size_t *lens)
{
}

/* ---- listings ---- */

static struct value_filter filter; /* of the last request */
static struct http_page page;
static bool is_filter_read;

static void list(struct http_request *req)
{
	struct postgres_params params = {0};
	struct buf kinds = {0};

	if (!value_filter_read(req, 20, LIMIT_MAX, &filter, &page))
		return;
	is_filter_read = true;
	require(page.limit >= 1 && page.limit <= LIMIT_MAX && page.after >= 0 && page.after_number >= -1);
	require(filter.order < ORDER_COUNT && filter.kind >= -1 && filter.kind < KIND_COUNT);
	require(filter.from >= 0 && filter.to >= 0 && filter.state <= JOB_FAILED);
	require(value_filter_statement(&filter, 7, &page, &params, &kinds) && params.count >= 3);
	value_filter_link_next(req, &filter, &page, 5, 9);
	buf_free(&kinds);
	http_reply(req, 200, "text/plain", "", 0);
}

static const struct http_route routes[] = {{"GET", "/values", list, false, false}, {0}};

static int ask_for_values(const char *query, char reply[REPLY_BYTES_MAX])
{
	is_filter_read = false;
	return request_list("GET /values?", query, reply);
}

static void check_list(const char *query)
{
	static char reply[REPLY_BYTES_MAX];
	struct value_filter first;
	char *link;
	long limit;

	ask_for_values(query, reply);
	if (!is_filter_read)
		return;
	first = filter;
	limit = page.limit;
	require((link = find_field(reply, "Link: </values?")) && strstr(link, ">; rel=\"next\""));
	*strstr(link, ">; rel=") = '\0';
	require(ask_for_values(link, reply) == 200 && is_filter_read && page.limit == limit && page.after == 9);
	require(page.after_number == (filter.order == ORDER_NEWEST ? -1 : 5));
	require(filter.order == first.order && filter.kind == first.kind && filter.state == first.state);
	require(filter.from == first.from && filter.to == first.to);
	free(link);
}

/* ---- announcements ---- */

static void check_announcement(const char *bytes, size_t len)
{
	struct announcements *announcements = announcements_new();
	bool is_result;

	require(announcements_are_news(announcements, bytes, len));
	is_result = !announcements_are_news(announcements, bytes, len);
	require(!is_result || (len > 24 && memcmp(bytes, "{\"event\":\"value\",\"kind\":\"", 24) == 0));
	announcements_forget(announcements);
	require(announcements_are_news(announcements, bytes, len));
	announcements_free(announcements);
}

static void check_notice(const char *bytes, size_t len)
{
	struct notice notice, again;
	struct buf json = {0};

	if (notice_read(bytes, len, &notice) != STATUS_OK)
		return;
	require(len <= NOTICE_BYTES_MAX && notice_kind_find(notice.kind) == notice.kind);
	json_write_object(&json);
	json_write_member_text(&json, "notice", notice.kind);
	json_write_member_int(&json, "at_ms", notice.at_ms);
	json_write_member_int(&json, "user", notice.user_id);
	json_write_object_end(&json);
	require(notice_read(json.bytes, json.len, &again) == STATUS_OK);
	require(again.user_id == notice.user_id && again.kind == notice.kind && again.at_ms == notice.at_ms);
	buf_free(&json);
}

/* ---- counts of submissions ---- */

static int verdicts, allowed;

static void taken(const struct rate_verdict *verdict, void *arg)
{
	verdicts++;
	allowed += verdict->may_submit;
	require(verdict->remaining >= 0 && verdict->remaining <= BURST && verdict->full_in_s >= 0 &&
		verdict->full_in_s <= BURST);
}

/* As many as Redis said of three buckets; -1: it said something else. */
static int64_t allowed_by(const redisReply *reply)
{
	int64_t sum = 0;

	if (!reply || reply->type != REDIS_REPLY_ARRAY || reply->elements != 6)
		return -1;
	for (size_t i = 0; i < 6; i++) {
		const redisReply *number = reply->element[i];

		if (number->type != REDIS_REPLY_INTEGER || number->integer < 0 ||
		    number->integer > (i % 2 ? BURST * 1000000 : TAKERS / 3))
			return -1;
		sum += i % 2 ? 0 : number->integer;
	}
	return sum;
}

static void check_rate(struct event_base *base, redisReader *reader)
{
	static const struct values_config config = {.rate = 1, .burst = BURST};
	struct values values = {.config = &config};
	struct rate *rate = rate_new(base, &values);
	struct scope scope;
	void *reply = NULL;
	int64_t expected;

	scope_init(&scope);
	verdicts = allowed = 0;
	for (int i = 0; i < TAKERS; i++)
		rate_take(rate, &scope, i % 3, "198.51.100.7", taken, NULL);
	turn();
	require(pending_count == 1 && verdicts == 0);
	if (redisReaderGetReply(reader, &reply) != REDIS_OK)
		reply = NULL;
	expected = allowed_by(reply);
	answer(reply);
	if (reply)
		freeReplyObject(reply);
	require(verdicts == TAKERS && scope_is_idle(&scope));
	require(allowed == (expected < 0 ? TAKERS : expected)); /* this process counts alone, and each bucket is full */
	rate_free(rate);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct event_base *base;
	uint8_t choice = take_byte(&data, &size);
	char *bytes = copy_bytes(data, size), *text = copy_text(data, size);
	redisReader *reader;

	if (!base)
		serve(base = loop_new(), routes, NULL);
	switch (choice % 4) {
	case 0:
		check_list(text);
		break;
	case 1:
		check_announcement(bytes, size);
		break;
	case 2:
		check_notice(bytes, size);
		break;
	case 3:
		if ((reader = open_replies(data, size))) {
			check_rate(base, reader);
			redisReaderFree(reader);
		}
		break;
	}
	free(bytes);
	free(text);
	return 0;
}
