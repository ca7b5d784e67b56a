/* A state for each place in a message where the bytes given so far may end; each reads on in a tight loop over one class of
 * characters. Fields and trailers are read by the same states; trailers are checked and dropped.
 *
 *   START ─▶ METHOD ─▶ TARGET | OTHER_TARGET ─▶ VERSION ─▶ REQUEST_LF ─▶ fields ─▶ END | LENGTH | SIZE
 *   fields: (NAME ─▶ VALUE ─▶ FIELD_LF)* ─▶ FIELDS_LF
 *   LENGTH ─▶ END
 *   SIZE ─▶ (EXTENSION …)* ─▶ SIZE_LF ─▶ CHUNK ─▶ CHUNK_CR ─▶ CHUNK_LF ─▶ SIZE, or after a size of 0: fields ─▶ END */
#include "http/parser.h"

#include <string.h>
#include <strings.h>

enum state {
	START,
	EMPTY_LINE_LF,
	METHOD,
	TARGET_START,
	TARGET, /* in origin-form, which is nearly every one */
	OTHER_TARGET,
	VERSION,
	REQUEST_LF,
	NAME_START,
	NAME,
	VALUE,
	FIELD_LF,
	FIELDS_LF,
	SIZE_START,
	SIZE,
	EXTENSION_START,
	EXTENSION,
	EXTENSION_VALUE_START,
	EXTENSION_VALUE,
	QUOTED,
	QUOTED_PAIR,
	QUOTED_END,
	SIZE_LF,
	CHUNK_CR,
	CHUNK_LF, /* the last one that reads a part of a line */

	HEAD,
	LENGTH,
	CHUNK,
	END,
	REFUSED,
};

/* `seen` of a parser. */
enum {
	IS_CONNECT = 1,
	IS_OPTIONS = 2,
	IS_WITHOUT_BODY = 4,
	HAS_HOST = 8,
	HAS_LENGTH = 16,
	HAS_CODING = 32,
	HAS_CLOSE = 64,
	HAS_KEEP_ALIVE = 128,
	HAS_EXPECT = 256,
	HAS_HEAD = 512, /* it is whole; fields are trailers now */
	HAS_TAB = 1024, /* in the value of the field that is being read, or behind it */
};

/* ---- characters ---- */

enum {
	T = 1,   /* of a token (RFC 9110 §5.6.2) */
	U = 2,   /* of a path or a query (RFC 3986 §3.3, §3.4) */
	A = 4,   /* of an absolute URI: these, and the brackets of an IPv6 address */
	R = 8,   /* of a registered name (RFC 3986 §3.2.2) */
	B = 16,  /* of an address in brackets (RFC 3986 §3.2.2) */
	D = 32,  /* DIGIT */
	X = 64,  /* HEXDIG */
	V = 128, /* of a field's value: VCHAR and obs-text (RFC 9110 §5.5) */
	W = 256, /* white space: SP and HTAB */
	UAV = U | A | V,
	RUAV = R | UAV,
	TRUAV = T | RUAV,
};

static const uint16_t classes[256] = {
	['\t'] = W,
	[' '] = W,
	['!'] = TRUAV,
	['"'] = V,
	['#'] = T | V,
	['$' ... '\''] = TRUAV,
	['(' ... ')'] = RUAV,
	['*' ... '+'] = TRUAV,
	[','] = RUAV,
	['-'] = TRUAV,
	['.'] = TRUAV | B,
	['/'] = UAV,
	['0' ... '9'] = TRUAV | B | D | X,
	[':'] = UAV | B,
	[';'] = RUAV,
	['<'] = V,
	['='] = RUAV,
	['>'] = V,
	['?' ... '@'] = UAV,
	['A' ... 'F'] = TRUAV | B | X,
	['G' ... 'Z'] = TRUAV,
	['['] = A | V,
	['\\'] = V,
	[']'] = A | V,
	['^'] = T | V,
	['_'] = TRUAV,
	['`'] = T | V,
	['a' ... 'f'] = TRUAV | B | X,
	['g' ... 'z'] = TRUAV,
	['{'] = V,
	['|'] = T | V,
	['}'] = V,
	['~'] = TRUAV,
	[0x80 ... 0xFF] = V,
};

static bool is(uint8_t c, int class)
{
	return classes[c] & class;
}

