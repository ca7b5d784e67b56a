/* A Redis that answers the job protocol with replies of another type: each is INTERNAL, and never taken for a job, a state or
 * nothing at all. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "jobs/jobs.h"
#include "tests/redis/stand_in_client.h"

static bool is_there;
static enum status outcome;

static int set_up(void **state)
{
	stand_in_connect(jobs_scripts);
	return 0;
}

/* ---- the calls ---- */

static struct jobs_stats stats_seen;
static struct job job_seen;

static void note(enum status status)
{
	is_there = true;
	outcome = status;
}

static void added(enum status status, const enum job_state *states, void *arg)
{
	note(status);
}

static void refilled(enum status status, int added, bool is_full, void *arg)
{
	note(status);
}

static void refill_begun(enum status status, const struct jobs_refill_answer *answer, void *arg)
{
	note(status);
}

static void unwritten(enum status status, const struct jobs_unwritten *entries, int n, void *arg)
{
	note(status);
}

static void legacy_found(enum status status, bool exists, void *arg)
{
	note(status);
}

static void done(enum status status, void *arg)
{
	note(status);
}

static void looked_up(enum status status, const struct job_result *results, int n, void *arg)
{
	note(status);
}

static void decimal_read(enum status status, const char *digits, size_t len, void *arg)
{
	note(status);
}

static void received(enum status status, const struct job *jobs, int n, void *arg)
{
	note(status);
	if (n > 0)
		job_seen = jobs[0];
}

static void counted(enum status status, const struct jobs_stats *stats, void *arg)
{
	note(status);
	stats_seen = *stats;
}

#define ROOM ((struct jobs_room){.names = 10, .large_us = 1000})
static const struct job_key key = {.index = 5};

static void call_add(void)
{
	jobs_add(redis, &scope, ROOM, &(struct job_to_add){.key = key, .request_id = "r"}, 1, added, NULL);
}

static const struct jobs_refiller refiller = {.process = "a", .lease_ms = 1000, .room = ROOM, .wants = {true, true}};

static void call_refill(void)
{
	jobs_refill(redis, &scope, &refiller, &key, 1, refilled, NULL);
}

static void call_refill_begin(void)
{
	jobs_refill_begin(redis, &scope, &refiller, refill_begun, NULL);
}

static void call_receive_unwritten(void)
{
	jobs_unwritten_receive(redis, &scope, 1000, unwritten, NULL);
}

static void call_take_over_unwritten(void)
{
	jobs_unwritten_take_over(redis, &scope, 1000, unwritten, NULL);
}

static void call_legacy_exists(void)
{
	jobs_legacy_exists(redis, &scope, legacy_found, NULL);
}

static void call_legacy_look_up(void)
{
	jobs_legacy_look_up(redis, &scope, &key, 1, looked_up, NULL);
}

static void call_retry(void)
{
	jobs_retry(redis, &scope, key, false, done, NULL);
}

static void cancelled(enum status status, const struct job_key *keys, int n, void *arg)
{
	done(status, arg);
}

static void call_cancel(void)
{
	jobs_cancel(redis, &scope, &key, 1, cancelled, NULL);
}

static void call_look_up(void)
{
	jobs_look_up(redis, &scope, &key, 1, looked_up, NULL);
}

static void call_read(void)
{
	jobs_read_decimal(redis, &scope, key, decimal_read, NULL);
}

static void call_receive(void)
{
	jobs_receive(redis, &scope, JOBS_SMALL, "consumer", 10, 1000, received, NULL);
}

static void call_take_over(void)
{
	jobs_take_over(redis, &scope, JOBS_SMALL, "consumer", 0, 1000, 5, 10, received, NULL);
}

static void claimed(enum status status, bool is_mine, void *arg)
{
	note(status);
}

static void call_claim(void)
{
	jobs_backlog_claim(redis, &scope, "a", 1000, claimed, NULL);
}

static void call_count(void)
{
	jobs_count(redis, &scope, counted, NULL);
}

enum {
	ADD,
	REFILL,
	REFILL_BEGIN,
	RETRY,
	CANCEL,
	LOOK_UP,
	READ,
	RECEIVE,
	TAKE_OVER,
	COUNT,
	CLAIM,
	RECEIVE_UNWRITTEN,
	TAKE_OVER_UNWRITTEN,
	LEGACY_EXISTS,
	LEGACY,
	CALLS
};

