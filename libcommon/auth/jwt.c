#include "auth/jwt_internal.h"

#include <cjson/cJSON.h>
#include <mbedtls/constant_time.h>
#include <mbedtls/md.h>
#include <stdlib.h>
#include <string.h>

#include "auth/base64url.h"
#include "auth/jwt_cache.h"
#include "base/buf.h"
#include "base/clock.h"
#include "base/int64.h"
#include "base/json.h"
#include "base/json_write.h"
#include "base/mem.h"
#include "base/random.h"

#define SKEW_S 30

static const char header[] = "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9";            /* {"alg":"HS256","typ":"JWT"} */
static const char access_header[] = "eyJhbGciOiJIUzI1NiIsInR5cCI6ImF0K2p3dCJ9"; /* {"alg":"HS256","typ":"at+jwt"} */
static const char digits[] = "0123456789abcdef";

void jwt_sign(const char *secret, const char *text, size_t len, uint8_t signature[JWT_SIGNATURE_BYTES])
{
	const mbedtls_md_info_t *sha256 = mbedtls_md_info_from_type(MBEDTLS_MD_SHA256);

	if (mbedtls_md_hmac(sha256, (const unsigned char *)secret, strlen(secret), (const unsigned char *)text, len,
			    signature) != 0)
		mem_die("mbedtls has no HMAC-SHA256\n");
}

/* ---- jti ---- */

void jwt_jti_make(int64_t unix_ms, uint8_t jti[JWT_JTI_BYTES])
{
	random_id(jti, JWT_JTI_BYTES);
	for (int i = 0; i < 6; i++)
		jti[i] = (uint8_t)(unix_ms >> (40 - 8 * i));
	jti[6] = (uint8_t)(0x70 | (jti[6] & 0x0F));
	jti[8] = (uint8_t)(0x80 | (jti[8] & 0x3F));
}

int64_t jwt_jti_unix_ms(const uint8_t jti[JWT_JTI_BYTES])
{
	int64_t unix_ms = 0;

	for (int i = 0; i < 6; i++)
		unix_ms = unix_ms << 8 | jti[i];
	return unix_ms;
}

static bool has_dash_before(int byte)
{
	return byte == 4 || byte == 6 || byte == 8 || byte == 10;
}

void jwt_jti_format(const uint8_t jti[JWT_JTI_BYTES], char text[37])
{
	for (int i = 0; i < JWT_JTI_BYTES; i++) {
		if (has_dash_before(i))
			*text++ = '-';
		*text++ = digits[jti[i] >> 4];
		*text++ = digits[jti[i] & 15];
	}
	*text = '\0';
}

enum status jwt_uuid_parse(const char *text, uint8_t ret_uuid[JWT_JTI_BYTES])
{
	uint8_t uuid[JWT_JTI_BYTES];

	for (int i = 0; i < JWT_JTI_BYTES; i++) {
		const char *high, *low;

		if (has_dash_before(i) && *text++ != '-')
			return STATUS_INVALID;
		if (!*text || !(high = strchr(digits, text[0])) || !text[1] || !(low = strchr(digits, text[1])))
			return STATUS_INVALID;
		uuid[i] = (uint8_t)((high - digits) << 4 | (low - digits));
		text += 2;
	}
	if (*text)
		return STATUS_INVALID;
	memcpy(ret_uuid, uuid, sizeof uuid);
	return STATUS_OK;
}

enum status jwt_jti_parse(const char *text, uint8_t ret_jti[JWT_JTI_BYTES])
{
	uint8_t jti[JWT_JTI_BYTES];

	if (jwt_uuid_parse(text, jti) != STATUS_OK || jti[6] >> 4 != 7 || jti[8] >> 6 != 2)
		return STATUS_INVALID;
	memcpy(ret_jti, jti, sizeof jti);
	return STATUS_OK;
}

/* ---- issuing ---- */

