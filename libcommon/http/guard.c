#include "http/guard.h"

#include <event2/http.h>
#include <event2/http_struct.h>
#include <event2/keyvalq_struct.h>
#include <string.h>
#include <strings.h>
#include <sys/queue.h>

struct framing {
	int lengths, codings, hosts;
	const char *length, *coding;
};

/* RFC 9110 §5.6.2: a field name is a token. */
static int is_token(const char *name)
{
	static const char others[] = "!#$%&'*+-.^_`|~";

	if (!*name)
		return 0;
	for (; *name; name++) {
		char c = *name;

		if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || strchr(others, c)))
			return 0;
	}
	return 1;
}

static const char *read_headers(const struct evkeyvalq *headers, struct framing *framing)
{
	const struct evkeyval *header;

	TAILQ_FOREACH (header, headers, next) {
		if (!is_token(header->key))
			return "A header's name is not a token.";
		if (strcasecmp(header->key, "Content-Length") == 0) {
			framing->lengths++;
			framing->length = header->value;
		} else if (strcasecmp(header->key, "Transfer-Encoding") == 0) {
			framing->codings++;
			framing->coding = header->value;
		} else if (strcasecmp(header->key, "Host") == 0) {
			framing->hosts++;
		}
	}
	return NULL;
}

const char *http_guard_problem(struct evhttp_request *evreq)
{
	struct framing framing = {0};
	const char *problem = read_headers(evhttp_request_get_input_headers(evreq), &framing);

	if (problem)
		return problem;
	if (framing.lengths > 1)
		return "There is more than one Content-Length.";
	if (framing.length && (!*framing.length || framing.length[strspn(framing.length, "0123456789")]))
		return "Content-Length is not a number.";
	if (framing.codings > 1 || (framing.coding && strcasecmp(framing.coding, "chunked") != 0))
		return "Transfer-Encoding is not exactly chunked.";
	if (framing.coding && framing.length)
		return "Content-Length and Transfer-Encoding exclude each other.";
	if (framing.hosts > 1 || (framing.hosts == 0 && !(evreq->major == 1 && evreq->minor == 0)))
		return "There must be exactly one Host.";
	/* evhttp does not read the body of these, so what follows would pass as the next request. */
	if ((framing.coding || (framing.length && strspn(framing.length, "0") != strlen(framing.length))) &&
	    (evhttp_request_get_command(evreq) & (EVHTTP_REQ_HEAD | EVHTTP_REQ_TRACE | EVHTTP_REQ_CONNECT)))
		return "This method has no body.";
	return NULL;
}
