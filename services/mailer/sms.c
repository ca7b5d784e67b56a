/* Flow: sms_send -> looked_up -> (libcurl asks for sockets and times: watch, set_timer) -> ready | due -> collect -> sent. */
#include "sms.h"

#include <curl/curl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

#include <event2/event.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/json_write.h"
#include "base/loop.h"
#include "base/mem.h"
#include "base/scope.h"
#include "peer.h"

#define REPLY_BYTES_MAX 65536

struct transfer {
	struct sms *sms;
	CURL *easy;
	struct curl_slist *headers, *at; /* at: the gateway's addresses; NULL until they are looked up */
	int64_t begun_us;
	char *body;
	size_t replied; /* bytes of the reply, which are not kept */
	sms_sent *sent;
	void *arg;
	LIST_ENTRY(transfer) link;
};

struct sms {
	const struct sms_config *config;
	struct event_base *base;
	struct scope scope; /* of the look-ups */
	struct peer *gateway;
	CURLM *multi;
	struct loop_timer *timer;
	LIST_HEAD(, transfer) transfers;
};

static void looked_up(enum status status, const char *const *addresses, size_t count, const char *reason, void *arg);
static void finish(struct transfer *transfer, enum mail_result result, bool counts, long code, const char *reason);

/* ---- configuration ---- */

const char *sms_url_problem(const char *url, bool wants_tls)
{
	CURLU *parsed = curl_url();
	bool is_url = parsed && curl_url_set(parsed, CURLUPART_URL, url, CURLU_DISALLOW_USER) == CURLUE_OK;
	bool has_scheme = strncmp(url, "https://", 8) == 0 || (!wants_tls && strncmp(url, "http://", 7) == 0);

	curl_url_cleanup(parsed);
	if (!has_scheme)
		return wants_tls ? "must begin with https://" : "must begin with https:// or http://";
	return is_url && peer_is_in(url) ? NULL : "must be a URL without a user; the password of the gateway is SMS_TOKEN";
}

/* token68 (RFC 9110 §11.2) */
const char *sms_token_problem(const char *token)
{
	static const char characters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~+/=";

	return *token && token[strspn(token, characters)] == '\0' ? NULL : "must consist of letters, digits and -._~+/=";
}

/* ---- one message ---- */

static size_t discard(char *bytes, size_t size, size_t count, void *arg)
{
	struct transfer *transfer = arg;

	transfer->replied += size * count;
	return transfer->replied <= REPLY_BYTES_MAX ? size * count : 0;
}

static void transfer_free(struct transfer *transfer)
{
	curl_multi_remove_handle(transfer->sms->multi, transfer->easy);
	curl_easy_cleanup(transfer->easy);
	curl_slist_free_all(transfer->headers);
	curl_slist_free_all(transfer->at);
	mem_free_secret(transfer->body);
	LIST_REMOVE(transfer, link);
	free(transfer);
}

static void add_header(struct transfer *transfer, const char *name, const char *value)
{
	char *line = mem_printf("%s: %s", name, value);
	struct curl_slist *headers = curl_slist_append(transfer->headers, line);

	if (!headers)
		mem_die("mailer: libcurl has no memory\n");
	transfer->headers = headers;
	mem_free_secret(line);
}

static char *make_body(const char *number, const char *text)
{
	struct buf body = {0};

	json_write_object(&body);
	json_write_member_text(&body, "to", number);
	json_write_member_text(&body, "text", text);
	json_write_object_end(&body);
	return body.bytes;
}

static void set_options(struct transfer *transfer)
{
	const struct sms_config *config = transfer->sms->config;
	CURL *easy = transfer->easy;

	curl_easy_setopt(easy, CURLOPT_URL, config->url);
	curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR,
			 "https,http"); /* sms_url_problem() has refused the latter where TLS is due */
	curl_easy_setopt(easy, CURLOPT_PROXY, "");
	curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
	/* A connection for each message, because what a gateway sends beyond an answer, as a body after 204, would be read as
	 * the answer to the next message. */
	curl_easy_setopt(easy, CURLOPT_FRESH_CONNECT, 1L);
	curl_easy_setopt(easy, CURLOPT_FORBID_REUSE, 1L);
	if (config->ca_file) {
		curl_easy_setopt(easy, CURLOPT_CAINFO, config->ca_file);
		curl_easy_setopt(easy, CURLOPT_CAPATH, NULL); /* the system's folder, otherwise trusted too */
	}
	curl_easy_setopt(easy, CURLOPT_POSTFIELDS, transfer->body);
	curl_easy_setopt(easy, CURLOPT_HTTPHEADER, transfer->headers);
	curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, discard);
	curl_easy_setopt(easy, CURLOPT_WRITEDATA, transfer);
	curl_easy_setopt(easy, CURLOPT_PRIVATE, transfer);
}

void sms_send(struct sms *sms, const char *id, const char *number, const char *text, sms_sent *sent, void *arg)
{
	struct transfer *transfer = mem_alloc(sizeof *transfer);

	*transfer = (struct transfer){
		.sms = sms, .easy = curl_easy_init(), .begun_us = clock_monotonic_us(), .sent = sent, .arg = arg};
	if (!transfer->easy)
		mem_die("mailer: libcurl has no memory\n");
	transfer->body = make_body(number, text);
	add_header(transfer, "Content-Type", "application/json");
	add_header(transfer, "Idempotency-Key", id);
	add_header(transfer, "Expect", ""); /* otherwise libcurl may wait a second for 100 */
	if (sms->config->token) {
		char *authorization = mem_printf("Bearer %s", sms->config->token);

		add_header(transfer, "Authorization", authorization);
		mem_free_secret(authorization);
	}
	set_options(transfer);
	LIST_INSERT_HEAD(&sms->transfers, transfer, link);
	peer_look_up(sms->gateway, &sms->scope, looked_up, transfer);
}