static struct jwt_claims claims_at(const struct jwt_subject *subject, int64_t issued_ms, int64_t lifetime_s)
{
	struct jwt_claims claims = {.user_id = subject->user_id, .is_admin = subject->is_admin};

	claims.issued_s = claims.not_before_s = issued_ms / 1000;
	claims.expires_s = claims.ends_s = claims.issued_s + lifetime_s;
	jwt_jti_make(subject->dead_until_ms + 1, claims.jti);
	return claims;
}

static const char *first_method(const struct jwt_session *session)
{
	return strcmp(session->factor, JWT_FACTOR_PASSKEY_ALONE) == 0 ? "pop" : "pwd";
}

static void add_session(const struct jwt_key *key, const struct jwt_session *session, struct buf *json)
{
	char sid[37];

	jwt_jti_format(session->id, sid);
	json_write_member_text(json, "aud", key->audience);
	json_write_member_text(json, "sid", sid);
	json_write_member_int(json, "auth_time", session->authenticated_s);
	json_write_key(json, "amr");
	json_write_array(json);
	json_write_text(json, first_method(session));
	if (*session->factor) {
		json_write_text(json, session->factor);
		json_write_text(json, "mfa");
	}
	json_write_array_end(json);
}

static void add_claims(const struct jwt_key *key, const struct jwt_claims *claims, struct buf *json)
{
	char jti[37], subject[INT64_TEXT_BYTES];

	jwt_jti_format(claims->jti, jti);
	int64_format(claims->user_id, subject);
	json_write_object(json);
	json_write_member_text(json, "iss", key->issuer);
	json_write_member_text(json, "sub", subject);
	json_write_member_int(json, "iat", claims->issued_s);
	json_write_member_int(json, "nbf", claims->not_before_s);
	json_write_member_int(json, "exp", claims->expires_s);
	json_write_member_text(json, "jti", jti);
	json_write_member_bool(json, "adm", claims->is_admin);
	if (claims->has_session)
		add_session(key, &claims->session, json);
	json_write_object_end(json);
}

static char *sign(const struct jwt_key *key, const struct jwt_claims *claims)
{
	const char *head = claims->has_session ? access_header : header;
	size_t len = strlen(head);
	char *token = mem_alloc(JWT_TOKEN_BYTES_MAX);
	uint8_t signature[JWT_SIGNATURE_BYTES];
	struct buf payload = {0};

	add_claims(key, claims, &payload);
	if (len + BASE64URL_LEN(payload.len) + JWT_SIGNATURE_LEN + 3 > JWT_TOKEN_BYTES_MAX)
		mem_die("the claims of a token do not fit\n");
	memcpy(token, head, len);
	token[len++] = '.';
	len += base64url_encode((uint8_t *)payload.bytes, payload.len, token + len);
	jwt_sign(key->secret, token, len, signature);
	token[len++] = '.';
	len += base64url_encode(signature, sizeof signature, token + len);
	token[len] = '\0';
	buf_free(&payload);
	return token;
}

char *jwt_issue_at(const struct jwt_key *key, const struct jwt_subject *subject, int64_t issued_ms, int64_t lifetime_s,
		   struct jwt_claims *ret_claims)
{
	*ret_claims = claims_at(subject, issued_ms, lifetime_s);
	return sign(key, ret_claims);
}

char *jwt_issue_access(const struct jwt_key *key, const struct jwt_subject *subject, const struct jwt_session *session,
		       int64_t issued_ms, int64_t lifetime_s, struct jwt_claims *ret_claims)
{
	*ret_claims = claims_at(subject, issued_ms, lifetime_s);
	ret_claims->has_session = true;
	ret_claims->session = *session;
	return sign(key, ret_claims);
}

char *jwt_issue(const struct jwt_key *key, const struct jwt_subject *subject, int64_t lifetime_s, struct jwt_claims *ret_claims)
{
	return jwt_issue_at(key, subject, clock_unix_ms(), lifetime_s, ret_claims);
}

