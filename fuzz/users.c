/* What clients send to users, and what users has stored sealed, of any bytes. The first byte of the input chooses: a text that
 * a user types, a request whose parts are lines of the input, or JSON. Invariants:
 * - a name, an address, a number or a password that is accepted has the characters and the length that its rule states, which
 *   are counted here another way;
 * - a code is accepted in each of its spellings, and has one hash; a code of an app is six digits;
 * - the link to the next page of a listing is read as the same filter, and behind the user that it names;
 * - a cookie is the value of its name; an origin is the host's only if it ends like it;
 * - what is read of a passkey is within the limits of its parts; JSON has one canonical form, whatever the order of its
 * members;
 * - what was sealed is opened with its key alone, and nothing else is. */
#include <ctype.h>
#include <stdio.h>
#include <strings.h>

#include "accounts/user_filter.h"
#include "accounts/validation.h"
#include "base/int64.h"
#include "base/json.h"
#include "base/utf8.h"
#include "factors/binding.h"
#include "factors/phone.h"
#include "factors/recovery_code.h"
#include "factors/seal.h"
#include "factors/totp.h"
#include "fuzz.h"
#include "http_requests.h"
#include "passkeys/passkey_json.h"
#include "passkeys/passkey_party.h"
#include "sessions/session_cookie.h"

#define KEY "the-secret-of-the-fuzz-target-0001"
#define OTHER_KEY "the-secret-of-the-fuzz-target-0000"
#define LIMIT_MAX 100

/* ---- what a user types ---- */

static size_t count_characters(const char *text)
{
	size_t count = 0;

	for (; *text; text += utf8_sequence_len(text))
		count++;
	return count;
}

/* NFC makes no text longer than three times, and none shorter than a third (UAX #15 §9). */
static void check_length(const char *text, size_t least, size_t most)
{
	size_t count;

	require(utf8_is_valid(text, strlen(text)));
	count = count_characters(text);
	require(count * 3 >= least && count <= most * 18);
}

static void check_email(const char *text)
{
	const char *at = strrchr(text, '@');

	require(strlen(text) <= 254 && at && at > text && at - text <= 64 && strchr(at, '.'));
	for (const char *c = text; *c; c++)
		require(*c > ' ' && *c <= '~' && !strchr("<>()[]\\,;:\"", *c) && (*c != '@' || c == at));
	require(text[0] != '.' && at[1] != '.' && at[1] != '-' && !strstr(text, "..") && text[strlen(text) - 1] != '.');
}

static void check_names(const char *text)
{
	if (!username_problem(text))
		check_length(text, 3, 128);
	if (!factor_name_problem(text))
		check_length(text, 1, 64);
	if (!password_problem(text))
		check_length(text, 8, 128);
	if (!username_problem(text) || !factor_name_problem(text))
		require(*text != ' ' && text[strlen(text) - 1] != ' ' && !strpbrk(text, "\r\n\t\x7F"));
	if (!email_problem(text))
		check_email(text);
	if (!phone_problem(text)) {
		require(text[0] == '+' && strlen(text) >= 9 && strlen(text) <= 16 && text[1] != '0');
		require(text[1 + strspn(text + 1, "0123456789")] == '\0');
		require(phone_is_of_countries(NULL, text) && phone_is_of_countries("1,2,3,4,5,6,7,8,9", text));
	}
}

static void check_countries(const char *list)
{
	if (phone_countries_problem(list))
		return;
	require(*list && !strpbrk(list, "+ ") && !strstr(list, ",,") && list[strlen(list) - 1] != ',');
	if (!strchr(list, '4'))
		require(!phone_is_of_countries(list, "+4915112345678"));
}

static void check_codes(const char *text)
{
	static const uint8_t secret[TOTP_SECRET_BYTES] = "12345678901234567890";
	char hash[RECOVERY_HASH_LEN + 1], again[RECOVERY_HASH_LEN + 1], *lower = strdup(text);
	int64_t step;

	for (char *c = lower; *c; c++)
		*c = *c == '-' ? ' ' : (char)tolower((unsigned char)*c);
	if (recovery_code_hash(text, hash) == STATUS_OK) {
		require(recovery_code_hash(lower, again) == STATUS_OK && strcmp(again, hash) == 0);
		require(strlen(hash) == RECOVERY_HASH_LEN);
	}
	free(lower);
	if (totp_find_step(secret, text, 1700000000, 0, &step)) {
		require(strlen(text) == TOTP_DIGITS && (int64_t)totp_code(secret, sizeof secret, (uint64_t)step) == atoi(text));
		require(!totp_find_step(secret, text, 1700000000, step + 2, &step));
	}
}