static const struct {
	const char *name;
	void (*call)(void);
} calls[CALLS] = {
	[ADD] = {"add", call_add},
	[REFILL] = {"refill", call_refill},
	[REFILL_BEGIN] = {"begin to refill", call_refill_begin},
	[RETRY] = {"retry", call_retry},
	[CANCEL] = {"cancel", call_cancel},
	[LOOK_UP] = {"look up", call_look_up},
	[READ] = {"read", call_read},
	[RECEIVE] = {"receive", call_receive},
	[TAKE_OVER] = {"take over", call_take_over},
	[COUNT] = {"count", call_count},
	[CLAIM] = {"backlog_claim", call_claim},
	[RECEIVE_UNWRITTEN] = {"receive what is not written", call_receive_unwritten},
	[TAKE_OVER_UNWRITTEN] = {"take over what is not written", call_take_over_unwritten},
	[LEGACY_EXISTS] = {"ask for legacy results", call_legacy_exists},
	[LEGACY] = {"look up a legacy result", call_legacy_look_up},
};

/* ---- the replies ---- */

#define OF(call) (1u << (call))

static const struct {
	const char *bytes;
	unsigned fits; /* the calls that it is an answer to */
} replies[] = {
	{"+OK\r\n", OF(CLAIM)},
	{"$3\r\nabc\r\n", OF(READ)},
	{"$-1\r\n", OF(RECEIVE) | OF(RECEIVE_UNWRITTEN) | OF(READ) | OF(CLAIM)},
	{"*-1\r\n", OF(RECEIVE) | OF(RECEIVE_UNWRITTEN) | OF(READ) | OF(CLAIM)},
	{":1\r\n", OF(RETRY) | OF(CANCEL) | OF(LEGACY_EXISTS)},
	{":7\r\n", OF(RETRY) | OF(CANCEL) | OF(LEGACY_EXISTS)},
	{":-1\r\n", OF(RETRY) | OF(CANCEL) | OF(LEGACY_EXISTS)},
	{":2\r\n", OF(RETRY) | OF(CANCEL) | OF(LEGACY_EXISTS)}, /* more than were asked for */
	{":4294967296\r\n", OF(RETRY) | OF(CANCEL) | OF(LEGACY_EXISTS)},
	{"*0\r\n", OF(TAKE_OVER)},
	{"*1\r\n:1\r\n", OF(ADD) | OF(LOOK_UP) | OF(LEGACY)},
	{"*1\r\n:9\r\n", 0},
	{"*1\r\n:-1\r\n", 0},
	{"*1\r\n$3\r\nabc\r\n", 0},
	{"*1\r\n$7\r\n1 2 3 1\r\n", OF(LOOK_UP) | OF(LEGACY)},
	{"*1\r\n$6\r\n1 2  3\r\n", 0},
	{"*1\r\n$5\r\n1 2 3\r\n", 0},
	{"*1\r\n+OK\r\n", 0},
	{"*1\r\n$-1\r\n", 0},
	{"*1\r\n*-1\r\n", 0},
	{"*1\r\n*1\r\n*1\r\n:1\r\n", 0},
	{"*2\r\n:1\r\n:1\r\n", OF(REFILL)},
	{"*2\r\n:2\r\n$1\r\n5\r\n", 0},
	{"*2\r\n:2\r\n:5\r\n", 0},           /* more than were asked for */
	{"*2\r\n:-1\r\n:0\r\n", OF(REFILL)}, /* the right is another round's */
	{"*2\r\n:-2\r\n:0\r\n", 0},
	{"*1\r\n:2\r\n", OF(ADD) | OF(LOOK_UP) | OF(LEGACY)},
	{"*1\r\n*2\r\n$4\r\njobs\r\n*0\r\n", OF(RECEIVE) | OF(TAKE_OVER) | OF(RECEIVE_UNWRITTEN)},
	{"*1\r\n*2\r\n$4\r\njobs\r\n*1\r\n:1\r\n", OF(TAKE_OVER)},
	{"*1\r\n*2\r\n:1\r\n*0\r\n", OF(RECEIVE) | OF(RECEIVE_UNWRITTEN)},
	{"*1\r\n*2\r\n$4\r\njobs\r\n$-1\r\n", 0},
	{"*2\r\n$3\r\n0-0\r\n*0\r\n", OF(TAKE_OVER_UNWRITTEN)},
	{"*3\r\n$3\r\n0-0\r\n*1\r\n*2\r\n$3\r\n1-1\r\n*0\r\n*0\r\n", OF(TAKE_OVER_UNWRITTEN)},
	{"*2\r\n$3\r\n0-0\r\n*1\r\n:1\r\n", 0},
	{"*1\r\n*2\r\n$44\r\n18446744073709551615-18446744073709551615-12\r\n*0\r\n", OF(RECEIVE) | OF(RECEIVE_UNWRITTEN)},
	{"*2\r\n$3\r\n0-0\r\n*1\r\n*2\r\n$44\r\n18446744073709551615-18446744073709551615-12\r\n*0\r\n", 0},
	{"*4\r\n:1\r\n:2\r\n$3\r\n1-1\r\n:3\r\n", OF(COUNT)},
	{"*4\r\n:1\r\n:2\r\n$0\r\n\r\n:-1\r\n", OF(COUNT)},
	{"*3\r\n:1\r\n:2\r\n:3\r\n", OF(REFILL_BEGIN)},
	{"*3\r\n:-1\r\n:0\r\n:0\r\n", OF(REFILL_BEGIN)},
	{"*3\r\n:2\r\n:3\r\n:0\r\n", 0}, /* no verdict */
	{"*3\r\n:1\r\n:4\r\n:0\r\n", 0}, /* no lanes */
	{"*3\r\n:1\r\n:3\r\n:-1\r\n", 0},
	{"*2\r\n:0\r\n:0\r\n", OF(REFILL)},
	{"*3\r\n:1\r\n:2\r\n$3\r\n1-1\r\n", 0},
	{"*4\r\n:-1\r\n:2\r\n$3\r\n1-1\r\n:0\r\n", 0},
	{"*4\r\n:1\r\n:-2\r\n$3\r\n1-1\r\n:0\r\n", 0},
	{"*4\r\n:1\r\n:2\r\n$3\r\n1-1\r\n:-2\r\n", 0},
	{"*4\r\n$1\r\n1\r\n:2\r\n$3\r\n1-1\r\n:0\r\n", 0},
};
#define REPLIES (sizeof replies / sizeof *replies)

