/* The messages that this mailer holds. Flow of one: wait -> waited -> take -> taken -> begin -> (count) -> counted ->
 * send_email | send_sms -> sent -> report -> reported. A message is held until Redis has its report. */
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/log.h"
#include "base/loop.h"
#include "base/mem.h"
#include "base/metrics.h"
#include "compose.h"
#include "file_box.h"
#include "rates.h"
#include "mail/mail.h"
#include "service.h"
#include "sms.h"
#include "smtp.h"

#define BLOCK_MS 1000
#define RESUME_MS 500
#define EMPTY_TAKES_MAX 4 /* in a row, without a pause */

enum outcome { OUTCOME_SENT, OUTCOME_FAILED, OUTCOME_DEFERRED, OUTCOME_LIMITED, OUTCOMES };

struct held {
	struct mailer *mailer;
	struct mail_report report;
	enum mail_channel channel;
	enum mail_priority priority;
	const struct template *template;
	char *recipient;
	cJSON *values;
	bool is_unreported; /* Redis did not get the report */
	LIST_ENTRY(held) link;
};

struct mailer {
	const struct mailer_config *config;
	struct smtp_config smtp_config;
	struct compose_config compose_config;
	struct sms_config sms_config;
	struct smtp *smtp;                /* NULL: messages become files, or wait */
	struct sms *sms;                  /* NULL: the same of SMS */
	struct redis *redis, *waiting_on; /* waiting_on is for blocking reads alone */
	struct scope scope, wait_scope;
	struct loop_timer *resume;
	LIST_HEAD(, held) held;
	long held_count;
	int64_t take_us; /* when the last take was sent (clock_boottime_us()) */
	int empty_takes; /* in a row, each after a message was seen */
	bool is_waiting, is_taking, is_draining;
	void (*drained)(void *arg);
	void *drained_arg;
};

static struct metric *sent_total[TEMPLATES_MAX][OUTCOMES], *sms_total[OUTCOMES];

static void wait_for_messages(struct mailer *mailer);
static void waited(enum status status, void *arg);
static void take(struct mailer *mailer);
static void taken(enum status status, const struct mail_message *messages, int n, int64_t now_ms, void *arg);
static void begin(struct mailer *mailer, const struct mail_message *message, int64_t now_ms);
static void counted(enum status status, long retry_s, void *arg);
static void send_email(struct held *held);
static void send_sms(struct held *held);
static void sent(enum mail_result result, bool counts, long code, const char *reason, void *arg);
static void finish(struct held *held, enum outcome outcome);
static void report(struct held *held);
static void reported(enum status status, void *arg);

void mailer_register_metrics(void)
{
	static const char *const names[OUTCOMES] = {"sent", "failed", "deferred", "limited"};
	struct buf labels = {0};

	for (int i = 0; i < templates_n; i++)
		for (int outcome = 0; outcome < OUTCOMES; outcome++) {
			labels.len = 0;
			metrics_label(&labels, "template", templates[i].name);
			buf_text(&labels, ",");
			metrics_label(&labels, "result", names[outcome]);
			sent_total[i][outcome] = metrics_counter("mail_sent_total", labels.bytes,
								 "Attempts to send a message, by template and result.");
		}
	for (int outcome = 0; outcome < OUTCOMES; outcome++) {
		labels.len = 0;
		metrics_label(&labels, "result", names[outcome]);
		sms_total[outcome] = metrics_counter("sms_sent_total", labels.bytes, "Attempts to send an SMS, by result.");
	}
	buf_free(&labels);
}

/* ---- taking ---- */

static bool may_take(const struct mailer *mailer)
{
	return (mailer->smtp || mailer->sms || mailer->config->folder) && !mailer->is_draining && !mailer->is_waiting &&
	       !mailer->is_taking && mailer->held_count < mailer->config->connections && mailer_is_ready(mailer);
}

static void check_drained(struct mailer *mailer)
{
	void (*drained)(void *arg) = mailer->drained;

	if (!drained || mailer->is_taking || mailer->held_count > 0)
		return;
	mailer->drained = NULL;
	drained(mailer->drained_arg);
}