/* The first place from `at` on whose character is not of the class. */
static size_t skip(const uint8_t *bytes, size_t at, size_t end, int class)
{
	while (at < end && is(bytes[at], class))
		at++;
	return at;
}

/* Is it this word, of small letters, digits and "-", in any case? No other character that may stand there becomes one of them.
 */
static bool is_word(const uint8_t *bytes, size_t len, const char *word)
{
	size_t i = 0;

	while (i < len && word[i] && (bytes[i] | 0x20) == word[i])
		i++;
	return i == len && !word[i];
}

/* ---- refusals ---- */

#define RULE(name, code, section, message) static const struct http_rule name = {code, section, message}

RULE(tls, 400, "RFC 8446 §5.1", "This is TLS, and the port speaks plain HTTP.");
RULE(http_2, 505, "RFC 9113 §3.4", "This is HTTP/2, and the port speaks HTTP/1.1.");
RULE(line_end, 400, "RFC 9112 §2.2", "A line does not end in CRLF.");
RULE(request_line, 400, "RFC 9112 §3", "The request line is not a method, a target and a version with one space between them.");
RULE(method_token, 400, "RFC 9112 §3.1", "The method is not a token.");
RULE(target_character, 400, "RFC 9112 §3.2", "The request target holds a character that a URI cannot have.");
RULE(target_form, 400, "RFC 9112 §3.2", "The request target has none of the forms that the method allows.");
RULE(target_long, 414, "RFC 9112 §3", "The request line is too long.");
RULE(version_form, 400, "RFC 9112 §2.3", "The version is not HTTP, a slash, a digit, a dot and a digit.");
RULE(version_number, 505, "RFC 9110 §15.6.6", "Only versions 1.0 and 1.1 of HTTP are supported.");
RULE(name_token, 400, "RFC 9112 §5", "A header's name is not a token.");
RULE(name_space, 400, "RFC 9112 §5.1", "White space stands before a header's colon.");
RULE(fold, 400, "RFC 9112 §5.2", "A header is folded over two lines.");
RULE(value_character, 400, "RFC 9110 §5.5", "A header's value holds a control character.");
RULE(head_large, 431, "RFC 6585 §5", "The headers are too large.");
RULE(fields_many, 431, "RFC 6585 §5", "There are too many headers.");
RULE(one_host, 400, "RFC 9112 §3.2", "There must be exactly one Host.");
RULE(host_form, 400, "RFC 9112 §3.2", "Host is not a name or an address, and a port.");
RULE(one_length, 400, "RFC 9112 §6.3", "There is more than one Content-Length.");
RULE(length_number, 400, "RFC 9112 §6.3", "Content-Length is not a number.");
RULE(coding_chunked, 400, "RFC 9112 §6.1", "Transfer-Encoding is not exactly chunked.");
RULE(coding_version, 400, "RFC 9112 §6.1", "HTTP/1.0 has no Transfer-Encoding.");
RULE(coding_or_length, 400, "RFC 9112 §6.3", "Content-Length and Transfer-Encoding exclude each other.");
RULE(no_body, 400, "RFC 9110 §9.3", "This method has no body.");
RULE(body_large, 413, "RFC 9110 §15.5.14", "The body is too large.");
RULE(expectation, 417, "RFC 9110 §10.1.1", "Only 100-continue can be expected.");
RULE(connection_tokens, 400, "RFC 9110 §7.6.1", "Connection is not a list of tokens.");
RULE(chunk_size, 400, "RFC 9112 §7.1", "A chunk's size is not a hexadecimal number.");
RULE(chunk_end, 400, "RFC 9112 §7.1", "A chunk does not end where its size says.");
RULE(chunk_extension, 400, "RFC 9112 §7.1.1", "A chunk's extension is not a name, or a name and a value.");
RULE(chunk_line_long, 400, "RFC 9112 §7.1.1", "A chunk's extensions are too long.");
RULE(trailer_of_head, 400, "RFC 9110 §6.5.1", "A trailer holds what only a head may hold.");
RULE(trailers_large, 431, "RFC 9112 §7.1.2", "The trailers are too large.");

static bool refuse(struct http_parser *parser, const struct http_rule *rule)
{
	parser->refusal = rule;
	parser->state = REFUSED;
	return false;
}