/* ---- on the loop ---- */

static void looked_up(enum status status, const char *const *addresses, size_t count, const char *reason, void *arg)
{
	struct transfer *transfer = arg;
	struct sms *sms = transfer->sms;

	if (status != STATUS_OK)
		return finish(transfer, MAIL_DEFERRED, false, 0, reason);
	transfer->at = peer_at(sms->gateway, addresses, count);
	peer_set_options(transfer->easy, transfer->at, transfer->begun_us, sms->config->timeout_s);
	if (curl_multi_add_handle(sms->multi, transfer->easy) != CURLM_OK)
		mem_die("mailer: libcurl takes no message\n");
}

/* A gateway that has answered 2xx has the message, even if the connection is lost in the body. */
static enum mail_result judge(long code)
{
	if (code >= 200 && code < 300)
		return MAIL_SENT;
	if (code < 300 || code >= 500 || code == 408 || code == 429 || code == 401 || code == 403)
		return MAIL_DEFERRED;
	return MAIL_FAILED;
}

static void finish(struct transfer *transfer, enum mail_result result, bool counts, long code, const char *reason)
{
	sms_sent *sent = transfer->sent;
	void *arg = transfer->arg;

	transfer_free(transfer);
	sent(result, counts, code, reason, arg);
}

static void ended(struct transfer *transfer, CURLcode result)
{
	long code = 0, requested_bytes = 0;

	curl_easy_getinfo(transfer->easy, CURLINFO_RESPONSE_CODE, &code);
	curl_easy_getinfo(transfer->easy, CURLINFO_REQUEST_SIZE, &requested_bytes);
	finish(transfer, judge(code), code < 300 && requested_bytes > 0, code, curl_easy_strerror(result));
}

static void collect(struct sms *sms)
{
	const CURLMsg *message;
	int left;

	while ((message = curl_multi_info_read(sms->multi, &left))) {
		struct transfer *transfer;

		if (message->msg != CURLMSG_DONE)
			continue;
		curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, (char **)&transfer);
		ended(transfer, message->data.result);
	}
}

static void act(struct sms *sms, curl_socket_t fd, int what)
{
	int running;

	curl_multi_socket_action(sms->multi, fd, what, &running);
	collect(sms);
}

static void ready(evutil_socket_t fd, short events, void *arg)
{
	act(arg, fd, (events & EV_READ ? CURL_CSELECT_IN : 0) | (events & EV_WRITE ? CURL_CSELECT_OUT : 0));
}

static void due(void *arg)
{
	act(arg, CURL_SOCKET_TIMEOUT, 0);
}

static int watch(CURL *easy, curl_socket_t fd, int what, void *arg, void *watched)
{
	struct sms *sms = arg;
	short events = (short)((what & CURL_POLL_IN ? EV_READ : 0) | (what & CURL_POLL_OUT ? EV_WRITE : 0));
	struct event *event = NULL;

	if (watched)
		event_free(watched);
	if (what != CURL_POLL_REMOVE) {
		event = event_new(sms->base, fd, events | EV_PERSIST, ready, sms);
		if (!event || event_add(event, NULL) != 0)
			mem_die("mailer: a socket cannot be watched\n");
	}
	curl_multi_assign(sms->multi, fd, event);
	return 0;
}

static int set_timer(CURLM *multi, long timeout_ms, void *arg)
{
	struct sms *sms = arg;

	if (timeout_ms < 0)
		loop_timer_stop(sms->timer);
	else
		loop_timer_start(sms->timer, timeout_ms);
	return 0;
}

/* ---- start and end ---- */

struct sms *sms_new(struct event_base *base, const struct sms_config *config)
{
	struct sms *sms = mem_alloc(sizeof *sms);

	if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
		mem_die("mailer: libcurl does not start\n");
	*sms = (struct sms){.config = config, .base = base, .multi = curl_multi_init()};
	if (!sms->multi)
		mem_die("mailer: libcurl has no memory\n");
	LIST_INIT(&sms->transfers);
	scope_init(&sms->scope);
	sms->gateway = peer_new(base, config->url);
	sms->timer = loop_timer_new(base, due, sms);
	curl_multi_setopt(sms->multi, CURLMOPT_SOCKETFUNCTION, watch);
	curl_multi_setopt(sms->multi, CURLMOPT_SOCKETDATA, sms);
	curl_multi_setopt(sms->multi, CURLMOPT_TIMERFUNCTION, set_timer);
	curl_multi_setopt(sms->multi, CURLMOPT_TIMERDATA, sms);
	return sms;
}

void sms_free(struct sms *sms)
{
	if (!sms)
		return;
	scope_cancel(&sms->scope);
	peer_free(sms->gateway);
	while (!LIST_EMPTY(&sms->transfers))
		transfer_free(LIST_FIRST(&sms->transfers));
	curl_multi_cleanup(sms->multi);
	loop_timer_free(sms->timer);
	curl_global_cleanup();
	free(sms);
}
