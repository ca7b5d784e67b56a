/* One answer to the HTTP client, of any bytes; the peer closes behind it. To introspection it is the answer of users about a
 * token. Invariants:
 * - splitting it anywhere changes nothing;
 * - an answer whose length is known is never taken for whole before its last byte;
 * - a body stays within its limit, and what waits unread within the limit of a line;
 * - the verdict, the code and the body are those of a reference: a second reader, which has all bytes at once;
 * - what was read, written anew (by length, in chunks, and up to the end), is read as the same;
 * - a token is good only after 200 and an object that names its user, and only then anything is said of the user. */
#include <event2/buffer.h>
#include <stdio.h>
#include <strings.h>

#include "auth/introspection.h"
#include "base/json.h"
#include "base/log.h"
#include "fuzz.h"
#include "http/client.h"
#include "http/client_internal.h"

#define BODY_MAX 600
#define HEAD_MAX 16384 /* of all lines together: response.c */

struct answer {
	struct http_response_reader reader;
	enum http_reading reading;
	bool has_ended; /* by itself, before the peer closed */
	size_t end;     /* bytes that were read */
};

static enum http_reading deliver(struct answer *answer, struct evbuffer *input, const char *bytes, size_t len)
{
	enum http_reading reading;
	size_t waiting;

	evbuffer_add(input, bytes, len);
	reading = http_response_reader_read(&answer->reader, input);
	waiting = evbuffer_get_length(input);
	answer->end += len;
	require(answer->reader.body.len <= BODY_MAX);
	require(reading != HTTP_READING_MORE || waiting <= HEAD_MAX);
	require((reading == HTTP_READING_FAILED) == (answer->reader.problem != NULL));
	if (reading != HTTP_READING_MORE)
		answer->end -= waiting;
	return reading;
}

/* The first `first` bytes (0: no such part), then `step` bytes at a time. */
static struct answer read_answer(const char *bytes, size_t len, size_t first, size_t step)
{
	struct answer answer = {.reading = HTTP_READING_MORE};
	struct evbuffer *input = evbuffer_new();

	http_response_reader_init(&answer.reader, BODY_MAX);
	for (size_t at = 0; at < len && answer.reading == HTTP_READING_MORE;) {
		size_t part = at == 0 && first > 0 ? first : step;

		part = part < len - at ? part : len - at;
		answer.reading = deliver(&answer, input, bytes + at, part);
		at += part;
	}
	answer.has_ended = answer.reading == HTTP_READING_DONE;
	if (answer.reading != HTTP_READING_FAILED)
		answer.reading = http_response_reader_end(&answer.reader);
	require(answer.reading != HTTP_READING_MORE);
	require(!answer.has_ended || answer.reading == HTTP_READING_DONE);
	evbuffer_free(input);
	return answer;
}

static bool has_body(const struct answer *answer, const struct buf *body)
{
	return answer->reader.body.len == body->len &&
	       (!body->len || memcmp(answer->reader.body.bytes, body->bytes, body->len) == 0);
}

static void check_same(const struct answer *whole, struct answer parts)
{
	require(parts.reading == whole->reading);
	if (whole->reading == HTTP_READING_FAILED) {
		require(strcmp(parts.reader.problem, whole->reader.problem) == 0);
	} else {
		require(parts.reader.code == whole->reader.code && parts.has_ended == whole->has_ended);
		require(has_body(&parts, &whole->reader.body) && parts.end == whole->end);
	}
	http_response_reader_free(&parts.reader);
}

static void check_splits(const struct answer *whole, const char *bytes, size_t len)
{
	check_same(whole, read_answer(bytes, len, 0, 1));
	for (size_t first = 1; first < len; first += len / 32 + 1)
		check_same(whole, read_answer(bytes, len, first, len));
}

/* Cut off before its last byte, and at a few places before that. */
static void check_cut(const struct answer *whole, const char *bytes)
{
	for (size_t len = whole->end - 1, step = len / 8 + 1;; len -= step) {
		struct answer cut = read_answer(bytes, len, 0, len);

		require(cut.reading == HTTP_READING_FAILED);
		http_response_reader_free(&cut.reader);
		if (len < step)
			return;
	}
}

/* ---- the reference ---- */

struct reference {
	const char *bytes;
	size_t len, at;
	char line[4096];
	int code;
	bool is_chunked, has_length;
	unsigned long long length;
	struct buf body;
};