/* The functions below read on from `at` up to `end`, where there is one byte at least, and return false if they refuse it. */

static bool refuse_byte(struct http_parser *parser, uint8_t c, const struct http_rule *rule)
{
	return refuse(parser, c == '\r' || c == '\n' ? &line_end : rule);
}

/* c must be CR, else the rule is broken. */
static bool read_cr(struct http_parser *parser, uint8_t c, enum state next, const struct http_rule *rule)
{
	if (c != '\r')
		return refuse_byte(parser, c, rule);
	parser->at++;
	parser->state = next;
	return true;
}

static bool read_lf(struct http_parser *parser, uint8_t c, enum state next)
{
	if (c != '\n')
		return refuse(parser, &line_end);
	parser->at++;
	parser->state = next;
	return true;
}

/* ---- the request line ---- */

/* RFC 9112 §2.2 lets one empty line pass. */
static bool read_start(struct http_parser *parser, uint8_t c)
{
	if (c == 0x16) /* a record of TLS, of type handshake */
		return refuse(parser, &tls);
	parser->state = METHOD;
	if (c != '\r')
		return true;
	parser->method.start = strlen("\r\n");
	return read_cr(parser, c, EMPTY_LINE_LF, NULL);
}

static bool read_method(struct http_parser *parser, const uint8_t *bytes, size_t end)
{
	struct http_slice *method = &parser->method;
	size_t at = parser->at = skip(bytes, parser->at, end, T);

	if (at == end)
		return true;
	if (at == method->start || bytes[at] != ' ')
		return refuse_byte(parser, bytes[at], &method_token);
	method->len = (uint32_t)at - method->start;
	parser->at++;
	parser->state = TARGET_START;
	return true;
}

/* In origin-form it is judged as it comes. The other forms are rare and short, and judged when the line is whole. */
static bool read_target(struct http_parser *parser, const uint8_t *bytes, size_t end)
{
	struct http_slice *target = &parser->target;
	size_t at = parser->at;

	if (parser->state == TARGET_START) {
		target->start = (uint32_t)at;
		parser->state = bytes[at] == '/' ? TARGET : OTHER_TARGET;
	}
	parser->at = at = skip(bytes, at, end, parser->state == TARGET ? U : A);
	if (at == end)
		return true;
	if (bytes[at] == '\r' || (bytes[at] == ' ' && at == target->start))
		return refuse(parser, &request_line);
	if (bytes[at] != ' ')
		return refuse_byte(parser, bytes[at], &target_character);
	target->len = (uint32_t)at - target->start;
	parser->at++;
	parser->state = VERSION;
	return true;
}

/* Up to and with CR; word keeps it. */
static bool read_version(struct http_parser *parser, const uint8_t *bytes, size_t end)
{
	static const char form[] = "HTTP/0.0\r";

	while (parser->at < end && form[parser->word_len]) {
		uint8_t c = bytes[parser->at], wanted = (uint8_t)form[parser->word_len];

		if (wanted == '0' ? !is(c, D) : c != wanted)
			return refuse(parser, c == '\n' ? &line_end : c == ' ' ? &request_line : &version_form);
		parser->word[parser->word_len++] = (char)c;
		parser->at++;
	}
	if (!form[parser->word_len])
		parser->state = REQUEST_LF;
	return true;
}

/* uri-host [ ":" port ] (RFC 3986 §3.2.2, §3.2.3), without user information (RFC 9110 §4.2.4). */
static bool is_authority(const uint8_t *bytes, size_t len, bool wants_port)
{
	bool has_brackets = len > 0 && bytes[0] == '[';
	size_t host = has_brackets ? skip(bytes, 1, len, B) : skip(bytes, 0, len, R), digits;

	if (has_brackets && (host < 3 || host == len || bytes[host++] != ']'))
		return false;
	if (host == 0 || host == len)
		return host > 0 && !wants_port;
	digits = skip(bytes, host + 1, len, D) - host - 1;
	return bytes[host] == ':' && host + 1 + digits == len && digits <= 5 && (digits > 0 || !wants_port);
}

