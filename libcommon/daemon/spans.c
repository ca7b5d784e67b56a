/* Exports the spans of a serving process to an OpenTelemetry collector: OTLP over HTTP, as JSON
 * (https://opentelemetry.io/docs/specs/otlp/#otlphttp). One batch is on its way at a time, within a time limit, on this
 * process's loop; no request waits for it. A batch that the collector does not take is dropped and counted, and the next one
 * waits longer each time. Flow: send_due -> send_batch -> answered -> (send_batch …). */
#include "daemon/daemon_internal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/json_write.h"
#include "base/log.h"
#include "base/loop.h"
#include "base/mem.h"
#include "base/version.h"
#include "http/client.h"
#include "net/url.h"
#include "trace/span.h"

#define SEND_MS 500
#define TIMEOUT_MS 5000
#define LAST_TIMEOUT_MS 500 /* of the batch that is sent at the end */
#define ANSWER_BYTES_MAX 4096
#define ATTEMPTS_MAX 8
#define PATH "/v1/traces"

struct daemon_spans {
	struct http_client *client;
	struct scope scope;
	struct loop_timer *timer;
	char *url;
	const char *service;
	int sending; /* spans of the batch on its way; 0: none is */
	unsigned attempt;
	void (*sent_last)(void *arg);
	void *arg;
};

static void send_batch(struct daemon_spans *spans, long timeout_ms);
static void answered(enum status status, const struct http_response *response, const char *reason, void *arg);

/* ---- configuration ---- */

bool daemon_spans_read_ratio(const char *text, double *ret_ratio)
{
	char *end;
	double ratio;

	errno = 0;
	ratio = strtod(text, &end);
	if (end == text || *end || errno || !(ratio >= 0 && ratio <= 1))
		return false;
	*ret_ratio = ratio;
	return true;
}

void daemon_spans_check(const struct daemon_options *options, struct config *config)
{
	struct url url;
	double ratio;

	if (options->otlp_endpoint && url_parse(options->otlp_endpoint, &url) != STATUS_OK)
		config_problem(config, "OTEL_EXPORTER_OTLP_ENDPOINT: must be http://host:port, without TLS");
	if (!daemon_spans_read_ratio(options->trace_ratio, &ratio))
		config_problem(config, "OTEL_TRACES_SAMPLER_ARG: must be a number from 0 to 1");
}

/* ---- a batch ---- */

/* https://opentelemetry.io/docs/specs/semconv/resource/#service */
static void add_resource(struct buf *out, const char *service)
{
	json_write_key(out, "resource");
	json_write_object(out);
	trace_attributes_write(out, (const struct trace_attribute[]){
					    {"service.namespace", "abacus", 0},
					    {"service.name", service, 0},
					    {"service.instance.id", log_instance(), 0},
					    {"service.version", version_number, 0},
					    {0},
				    });
	json_write_object_end(out);
}

/* Returns how many spans it has. */
static int compose(struct buf *out, const char *service)
{
	static const char end[] = "]}]}]}";
	int count;

	json_write_object(out);
	json_write_key(out, "resourceSpans");
	json_write_array(out);
	json_write_object(out);
	add_resource(out, service);
	json_write_key(out, "scopeSpans");
	json_write_array(out);
	json_write_object(out);
	json_write_key(out, "spans");
	json_write_array(out);
	count = trace_spans_take(out);
	buf_text(out, end);
	return count;
}

static void finish(struct daemon_spans *spans)
{
	void (*sent_last)(void *arg) = spans->sent_last;

	spans->sent_last = NULL;
	if (sent_last)
		sent_last(spans->arg);
}

static void send_batch(struct daemon_spans *spans, long timeout_ms)
{
	struct buf body = {0};

	spans->sending = compose(&body, spans->service);
	if (spans->sending)
		http_client_post(spans->client, &spans->scope, spans->url, "application/json", &body, timeout_ms,
				 ANSWER_BYTES_MAX, answered, spans);
	buf_free(&body);
}

static void report_refusal(int code, const char *reason)
{
	log_line(LOG_WARN, "the collector did not take spans",
		 LOG_TEXT("reason", *reason ? reason : "its answer is no success"), LOG_INT("status", code));
}

static void answered(enum status status, const struct http_response *response, const char *reason, void *arg)
{
	struct daemon_spans *spans = arg;
	int code = response ? response->code : 0;
	bool are_accepted = code >= 200 && code < 300;

	if (!are_accepted && spans->attempt == 0)
		report_refusal(code, reason);
	trace_spans_count(spans->sending, are_accepted);
	spans->sending = 0;
	if (are_accepted)
		spans->attempt = 0;
	else if (spans->attempt < ATTEMPTS_MAX)
		spans->attempt++;
	loop_timer_start(spans->timer, are_accepted ? SEND_MS : SEND_MS + loop_backoff_ms(spans->attempt));
	finish(spans);
}

static void send_due(void *arg)
{
	struct daemon_spans *spans = arg;

	send_batch(spans, TIMEOUT_MS);
	if (!spans->sending)
		loop_timer_start(spans->timer, SEND_MS);
}

/* ---- start and end ---- */

struct daemon_spans *daemon_spans_new(struct event_base *base, const char *service, const struct daemon_options *options)
{
	struct daemon_spans *spans;
	size_t len;
	double ratio = 0;

	if (!options->otlp_endpoint || !daemon_spans_read_ratio(options->trace_ratio, &ratio))
		return NULL;
	trace_enable(ratio);
	spans = mem_alloc(sizeof *spans);
	spans->service = service;
	len = strlen(options->otlp_endpoint);
	len -= options->otlp_endpoint[len - 1] == '/';
	spans->url = mem_printf("%.*s%s", (int)len, options->otlp_endpoint, PATH);
	scope_init(&spans->scope);
	spans->client = http_client_new(base);
	spans->timer = loop_timer_new(base, send_due, spans);
	loop_timer_start(spans->timer, SEND_MS);
	return spans;
}

void daemon_spans_send_last(struct daemon_spans *spans, void (*done)(void *arg), void *arg)
{
	if (!spans)
		return done(arg);
	spans->sent_last = done;
	spans->arg = arg;
	loop_timer_stop(spans->timer);
	scope_cancel(&spans->scope);
	if (spans->sending)
		trace_spans_count(spans->sending, false); /* whether it arrives is not known any more */
	send_batch(spans, LAST_TIMEOUT_MS);
	if (!spans->sending)
		finish(spans);
}

void daemon_spans_free(struct daemon_spans *spans)
{
	if (!spans)
		return;
	http_client_free(spans->client);
	loop_timer_free(spans->timer);
	free(spans->url);
	free(spans);
}