/* False: the line is cut off, longer than `most` with its end, or holds a NUL. */
static bool next_line(struct reference *reference, size_t most)
{
	const char *start = reference->bytes + reference->at;
	const char *newline = memchr(start, '\n', reference->len - reference->at);
	size_t len = newline ? (size_t)(newline - start) : 0;

	if (!newline || len + 1 > most || len >= sizeof reference->line || memchr(start, '\0', len))
		return false;
	reference->at += len + 1;
	len -= len > 0 && start[len - 1] == '\r';
	memcpy(reference->line, start, len);
	reference->line[len] = '\0';
	return true;
}

static bool is_digits(const char *text, size_t least, size_t most)
{
	size_t len = strspn(text, "0123456789");

	return len >= least && len <= most && !text[len];
}

static bool read_field(struct reference *reference)
{
	char *value = strchr(reference->line, ':'), *end;

	if (!value || value == reference->line || strcspn(reference->line, " \t") < (size_t)(value - reference->line))
		return false;
	*value++ = '\0';
	value += strspn(value, " \t");
	for (end = value + strlen(value); end > value && strchr(" \t", end[-1]);)
		*--end = '\0';
	if (strcasecmp(reference->line, "transfer-encoding") == 0) {
		if (reference->is_chunked || strcasecmp(value, "chunked") != 0)
			return false;
		reference->is_chunked = true;
	} else if (strcasecmp(reference->line, "content-length") == 0) {
		if (!is_digits(value, 1, 15) || (reference->has_length && reference->length != strtoull(value, NULL, 10)))
			return false;
		reference->has_length = true;
		reference->length = strtoull(value, NULL, 10);
	}
	return true;
}

static bool read_head(struct reference *reference)
{
	char code[4] = "";
	const char *line = reference->line;

	if (!next_line(reference, HEAD_MAX) || strlen(line) < 12 || strncmp(line, "HTTP/1.", 7) != 0)
		return false;
	memcpy(code, line + 9, 3);
	if (line[7] < '0' || line[7] > '9' || line[8] != ' ' || !is_digits(code, 3, 3) || (line[12] && line[12] != ' '))
		return false;
	reference->code = atoi(code);
	reference->is_chunked = reference->has_length = false;
	while (next_line(reference, HEAD_MAX))
		if (!*line)
			return reference->code >= 100 && reference->code <= 599 && reference->code != 101 &&
			       !(reference->is_chunked && reference->has_length);
		else if (!read_field(reference))
			return false;
	return false;
}

static bool take(struct reference *reference, unsigned long long len)
{
	if (len > BODY_MAX - reference->body.len || len > reference->len - reference->at)
		return false;
	buf_add(&reference->body, reference->bytes + reference->at, (size_t)len);
	reference->at += (size_t)len;
	return true;
}

static bool read_chunks(struct reference *reference)
{
	char *line = reference->line;
	unsigned long long size;

	do {
		size_t digits, blanks;

		if (!next_line(reference, 256))
			return false;
		digits = strspn(line, "0123456789abcdefABCDEF");
		blanks = strspn(line + digits, " \t");
		if (digits == 0 || digits > 15 || (line[digits + blanks] && line[digits + blanks] != ';'))
			return false;
		size = strtoull(line, NULL, 16);
		if (size && (!take(reference, size) || !next_line(reference, 256) || *line))
			return false;
	} while (size);
	while (next_line(reference, HEAD_MAX))
		if (!*line)
			return true;
	return false;
}

static bool read_whole(struct reference *reference)
{
	do {
		if (!read_head(reference))
			return false;
	} while (reference->code < 200);
	if (reference->code == 204 || reference->code == 304)
		return true;
	if (reference->is_chunked)
		return read_chunks(reference);
	return take(reference, reference->has_length ? reference->length : reference->len - reference->at);
}

static void check_reference(const struct answer *whole, const char *bytes, size_t len)
{
	struct reference reference = {.bytes = bytes, .len = len};
	bool is_whole = read_whole(&reference);

	require(is_whole == (whole->reading == HTTP_READING_DONE));
	if (is_whole)
		require(reference.code == whole->reader.code && has_body(whole, &reference.body) && reference.at == whole->end);
	buf_free(&reference.body);
}

/* ---- writing anew ---- */

static void check_anew(const struct answer *whole, struct buf *written, bool ends_by_itself)
{
	struct answer again = read_answer(written->bytes, written->len, 0, written->len);

	require(again.reading == HTTP_READING_DONE && again.has_ended == ends_by_itself);
	require(again.reader.code == whole->reader.code && has_body(&again, &whole->reader.body));
	http_response_reader_free(&again.reader);
	buf_free(written);
}

