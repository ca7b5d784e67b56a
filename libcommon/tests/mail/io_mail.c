/* The mail protocol on a real Redis: what users publishes mailer gets once, and the other way round. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "mail/mail.h"
#include "tests/redis/redis_fixture.h"

static struct redis *blocking;

static const struct mail_message first = {.id = "0190a1b2-c3d4-7e5f-8a9b-0c1d2e3f4a5b",
					  .attempt = 7,
					  .deadline_ms = 1700000000123,
					  .template = "password_changed",
					  .channel = MAIL_SMS,
					  .priority = MAIL_PRIORITY_CODE,
					  .recipient = "+4915112345678",
					  .values = "{\"a\":\"\xC3\xA4\\n\"}"};
static const struct mail_message second = {.id = "0190a1b2-c3d4-7e5f-8a9b-0c1d2e3f4a5c",
					   .attempt = 1,
					   .deadline_ms = 1,
					   .template = "",
					   .recipient = "",
					   .values = ""};

static int set_up(void **state)
{
	static const struct redis_script *const scripts[] = {&mail_take_script, &mail_read_reports_script, NULL};
	struct redis_config config = fixture_config();

	fixture_set_up(state);
	blocking = redis_new(base, &config, NULL, LOOP_PRIORITY_NORMAL);
	fixture_ready(&config, scripts);
	WAIT_FOR(redis_is_ready(blocking));
	return 0;
}

static int tear_down(void **state)
{
	redis_free(blocking);
	return fixture_tear_down(state);
}

/* ---- each call as a function that waits ---- */

struct outcome {
	bool is_there;
	enum status status;
};

static void done(enum status status, void *arg)
{
	*(struct outcome *)arg = (struct outcome){true, status};
}

static void publish(const struct mail_message *message)
{
	struct outcome outcome = {0};

	mail_publish(redis, &scope, message, done, &outcome);
	WAIT_FOR(outcome.is_there);
	assert_int_equal(outcome.status, STATUS_OK);
}

static void report(const char *id, int64_t attempt, enum mail_result result)
{
	struct mail_report of = {.attempt = attempt, .result = result};
	struct outcome outcome = {0};

	snprintf(of.id, sizeof of.id, "%s", id);
	mail_report(redis, &scope, &of, done, &outcome);
	WAIT_FOR(outcome.is_there);
	assert_int_equal(outcome.status, STATUS_OK);
}

static enum status wait_ms(long block_ms)
{
	struct outcome outcome = {0};

	mail_wait(blocking, &scope, block_ms, done, &outcome);
	WAIT_FOR(outcome.is_there);
	return outcome.status;
}

struct taken {
	bool is_there;
	enum status status;
	int n;
	int64_t now_ms;
	struct mail_message messages[MAIL_BATCH_MAX];
	char values[100]; /* of the first */
};

static void taken(enum status status, const struct mail_message *messages, int n, int64_t now_ms, void *arg)
{
	struct taken *taken = arg;

	taken->is_there = true;
	taken->status = status;
	taken->n = n;
	taken->now_ms = now_ms;
	for (int i = 0; i < n; i++)
		taken->messages[i] = messages[i];
	if (n > 0) {
		assert_string_equal(messages[0].template, strcmp(messages[0].id, first.id) == 0 ? first.template : "");
		assert_int_equal(messages[0].channel, strcmp(messages[0].id, first.id) == 0 ? first.channel : MAIL_EMAIL);
		assert_int_equal(messages[0].priority,
				 strcmp(messages[0].id, first.id) == 0 ? first.priority : MAIL_PRIORITY_ORDINARY);
		assert_string_equal(messages[0].recipient, strcmp(messages[0].id, first.id) == 0 ? first.recipient : "");
		snprintf(taken->values, sizeof taken->values, "%s", messages[0].values);
	}
}

static int take(struct taken *batch, int max)
{
	*batch = (struct taken){0};
	mail_take(redis, &scope, max, taken, batch);
	WAIT_FOR(batch->is_there);
	return batch->n;
}

struct read {
	bool is_there;
	enum status status;
	struct mail_entries entries;
};

static void was_read(enum status status, const struct mail_entries *entries, void *arg)
{
	*(struct read *)arg = (struct read){true, status, *entries};
}

static int read_reports(struct read *read)
{
	read->is_there = false;
	mail_read_reports(redis, &scope, was_read, read);
	WAIT_FOR(read->is_there);
	return read->entries.n;
}

/* ---- messages ---- */

static void test_a_message_is_taken_once_as_it_was_published(void **state)
{
	struct taken batch;

	publish(&first);
	assert_int_equal(take(&batch, MAIL_BATCH_MAX), 1);
	assert_int_equal(batch.status, STATUS_OK);
	assert_string_equal(batch.messages[0].id, first.id);
	assert_true(batch.messages[0].attempt == first.attempt && batch.messages[0].deadline_ms == first.deadline_ms);
	assert_string_equal(batch.values, first.values);
	assert_int_equal(take(&batch, MAIL_BATCH_MAX), 0);
	assert_int_equal(batch.status, STATUS_OK);
}

static int64_t redis_clock_ms(void)
{
	redisReply *time = fixture_reply(ARGV("TIME"));
	int64_t ms = atoll(time->element[0]->str) * 1000 + atoll(time->element[1]->str) / 1000;

	freeReplyObject(time);
	return ms;
}