static void expect_internal_unless_it_fits(int call, size_t reply)
{
	bool fits = replies[reply].fits & OF(call);

	stand_in.reply = replies[reply].bytes;
	is_there = false;
	calls[call].call();
	WAIT_FOR(is_there);
	if ((outcome != STATUS_INTERNAL) != fits)
		fail_msg("%s: status %d after %s", calls[call].name, (int)outcome, replies[reply].bytes);
}

static void test_a_reply_of_another_type_is_internal(void **state)
{
	for (int call = 0; call < CALLS; call++)
		for (size_t reply = 0; reply < REPLIES; reply++)
			expect_internal_unless_it_fits(call, reply);
}

static void ask(int call, const char *reply)
{
	stand_in.reply = reply;
	is_there = false;
	calls[call].call();
	WAIT_FOR(is_there);
	assert_int_equal(outcome, STATUS_OK);
}

static void test_the_longest_id_of_a_job_is_kept_whole(void **state)
{
	ask(TAKE_OVER, "*1\r\n*2\r\n$41\r\n18446744073709551615-18446744073709551615\r\n*0\r\n");
	assert_string_equal(job_seen.id, "18446744073709551615-18446744073709551615");
}

static void test_a_job_from_the_future_has_waited_for_no_time(void **state)
{
	static const char *const replies_of_count[] = {
		"*4\r\n:1\r\n:0\r\n$41\r\n18446744073709551615-18446744073709551615\r\n:0\r\n",
		"*4\r\n:1\r\n:0\r\n$17\r\n999999999999999-0\r\n:0\r\n",
		"*4\r\n:1\r\n:0\r\n$22\r\n-9223372036854775808-0\r\n:0\r\n"};

	for (size_t i = 0; i < sizeof replies_of_count / sizeof *replies_of_count; i++) {
		ask(COUNT, replies_of_count[i]);
		assert_true(stats_seen.depth == 1 && stats_seen.oldest_s == 0);
	}
	ask(COUNT, "*4\r\n:1\r\n:0\r\n$15\r\n1700000000000-0\r\n:0\r\n");
	assert_true(stats_seen.oldest_s > 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_a_reply_of_another_type_is_internal, set_up, stand_in_tear_down),
		cmocka_unit_test_setup_teardown(test_the_longest_id_of_a_job_is_kept_whole, set_up, stand_in_tear_down),
		cmocka_unit_test_setup_teardown(test_a_job_from_the_future_has_waited_for_no_time, set_up, stand_in_tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