static void check_confirmation(const char *text)
{
	char binding[BINDING_LEN + 1], again[BINDING_CONFIRMATION_LEN + 1];
	uint8_t challenge[JWT_JTI_BYTES];

	if (binding_confirmation_parse(text, challenge, binding) != STATUS_OK)
		return;
	require(binding_confirmation_format(challenge, binding, again) == STATUS_OK && strcmp(again, text) == 0);
	require(!binding_is(KEY, OTHER_KEY, &(struct binding){7, challenge, "an action", NULL}, binding));
}

static void check_party(const char *text)
{
	struct passkey_party party, again;

	if (passkey_party_read(text, false, &party) != STATUS_OK)
		return;
	require(strncmp(party.origin, text, 5) == 0 && passkey_party_read(party.origin, false, &again) == STATUS_OK);
	require(strcmp(again.origin, party.origin) == 0 && strcmp(again.rp_id, party.rp_id) == 0);
	require(!*party.rp_id || strstr(party.origin, party.rp_id));
}

/* ---- what is stored sealed ---- */

static void check_sealed(const uint8_t *data, size_t size, const char *text)
{
	uint8_t opened[SEAL_BYTES_MAX];
	char sealed[SEAL_LEN_MAX + 1];
	bool is_previous;

	require(seal_open(KEY, OTHER_KEY, "factor 1", text, opened, TOTP_SECRET_BYTES, &is_previous) == STATUS_INVALID);
	if (size > SEAL_BYTES_MAX)
		return;
	seal(OTHER_KEY, "factor 1", data, size, sealed);
	require(seal_open(KEY, OTHER_KEY, "factor 1", sealed, opened, size, &is_previous) == STATUS_OK && is_previous);
	require(memcmp(opened, data, size) == 0);
	require(seal_open(KEY, NULL, "factor 1", sealed, opened, size, &is_previous) == STATUS_INVALID);
	require(seal_open(OTHER_KEY, NULL, "factor 2", sealed, opened, size, &is_previous) == STATUS_INVALID);
}

static void check_text(const uint8_t *data, size_t size)
{
	char *text = copy_text(data, size);

	check_names(text);
	check_countries(text);
	check_codes(text);
	check_confirmation(text);
	check_party(text);
	check_sealed(data, size, text);
	free(text);
}

/* ---- requests ---- */

static struct user_filter filter; /* of the last request; its texts are copies */
static struct http_page page;
static char *filter_text;
static bool is_filter_read;
static const char *origin, *host, *cookie;

static bool is_flag(const char *text)
{
	return !text || strcmp(text, "true") == 0 || strcmp(text, "false") == 0;
}

static void list(struct http_request *req)
{
	struct postgres_params params = {0};

	if (!user_filter_read(req, 20, LIMIT_MAX, &filter, &page))
		return;
	is_filter_read = true;
	require(page.limit >= 1 && page.limit <= LIMIT_MAX && page.after >= 0 && filter.sort < SORT_COUNT);
	require(!filter.text || (*filter.text && utf8_is_valid(filter.text, strlen(filter.text))));
	require(is_flag(filter.active) && is_flag(filter.admin));
	require(user_filter_statement(&filter, &page, &params) && params.count == 5);
	user_filter_link_next(req, &filter, &page, 7);
	filter_text = filter.text ? strdup(filter.text) : NULL;
	filter.active = filter.active ? filter.active[0] == 't' ? "true" : "false" : NULL;
	filter.admin = filter.admin ? filter.admin[0] == 't' ? "true" : "false" : NULL;
	http_reply(req, 200, "text/plain", "", 0);
}

/* Reads the value another way: cut at semicolons. */
static void check_cookie(const char *read)
{
	char *copy = strdup(cookie), *rest = copy, *part;
	bool is_there = false;

	while ((part = strsep(&rest, ";"))) {
		part += strspn(part, " ");
		is_there |= strstr(part, "abacus-session=") && strncmp(strchr(part, '=') + 1, read, REFRESH_TOKEN_LEN) == 0;
	}
	require(is_there && strlen(read) == REFRESH_TOKEN_LEN);
	free(copy);
}

static void read_session(struct http_request *req)
{
	char text[REFRESH_TOKEN_LEN + 1];

	if (!session_cookie_is_allowed(req))
		return;
	require(strlen(origin) > strlen("http://") && strncmp(origin, "http", 4) == 0 && *host);
	if (session_cookie_read(req, text)) {
		check_cookie(text);
		session_cookie_set(req, text, 60);
	}
	session_cookie_clear(req);
	http_reply(req, 200, "text/plain", "", 0);
}

