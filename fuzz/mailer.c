/* What mailer takes from Redis and sends on, of any bytes, and what Redis answers to it and to users about mail. The first byte
 * of the input chooses; hiredis reads the replies from the rest (redis_calls.h replaces redis/call.c), or it is the recipient
 * and the values of a message. Invariants:
 * - each call completes exactly once, after it has returned; a status other than OK comes with nothing;
 * - a message and a report have an id, and each id is that of an entry which Redis sent; what is no message is dropped;
 * - a limit is not reached, or reached for no longer than its window;
 * - a recipient that is accepted has no character that could end a line, a header or a command of SMTP;
 * - a composed message has lines that SMTP carries, of printable ASCII, and the headers and the markup of its template; an SMS
 *   is one line. */
#include <stdio.h>

#include "base/json.h"
#include "base/log.h"
#include "base/utf8.h"
#include "compose.h"
#include "fuzz.h"
#include "mail/mail.h"
#include "rates.h"
#include "redis_calls.h"

#define LINE_CHARS_MAX 78 /* RFC 5322 §2.1.1 */
#define HEADERS 8         /* From, To, Subject, Date, Message-ID, Auto-Submitted, MIME-Version, Content-Type */
#define ID "0190a1b2-c3d4-7e5f-8a9b-0c1d2e3f4a5b"

static const struct compose_config config = {"abacus@example.com", "https://abacus.example"};
static unsigned completed;

static void check_command(int argc, const char **argv, const size_t *lens)
{
}

/* ---- a composed message ---- */

/* The lines of a composed message, which end with CRLF. */
static const char *check_line(const char *line)
{
	const char *end = strstr(line, "\r\n");

	require(end && end - line <= LINE_CHARS_MAX && *line != '.');
	for (const char *c = line; c < end; c++)
		require(*c >= ' ' && *c <= '~');
	return end + 2;
}

static size_t count(const char *text, const char *what)
{
	size_t found = 0;

	while ((text = strstr(text, what))) {
		found++;
		text += strlen(what);
	}
	return found;
}

/* Quoted-printable (RFC 2045 §6.7), read another way than it is written. The caller frees it. */
static char *decode(const char *text, const char *end)
{
	char *decoded = calloc(1, (size_t)(end - text) + 1), *out = decoded;

	for (; text < end; text++) {
		unsigned byte = (unsigned char)*text;

		if (*text == '=' && strncmp(text, "=\r\n", 3) == 0) {
			text += 2;
			continue;
		}
		if (*text == '=')
			require(sscanf(text + 1, "%2X", &byte) == 1 && (text += 2));
		*out++ = (char)byte;
	}
	return decoded;
}

/* A value is at most one line, and no markup. */
static void check_part(const char *begin, const char *end, const char *template)
{
	char *decoded = decode(begin, end);

	require(utf8_is_valid(decoded, strlen(decoded)));
	require(count(decoded, "\r\n") == count(template, "\n") + 1);
	if (strstr(template, "<html"))
		require(count(decoded, "<") == count(template, "<") && count(decoded, ">") == count(template, ">"));
	free(decoded);
}

static void check_parts(const char *body, const struct template *template)
{
	const char *text = strchr(template->text, '\n') + 1, *plain, *html, *end;

	require(count(body, "--=_" ID) == 3);
	require((plain = strstr(body, "\r\n\r\n")) && (html = strstr(plain, "--=_" ID)));
	check_part(plain + 4, html, text + strspn(text, "\n"));
	require((html = strstr(html, "\r\n\r\n")) && (end = strstr(html, "--=_" ID "--\r\n")));
	check_part(html + 4, end, template->html);
}

static void check_composed(const struct template *template, const char *recipient, const cJSON *values)
{
	struct buf out = {0};
	const char *body;

	compose(&out, &config, template, ID, recipient, values);
	require(strlen(out.bytes) == out.len && (body = strstr(out.bytes, "\r\n\r\n")));
	for (const char *line = body; *line;)
		line = check_line(line);
	require(count(out.bytes, "\r\n") - count(body, "\r\n") == HEADERS); /* the last one is folded */
	require(strncmp(out.bytes, "From: Abacus <abacus@example.com>\r\nTo: <", 40) == 0);
	check_parts(body + 4, template);
	buf_free(&out);
}

static void check_sms(const struct template *template, const cJSON *values)
{
	struct buf out = {0};

	compose_sms(&out, &config, template, values);
	require(utf8_is_valid(out.bytes, out.len));
	for (size_t i = 0; i < out.len; i++)
		require((unsigned char)out.bytes[i] >= ' ' && out.bytes[i] != 0x7F);
	buf_free(&out);
}

static void check_recipient(const char *recipient)
{
	if (compose_is_address(recipient)) {
		require(strlen(recipient) <= ADDRESS_BYTES_MAX && count(recipient, "@") == 1);
		require(!strpbrk(recipient, "\r\n\t <>()[]\\,;:\""));
		require(!compose_is_number(recipient));
	}
	if (compose_is_number(recipient))
		require(recipient[0] == '+' && strlen(recipient) <= 16 && !recipient[1 + strspn(recipient + 1, "0123456789")]);
}

