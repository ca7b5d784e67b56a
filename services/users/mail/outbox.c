/* Flow: look -> reports_read -> settled -> forgotten -> claim -> claimed -> published …, and again while a batch was full. A
 * step that fails ends the round: the next one repeats it, because no step removes anything before the one after it has
 * succeeded. */
#include "mail/outbox.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "accounts/email_link.h"
#include "auth/notice.h"
#include "base/clock.h"
#include "base/json.h"
#include "base/json_write.h"
#include "base/log.h"
#include "base/loop.h"
#include "base/mem.h"
#include "base/metrics.h"
#include "challenges/code.h"
#include "mail/mail.h"
#include "passwords/resets.h"
#include "service.h"
#include "store/mail.h"

#define LOOK_MS 300
#define PRUNE_US 5000000LL
#define RETRY_PAUSE_MAX_S 3600

struct outbox {
	struct users *users;
	struct scope scope;
	struct loop_timer *look, *woken;
	bool is_running, is_due; /* due: a message was written since the round began */
	bool prunes;
	int64_t redis_ms; /* Redis's clock before the claim, so that no attempt seems to have longer than Postgres gives it */
	int publishing;   /* messages that Redis has not answered */
	bool is_draining;
	void (*drained)(void *arg);
	void *drained_arg;
	int64_t pruned_us;
	struct mail_entries entries; /* that are being applied */
};

static struct {
	struct metric *waiting, *oldest, *expired;
} metrics;

static void look(void *arg);
static void reports_read(enum status status, const struct mail_entries *entries, void *arg);
static void settle(struct outbox *outbox, const struct mail_entries *entries);
static void settled(enum status status, const struct postgres_rows *rows, void *arg);
static void forgotten(enum status status, void *arg);
static void claim(struct outbox *outbox);
static void claimed(enum status status, const struct postgres_rows *rows, void *arg);
static void published(enum status status, void *arg);
static void end_round(struct outbox *outbox);
static void report_drained(struct outbox *outbox);

void outbox_register_metrics(void)
{
	metrics.waiting = metrics_gauge("mail_outbox_messages", NULL, "Messages that are not sent yet.");
	metrics.oldest = metrics_gauge("mail_outbox_oldest_seconds", NULL, "Age of the oldest of them.");
	metrics.expired = metrics_counter("mail_expired_total", NULL, "Messages given up because they had become pointless.");
}

/* ---- what became pointless ---- */

static void pruned(enum status status, const struct postgres_rows *rows, void *arg)
{
	if (status != STATUS_OK || postgres_count(rows) != 1)
		return;
	metrics_add(metrics.expired, (double)postgres_int(rows, 0, COLUMN_OUTBOX_EXPIRED));
	metrics_set(metrics.waiting, (double)postgres_int(rows, 0, COLUMN_OUTBOX_WAITING));
	metrics_set(metrics.oldest, (double)postgres_int(rows, 0, COLUMN_OUTBOX_OLDEST_S));
	if (postgres_int(rows, 0, COLUMN_OUTBOX_EXPIRED) > 0)
		log_line(LOG_WARN, "messages were given up, because they had become pointless",
			 LOG_INT("messages", postgres_int(rows, 0, COLUMN_OUTBOX_EXPIRED)));
}

/* Also while Redis is away. */
static void prune(struct outbox *outbox)
{
	struct postgres_params params = {0};

	if (!outbox->prunes || clock_monotonic_us() - outbox->pruned_us < PRUNE_US)
		return;
	outbox->pruned_us = clock_monotonic_us();
	postgres_param_int(&params, clock_unix_ms() / 1000);
	postgres_exec(outbox->users->postgres, &outbox->scope, &store_outbox_prune, &params, pruned, NULL);
}

/* ---- reports ---- */

static void look(void *arg)
{
	struct outbox *outbox = arg;

	if (outbox->is_draining || !postgres_is_ready(outbox->users->postgres))
		return;
	prune(outbox);
	if (outbox->is_running || !redis_is_ready(outbox->users->redis))
		return;
	outbox->is_running = true;
	outbox->is_due = false;
	mail_read_reports(outbox->users->redis, &outbox->scope, reports_read, outbox);
}

static void reports_read(enum status status, const struct mail_entries *entries, void *arg)
{
	struct outbox *outbox = arg;

	outbox->redis_ms = entries->now_ms;
	if (status != STATUS_OK)
		end_round(outbox);
	else if (entries->ids_n == 0)
		claim(outbox);
	else
		settle(outbox, entries);
}

static void settle(struct outbox *outbox, const struct mail_entries *entries)
{
	struct postgres_params params = {0};
	struct buf reports = {0};

	outbox->entries = *entries;
	json_write_array(&reports);
	for (int i = 0; i < entries->n; i++) {
		json_write_object(&reports);
		json_write_member_text(&reports, "id", entries->reports[i].id);
		json_write_member_int(&reports, "attempt", entries->reports[i].attempt);
		json_write_member_bool(&reports, "deferred", entries->reports[i].result == MAIL_DEFERRED);
		json_write_object_end(&reports);
	}
	json_write_array_end(&reports);
	postgres_param_text(&params, reports.bytes);
	postgres_param_int(&params, outbox->users->config->mail_retry_s);
	postgres_param_int(&params, RETRY_PAUSE_MAX_S);
	postgres_exec(outbox->users->postgres, &outbox->scope, &store_outbox_settle, &params, settled, outbox);
	buf_free(&reports);
}