/* absolute-form (RFC 9112 §3.2.2) of the schemes that an HTTP server can answer for. */
static bool is_absolute(const uint8_t *bytes, size_t len)
{
	size_t start = len > 4 && (bytes[4] | 0x20) == 's' ? 5 : 4, end;

	if (len < start + 3 || !is_word(bytes, start, start == 5 ? "https" : "http") || memcmp(bytes + start, "://", 3) != 0)
		return false;
	start += 3;
	for (end = start; end < len && bytes[end] != '/' && bytes[end] != '?';)
		end++;
	return is_authority(bytes + start, end - start, false) && skip(bytes, end, len, U) == len;
}

static bool has_allowed_form(const struct http_parser *parser, const uint8_t *bytes)
{
	const uint8_t *target = bytes + parser->target.start;
	size_t len = parser->target.len;

	if (parser->seen & IS_CONNECT)
		return is_authority(target, len, true);
	if (*target == '/')
		return true;
	if (len == 1 && *target == '*')
		return parser->seen & IS_OPTIONS;
	return is_absolute(target, len);
}

static unsigned method_kind(const uint8_t *method, size_t len)
{
	static const struct {
		const char *name;
		unsigned kind;
	} kinds[] = {{"HEAD", IS_WITHOUT_BODY},
		     {"TRACE", IS_WITHOUT_BODY},
		     {"OPTIONS", IS_OPTIONS},
		     {"CONNECT", IS_CONNECT | IS_WITHOUT_BODY}};

	for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
		if (len == strlen(kinds[i].name) && memcmp(method, kinds[i].name, len) == 0)
			return kinds[i].kind;
	return 0;
}

static bool read_request_lf(struct http_parser *parser, const uint8_t *bytes)
{
	const char *version = parser->word + strlen("HTTP/");
	const uint8_t *method = bytes + parser->method.start;

	if (!read_lf(parser, bytes[parser->at], NAME_START))
		return false;
	if (version[0] == '2' && parser->method.len == 3 && memcmp(method, "PRI", 3) == 0)
		return refuse(parser, &http_2);
	if (version[0] != '1')
		return refuse(parser, &version_number);
	parser->seen = method_kind(method, parser->method.len);
	if (!has_allowed_form(parser, bytes))
		return refuse(parser, &target_form);
	parser->minor_version = version[2] != '0';
	return true;
}

/* ---- fields and trailers ---- */

enum known { OTHER, HOST, EXPECT, CONNECTION, CONTENT_LENGTH, TRANSFER_ENCODING };

static enum known known_field(const uint8_t *name, size_t len)
{
	switch (len) {
	case 4:
		return is_word(name, len, "host") ? HOST : OTHER;
	case 6:
		return is_word(name, len, "expect") ? EXPECT : OTHER;
	case 10:
		return is_word(name, len, "connection") ? CONNECTION : OTHER;
	case 14:
		return is_word(name, len, "content-length") ? CONTENT_LENGTH : OTHER;
	case 17:
		return is_word(name, len, "transfer-encoding") ? TRANSFER_ENCODING : OTHER;
	default:
		return OTHER;
	}
}

/* Digits alone (RFC 9112 §6.3). A tab behind them is legal, but llhttp refuses it. What 63 bits cannot hold is larger than any
 * body may be. */
static bool understand_length(struct http_parser *parser, const uint8_t *value, size_t len)
{
	uint64_t number = 0;

	if (parser->seen & HAS_LENGTH)
		return refuse(parser, &one_length);
	parser->seen |= HAS_LENGTH;
	if (len == 0 || skip(value, 0, len, D) != len || (parser->seen & HAS_TAB))
		return refuse(parser, &length_number);
	for (size_t i = 0; i < len; i++)
		number = number > INT64_MAX / 10 - 1 ? INT64_MAX : number * 10 + value[i] - '0';
	parser->content_length = number;
	return true;
}

/* #connection-option (RFC 9110 §7.6.1); a list may have empty elements (§5.6.1.2). */
static bool understand_connection(struct http_parser *parser, const uint8_t *value, size_t len)
{
	for (size_t at = 0; at < len; at++) {
		size_t start = skip(value, at, len, W), end = skip(value, start, len, T);

		if (is_word(value + start, end - start, "close"))
			parser->seen |= HAS_CLOSE;
		else if (is_word(value + start, end - start, "keep-alive"))
			parser->seen |= HAS_KEEP_ALIVE;
		at = skip(value, end, len, W);
		if (at < len && value[at] != ',')
			return refuse(parser, &connection_tokens);
	}
	return true;
}

