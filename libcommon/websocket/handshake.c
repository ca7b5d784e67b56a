/* Turns a request into a WebSocket: RFC 6455 §4.2. */
#include "websocket/websocket_internal.h"

#include <mbedtls/base64.h>
#include <mbedtls/md.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/mem.h"

#define KEY_LEN 24 /* base64 of 16 bytes */
#define SHA1_BYTES 20

/* The next element of a comma-separated list (RFC 9110 §5.6.1), which moves on behind it; its length, or 0 at the end. */
static size_t next_element(const char **list, const char **ret_start)
{
	while (*list && **list) {
		const char *start = *list + strspn(*list, ", \t");
		size_t len = strcspn(start, ",");

		*list = start + len;
		while (len && (start[len - 1] == ' ' || start[len - 1] == '\t'))
			len--;
		*ret_start = start;
		if (len)
			return len;
	}
	return 0;
}

static bool has_element(const char *list, const char *name)
{
	const char *start = NULL;
	size_t len;

	while ((len = next_element(&list, &start)))
		if (len == strlen(name) && strncasecmp(start, name, len) == 0)
			return true;
	return false;
}

bool websocket_offer(const struct http_request *req, unsigned n, char *name, size_t size)
{
	const char *list = http_request_header(req, "Sec-WebSocket-Protocol"), *start = NULL;
	size_t len = next_element(&list, &start);

	while (len && n-- > 0)
		len = next_element(&list, &start);
	if (len == 0 || len >= size)
		return false;
	memcpy(name, start, len);
	name[len] = '\0';
	return true;
}

static bool is_key(const char *key)
{
	unsigned char bytes[KEY_LEN];
	size_t len;

	return key && strlen(key) == KEY_LEN &&
	       mbedtls_base64_decode(bytes, sizeof bytes, &len, (const unsigned char *)key, KEY_LEN) == 0 && len == 16;
}

static void make_accept(const char *key, char accept[32])
{
	unsigned char hash[SHA1_BYTES];
	char text[KEY_LEN + 37];
	size_t len;
	int text_len = snprintf(text, sizeof text, "%s258EAFA5-E914-47DA-95CA-C5AB0DC85B11", key);

	if (mbedtls_md(mbedtls_md_info_from_type(MBEDTLS_MD_SHA1), (const unsigned char *)text, (size_t)text_len, hash) != 0 ||
	    mbedtls_base64_encode((unsigned char *)accept, 32, &len, hash, sizeof hash) != 0)
		mem_die("mbedtls has no SHA-1\n");
}

/* Answers a request that is not a handshake and returns true; false: it is one. */
static bool refuse(struct http_request *req)
{
	const char *version = http_request_header(req, "Sec-WebSocket-Version");

	if (strcmp(http_request_method(req), "GET") != 0) {
		http_reply_header(req, "Allow", "GET");
		http_reply_fail(req, 405, "method_not_allowed", "Method not allowed.");
	} else if (!has_element(http_request_header(req, "Upgrade"), "websocket") ||
		   !has_element(http_request_header(req, "Connection"), "upgrade")) {
		http_reply_header(req, "Upgrade", "websocket");
		http_reply_header(req, "Connection", "Upgrade");
		http_reply_fail(req, 426, "upgrade_required", "This is a WebSocket.");
	} else if (!version || strcmp(version, "13") != 0) {
		http_reply_header(req, "Upgrade", "websocket");
		http_reply_header(req, "Sec-WebSocket-Version", "13");
		http_reply_header(req, "Connection", "Upgrade");
		http_reply_fail(req, 426, "upgrade_required", "The version of a WebSocket must be 13.");
	} else if (!is_key(http_request_header(req, "Sec-WebSocket-Key"))) {
		http_reply_header(req, "Connection", "close");
		http_reply_fail(req, 400, "bad_request", "Sec-WebSocket-Key is not 16 bytes in base64.");
	} else if (!http_request_can_upgrade(req)) {
		http_reply_header(req, "Connection", "close");
		http_reply_fail(req, 400, "bad_request", "Only an HTTP/1.1 request without a body can become a WebSocket.");
	} else {
		return false;
	}
	return true;
}

struct websocket *websocket_accept(struct websockets *group, struct http_request *req, const char *subprotocol, void *arg)
{
	char accept[32];

	if (refuse(req))
		return NULL;
	make_accept(http_request_header(req, "Sec-WebSocket-Key"), accept);
	http_reply_header(req, "Upgrade", "websocket");
	http_reply_header(req, "Connection", "Upgrade");
	http_reply_header(req, "Sec-WebSocket-Accept", accept);
	if (subprotocol)
		http_reply_header(req, "Sec-WebSocket-Protocol", subprotocol);
	return websocket_new(group, req, arg);
}
