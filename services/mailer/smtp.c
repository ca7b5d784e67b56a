/* Flow: smtp_send -> looked_up -> work (on a thread) -> done -> sent. */
#include "smtp.h"

#include <curl/curl.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/pool.h"
#include "peer.h"

#define REPLY_NO_PASSWORD 530

struct smtp {
	const struct smtp_config *config;
	struct pool *pool;
	struct scope scope;
	struct peer *server;
	LIST_HEAD(, transfer) looked_up; /* whose server is being looked up */
	atomic_bool is_ending;
};

/* What a thread of the pool works on, once the server is looked up. */
struct transfer {
	struct smtp *smtp; /* of which the thread reads config and is_ending alone */
	char *recipient, *message;
	struct curl_slist *at; /* the server's addresses */
	int64_t begun_us;
	size_t len, read;
	bool is_addressed;    /* the recipient was sent */
	curl_socket_t socket; /* the last that was opened */
	CURLcode code;
	long reply;
	smtp_sent *sent; /* not for the thread, as what follows */
	void *arg;
	LIST_ENTRY(transfer) link;
};

/* ---- the URL ---- */

/* libcurl frees a text without overwriting it, and a part of the URL may be its password. */
static void free_part(char *text)
{
	if (text)
		explicit_bzero(text, strlen(text));
	curl_free(text);
}

/* The part, malloc'ed; NULL when the URL has none. */
static char *part_of(const char *url, CURLUPart part, unsigned flags)
{
	CURLU *parsed = curl_url();
	char *text = NULL, *copy = NULL;

	if (parsed && curl_url_set(parsed, CURLUPART_URL, url, 0) == CURLUE_OK &&
	    curl_url_get(parsed, part, &text, flags) == CURLUE_OK)
		copy = mem_strdup(text);
	free_part(text);
	curl_url_cleanup(parsed);
	return copy;
}

const char *smtp_url_problem(const char *url)
{
	char *scheme = part_of(url, CURLUPART_SCHEME, 0), *host = part_of(url, CURLUPART_HOST, 0);
	char *query = part_of(url, CURLUPART_QUERY, 0), *fragment = part_of(url, CURLUPART_FRAGMENT, 0);
	const char *problem = NULL;

	if (!scheme || (strcmp(scheme, "smtp") != 0 && strcmp(scheme, "smtps") != 0) || !strstr(url, "://"))
		problem = "must begin with smtp:// or smtps://";
	else if (!host || !*host || query || fragment || !peer_is_in(url))
		problem = "must be smtp[s]://[user:password@]host[:port][/name]";
	free(scheme);
	free(host);
	free(query);
	free(fragment);
	return problem;
}

char *smtp_url_password(const char *url)
{
	return part_of(url, CURLUPART_PASSWORD, CURLU_URLDECODE);
}

/* ---- on a thread ---- */

static size_t read_message(char *into, size_t size, size_t count, void *arg)
{
	struct transfer *transfer = arg;
	size_t len = transfer->len - transfer->read;

	if (len > size * count)
		len = size * count;
	memcpy(into, transfer->message + transfer->read, len);
	transfer->read += len;
	return len;
}

static curl_socket_t open_socket(void *arg, curlsocktype purpose, struct curl_sockaddr *address)
{
	struct transfer *transfer = arg;

	transfer->socket = socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
	return transfer->socket;
}

static int close_socket(void *arg, curl_socket_t fd)
{
	struct transfer *transfer = arg;

	if (transfer->socket == fd)
		transfer->socket = CURL_SOCKET_BAD;
	return close(fd);
}

/* libcurl calls it about once a second. */
static int is_ending(void *arg, curl_off_t download, curl_off_t downloaded, curl_off_t upload, curl_off_t uploaded)
{
	return atomic_load(&((const struct transfer *)arg)->smtp->is_ending);
}

/* libcurl reports the same error for a refused sender and a refused recipient. */
static int watch(CURL *easy, curl_infotype type, char *data, size_t size, void *arg)
{
	static const char command[] = "RCPT TO:";

	if (type == CURLINFO_HEADER_OUT && size >= sizeof command - 1 && memcmp(data, command, sizeof command - 1) == 0)
		((struct transfer *)arg)->is_addressed = true;
	return 0;
}

static void set_limits(CURL *easy, struct transfer *transfer)
{
	const struct smtp_config *config = transfer->smtp->config;

	peer_set_options(easy, transfer->at, transfer->begun_us, config->timeout_s);
	curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "smtp,smtps");
	curl_easy_setopt(easy, CURLOPT_PROXY, "");
	curl_easy_setopt(easy, CURLOPT_USE_SSL, (long)(config->starttls ? CURLUSESSL_ALL : CURLUSESSL_NONE));
	if (config->ca_file) {
		curl_easy_setopt(easy, CURLOPT_CAINFO, config->ca_file);
		curl_easy_setopt(easy, CURLOPT_CAPATH, NULL); /* the system's folder, otherwise trusted too */
	}
	curl_easy_setopt(easy, CURLOPT_NOPROGRESS, 0L);
	curl_easy_setopt(easy, CURLOPT_XFERINFOFUNCTION, is_ending);
	curl_easy_setopt(easy, CURLOPT_XFERINFODATA, transfer);
	curl_easy_setopt(easy, CURLOPT_OPENSOCKETFUNCTION, open_socket);
	curl_easy_setopt(easy, CURLOPT_OPENSOCKETDATA, transfer);
	curl_easy_setopt(easy, CURLOPT_CLOSESOCKETFUNCTION, close_socket);
	curl_easy_setopt(easy, CURLOPT_CLOSESOCKETDATA, transfer);
}

