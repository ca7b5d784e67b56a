/* A token, of any bytes, held against a key that the target knows. The mutator below takes a token apart, changes its header or
 * its claims, and signs it again, or makes a refresh token, because no other input would come past the signature. Invariants:
 * - what is accepted is signed by one of the key's secrets, has a header and claims of ours (read here by cJSON alone), and is
 *   good from now until ends_s and not a second longer;
 * - one changed byte, and any other key, make it invalid;
 * - an access token, and no other, has a session, and it is for our audience;
 * - claims are written only when the token is valid, and a token issued with them says the same;
 * - a key with a cache says the same, at the first time and at the second;
 * - a jti is the text that it was read from, and so is a refresh token, which is never taken for a token of a reset. */
#include <cjson/cJSON.h>
#include <inttypes.h>
#include <stdio.h>

#include "auth/base64url.h"
#include "auth/jwt_cache.h"
#include "auth/jwt_internal.h"
#include "auth/refresh_token.h"
#include "auth/reset_token.h"
#include "base/int64.h"
#include "fuzz.h"

#define NOW 1700000000
#define LIFETIME 3600
#define ACCESS_LIFETIME 600
#define PART_MAX 700 /* bytes of a decoded header or payload */

size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t max_size);
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned seed);

static const char current[] = "the-secret-of-the-fuzz-target-0001", previous[] = "the-secret-of-the-fuzz-target-0000";
static const struct jwt_key key = {.issuer = "abacus",
				   .audience = "abacus-api",
				   .secret = current,
				   .previous_secret = previous,
				   .lifetime_s = LIFETIME,
				   .access_lifetime_s = ACCESS_LIFETIME};

/* ---- taking a token apart, and making one ---- */

struct parts {
	uint8_t header[PART_MAX], payload[PART_MAX];
	size_t header_len, payload_len;
};

static bool decode_part(const char *text, size_t len, uint8_t *bytes, size_t *ret_len)
{
	return len * 3 / 4 <= PART_MAX && base64url_decode(text, len, bytes, ret_len) == STATUS_OK;
}

static bool take_apart(const char *token, size_t len, struct parts *parts)
{
	const char *dot = len ? memchr(token, '.', len) : NULL, *end = token + len;
	const char *second = dot ? memchr(dot + 1, '.', (size_t)(end - dot - 1)) : NULL;

	return second && decode_part(token, (size_t)(dot - token), parts->header, &parts->header_len) &&
	       decode_part(dot + 1, (size_t)(second - dot - 1), parts->payload, &parts->payload_len);
}

/* 0: it does not fit. */
static size_t put_together(const struct parts *parts, const char *secret, char *token, size_t max)
{
	uint8_t signature[JWT_SIGNATURE_BYTES];
	size_t len;

	if (BASE64URL_LEN(parts->header_len) + BASE64URL_LEN(parts->payload_len) + BASE64URL_LEN(sizeof signature) + 2 > max)
		return 0;
	len = base64url_encode(parts->header, parts->header_len, token);
	token[len++] = '.';
	len += base64url_encode(parts->payload, parts->payload_len, token + len);
	jwt_sign(secret, token, len, signature);
	token[len++] = '.';
	return len + base64url_encode(signature, sizeof signature, token + len);
}

static size_t make_refresh_token(uint8_t *data, size_t size, size_t max_size, const char *secret)
{
	struct refresh_token token = {.counter = (int64_t)size};
	char text[REFRESH_TOKEN_LEN + 1];

	memcpy(token.session, data, size < JWT_JTI_BYTES ? size : JWT_JTI_BYTES);
	refresh_token_format(secret, &token, text);
	if (REFRESH_TOKEN_LEN > max_size)
		return size;
	memcpy(data, text, REFRESH_TOKEN_LEN);
	return REFRESH_TOKEN_LEN;
}

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned seed)
{
	struct parts parts;
	size_t len;

	if (seed % 128 == 1)
		return make_refresh_token(data, size, max_size, seed % 256 < 128 ? current : previous);
	if (seed % 8 == 0 || !take_apart((const char *)data, size, &parts))
		return LLVMFuzzerMutate(data, size, max_size);
	if (seed % 8 == 1)
		parts.header_len = LLVMFuzzerMutate(parts.header, parts.header_len, PART_MAX);
	else
		parts.payload_len = LLVMFuzzerMutate(parts.payload, parts.payload_len, PART_MAX);
	len = put_together(&parts, seed % 16 < 8 ? current : previous, (char *)data, max_size);
	return len ? len : size;
}