/* ---- verifying ---- */

static bool is_signed_by(const char *secret, const char *token, size_t signed_len, const uint8_t signature[JWT_SIGNATURE_BYTES])
{
	uint8_t expected[JWT_SIGNATURE_BYTES];

	jwt_sign(secret, token, signed_len, expected);
	return mbedtls_ct_memcmp(expected, signature, JWT_SIGNATURE_BYTES) == 0;
}

enum kind { KIND_OTHER, KIND_TOKEN, KIND_ACCESS };

static enum kind kind_of_type(const cJSON *json)
{
	const char *typ = json_text(json, "typ");

	if (!json_has(json, "typ"))
		return KIND_TOKEN;
	if (!typ)
		return KIND_OTHER;
	if (strcmp(typ, "at+jwt") == 0)
		return KIND_ACCESS;
	return strcmp(typ, "JWT") == 0 ? KIND_TOKEN : KIND_OTHER;
}

/* The signature has been verified, so the header only has to be one of ours; no algorithm is chosen by it. */
static enum kind kind_of(const char *text, size_t len)
{
	uint8_t bytes[JWT_TOKEN_BYTES_MAX];
	size_t bytes_len;
	cJSON *json = NULL;
	const char *alg;
	enum kind kind = KIND_OTHER;

	if (len == sizeof header - 1 && memcmp(text, header, len) == 0)
		return KIND_TOKEN;
	if (len == sizeof access_header - 1 && memcmp(text, access_header, len) == 0)
		return KIND_ACCESS;
	if (base64url_decode(text, len, bytes, &bytes_len) != STATUS_OK ||
	    json_parse((const char *)bytes, bytes_len, &json) != STATUS_OK)
		return KIND_OTHER;
	alg = json_text(json, "alg");
	if (cJSON_IsObject(json) && alg && strcmp(alg, "HS256") == 0 && !json_has(json, "crit"))
		kind = kind_of_type(json);
	cJSON_Delete(json);
	return kind;
}

static bool read_claims(const struct jwt_key *key, const cJSON *json, struct jwt_claims *claims)
{
	const char *issuer = json_text(json, "iss"), *subject = json_text(json, "sub"), *jti = json_text(json, "jti");

	return cJSON_IsObject(json) && issuer && strcmp(issuer, key->issuer) == 0 && subject &&
	       int64_parse(subject, &claims->user_id) == STATUS_OK && claims->user_id > 0 && jti &&
	       jwt_jti_parse(jti, claims->jti) == STATUS_OK && json_int(json, "iat", &claims->issued_s) == STATUS_OK &&
	       json_int(json, "nbf", &claims->not_before_s) == STATUS_OK &&
	       json_int(json, "exp", &claims->expires_s) == STATUS_OK && json_bool(json, "adm", &claims->is_admin) == STATUS_OK;
}

/* A list of audiences is refused too, because we issue none. */
static bool is_for_us(const struct jwt_key *key, const cJSON *json)
{
	const char *audience = json_text(json, "aud");

	return audience && key->audience && strcmp(audience, key->audience) == 0;
}

/* The token is ours, so that an amr of another form is from another version. */
static void read_factor(const cJSON *json, struct jwt_session *session)
{
	const cJSON *word = cJSON_GetArrayItem(cJSON_GetObjectItemCaseSensitive(json, "amr"), 1);

	if (cJSON_IsString(word) && strlen(word->valuestring) < JWT_FACTOR_BYTES)
		memcpy(session->factor, word->valuestring, strlen(word->valuestring));
}

static bool read_session(const cJSON *json, struct jwt_claims *claims)
{
	const char *sid = json_text(json, "sid");

	claims->has_session = true;
	read_factor(json, &claims->session);
	return sid && jwt_jti_parse(sid, claims->session.id) == STATUS_OK &&
	       json_int(json, "auth_time", &claims->session.authenticated_s) == STATUS_OK;
}