static bool understand_field(struct http_parser *parser, const uint8_t *bytes, const struct http_field *field)
{
	const uint8_t *value = bytes + field->value.start;
	size_t len = field->value.len;

	switch (known_field(bytes + field->name.start, field->name.len)) {
	case OTHER:
		break;
	case HOST:
		if (parser->seen & HAS_HOST)
			return refuse(parser, &one_host);
		parser->seen |= HAS_HOST;
		return len == 0 || is_authority(value, len, false) || refuse(parser, &host_form);
	case EXPECT:
		parser->seen |= HAS_EXPECT;
		return is_word(value, len, "100-continue") || refuse(parser, &expectation);
	case CONNECTION:
		return understand_connection(parser, value, len);
	case CONTENT_LENGTH:
		return understand_length(parser, value, len);
	case TRANSFER_ENCODING:
		if ((parser->seen & (HAS_CODING | HAS_TAB)) || !is_word(value, len, "chunked"))
			return refuse(parser, &coding_chunked);
		parser->seen |= HAS_CODING;
	}
	return true;
}

static bool is_in_trailers(const struct http_parser *parser)
{
	return parser->seen & HAS_HEAD;
}

static bool read_name_start(struct http_parser *parser, uint8_t c)
{
	if (is(c, W))
		return refuse(parser, &fold);
	if (!is(c, T))
		return read_cr(parser, c, FIELDS_LF, &name_token);
	if (!is_in_trailers(parser) && parser->field_count == HTTP_FIELDS_MAX)
		return refuse(parser, &fields_many);
	parser->field.name.start = (uint32_t)parser->at;
	parser->word_len = 0;
	parser->seen &= ~HAS_TAB;
	parser->state = NAME;
	return true;
}

/* A trailer's name is kept as far as it matters, because the buffer's start may be gone when it is whole. */
static void keep_name(struct http_parser *parser, const uint8_t *name, size_t len)
{
	for (size_t i = 0; i < len && parser->word_len < sizeof parser->word; i++)
		parser->word[parser->word_len++] = (char)name[i];
}

static bool read_name(struct http_parser *parser, const uint8_t *bytes, size_t end)
{
	size_t start = parser->at, at = skip(bytes, start, end, T);

	parser->at = at;
	if (is_in_trailers(parser))
		keep_name(parser, bytes + start, at - start);
	if (at == end)
		return true;
	if (is(bytes[at], W))
		return refuse(parser, &name_space);
	if (bytes[at] != ':')
		return refuse_byte(parser, bytes[at], &name_token);
	if (is_in_trailers(parser) && known_field((const uint8_t *)parser->word, parser->word_len) != OTHER)
		return refuse(parser, &trailer_of_head);
	parser->field.name.len = (uint32_t)at - parser->field.name.start;
	parser->at++;
	parser->field.value.len = 0;
	parser->state = VALUE;
	return true;
}

static size_t skip_space(struct http_parser *parser, const uint8_t *bytes, size_t at, size_t end)
{
	for (; at < end && is(bytes[at], W); at++)
		if (bytes[at] == '\t')
			parser->seen |= HAS_TAB;
	return at;
}

/* Its len reaches up to the last character that is not white space. */
static bool read_value(struct http_parser *parser, const uint8_t *bytes, size_t end)
{
	struct http_slice *value = &parser->field.value;
	size_t at = parser->at, word;

	if (value->len == 0)
		value->start = (uint32_t)(at = skip(bytes, at, end, W));
	do {
		word = at;
		at = skip(bytes, word, end, V);
		if (at > word)
			value->len = (uint32_t)at - value->start;
		at = skip_space(parser, bytes, at, end);
	} while (at > word);
	parser->at = at;
	return at == end || read_cr(parser, bytes[at], FIELD_LF, &value_character);
}

static bool read_field_lf(struct http_parser *parser, const uint8_t *bytes)
{
	if (!read_lf(parser, bytes[parser->at], NAME_START) || is_in_trailers(parser))
		return parser->state != REFUSED;
	parser->fields[parser->field_count++] = parser->field;
	return understand_field(parser, bytes, &parser->field);
}