static void write_chunks(struct buf *out, const struct buf *body, size_t chunk)
{
	for (size_t at = 0; at < body->len; at += chunk) {
		size_t len = chunk < body->len - at ? chunk : body->len - at;

		buf_printf(out, "%zx;name=\"value\"\r\n", len);
		buf_add(out, body->bytes + at, len);
		buf_text(out, "\r\n");
	}
	buf_text(out, "0\r\nTrailer: value\r\n\r\n");
}

static void check_written_anew(const struct answer *whole)
{
	const struct buf *body = &whole->reader.body;
	bool may_have_body = whole->reader.code != 204 && whole->reader.code != 304;
	struct buf written = {0};

	require(may_have_body || body->len == 0);
	buf_printf(&written, "HTTP/1.1 %d\r\nContent-Length: %zu\r\n\r\n", whole->reader.code, body->len);
	buf_add(&written, body->bytes ? body->bytes : "", body->len);
	check_anew(whole, &written, true);
	buf_printf(&written, "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.0 %d Ok\nTransfer-Encoding: Chunked\n\n", whole->reader.code);
	if (may_have_body)
		write_chunks(&written, body, whole->end % 7 + 1);
	check_anew(whole, &written, true);
	buf_printf(&written, "HTTP/1.1 %d \r\nA: b\r\n\r\n", whole->reader.code);
	buf_add(&written, body->bytes ? body->bytes : "", body->len);
	check_anew(whole, &written, !may_have_body);
}

/* ---- the answer of users about a token; in place of http/client.c ---- */

static struct http_response users_answer;

struct http_client *http_client_new(struct event_base *base)
{
	return NULL;
}

void http_client_free(struct http_client *client)
{
}

void http_client_get_as(struct http_client *client, struct scope *scope, const char *url, const char *authorization,
			long timeout_ms, size_t body_bytes_max, http_client_done *done, void *arg)
{
	require(strcmp(url, "http://users:5001/auth/status") == 0 && strcmp(authorization, "Bearer a.b.c") == 0);
	done(STATUS_OK, &users_answer, NULL, arg);
}

static bool names_user(const cJSON *json, const struct introspection_user *user)
{
	const cJSON *data = cJSON_GetObjectItemCaseSensitive(json, "data");
	const cJSON *id = cJSON_GetObjectItemCaseSensitive(data, "id");
	const char *name = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(data, "username"));

	return cJSON_IsNumber(id) && id->valuedouble == (double)user->id && user->id > 0 && name &&
	       strncmp(name, user->name, INTROSPECTION_NAME_BYTES - 1) == 0 &&
	       cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(data, "admin")) == user->is_admin;
}

static void judged(enum auth_verdict verdict, const struct introspection_user *user, void *arg)
{
	cJSON *json = NULL;

	require(memchr(user->name, '\0', sizeof user->name));
	if (verdict == AUTH_OK) {
		require(users_answer.code == 200 && json_parse(users_answer.body, users_answer.len, &json) == STATUS_OK);
		require(names_user(json, user));
		cJSON_Delete(json);
	} else {
		require(user->id == 0 && !user->is_admin && !*user->name);
		require(verdict == AUTH_UNKNOWN || (users_answer.code == 401 && verdict != AUTH_MISSING));
	}
	++*(int *)arg;
}

static void check_introspection(const struct answer *whole)
{
	struct introspection *introspection = introspection_new(NULL, "http://users:5001");
	struct scope scope;
	int judgements = 0;

	scope_init(&scope);
	users_answer.code = whole->reader.code;
	users_answer.body = whole->reader.body.bytes ? whole->reader.body.bytes : "";
	users_answer.len = whole->reader.body.len;
	require(introspection_ask(introspection, &scope, NULL, "Bearer a.b.c", judged, &judgements));
	require(judgements == 1 && scope_is_idle(&scope));
	introspection_free(introspection);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *bytes = copy_bytes(data, size);
	struct answer whole = read_answer(bytes, size, 0, size);

	log_init("fuzz", "fuzz", LOG_ERROR + 1);
	check_splits(&whole, bytes, size);
	check_reference(&whole, bytes, size);
	if (whole.reading == HTTP_READING_DONE) {
		require(whole.reader.code >= 200 && whole.reader.code <= 599);
		check_written_anew(&whole);
		check_introspection(&whole);
	}
	if (whole.has_ended)
		check_cut(&whole, bytes);
	http_response_reader_free(&whole.reader);
	free(bytes);
	return 0;
}