/* ---- the invariants ---- */

static const char *text_at(const cJSON *json, const char *name)
{
	return cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(json, name));
}

static bool has_number(const cJSON *json, const char *name, int64_t number)
{
	const cJSON *item = cJSON_GetObjectItemCaseSensitive(json, name);

	return cJSON_IsNumber(item) && item->valuedouble == (double)number;
}

static void check_header(const struct parts *parts, bool has_session)
{
	cJSON *json = cJSON_ParseWithLength((const char *)parts->header, parts->header_len);
	const char *alg = text_at(json, "alg"), *typ = text_at(json, "typ");

	require(alg && strcmp(alg, "HS256") == 0);
	require(has_session ? typ && strcmp(typ, "at+jwt") == 0 : !typ || strcmp(typ, "JWT") == 0);
	require(!cJSON_GetObjectItemCaseSensitive(json, "crit"));
	cJSON_Delete(json);
}

static void check_session(const cJSON *json, const struct jwt_claims *claims)
{
	const char *sid = text_at(json, "sid"),
		   *word = cJSON_GetStringValue(cJSON_GetArrayItem(cJSON_GetObjectItemCaseSensitive(json, "amr"), 1));
	char text[37];

	jwt_jti_format(claims->session.id, text);
	require(sid && strcmp(sid, text) == 0 && has_number(json, "auth_time", claims->session.authenticated_s));
	require(!*claims->session.factor || (word && strcmp(word, claims->session.factor) == 0));
}

static void check_end(const struct jwt_claims *claims)
{
	int64_t limit = claims->issued_s + (claims->has_session ? ACCESS_LIFETIME : LIFETIME);

	require(claims->issued_s <= NOW + 30 && claims->not_before_s <= NOW + 30);
	require(claims->ends_s > NOW && claims->ends_s <= claims->expires_s && claims->ends_s <= limit);
	require(claims->ends_s == claims->expires_s || claims->ends_s == limit);
}

static void check_claims(const struct parts *parts, const struct jwt_claims *claims)
{
	cJSON *json = cJSON_ParseWithLength((const char *)parts->payload, parts->payload_len);
	const char *iss = text_at(json, "iss"), *sub = text_at(json, "sub"), *jti = text_at(json, "jti"),
		   *aud = text_at(json, "aud");
	char text[37], number[INT64_TEXT_BYTES];

	int64_format(claims->user_id, number);
	jwt_jti_format(claims->jti, text);
	require(iss && strcmp(iss, key.issuer) == 0 && sub && strcmp(sub, number) == 0 && claims->user_id > 0);
	require(jti && strcmp(jti, text) == 0);
	require(has_number(json, "iat", claims->issued_s) && has_number(json, "nbf", claims->not_before_s) &&
		has_number(json, "exp", claims->expires_s));
	require(cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(json, "adm")) == claims->is_admin);
	require(aud ? strcmp(aud, key.audience) == 0 : !claims->has_session && !cJSON_GetObjectItemCaseSensitive(json, "aud"));
	if (claims->has_session)
		check_session(json, claims);
	check_end(claims);
	cJSON_Delete(json);
}

static enum jwt_verdict verify_at(const char *token, size_t len, int64_t now_s)
{
	struct jwt_claims claims;

	return jwt_verify(&key, token, len, now_s, &claims);
}

/* Each token has one spelling: the parts, put together again, are the token. */
static void check_signature(const char *token, size_t len, const struct parts *parts)
{
	struct jwt_key other = {.issuer = key.issuer, .secret = "another-secret-of-32-bytes-or-more", .lifetime_s = LIFETIME};
	char again[JWT_TOKEN_BYTES_MAX + 1], *changed = copy_bytes(token, len);
	bool is_same = false;
	struct jwt_claims claims;

	for (int i = 0; i < 2; i++)
		is_same |= put_together(parts, i ? previous : current, again, sizeof again) == len &&
			   memcmp(again, token, len) == 0;
	require(is_same);
	changed[(len * 7 + (uint8_t)token[len - 1]) % len] ^= 1;
	require(verify_at(changed, len, NOW) == JWT_INVALID);
	require(jwt_verify(&other, token, len, NOW, &claims) == JWT_INVALID);
	free(changed);
}