/* Where does the body end (RFC 9112 §6.3)? */
static const struct http_rule *framing_problem(const struct http_parser *parser)
{
	unsigned seen = parser->seen;

	if (!(seen & HAS_HOST) && parser->minor_version > 0)
		return &one_host;
	if ((seen & HAS_CODING) && (seen & HAS_LENGTH))
		return &coding_or_length;
	if ((seen & HAS_CODING) && parser->minor_version == 0)
		return &coding_version;
	if ((seen & IS_WITHOUT_BODY) && ((seen & HAS_CODING) || parser->content_length > 0))
		return &no_body;
	return parser->content_length > parser->body_left ? &body_large : NULL;
}

static bool read_fields_lf(struct http_parser *parser, const uint8_t *bytes)
{
	const struct http_rule *problem = is_in_trailers(parser) ? NULL : framing_problem(parser);

	if (!read_lf(parser, bytes[parser->at], is_in_trailers(parser) ? END : HEAD))
		return false;
	return !problem || refuse(parser, problem);
}

static enum http_parser_result head_ended(struct http_parser *parser)
{
	unsigned seen = parser->seen |= HAS_HEAD;
	bool has_body = (seen & HAS_CODING) || parser->content_length > 0;

	parser->is_chunked = seen & HAS_CODING;
	parser->keeps_alive = !(seen & HAS_CLOSE) && (parser->minor_version > 0 || (seen & HAS_KEEP_ALIVE));
	parser->expects_continue = (seen & HAS_EXPECT) && has_body && parser->minor_version > 0;
	parser->piece_left = parser->content_length;
	parser->line_left = HTTP_CHUNK_LINE_BYTES_MAX;
	parser->state = !has_body ? END : parser->is_chunked ? SIZE_START : LENGTH;
	return HTTP_PARSER_HEAD;
}

/* ---- chunks ---- */

static bool read_size(struct http_parser *parser, const uint8_t *bytes, size_t end)
{
	for (; parser->at < end; parser->at++) {
		uint8_t c = bytes[parser->at];

		if (!is(c, X) && (c != ';' || parser->state == SIZE_START))
			return parser->state == SIZE ? read_cr(parser, c, SIZE_LF, &chunk_size) : refuse(parser, &chunk_size);
		if (c == ';') {
			parser->state = EXTENSION_START;
			parser->at++;
			return true;
		}
		parser->piece_left = parser->piece_left * 16 + (is(c, D) ? c - '0' : (c | 0x20) - 'a' + 10);
		if (parser->piece_left > parser->body_left)
			return refuse(parser, &body_large);
		parser->state = SIZE;
	}
	return true;
}

/* The state after c, REFUSED if c cannot stand there: *( ";" token [ "=" ( token / quoted-string ) ] ) CR. */
static enum state extension_next(enum state state, uint8_t c)
{
	switch (state) {
	case EXTENSION_START:
		return is(c, T) ? EXTENSION : REFUSED;
	case EXTENSION_VALUE_START:
		return is(c, T) ? EXTENSION_VALUE : c == '"' ? QUOTED : REFUSED;
	case QUOTED:
		return c == '"' ? QUOTED_END : c == '\\' ? QUOTED_PAIR : is(c, V | W) ? QUOTED : REFUSED;
	case QUOTED_PAIR:
		return is(c, V | W) ? QUOTED : REFUSED;
	default: /* a name, a value or a quoted string may end here */
		if (is(c, T) && state != QUOTED_END)
			return state;
		if (c == '=' && state == EXTENSION)
			return EXTENSION_VALUE_START;
		return c == ';' ? EXTENSION_START : c == '\r' ? SIZE_LF : REFUSED;
	}
}

static bool read_extension(struct http_parser *parser, uint8_t c)
{
	enum state next = extension_next((enum state)parser->state, c);

	if (next == REFUSED)
		return refuse_byte(parser, c, &chunk_extension);
	if (++parser->extension_bytes > HTTP_CHUNK_EXTENSIONS_BYTES_MAX)
		return refuse(parser, &chunk_line_long);
	parser->at++;
	parser->state = next;
	return true;
}

static bool read_size_lf(struct http_parser *parser, const uint8_t *bytes)
{
	if (parser->piece_left == 0)
		parser->line_left = HTTP_TRAILER_BYTES_MAX + 1; /* this LF is counted too */
	return read_lf(parser, bytes[parser->at], parser->piece_left == 0 ? NAME_START : CHUNK);
}