static void wait_for_messages(struct mailer *mailer)
{
	if (!may_take(mailer))
		return;
	mailer->is_waiting = true;
	mail_wait(mailer->waiting_on, &mailer->wait_scope, BLOCK_MS, waited, mailer);
}

/* After an error the timer waits again. */
static void waited(enum status status, void *arg)
{
	struct mailer *mailer = arg;

	mailer->is_waiting = false;
	if (status == STATUS_NOT_FOUND)
		mailer->empty_takes = 0;
	else if (status != STATUS_OK)
		return;
	take(mailer);
}

static void take(struct mailer *mailer)
{
	long free_places = mailer->config->connections - mailer->held_count;

	if (!may_take(mailer))
		return;
	mailer->is_taking = true;
	mailer->take_us = clock_boottime_us();
	mail_take(mailer->redis, &mailer->scope, (int)free_places, taken, mailer);
}

/* A message that was seen and is not there any more was taken by another mailer. If that goes on, the two connections lead to
 * two servers (during a failover): then the timer waits again. */
static void taken(enum status status, const struct mail_message *messages, int n, int64_t now_ms, void *arg)
{
	struct mailer *mailer = arg;

	mailer->is_taking = false;
	mailer->empty_takes = status == STATUS_OK && n == 0 ? mailer->empty_takes + 1 : 0;
	for (int i = 0; i < n; i++)
		begin(mailer, &messages[i], now_ms);
	if (status == STATUS_OK && mailer->empty_takes < EMPTY_TAKES_MAX)
		wait_for_messages(mailer);
	check_drained(mailer);
}

static void resume_due(void *arg)
{
	struct mailer *mailer = arg;
	struct held *held;

	LIST_FOREACH (held, &mailer->held, link)
		if (held->is_unreported && redis_is_ready(mailer->redis))
			report(held);
	wait_for_messages(mailer);
}

/* ---- sending ---- */

/* A message that could end after its deadline is left to users, which publishes it again. now_ms: Redis's clock, at most as
 * long ago as the take was sent. */
static bool is_in_time(const struct mailer *mailer, const struct mail_message *message, int64_t now_ms)
{
	long timeout_s = message->channel == MAIL_SMS ? mailer->config->sms_timeout_s : mailer->config->timeout_s;
	int64_t passed_ms = (clock_boottime_us() - mailer->take_us) / 1000;

	return message->deadline_ms >= now_ms + passed_ms + timeout_s * 1000;
}

/* Whether a message of this channel goes anywhere. */
static bool has_way(const struct mailer *mailer, enum mail_channel channel)
{
	if (mailer->config->folder)
		return true;
	return channel == MAIL_SMS ? mailer->sms != NULL : mailer->smtp != NULL;
}

static bool is_recipient(enum mail_channel channel, const char *text)
{
	return channel == MAIL_SMS ? compose_is_number(text) : compose_is_address(text);
}

static bool knows(const struct held *held)
{
	return held->template && (held->channel == MAIL_EMAIL || (held->channel == MAIL_SMS && held->template->sms));
}

static struct rated rated_of(const struct held *held)
{
	return (struct rated){held->channel, held->priority, held->recipient};
}

static void count(struct held *held)
{
	const struct rated rated = rated_of(held);
	struct mailer *mailer = held->mailer;

	rates_count(mailer->redis, &mailer->scope, mailer->config, &rated, counted, held);
}

static void take_back(struct held *held)
{
	const struct rated rated = rated_of(held);
	struct mailer *mailer = held->mailer;

	rates_undo(mailer->redis, &mailer->scope, mailer->config, &rated);
}