static void test_messages_and_reports_come_with_the_clock_of_redis(void **state)
{
	int64_t begun_ms = redis_clock_ms(), ended_ms;
	struct taken batch;
	struct read read;

	take(&batch, 1);
	read_reports(&read);
	ended_ms = redis_clock_ms();
	assert_true(begun_ms <= batch.now_ms && batch.now_ms <= read.entries.now_ms && read.entries.now_ms <= ended_ms);
}

static void test_as_many_are_taken_as_asked_for_the_oldest_first(void **state)
{
	struct taken batch;

	publish(&first);
	publish(&second);
	assert_int_equal(take(&batch, 1), 1);
	assert_string_equal(batch.messages[0].id, first.id);
	assert_int_equal(take(&batch, 1), 1);
	assert_string_equal(batch.messages[0].id, second.id);
}

static void test_what_is_no_message_is_dropped_and_holds_up_none(void **state)
{
	struct taken batch;

	BESIDE("XADD", MAIL_MESSAGES, "*", "id", "no id", "attempt", "1", "deadline", "1");
	BESIDE("XADD", MAIL_MESSAGES, "*", "id", first.id, "attempt", "one", "deadline", "1");
	BESIDE("XADD", MAIL_MESSAGES, "*", "id", first.id, "attempt", "1", "other", "1");
	publish(&second);
	assert_int_equal(take(&batch, MAIL_BATCH_MAX), 1);
	assert_string_equal(batch.messages[0].id, second.id);
	assert_int_equal(BESIDE("XLEN", MAIL_MESSAGES), 0);
}

static void test_waiting_ends_with_a_message_and_without_one_and_takes_none(void **state)
{
	assert_int_equal(wait_ms(1), STATUS_NOT_FOUND);
	publish(&first);
	assert_int_equal(wait_ms(60000), STATUS_OK);
	assert_int_equal(BESIDE("XLEN", MAIL_MESSAGES), 1);
}

static void test_another_type_of_key_is_an_error(void **state)
{
	struct taken batch;
	struct read read;

	BESIDE("SET", MAIL_MESSAGES, "x");
	BESIDE("SET", MAIL_REPORTS, "x");
	assert_int_equal(take(&batch, 1), 0);
	assert_int_not_equal(batch.status, STATUS_OK);
	assert_int_equal(read_reports(&read), 0);
	assert_int_not_equal(read.status, STATUS_OK);
	assert_int_not_equal(wait_ms(1), STATUS_OK);
}

/* ---- reports ---- */

static void test_reports_stay_until_they_are_forgotten(void **state)
{
	struct outcome outcome = {0};
	struct read read;

	report(first.id, 1, MAIL_DEFERRED);
	report(second.id, 2, MAIL_SENT);
	for (int i = 0; i < 2; i++) {
		assert_int_equal(read_reports(&read), 2);
		assert_string_equal(read.entries.reports[0].id, first.id);
		assert_int_equal(read.entries.reports[0].result, MAIL_DEFERRED);
		assert_true(read.entries.reports[0].attempt == 1);
		assert_string_equal(read.entries.reports[1].id, second.id);
		assert_int_equal(read.entries.reports[1].result, MAIL_SENT);
	}
	report(first.id, 3, MAIL_FAILED);
	mail_forget(redis, &scope, &read.entries, done, &outcome);
	WAIT_FOR(outcome.is_there);
	assert_int_equal(outcome.status, STATUS_OK);
	assert_int_equal(read_reports(&read), 1);
	assert_int_equal(read.entries.reports[0].result, MAIL_FAILED);
}

static void test_what_is_no_report_is_forgotten_with_the_reports(void **state)
{
	struct outcome outcome = {0};
	struct read read;

	BESIDE("XADD", MAIL_REPORTS, "*", "id", first.id, "attempt", "1", "result", "lost");
	BESIDE("XADD", MAIL_REPORTS, "*", "x", "y");
	report(second.id, 2, MAIL_SENT);
	assert_int_equal(read_reports(&read), 1);
	assert_int_equal(read.entries.ids_n, 3);
	mail_forget(redis, &scope, &read.entries, done, &outcome);
	WAIT_FOR(outcome.is_there);
	assert_int_equal(BESIDE("XLEN", MAIL_REPORTS), 0);
}

int main(void)
{
#define MAIL_TEST(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
	static const struct CMUnitTest tests[] = {
		MAIL_TEST(test_a_message_is_taken_once_as_it_was_published),
		MAIL_TEST(test_messages_and_reports_come_with_the_clock_of_redis),
		MAIL_TEST(test_as_many_are_taken_as_asked_for_the_oldest_first),
		MAIL_TEST(test_what_is_no_message_is_dropped_and_holds_up_none),
		MAIL_TEST(test_waiting_ends_with_a_message_and_without_one_and_takes_none),
		MAIL_TEST(test_another_type_of_key_is_an_error),
		MAIL_TEST(test_reports_stay_until_they_are_forgotten),
		MAIL_TEST(test_what_is_no_report_is_forgotten_with_the_reports),
	};

	return fixture_run("mail/io_mail", tests, sizeof tests / sizeof *tests);
}