static void check_issued_anew(const struct jwt_claims *claims)
{
	const struct jwt_subject subject = {claims->user_id, claims->is_admin, claims->issued_s * 1000};
	struct jwt_claims issued, read;
	int64_t lifetime_s = claims->ends_s - claims->issued_s;
	int64_t issued_ms = claims->issued_s * 1000;
	char *token = claims->has_session ? jwt_issue_access(&key, &subject, &claims->session, issued_ms, lifetime_s, &issued)
					  : jwt_issue_at(&key, &subject, issued_ms, lifetime_s, &issued);

	require(jwt_verify(&key, token, strlen(token), NOW, &read) == JWT_VALID);
	require(memcmp(read.jti, issued.jti, sizeof read.jti) == 0);
	require(jwt_jti_unix_ms(read.jti) == subject.dead_until_ms + 1);
	require(read.user_id == claims->user_id && read.is_admin == claims->is_admin && read.issued_s == claims->issued_s);
	require(read.ends_s == claims->ends_s && read.has_session == claims->has_session);
	require(memcmp(&read.session, &claims->session, sizeof read.session) == 0);
	free(token);
}

static void check_valid(const char *token, size_t len, const struct jwt_claims *claims)
{
	struct parts parts;

	require(len <= JWT_TOKEN_BYTES_MAX && take_apart(token, len, &parts));
	check_signature(token, len, &parts);
	check_header(&parts, claims->has_session);
	check_claims(&parts, claims);
	require(verify_at(token, len, claims->ends_s - 1) == JWT_VALID);
	require(verify_at(token, len, claims->ends_s) == JWT_EXPIRED);
	if (claims->issued_s >= 0)
		check_issued_anew(claims);
}

static void check_cache(const char *token, size_t len, enum jwt_verdict verdict, const struct jwt_claims *claims)
{
	struct jwt_key caching = key;
	char *changed = copy_bytes(token, len);
	struct jwt_claims again;

	caching.cache = jwt_cache_new();
	for (int i = 0; i < 2; i++) {
		memset(&again, 0, sizeof again);
		require(jwt_verify(&caching, token, len, NOW, &again) == verdict);
		require(verdict != JWT_VALID || (again.user_id == claims->user_id && again.is_admin == claims->is_admin &&
						 again.ends_s == claims->ends_s && memcmp(again.jti, claims->jti, 16) == 0));
	}
	if (verdict == JWT_VALID) {
		require(jwt_verify(&caching, token, len, claims->ends_s, &again) == JWT_EXPIRED);
		changed[(len * 5 + (uint8_t)token[len - 2]) % len] ^= 1;
		require(jwt_verify(&caching, changed, len, NOW, &again) == JWT_INVALID);
	}
	jwt_cache_free(caching.cache);
	free(changed);
}

static void check_jti(const uint8_t *data, size_t size)
{
	char *text = copy_text(data, size), again[37];
	uint8_t jti[JWT_JTI_BYTES];

	if (jwt_jti_parse(text, jti) == STATUS_OK) {
		jwt_jti_format(jti, again);
		require(strcmp(again, text) == 0);
	}
	free(text);
}

static void check_refresh_token(const uint8_t *data, size_t size)
{
	char *text = copy_text(data, size), again[REFRESH_TOKEN_LEN + 1], by_previous[REFRESH_TOKEN_LEN + 1];
	struct refresh_token token;
	struct reset_token reset;

	if (refresh_token_parse(current, previous, text, &token) == STATUS_OK) {
		refresh_token_format(current, &token, again);
		refresh_token_format(previous, &token, by_previous);
		require(strcmp(again, text) == 0 || strcmp(by_previous, text) == 0);
		require(reset_token_parse(current, previous, text, &reset) == STATUS_INVALID);
		require(refresh_token_parse("another-secret-of-32-bytes-or-more", NULL, text, &token) == STATUS_INVALID);
	}
	free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct jwt_claims unset, claims;
	char *token = copy_bytes(data, size);
	enum jwt_verdict verdict;

	memset(&unset, 0x5A, sizeof unset);
	memcpy(&claims, &unset, sizeof unset);
	verdict = jwt_verify(&key, token, size, NOW, &claims);
	if (verdict == JWT_VALID)
		check_valid(token, size, &claims);
	else
		require(memcmp(&claims, &unset, sizeof unset) == 0);
	check_cache(token, size, verdict, &claims);
	check_jti(data, size);
	check_refresh_token(data, size);
	free(token);
	return 0;
}
