#include "watch/parse.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"

#define NUMBER_BYTES 40
#define NUMBER_MAX 1e15 /* no real metric is larger, and the rates of larger ones could overflow */

/* ---- Prometheus text (exposition format 0.0.4): `name{labels} value` a line ---- */

/* The byte after {…}, whose quoted values may hold any character; NULL when the line ends before that. */
static const char *end_of_labels(const char *at, const char *end)
{
	bool is_quoted = false;

	for (; at < end; at++) {
		if (is_quoted && *at == '\\')
			at++;
		else if (*at == '"')
			is_quoted = !is_quoted;
		else if (*at == '}' && !is_quoted)
			return at + 1;
	}
	return NULL;
}

static bool read_number(const char *at, const char *end, double *ret_number)
{
	char text[NUMBER_BYTES], *stop;
	size_t len = (size_t)(end - at);

	if (len == 0 || *at != ' ' || len >= sizeof text)
		return false;
	memcpy(text, at, len);
	text[len] = '\0';
	*ret_number = strtod(text, &stop);
	return stop > text + 1 && (*stop == '\0' || *stop == ' ' || *stop == '\r') && *ret_number >= 0 &&
	       *ret_number <= NUMBER_MAX;
}

/* Whether the line is a sample of the metric `name`; sets its labels (which may be absent) and value. */
static bool is_series(const char *line, const char *end, const char *name, const char **ret_labels, double *ret_value)
{
	size_t len = strlen(name);
	const char *rest = line + len;

	if ((size_t)(end - line) <= len || memcmp(line, name, len) != 0 || (*rest != ' ' && *rest != '{'))
		return false;
	*ret_labels = rest;
	if (*rest == '{')
		rest = end_of_labels(rest, end);
	return rest && read_number(rest, end, ret_value);
}

/* A metric may have several series: one for each process of a daemon, for example. */
static void sum(double *total, double value)
{
	*total = *total < 0 ? value : *total + value;
}

/* Copies the value of a label, whose name is given with `="`. False: there is none, or it was cut off. */
static bool read_label(const char *labels, const char *end, const char *name, char *value, size_t size)
{
	const char *start = memmem(labels, (size_t)(end - labels), name, strlen(name)), *stop;

	if (!start)
		return false;
	start += strlen(name);
	stop = memchr(start, '"', (size_t)(end - start));
	if (!stop)
		return false;
	snprintf(value, size, "%.*s", (int)(stop - start), start);
	return (size_t)(stop - start) < size;
}

/* Of a series of attempts with the label result. */
static void read_result(const char *labels, const char *end, double value, double *sent, double *failed)
{
	char result[16];

	if (!read_label(labels, end, "result=\"", result, sizeof result))
		return;
	if (strcmp(result, "sent") == 0)
		sum(sent, value);
	else if (strcmp(result, "failed") == 0)
		sum(failed, value);
}

static void read_mail(const char *line, const char *end, struct metrics_reading *reading)
{
	const char *labels;
	double value;

	if (is_series(line, end, "mail_outbox_messages", &labels, &value))
		reading->mail_waiting = value;
	else if (is_series(line, end, "mail_outbox_oldest_seconds", &labels, &value))
		reading->mail_oldest_s = value;
	else if (is_series(line, end, "mail_sent_total", &labels, &value))
		read_result(labels, end, value, &reading->mail_sent, &reading->mail_failed);
	else if (is_series(line, end, "sms_sent_total", &labels, &value))
		read_result(labels, end, value, &reading->sms_sent, &reading->sms_failed);
}

static void read_line(const char *line, const char *end, struct metrics_reading *reading)
{
	const char *labels;
	double value;

	if (*line == 'm' || *line == 's')
		return read_mail(line, end, reading);
	if (*line != 'p' && *line != 'b' && *line != 'w')
		return;
	if (is_series(line, end, "process_cpu_seconds_total", &labels, &value))
		sum(&reading->cpu_s, value);
	else if (is_series(line, end, "process_resident_memory_bytes", &labels, &value))
		sum(&reading->memory_bytes, value);
	else if (is_series(line, end, "process_start_time_seconds", &labels, &value))
		reading->started_s = reading->started_s < 0 || value < reading->started_s ? value : reading->started_s;
	else if (is_series(line, end, "worker_jobs_total", &labels, &value))
		sum(&reading->jobs, value);
	else if (is_series(line, end, "build_info", &labels, &value))
		(void)read_label(labels, end, "version=\"", reading->version, sizeof reading->version); /* or a part of it */
}

