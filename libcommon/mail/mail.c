#include "mail/mail.h"

#include <stdio.h>
#include <string.h>

#include "base/int64.h"
#include "base/log.h"
#include "base/mem.h"

REDIS_SCRIPT(libcommon_mail, take, mail_take);
REDIS_SCRIPT(libcommon_mail, read_reports, mail_read_reports);

static const char *const result_names[MAIL_RESULTS] = {"sent", "failed", "deferred"};
static const char *const channel_names[MAIL_CHANNELS] = {"email", "sms"};
static const char *const priority_names[MAIL_PRIORITIES] = {"ordinary", "reset", "code"};

#define NOW_MS_MAX (INT64_MAX / 2) /* so that what is added to it does not overflow */

struct call { /* freed with its redis_call */
	union {
		mail_done *done;
		mail_taken *taken;
		mail_read *read;
	};
	void *arg;
};

static struct call *call_new(void *arg)
{
	struct call *call = mem_alloc(sizeof *call);

	call->arg = arg;
	return call;
}

const char *mail_result_name(enum mail_result result)
{
	return result_names[result];
}

const char *mail_channel_name(enum mail_channel channel)
{
	return channel_names[channel];
}

enum mail_channel mail_channel_find(const char *name)
{
	int channel = 0;

	while (*name && channel < MAIL_CHANNELS && strcmp(name, channel_names[channel]) != 0)
		channel++;
	return (enum mail_channel)channel;
}

const char *mail_priority_name(enum mail_priority priority)
{
	return priority_names[priority];
}

enum mail_priority mail_priority_find(const char *name)
{
	int priority = MAIL_PRIORITIES - 1;

	while (priority > MAIL_PRIORITY_ORDINARY && strcmp(name, priority_names[priority]) != 0)
		priority--;
	return (enum mail_priority)priority;
}

bool mail_is_id(const char *text)
{
	static const char shape[] = "xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx";

	for (size_t i = 0; i < sizeof shape - 1; i++)
		if (shape[i] == '-' ? text[i] != '-' : !text[i] || !strchr("0123456789abcdef", text[i]))
			return false;
	return text[sizeof shape - 1] == '\0';
}

static void done(enum status status, const redisReply *reply, void *arg)
{
	struct call *call = arg;

	call->done(status, call->arg);
}

/* ---- appending ---- */

void mail_publish(struct redis *redis, struct scope *scope, const struct mail_message *message, mail_done *published, void *arg)
{
	char attempt[INT64_TEXT_BYTES], deadline_ms[INT64_TEXT_BYTES];
	struct call *call = call_new(arg);

	call->done = published;
	int64_format(message->attempt, attempt);
	int64_format(message->deadline_ms, deadline_ms);
	redis_call_own(redis_command(redis, scope, 22,
				     (const char *[]){"XADD",
						      MAIL_MESSAGES,
						      "MAXLEN",
						      "~",
						      MAIL_STREAM_MAX,
						      "*",
						      "id",
						      message->id,
						      "attempt",
						      attempt,
						      "deadline",
						      deadline_ms,
						      "template",
						      message->template,
						      "channel",
						      mail_channel_name(message->channel),
						      "priority",
						      mail_priority_name(message->priority),
						      "to",
						      message->recipient,
						      "values",
						      message->values},
				     NULL, done, call),
		       call);
}

void mail_report(struct redis *redis, struct scope *scope, const struct mail_report *report, mail_done *reported, void *arg)
{
	char attempt[INT64_TEXT_BYTES];
	struct call *call = call_new(arg);

	call->done = reported;
	int64_format(report->attempt, attempt);
	redis_call_own(
		redis_command(redis, scope, 12,
			      (const char *[]){"XADD", MAIL_REPORTS, "MAXLEN", "~", MAIL_STREAM_MAX, "*", "id", report->id,
					       "attempt", attempt, "result", mail_result_name(report->result)},
			      NULL, done, call),
		call);
}

/* ---- reading entries ---- */

static const char *field(const redisReply *fields, const char *name)
{
	for (size_t i = 0; i + 1 < fields->elements; i += 2)
		if (strcmp(redis_text(fields->element[i]), name) == 0)
			return redis_text(fields->element[i + 1]);
	return "";
}

/* What messages and reports begin with. */
static bool read_attempt(const redisReply *fields, char id[MAIL_ID_BYTES], int64_t *ret_attempt)
{
	if (!mail_is_id(field(fields, "id")) || int64_parse(field(fields, "attempt"), ret_attempt) != STATUS_OK)
		return false;
	snprintf(id, MAIL_ID_BYTES, "%s", field(fields, "id"));
	return true;
}

static bool read_message(const redisReply *fields, struct mail_message *ret_message)
{
	ret_message->template = field(fields, "template");
	ret_message->channel = mail_channel_find(field(fields, "channel"));
	ret_message->priority = mail_priority_find(field(fields, "priority"));
	ret_message->recipient = field(fields, "to");
	ret_message->values = field(fields, "values");
	return read_attempt(fields, ret_message->id, &ret_message->attempt) &&
	       int64_parse(field(fields, "deadline"), &ret_message->deadline_ms) == STATUS_OK;
}