static enum http_parser_result take_piece(struct http_parser *parser, size_t len)
{
	size_t piece = len - parser->at;

	if (piece > parser->piece_left)
		piece = (size_t)parser->piece_left;
	if (piece == 0)
		return HTTP_PARSER_MORE;
	parser->piece = (struct http_slice){(uint32_t)parser->at, (uint32_t)piece};
	parser->at += piece;
	parser->piece_left -= piece;
	parser->body_left -= piece;
	if (parser->piece_left == 0) {
		parser->state = parser->state == CHUNK ? CHUNK_CR : END;
		parser->line_left = HTTP_CHUNK_LINE_BYTES_MAX;
	}
	return HTTP_PARSER_BODY;
}

/* ---- all of it ---- */

static bool read_part(struct http_parser *parser, const uint8_t *bytes, size_t end)
{
	uint8_t c = bytes[parser->at];

	switch ((enum state)parser->state) {
	case START:
		return read_start(parser, c);
	case EMPTY_LINE_LF:
		return read_lf(parser, c, METHOD);
	case METHOD:
		return read_method(parser, bytes, end);
	case TARGET_START:
	case TARGET:
	case OTHER_TARGET:
		return read_target(parser, bytes, end);
	case VERSION:
		return read_version(parser, bytes, end);
	case REQUEST_LF:
		return read_request_lf(parser, bytes);
	case NAME_START:
		return read_name_start(parser, c);
	case NAME:
		return read_name(parser, bytes, end);
	case VALUE:
		return read_value(parser, bytes, end);
	case FIELD_LF:
		return read_field_lf(parser, bytes);
	case FIELDS_LF:
		return read_fields_lf(parser, bytes);
	case SIZE_START:
	case SIZE:
		return read_size(parser, bytes, end);
	case SIZE_LF:
		return read_size_lf(parser, bytes);
	case CHUNK_CR:
		return read_cr(parser, c, CHUNK_LF, &chunk_end);
	case CHUNK_LF:
		return read_lf(parser, c, SIZE_START);
	default:
		return read_extension(parser, c);
	}
}

static const struct http_rule *limit_rule(const struct http_parser *parser)
{
	if (parser->state <= REQUEST_LF)
		return &target_long;
	if (parser->state <= FIELDS_LF)
		return is_in_trailers(parser) ? &trailers_large : &head_large;
	return &chunk_line_long;
}

/* All but the body's own bytes. */
static void read_lines(struct http_parser *parser, const uint8_t *bytes, size_t len)
{
	while (parser->at < len && parser->state <= CHUNK_LF) {
		size_t start = parser->at, end = len - start > parser->line_left ? start + parser->line_left : len;

		if (!read_part(parser, bytes, end))
			return;
		parser->line_left -= parser->at - start;
		if (parser->line_left == 0 && parser->state <= CHUNK_LF)
			refuse(parser, limit_rule(parser));
	}
}

void http_parser_init(struct http_parser *parser, size_t head_bytes_max, uint64_t body_bytes_max)
{
	memset(parser, 0, offsetof(struct http_parser, fields)); /* but not the fields: they are most of it */
	memset(&parser->content_length, 0, sizeof *parser - offsetof(struct http_parser, content_length));
	parser->line_left = head_bytes_max;
	parser->body_left = body_bytes_max;
}

enum http_parser_result http_parser_read(struct http_parser *parser, const char *bytes, size_t len)
{
	read_lines(parser, (const uint8_t *)bytes, len);
	switch ((enum state)parser->state) {
	case HEAD:
		return head_ended(parser);
	case LENGTH:
	case CHUNK:
		return take_piece(parser, len);
	case END:
		return HTTP_PARSER_END;
	case REFUSED:
		return HTTP_PARSER_REFUSED;
	default:
		return HTTP_PARSER_MORE;
	}
}

const struct http_slice *http_parser_field(const struct http_parser *parser, const char *bytes, const char *name)
{
	size_t len = strlen(name);

	for (unsigned i = 0; i < parser->field_count; i++) {
		const struct http_field *field = &parser->fields[i];

		if (field->name.len == len && strncasecmp(bytes + field->name.start, name, len) == 0)
			return &field->value;
	}
	return NULL;
}