static void read_passkey(struct http_request *req)
{
	struct passkey_registration registration;
	struct passkey_assertion assertion;
	const cJSON *json = http_request_json(req);

	if (passkey_json_read_registration(req, json, &registration) == STATUS_OK)
		require(registration.client_data.len <= CLIENT_DATA_BYTES_MAX &&
			registration.attestation.len <= WEBAUTHN_ATTESTATION_BYTES_MAX && registration.id);
	if (passkey_json_read_assertion(req, json, &assertion) == STATUS_OK)
		require(assertion.client_data.len <= CLIENT_DATA_BYTES_MAX && assertion.id &&
			assertion.authenticator_data.len <= AUTHENTICATOR_DATA_BYTES_MAX &&
			assertion.signature.len <= WEBAUTHN_SIGNATURE_BYTES_MAX);
	cJSON_Delete(registration_errors(json));
	http_reply(req, 200, "text/plain", "", 0);
}

static const struct http_route routes[] = {
	{"GET", "/users", list, false, false},
	{"POST", "/session", read_session, false, false},
	{"POST", "/passkey", read_passkey, false, true},
	{0},
};

static bool is_same_text(const char *a, const char *b)
{
	return a && b ? strcmp(a, b) == 0 : a == b;
}

static int ask_for_users(const char *query, char reply[REPLY_BYTES_MAX])
{
	is_filter_read = false;
	return request_list("GET /users?", query, reply);
}

static void check_list(const char *query)
{
	static char reply[REPLY_BYTES_MAX];
	char *link, *first_text;
	struct user_filter first;
	long limit;

	ask_for_users(query, reply);
	if (!is_filter_read)
		return;
	first = filter;
	first_text = filter_text;
	limit = page.limit;
	require((link = find_field(reply, "Link: </users?")) && strstr(link, ">; rel=\"next\""));
	*strstr(link, ">; rel=") = '\0';
	require(ask_for_users(link, reply) == 200 && is_filter_read && page.limit == limit && page.after == 7);
	require(filter.sort == first.sort && filter.is_descending == first.is_descending);
	require(filter.active == first.active && filter.admin == first.admin && is_same_text(filter_text, first_text));
	free(filter_text);
	free(first_text);
	free(link);
}

/* Leaves out what no field may have. */
static void keep_printable(char *text)
{
	char *out = text;

	for (; *text; text++)
		if (*text >= ' ' && *text <= '~')
			*out++ = *text;
	*out = '\0';
}

static void check_session(const uint8_t *data, size_t size)
{
	static char reply[REPLY_BYTES_MAX];
	char *lines[] = {take_line(&data, &size), take_line(&data, &size), take_line(&data, &size)};
	struct buf message = {0};

	for (int i = 0; i < 3; i++)
		keep_printable(lines[i]);
	origin = lines[0];
	host = lines[1];
	cookie = lines[2];
	buf_printf(&message, "POST /session HTTP/1.1\r\nHost: %s\r\nOrigin: %s\r\nCookie: %s\r\n\r\n", host, origin, cookie);
	request(&message, reply);
	require(!strstr(reply, "Set-Cookie") || strstr(reply, "; HttpOnly; SameSite=Strict"));
	require(session_cookie_is_same_origin("https://a", "a", "https") && !session_cookie_is_same_origin(origin, "", NULL));
	buf_free(&message);
	for (int i = 0; i < 3; i++)
		free(lines[i]);
}

/* ---- JSON ---- */

static void check_canonical(const cJSON *json)
{
	struct buf once = {0}, again = {0};
	cJSON *read = NULL;

	binding_canonical(&once, json);
	require(json_parse(once.bytes, once.len, &read) == STATUS_OK);
	binding_canonical(&again, read);
	require(once.len == again.len && memcmp(once.bytes, again.bytes, once.len) == 0);
	cJSON_Delete(read);
	buf_free(&once);
	buf_free(&again);
}

static void check_json(const uint8_t *data, size_t size)
{
	static char reply[REPLY_BYTES_MAX];
	struct buf message = {0};
	cJSON *json = NULL;
	int code;

	buf_printf(&message,
		   "POST /passkey HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: %zu\r\n\r\n", size);
	buf_add(&message, (const char *)data, size);
	code = request(&message, reply);
	if (json_parse((const char *)data, size, &json) == STATUS_OK)
		check_canonical(json);
	require((code == 200) == cJSON_IsObject(json));
	cJSON_Delete(json);
	buf_free(&message);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t choice = take_byte(&data, &size);
	char *text;

	if (!server)
		serve(loop_new(), routes, NULL);
	switch (choice % 4) {
	case 0:
		check_text(data, size);
		break;
	case 1:
		text = copy_text(data, size);
		check_list(text);
		free(text);
		break;
	case 2:
		check_session(data, size);
		break;
	case 3:
		check_json(data, size);
		break;
	}
	return 0;
}
