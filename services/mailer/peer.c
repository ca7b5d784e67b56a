#include "peer.h"

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/mem.h"
#include "net/url.h"

struct peer {
	struct http_client *names; /* used for look-ups alone */
	char *host, *port;
};

/* The part, malloc'ed; NULL when the URL has none. */
static char *copy_part(CURLU *parsed, CURLUPart part, unsigned flags)
{
	char *text = NULL, *copy = NULL;

	if (curl_url_get(parsed, part, &text, flags) == CURLUE_OK)
		copy = mem_strdup(text);
	curl_free(text);
	return copy;
}

static void strip_brackets(char *host)
{
	size_t len = strlen(host);

	if (host[0] != '[' || host[len - 1] != ']')
		return;
	memmove(host, host + 1, len - 2);
	host[len - 2] = '\0';
}

static void read_url(const char *url, char **ret_host, char **ret_port)
{
	CURLU *parsed = curl_url();

	*ret_host = *ret_port = NULL;
	if (!parsed)
		mem_die("mailer: libcurl has no memory\n");
	if (curl_url_set(parsed, CURLUPART_URL, url, 0) == CURLUE_OK) {
		*ret_host = copy_part(parsed, CURLUPART_HOST, 0);
		*ret_port = copy_part(parsed, CURLUPART_PORT, CURLU_DEFAULT_PORT);
	}
	curl_url_cleanup(parsed);
	if (*ret_host)
		strip_brackets(*ret_host);
}

bool peer_is_in(const char *url)
{
	char *host, *port;
	bool is_in;

	read_url(url, &host, &port);
	is_in = host && port && url_is_host(host);
	free(host);
	free(port);
	return is_in;
}

struct peer *peer_new(struct event_base *base, const char *url)
{
	struct peer *peer = mem_alloc(sizeof *peer);

	read_url(url, &peer->host, &peer->port);
	peer->names = http_client_new(base);
	return peer;
}

void peer_free(struct peer *peer)
{
	http_client_free(peer->names);
	free(peer->host);
	free(peer->port);
	free(peer);
}

void peer_look_up(struct peer *peer, struct scope *scope, http_client_resolved *done, void *arg)
{
	http_client_resolve(peer->names, scope, peer->host, done, arg);
}

/* "*" stands for whatever libcurl makes of the host, so that no spelling of it leads to a look-up. */
struct curl_slist *peer_at(const struct peer *peer, const char *const *addresses, size_t count)
{
	struct buf line = {0};
	struct curl_slist *list;

	buf_printf(&line, "*:%s:", peer->port);
	for (size_t i = 0; i < count; i++)
		buf_printf(&line, strchr(addresses[i], ':') ? "%s[%s]" : "%s%s", i > 0 ? "," : "", addresses[i]);
	list = curl_slist_append(NULL, line.bytes);
	if (!list)
		mem_die("mailer: libcurl has no memory\n");
	buf_free(&line);
	return list;
}

static long left_ms(int64_t begun_us, long timeout_s)
{
	int64_t left = timeout_s * 1000 - (clock_monotonic_us() - begun_us) / 1000;

	return left > 0 ? (long)left : 1; /* 0 is no limit to libcurl */
}

/* http_client_resolve() has sorted the addresses: shuffled, each gets its share. */
void peer_set_options(CURL *easy, struct curl_slist *at, int64_t begun_us, long timeout_s)
{
	curl_easy_setopt(easy, CURLOPT_RESOLVE, at);
	curl_easy_setopt(easy, CURLOPT_DNS_SHUFFLE_ADDRESSES, 1L);
	curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, left_ms(begun_us, timeout_s));
	curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, left_ms(begun_us, timeout_s));
}