/* As mailer.c does. */
static void check_sent(const struct template *template, const char *recipient, const char *text)
{
	cJSON *values = NULL;

	check_recipient(recipient);
	if (json_parse(text, strlen(text), &values) != STATUS_OK)
		return;
	if (compose_is_address(recipient))
		check_composed(template, recipient, values);
	if (template->sms && compose_is_number(recipient))
		check_sms(template, values);
	cJSON_Delete(values);
}

static void compose_one(const uint8_t *data, size_t size)
{
	const struct template *template = &templates[take_byte(&data, &size) % (unsigned)templates_n];
	char *recipient = take_line(&data, &size), *values = copy_text(data, size);

	check_sent(template, recipient, values);
	free(recipient);
	free(values);
}

/* ---- what Redis answers ---- */

static void complete(enum status status)
{
	completed++;
	require(status != STATUS_OK || !current || current->type != REDIS_REPLY_ERROR);
}

static void done(enum status status, void *arg)
{
	complete(status);
}

/* Of a script's reply, Redis's clock and entries. */
static const redisReply *list(void)
{
	require(current->type == REDIS_REPLY_ARRAY && current->elements == 2);
	return current->element[1];
}

static void taken(enum status status, const struct mail_message *messages, int n, int64_t now_ms, void *arg)
{
	complete(status);
	require(n >= 0 && now_ms >= 0 && (status == STATUS_OK ? (size_t)n <= list()->elements : n == 0));
	for (int i = 0; i < n; i++) {
		const struct template *template = template_find(messages[i].template);

		require(mail_is_id(messages[i].id) && messages[i].channel <= MAIL_CHANNELS);
		require(messages[i].priority < MAIL_PRIORITIES && *mail_priority_name(messages[i].priority));
		if (template)
			check_sent(template, messages[i].recipient, messages[i].values);
	}
}

static struct mail_entries entries;

static void reports_read(enum status status, const struct mail_entries *read, void *arg)
{
	complete(status);
	require(read->ids_n >= read->n && read->n >= 0 && (status == STATUS_OK || read->ids_n == 0));
	require(status != STATUS_OK || (size_t)read->ids_n == list()->elements);
	for (int i = 0; i < read->ids_n; i++)
		require(strcmp(read->ids[i], list()->element[i]->element[0]->str) == 0);
	for (int i = 0; i < read->n; i++)
		require(mail_is_id(read->reports[i].id) && *mail_result_name(read->reports[i].result));
	entries = *read;
}

static void counted(enum status status, long retry_s, void *arg)
{
	complete(status);
	require(retry_s >= 0 && retry_s <= (status == STATUS_OK ? 3600 : 0));
}

static void call(uint8_t choice, struct scope *scope)
{
	static const struct mailer_config limits = {
		.recipient_rate = 5, .domain_rate = 60, .sms_number_rate = 5, .sms_prefix_rate = 50, .sms_rate = 500};
	static const struct mail_message message = {
		ID, 1, 1700000000000, "code", MAIL_EMAIL, MAIL_PRIORITY_CODE, "ada@example.com", "{}"};
	static const struct mail_report report = {ID, 1, MAIL_SENT};
	static const struct rated email = {MAIL_EMAIL, MAIL_PRIORITY_RESET, "Ada@Example.com"},
				  sms = {MAIL_SMS, 0, "+4915112345678"};

	switch (choice) {
	case 0:
		return mail_take(NULL, scope, MAIL_BATCH_MAX, taken, NULL);
	case 1:
		return mail_read_reports(NULL, scope, reports_read, NULL);
	case 2:
		return mail_wait(NULL, scope, 1000, done, NULL);
	case 3:
		return mail_publish(NULL, scope, &message, done, NULL);
	case 4:
		return mail_report(NULL, scope, &report, done, NULL);
	case 5:
		return rates_count(NULL, scope, &limits, &email, counted, NULL);
	case 6:
		return rates_count(NULL, scope, &limits, &sms, counted, NULL);
	}
}
#define CALLS 7

static void answer_call(uint8_t choice, const uint8_t *data, size_t size)
{
	redisReader *reader = open_replies(data, size);
	struct scope scope;

	if (!reader)
		return;
	scope_init(&scope);
	completed = 0;
	entries.ids_n = 0;
	call(choice, &scope);
	require(pending_count == 1 && completed == 0);
	answer_all(reader);
	require(completed == 1);
	if (entries.ids_n > 0) {
		mail_forget(NULL, &scope, &entries, done, NULL);
		answer_all(reader);
		require(completed == 2);
	}
	redisReaderFree(reader);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t choice = take_byte(&data, &size) % (CALLS + 1);

	log_init("fuzz", "fuzz", LOG_ERROR + 1);
	if (choice < CALLS)
		answer_call(choice, data, size);
	else
		compose_one(data, size);
	return 0;
}