static void begin(struct mailer *mailer, const struct mail_message *message, int64_t now_ms)
{
	struct held *held;

	if (!is_in_time(mailer, message, now_ms))
		return log_line(LOG_WARN, "a message was too old to begin with; it will be published again",
				LOG_TEXT("id", message->id));
	held = mem_alloc(sizeof *held);
	held->mailer = mailer;
	memcpy(held->report.id, message->id, sizeof held->report.id);
	held->report.attempt = message->attempt;
	held->channel = message->channel;
	held->priority = message->priority;
	held->template = template_find(message->template);
	held->recipient = mem_strdup(message->recipient);
	LIST_INSERT_HEAD(&mailer->held, held, link);
	mailer->held_count++;
	if (!knows(held)) {
		log_line(LOG_WARN, "a message of an unknown template waits for a newer mailer", LOG_TEXT("id", message->id));
		return finish(held, OUTCOME_DEFERRED);
	}
	if (!has_way(mailer, held->channel)) {
		log_line(LOG_WARN, "a message waits, because SMTP_URL or SMS_URL is not set", LOG_TEXT("id", message->id),
			 LOG_TEXT("channel", mail_channel_name(held->channel)));
		return finish(held, OUTCOME_DEFERRED);
	}
	if (!is_recipient(held->channel, message->recipient) ||
	    json_parse(message->values, strlen(message->values), &held->values) != STATUS_OK) {
		log_line(LOG_WARN, "a message that can not be composed was refused", LOG_TEXT("id", message->id));
		return finish(held, OUTCOME_FAILED);
	}
	count(held);
}

/* Without Redis's answer it is deferred too, because a limit that fails open is none. */
static void counted(enum status status, long retry_s, void *arg)
{
	struct held *held = arg;

	if (status != STATUS_OK)
		finish(held, OUTCOME_DEFERRED);
	else if (retry_s > 0)
		finish(held, OUTCOME_LIMITED);
	else if (held->channel == MAIL_SMS)
		send_sms(held);
	else
		send_email(held);
}

static void write_to_folder(struct held *held, const char *message)
{
	enum status status = file_box_write(held->mailer->config->folder, held->report.id, message);

	finish(held, status == STATUS_OK ? OUTCOME_SENT : OUTCOME_DEFERRED);
}

/* As a file it has the form of an e-mail, so that one reader shows both. */
static void send_sms(struct held *held)
{
	struct mailer *mailer = held->mailer;
	struct buf text = {0}, file = {0};

	compose_sms(&text, &mailer->compose_config, held->template, held->values);
	if (mailer->sms) {
		sms_send(mailer->sms, held->report.id, held->recipient, text.bytes, sent, held);
	} else {
		buf_printf(&file, "From: Abacus\r\nTo: <%s>\r\nSubject: SMS\r\nMessage-ID: <%s@sms>\r\n\r\n%s\r\n",
			   held->recipient, held->report.id, text.bytes);
		write_to_folder(held, file.bytes);
	}
	mem_free_secret(file.bytes);
	mem_free_secret(text.bytes);
}

static void send_email(struct held *held)
{
	struct mailer *mailer = held->mailer;
	struct buf message = {0};

	compose(&message, &mailer->compose_config, held->template, held->report.id, held->recipient, held->values);
	if (mailer->smtp)
		return smtp_send(mailer->smtp, held->recipient, message.bytes, message.len, sent, held);
	write_to_folder(held, message.bytes);
	mem_free_secret(message.bytes);
}

/* An attempt that does not count is taken back, because while a server or a gateway is away the attempts alone would otherwise
 * reach the limits. The server's or the gateway's own words are not logged, because most repeat the recipient in them. */
static void sent(enum mail_result result, bool counts, long code, const char *reason, void *arg)
{
	static const enum outcome outcomes[MAIL_RESULTS] = {OUTCOME_SENT, OUTCOME_FAILED, OUTCOME_DEFERRED};
	struct held *held = arg;

	log_line(result == MAIL_SENT ? LOG_INFO : LOG_WARN,
		 held->channel == MAIL_SMS ? "a message was handed to the SMS gateway"
					   : "a message was handed to the SMTP server",
		 LOG_TEXT("result", mail_result_name(result)), LOG_TEXT("template", held->template->name),
		 LOG_TEXT("id", held->report.id), LOG_INT("attempt", held->report.attempt),
		 LOG_INT(held->channel == MAIL_SMS ? "http_code" : "smtp_code", code),
		 LOG_TEXT("reason", result == MAIL_SENT ? NULL : reason));
	if (!counts)
		take_back(held);
	finish(held, outcomes[result]);
}

/* ---- reporting ---- */