static void settled(enum status status, const struct postgres_rows *rows, void *arg)
{
	struct outbox *outbox = arg;

	if (status != STATUS_OK)
		end_round(outbox);
	else
		mail_forget(outbox->users->redis, &outbox->scope, &outbox->entries, forgotten, outbox);
}

static void forgotten(enum status status, void *arg)
{
	struct outbox *outbox = arg;

	if (status != STATUS_OK)
		return end_round(outbox);
	outbox->is_due |= outbox->entries.ids_n == MAIL_BATCH_MAX; /* there may be more */
	claim(outbox);
}

/* ---- messages ---- */

static void claim(struct outbox *outbox)
{
	struct postgres_params params = {0};

	postgres_param_int(&params, MAIL_BATCH_MAX);
	postgres_param_int(&params, outbox->users->config->mail_lease_s);
	postgres_exec(outbox->users->postgres, &outbox->scope, &store_outbox_claim, &params, claimed, outbox);
}

/* The outbox has no secret: the token of a link and the code of a challenge are made here. NULL: the message has neither. */
static char *secret_values_of(const struct users *users, const char *id, const char *parameters)
{
	char *values = resets_values(users, parameters);

	if (!values)
		values = code_values(users, id, parameters);
	return values ? values : email_link_values(users, parameters);
}

/* A notice is published to the pages that the user has open too, with the first attempt, however often mailer tries. */
static void publish_notice(struct outbox *outbox, const struct mail_message *message, const char *parameters)
{
	struct notice notice = {.kind = notice_kind_find(message->template), .at_ms = clock_unix_ms()};
	cJSON *json = NULL;

	if (message->attempt != 1 || !notice.kind || json_parse(parameters, strlen(parameters), &json) != STATUS_OK)
		return;
	if (json_int(json, "user", &notice.user_id) == STATUS_OK)
		notice_publish(outbox->users->redis, &outbox->scope, &notice);
	cJSON_Delete(json);
}

static void publish(struct outbox *outbox, const struct postgres_rows *rows, int row)
{
	const char *parameters = postgres_text(rows, row, COLUMN_CLAIMED_PARAMETERS);
	char *secret_values = secret_values_of(outbox->users, postgres_text(rows, row, COLUMN_CLAIMED_ID), parameters);
	struct mail_message message = {
		.attempt = postgres_int(rows, row, COLUMN_CLAIMED_ATTEMPT),
		.deadline_ms = outbox->redis_ms + postgres_int(rows, row, COLUMN_CLAIMED_LEFT_MS),
		.channel = mail_channel_find(postgres_text(rows, row, COLUMN_CLAIMED_CHANNEL)),
		.priority = mail_priority_find(postgres_text(rows, row, COLUMN_CLAIMED_PRIORITY)),
		.template = postgres_text(rows, row, COLUMN_CLAIMED_TEMPLATE),
		.recipient = postgres_text(rows, row, COLUMN_CLAIMED_RECIPIENT),
		.values = secret_values ? secret_values : parameters,
	};

	snprintf(message.id, sizeof message.id, "%s", postgres_text(rows, row, COLUMN_CLAIMED_ID));
	if (message.channel == MAIL_CHANNELS) {
		log_line(LOG_WARN, "a message of an unknown channel waits for a newer users", LOG_TEXT("id", message.id));
	} else {
		publish_notice(outbox, &message, parameters);
		outbox->publishing++;
		mail_publish(outbox->users->redis, &outbox->scope, &message, published, outbox);
	}
	mem_free_secret(secret_values);
}

static void claimed(enum status status, const struct postgres_rows *rows, void *arg)
{
	struct outbox *outbox = arg;
	int count = status == STATUS_OK ? postgres_count(rows) : 0;

	for (int i = 0; i < count; i++)
		publish(outbox, rows, i);
	outbox->is_due |= count == MAIL_BATCH_MAX;
	end_round(outbox);
}

/* A message that Redis did not get is published again when its lease has run out. */
static void published(enum status status, void *arg)
{
	struct outbox *outbox = arg;

	if (status != STATUS_OK)
		log_line(LOG_WARN, "a message could not be passed to mailer; it will be published again",
			 LOG_TEXT("status", status_name(status)));
	outbox->publishing--;
	report_drained(outbox);
}

static void end_round(struct outbox *outbox)
{
	outbox->is_running = false;
	if (outbox->is_due)
		loop_timer_start(outbox->woken, 0);
	report_drained(outbox);
}

static void report_drained(struct outbox *outbox)
{
	if (outbox->is_draining && !outbox->is_running && outbox->publishing == 0)
		outbox->drained(outbox->drained_arg);
}

/* ---- start and end ---- */

void outbox_wake(struct outbox *outbox)
{
	outbox->is_due = true;
	if (!outbox->is_running)
		loop_timer_start(outbox->woken, 0);
}

struct outbox *outbox_new(struct event_base *base, struct users *users, bool looks_by_itself)
{
	struct outbox *outbox = mem_alloc(sizeof *outbox);

	outbox->users = users;
	outbox->prunes = looks_by_itself;
	scope_init(&outbox->scope);
	outbox->look = looks_by_itself ? loop_every(base, LOOK_MS, look, outbox) : NULL;
	outbox->woken = loop_timer_new(base, look, outbox);
	return outbox;
}

void outbox_drain(struct outbox *outbox, void (*drained)(void *arg), void *arg)
{
	outbox->is_draining = true;
	outbox->drained = drained;
	outbox->drained_arg = arg;
	report_drained(outbox);
}

void outbox_free(struct outbox *outbox)
{
	scope_cancel(&outbox->scope);
	loop_timer_free(outbox->look);
	loop_timer_free(outbox->woken);
	free(outbox);
}