static bool read_all(const struct jwt_key *key, enum kind kind, const cJSON *json, struct jwt_claims *claims)
{
	if (!read_claims(key, json, claims))
		return false;
	if (kind == KIND_ACCESS)
		return is_for_us(key, json) && read_session(json, claims);
	return !key->audience || !json_has(json, "aud") || is_for_us(key, json);
}

static int64_t shorter(int64_t lifetime_s, int64_t limit_s)
{
	return limit_s > 0 && (lifetime_s == 0 || limit_s < lifetime_s) ? limit_s : lifetime_s;
}

/* Revocations are kept for the lifetime that is configured now, so a token issued under a longer one would outlive its own. */
static int64_t end_of(const struct jwt_key *key, const struct jwt_claims *claims)
{
	int64_t limit_s = claims->has_session ? shorter(key->lifetime_s, key->access_lifetime_s) : key->lifetime_s;
	bool is_cut = limit_s > 0 && claims->issued_s + limit_s < claims->expires_s;

	return is_cut ? claims->issued_s + limit_s : claims->expires_s;
}

static bool read_payload(const struct jwt_key *key, enum kind kind, const char *text, size_t len, struct jwt_claims *claims)
{
	uint8_t bytes[JWT_TOKEN_BYTES_MAX];
	size_t bytes_len;
	cJSON *json = NULL;
	bool is_sound;

	if (kind == KIND_OTHER || base64url_decode(text, len, bytes, &bytes_len) != STATUS_OK ||
	    json_parse((const char *)bytes, bytes_len, &json) != STATUS_OK)
		return false;
	is_sound = read_all(key, kind, json, claims);
	cJSON_Delete(json);
	return is_sound;
}

/* All that does not depend on the time. */
static bool prove(const struct jwt_key *key, const char *token, size_t len, struct jwt_claims *claims)
{
	uint8_t signature[JWT_SIGNATURE_BYTES + 3];
	size_t signed_len = len - JWT_SIGNATURE_LEN - 1, signature_len;
	const char *payload = memchr(token, '.', signed_len);

	if (!payload || base64url_decode(token + signed_len + 1, JWT_SIGNATURE_LEN, signature, &signature_len) != STATUS_OK ||
	    signature_len != JWT_SIGNATURE_BYTES)
		return false;
	payload++;
	return (is_signed_by(key->secret, token, signed_len, signature) ||
		(key->previous_secret && is_signed_by(key->previous_secret, token, signed_len, signature))) &&
	       read_payload(key, kind_of(token, (size_t)(payload - 1 - token)), payload, signed_len - (size_t)(payload - token),
			    claims);
}

static enum jwt_verdict judge_times(const struct jwt_key *key, const struct jwt_claims *proven, int64_t now_s,
				    struct jwt_claims *ret_claims)
{
	int64_t ends_s = end_of(key, proven);

	if (proven->issued_s > now_s + SKEW_S || proven->not_before_s > now_s + SKEW_S)
		return JWT_INVALID;
	if (ends_s <= now_s)
		return JWT_EXPIRED;
	*ret_claims = *proven;
	ret_claims->ends_s = ends_s;
	return JWT_VALID;
}

enum jwt_verdict jwt_verify(const struct jwt_key *key, const char *token, size_t len, int64_t now_s,
			    struct jwt_claims *ret_claims)
{
	const struct jwt_claims *known;
	struct jwt_claims claims = {0};

	if (len > JWT_TOKEN_BYTES_MAX || len <= JWT_SIGNATURE_LEN || token[len - JWT_SIGNATURE_LEN - 1] != '.')
		return JWT_INVALID;
	if (key->cache && (known = jwt_cache_find(key->cache, token, len)))
		return judge_times(key, known, now_s, ret_claims);
	if (!prove(key, token, len, &claims))
		return JWT_INVALID;
	if (key->cache)
		jwt_cache_add(key->cache, token, len, &claims);
	return judge_times(key, &claims, now_s, ret_claims);
}