static void finish(struct held *held, enum outcome outcome)
{
	static const enum mail_result results[OUTCOMES] = {MAIL_SENT, MAIL_FAILED, MAIL_DEFERRED, MAIL_DEFERRED};

	held->report.result = results[outcome];
	if (held->channel == MAIL_SMS)
		metrics_add(sms_total[outcome], 1);
	else if (held->template)
		metrics_add(sent_total[held->template - templates][outcome], 1);
	report(held);
}

static void report(struct held *held)
{
	held->is_unreported = false;
	mail_report(held->mailer->redis, &held->mailer->scope, &held->report, reported, held);
}

static void held_free(struct held *held)
{
	LIST_REMOVE(held, link);
	held->mailer->held_count--;
	cJSON_Delete(held->values);
	free(held->recipient);
	free(held);
}

static void reported(enum status status, void *arg)
{
	struct held *held = arg;
	struct mailer *mailer = held->mailer;

	if (status != STATUS_OK) {
		held->is_unreported = true; /* until the timer */
		return;
	}
	held_free(held);
	wait_for_messages(mailer);
	check_drained(mailer);
}

/* ---- start and end ---- */

static void connection_changed(bool is_ready, void *arg)
{
	if (is_ready)
		wait_for_messages(arg);
}

static const struct redis_script *const scripts[] = {&mail_take_script, &limit_count_script, &limit_undo_script, NULL};

static struct smtp *start_smtp(struct mailer *mailer, struct event_base *base)
{
	const struct mailer_config *config = mailer->config;

	mailer->smtp_config = (struct smtp_config){.url = config->smtp_url,
						   .ca_file = config->smtp_ca_file,
						   .from = config->from,
						   .starttls = config->starttls,
						   .timeout_s = config->timeout_s,
						   .connections = config->connections};
	if (config->smtp_url)
		return smtp_new(base, &mailer->smtp_config);
	if (!config->folder)
		log_line(LOG_WARN, "SMTP_URL is not set: messages are not sent");
	return NULL;
}

static struct sms *start_sms(struct mailer *mailer, struct event_base *base)
{
	const struct mailer_config *config = mailer->config;

	mailer->sms_config = (struct sms_config){.url = config->sms_url,
						 .token = config->sms_token,
						 .ca_file = config->sms_ca_file,
						 .timeout_s = config->sms_timeout_s};
	return config->sms_url ? sms_new(base, &mailer->sms_config) : NULL;
}

struct mailer *mailer_new(struct event_base *base, const struct mailer_config *config)
{
	struct mailer *mailer = mem_alloc(sizeof *mailer);

	mailer->config = config;
	mailer->compose_config = (struct compose_config){config->from, config->public_url};
	scope_init(&mailer->scope);
	scope_init(&mailer->wait_scope);
	mailer->smtp = start_smtp(mailer, base);
	mailer->sms = start_sms(mailer, base);
	mailer->redis = redis_new(base, &config->redis, scripts, LOOP_PRIORITY_NORMAL);
	mailer->waiting_on = redis_new(base, &config->redis, NULL, LOOP_PRIORITY_NORMAL);
	redis_replace_with(mailer->waiting_on, mailer->redis);
	redis_on_change(mailer->redis, connection_changed, mailer);
	redis_on_change(mailer->waiting_on, connection_changed, mailer);
	mailer->resume = loop_every(base, RESUME_MS, resume_due, mailer);
	return mailer;
}

bool mailer_is_ready(const struct mailer *mailer)
{
	return redis_is_ready(mailer->redis) && redis_is_ready(mailer->waiting_on);
}

/* The read that waits is dropped, because it takes nothing. */
void mailer_drain(struct mailer *mailer, void (*drained)(void *arg), void *arg)
{
	mailer->is_draining = true;
	mailer->drained = drained;
	mailer->drained_arg = arg;
	scope_cancel(&mailer->wait_scope);
	check_drained(mailer);
}

void mailer_free(struct mailer *mailer)
{
	scope_cancel(&mailer->scope);
	scope_cancel(&mailer->wait_scope);
	smtp_free(mailer->smtp);
	sms_free(mailer->sms);
	redis_free(mailer->redis);
	redis_free(mailer->waiting_on);
	loop_timer_free(mailer->resume);
	while (!LIST_EMPTY(&mailer->held))
		held_free(LIST_FIRST(&mailer->held));
	free(mailer);
}