static void work(void *arg)
{
	struct transfer *transfer = arg;
	CURL *easy = curl_easy_init();
	struct curl_slist *recipients = curl_slist_append(NULL, transfer->recipient);

	if (!easy || !recipients)
		mem_die("mailer: libcurl has no memory\n");
	set_limits(easy, transfer);
	curl_easy_setopt(easy, CURLOPT_URL, transfer->smtp->config->url);
	curl_easy_setopt(easy, CURLOPT_MAIL_FROM, transfer->smtp->config->from);
	curl_easy_setopt(easy, CURLOPT_MAIL_RCPT, recipients);
	curl_easy_setopt(easy, CURLOPT_UPLOAD, 1L);
	curl_easy_setopt(easy, CURLOPT_READFUNCTION, read_message);
	curl_easy_setopt(easy, CURLOPT_READDATA, transfer);
	curl_easy_setopt(easy, CURLOPT_INFILESIZE_LARGE, (curl_off_t)transfer->len);
	curl_easy_setopt(easy, CURLOPT_VERBOSE, 1L); /* calls the next, and prints nothing */
	curl_easy_setopt(easy, CURLOPT_DEBUGFUNCTION, watch);
	curl_easy_setopt(easy, CURLOPT_DEBUGDATA, transfer);
	transfer->code = curl_easy_perform(easy);
	curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &transfer->reply);
	if (transfer->socket != CURL_SOCKET_BAD)
		shutdown(transfer->socket,
			 SHUT_RDWR); /* otherwise libcurl sends QUIT and waits for the reply, up to two minutes */
	curl_easy_cleanup(easy);
	curl_slist_free_all(recipients);
}

/* ---- on the loop ---- */

/* A reply of 5xx is final if it is about this message: to RCPT or DATA, or after the message was sent. To the greeting, EHLO,
 * STARTTLS, AUTH or MAIL it is about this mailer, whose operator can mend that; and 530 anywhere, because it asks for a
 * password (RFC 4954 §6). */
static enum mail_result judge(const struct transfer *transfer, CURLcode code, long reply)
{
	if (code == CURLE_OK)
		return MAIL_SENT;
	if (!transfer->is_addressed || reply < 500 || reply > 599 || reply == REPLY_NO_PASSWORD)
		return MAIL_DEFERRED;
	return code == CURLE_SEND_ERROR || (code == CURLE_WEIRD_SERVER_REPLY && transfer->read > 0) ? MAIL_FAILED
												    : MAIL_DEFERRED;
}

/* libcurl ends the message once it has read all of it; the server may have it from then on, unless it has replied. */
static bool may_have_arrived(const struct transfer *transfer)
{
	return transfer->read == transfer->len && transfer->reply < 400;
}

static void done(enum status status, void *job, void *arg)
{
	struct transfer *transfer = job;
	enum mail_result result;

	if (status != STATUS_OK) /* impossible: the pool's queue holds as many as there may be */
		transfer->code = CURLE_AGAIN;
	result = judge(transfer, transfer->code, transfer->reply);
	transfer->sent(result, result != MAIL_DEFERRED || may_have_arrived(transfer), transfer->reply,
		       curl_easy_strerror(transfer->code), transfer->arg);
}

static void drop(void *job)
{
	struct transfer *transfer = job;

	free(transfer->recipient);
	mem_free_secret(transfer->message);
	curl_slist_free_all(transfer->at);
	free(transfer);
}

static void looked_up(enum status status, const char *const *addresses, size_t count, const char *reason, void *arg)
{
	struct transfer *transfer = arg;
	struct smtp *smtp = transfer->smtp;

	LIST_REMOVE(transfer, link);
	if (status != STATUS_OK) {
		transfer->sent(MAIL_DEFERRED, false, 0, reason, transfer->arg);
		return drop(transfer);
	}
	transfer->at = peer_at(smtp->server, addresses, count);
	pool_submit(smtp->pool, &smtp->scope, work, done, drop, transfer, NULL);
}

void smtp_send(struct smtp *smtp, const char *recipient, char *message, size_t len, smtp_sent *sent, void *arg)
{
	struct transfer *transfer = mem_alloc(sizeof *transfer);

	*transfer = (struct transfer){.smtp = smtp,
				      .recipient = mem_strdup(recipient),
				      .message = message,
				      .len = len,
				      .begun_us = clock_monotonic_us(),
				      .socket = CURL_SOCKET_BAD,
				      .sent = sent,
				      .arg = arg};
	LIST_INSERT_HEAD(&smtp->looked_up, transfer, link);
	peer_look_up(smtp->server, &smtp->scope, looked_up, transfer);
}

struct smtp *smtp_new(struct event_base *base, const struct smtp_config *config)
{
	struct smtp *smtp = mem_alloc(sizeof *smtp);

	if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
		mem_die("mailer: libcurl does not start\n");
	smtp->config = config;
	scope_init(&smtp->scope);
	LIST_INIT(&smtp->looked_up);
	smtp->server = peer_new(base, config->url);
	smtp->pool = pool_new(base, (unsigned)config->connections, (unsigned)config->connections);
	return smtp;
}

void smtp_free(struct smtp *smtp)
{
	struct transfer *transfer;

	if (!smtp)
		return;
	scope_cancel(&smtp->scope);
	peer_free(smtp->server);
	while ((transfer = LIST_FIRST(&smtp->looked_up))) {
		LIST_REMOVE(transfer, link);
		drop(transfer);
	}
	atomic_store(&smtp->is_ending, true);
	pool_free(smtp->pool);
	curl_global_cleanup();
	free(smtp);
}