enum status parse_metrics(const char *text, size_t len, struct metrics_reading *ret_reading)
{
	struct metrics_reading reading = {.cpu_s = -1,
					  .memory_bytes = -1,
					  .started_s = -1,
					  .jobs = -1,
					  .mail_waiting = -1,
					  .mail_oldest_s = -1,
					  .mail_sent = -1,
					  .mail_failed = -1,
					  .sms_sent = -1,
					  .sms_failed = -1};
	const char *end = text + len;

	while (text < end) {
		const char *newline = memchr(text, '\n', (size_t)(end - text)), *line_end = newline ? newline : end;

		if (line_end > text)
			read_line(text, line_end, &reading);
		text = newline ? newline + 1 : end;
	}
	if (reading.cpu_s < 0 || reading.memory_bytes < 0 || reading.started_s < 0)
		return STATUS_INVALID;
	*ret_reading = reading;
	return STATUS_OK;
}

/* ---- requests ---- */

static struct route_counts *route_of(const char *labels, const char *end, struct request_counts *counts)
{
	char method[ROUTE_METHOD_BYTES], path[ROUTE_PATH_BYTES];

	if (!read_label(labels, end, "method=\"", method, sizeof method) ||
	    !read_label(labels, end, "route=\"", path, sizeof path))
		return NULL;
	return requests_route(counts, method, path);
}

static void read_total(const char *labels, const char *end, double value, struct request_counts *counts)
{
	struct route_counts *route = route_of(labels, end, counts);
	char code[8];

	if (!route || !read_label(labels, end, "code=\"", code, sizeof code))
		return;
	route->requests += value;
	if (*code == '5')
		route->errors += value;
}

static void read_bucket(const char *labels, const char *end, double value, struct request_counts *counts)
{
	struct route_counts *route = route_of(labels, end, counts);
	char bound[16];
	int at;

	if (!route || !read_label(labels, end, "le=\"", bound, sizeof bound))
		return;
	at = requests_bound(bound);
	if (at >= 0)
		route->at_most[at] += value;
	else if (strcmp(bound, "+Inf") == 0)
		route->all += value;
}

void parse_requests(const char *text, size_t len, struct request_counts *ret_counts)
{
	const char *end = text + len;

	ret_counts->count = 0;
	while (text < end) {
		const char *newline = memchr(text, '\n', (size_t)(end - text)), *line_end = newline ? newline : end, *labels;
		double value;

		if (is_series(text, line_end, "http_requests_total", &labels, &value))
			read_total(labels, line_end, value, ret_counts);
		else if (is_series(text, line_end, "http_request_duration_seconds_bucket", &labels, &value))
			read_bucket(labels, line_end, value, ret_counts);
		text = newline ? newline + 1 : end;
	}
}

/* ---- /readyz, stub_status, INFO ---- */

enum status parse_readiness(const char *body, size_t len, char *text, size_t size)
{
	const char *message;
	cJSON *json;

	if (json_parse(body, len, &json) != STATUS_OK)
		return STATUS_INVALID;
	if (!json_text(json, "status")) {
		cJSON_Delete(json);
		return STATUS_INVALID;
	}
	message = json_text(json, "message");
	snprintf(text, size, "%s", message ? message : "");
	cJSON_Delete(json);
	return STATUS_OK;
}

enum status parse_stub_status(const char *text, int64_t *ret_active, int64_t *ret_requests)
{
	const char *totals = strstr(text, "server accepts handled requests\n");

	if (!totals || sscanf(text, "Active connections: %" SCNd64, ret_active) != 1)
		return STATUS_INVALID;
	if (sscanf(strchr(totals, '\n'), "%*d %*d %" SCNd64, ret_requests) != 1)
		return STATUS_INVALID;
	return *ret_active >= 0 && *ret_requests >= 0 ? STATUS_OK : STATUS_INVALID;
}

bool parse_info(const char *info, const char *name, char *value, size_t size)
{
	size_t len = strlen(name);

	for (const char *line = info; line; line = strchr(line, '\n')) {
		line += *line == '\n';
		if (strncmp(line, name, len) == 0 && line[len] == ':') {
			snprintf(value, size, "%.*s", (int)strcspn(line + len + 1, "\r\n"), line + len + 1);
			return true;
		}
	}
	return false;
}

/* db0:keys=7,expires=2,avg_ttl=0 */
int64_t parse_info_expiring(const char *info)
{
	static const char name[] = ",expires=";
	int64_t count = 0;

	while ((info = strstr(info, name))) {
		int64_t expiring = strtoll(info += strlen(name), NULL, 10);

		if (expiring < 0 || expiring > INT64_MAX - count)
			return -1;
		count += expiring;
	}
	return count;
}