static bool read_report(const redisReply *fields, struct mail_report *ret_report)
{
	const char *name = field(fields, "result");
	int result = 0;

	while (result < MAIL_RESULTS && strcmp(name, result_names[result]) != 0)
		result++;
	ret_report->result = (enum mail_result)result;
	return result < MAIL_RESULTS && read_attempt(fields, ret_report->id, &ret_report->attempt);
}

static bool is_list(const redisReply *reply)
{
	if (reply->type != REDIS_REPLY_ARRAY || reply->elements > MAIL_BATCH_MAX)
		return false;
	for (size_t i = 0; i < reply->elements; i++)
		if (!redis_is_entry(reply->element[i]))
			return false;
	return true;
}

/* Of a script's reply, Redis's clock and entries: the array of entries. NULL: it is none. */
static const redisReply *dated_list(const redisReply *reply, int64_t *ret_now_ms)
{
	const redisReply *now = reply->type == REDIS_REPLY_ARRAY && reply->elements == 2 ? reply->element[0] : NULL;

	if (!now || now->type != REDIS_REPLY_INTEGER || now->integer < 0 || now->integer > NOW_MS_MAX ||
	    !is_list(reply->element[1]))
		return NULL;
	*ret_now_ms = now->integer;
	return reply->element[1];
}

/* ---- messages ---- */

static void waited(enum status status, const redisReply *reply, void *arg)
{
	struct call *call = arg;

	if (status == STATUS_OK && redis_is_nil(reply))
		status = STATUS_NOT_FOUND;
	else if (status == STATUS_OK && !redis_stream_entries(reply))
		status = redis_unexpected("XREAD", reply);
	call->done(status, call->arg);
}

void mail_wait(struct redis *redis, struct scope *scope, long block_ms, mail_done *done_waiting, void *arg)
{
	char block[INT64_TEXT_BYTES];
	struct call *call = call_new(arg);

	call->done = done_waiting;
	int64_format(block_ms, block);
	redis_call_own(
		redis_command_blocking(redis, scope, block_ms, 8,
				       (const char *[]){"XREAD", "COUNT", "1", "BLOCK", block, "STREAMS", MAIL_MESSAGES, "0"},
				       NULL, waited, call),
		call);
}

static void taken(enum status status, const redisReply *reply, void *arg)
{
	struct call *call = arg;
	struct mail_message messages[MAIL_BATCH_MAX] = {0};
	int64_t now_ms = 0;
	const redisReply *list = status == STATUS_OK ? dated_list(reply, &now_ms) : NULL;
	int n = 0;

	if (status == STATUS_OK && !list)
		status = redis_unexpected("take", reply);
	for (size_t i = 0; list && i < list->elements; i++)
		if (read_message(list->element[i]->element[1], &messages[n]))
			n++;
		else
			log_line(LOG_WARN, "a message that can not be read was dropped");
	call->taken(status, messages, n, now_ms, call->arg);
}

void mail_take(struct redis *redis, struct scope *scope, int max, mail_taken *done_taking, void *arg)
{
	char count[INT64_TEXT_BYTES];
	struct call *call = call_new(arg);

	call->taken = done_taking;
	int64_format(max, count);
	redis_call_own(
		redis_eval(redis, scope, &mail_take_script, 1, 2, (const char *[]){MAIL_MESSAGES, count}, NULL, taken, call),
		call);
}

/* ---- reports ---- */

static void read_reports(const redisReply *reply, struct mail_entries *entries)
{
	for (size_t i = 0; i < reply->elements; i++) {
		const redisReply *entry = reply->element[i];

		snprintf(entries->ids[entries->ids_n++], sizeof entries->ids[0], "%s", redis_text(entry->element[0]));
		if (read_report(entry->element[1], &entries->reports[entries->n]))
			entries->n++;
		else
			log_line(LOG_WARN, "a report of mailer that can not be read was dropped");
	}
}

static void reports_read(enum status status, const redisReply *reply, void *arg)
{
	struct call *call = arg;
	struct mail_entries entries = {0};
	const redisReply *list = status == STATUS_OK ? dated_list(reply, &entries.now_ms) : NULL;

	if (status == STATUS_OK && !list)
		status = redis_unexpected("read_reports", reply);
	if (list)
		read_reports(list, &entries);
	call->read(status, &entries, call->arg);
}

void mail_read_reports(struct redis *redis, struct scope *scope, mail_read *read, void *arg)
{
	char count[INT64_TEXT_BYTES];
	struct call *call = call_new(arg);

	call->read = read;
	int64_format(MAIL_BATCH_MAX, count);
	redis_call_own(redis_eval(redis, scope, &mail_read_reports_script, 1, 2, (const char *[]){MAIL_REPORTS, count}, NULL,
				  reports_read, call),
		       call);
}

void mail_forget(struct redis *redis, struct scope *scope, const struct mail_entries *entries, mail_done *forgotten, void *arg)
{
	const char *argv[2 + MAIL_BATCH_MAX] = {"XDEL", MAIL_REPORTS};
	struct call *call = call_new(arg);

	call->done = forgotten;
	for (int i = 0; i < entries->ids_n; i++)
		argv[2 + i] = entries->ids[i];
	redis_call_own(redis_command(redis, scope, 2 + entries->ids_n, argv, NULL, done, call), call);
}
