/* Forged tokens: each row of the table is a test of its own. But for those that say otherwise they are
 * signed with the right key, so that what refuses them is the check that the row is named for. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "auth/base64url.h"
#include "auth/jwt_internal.h"
#include "base/clock.h"

#define NOW_S 1700000000
#define TOKEN_BYTES 4096

static const struct jwt_key key = {
	.issuer = "abacus", .secret = "a secret of thirty-two characters", .previous_secret = "the secret before this one"};

struct token {
	char bytes[TOKEN_BYTES];
	size_t len;
};

/* A token that is good but for what is set. */
struct row {
	const char *name;
	enum jwt_verdict verdict;           /* JWT_VALID: the other side of a border */
	const char *header;                 /* instead of ours */
	const char *claim, *with;           /* this claim's member, written so; "" leaves it out */
	const char *payload;                /* instead of all claims */
	const char *secret;                 /* that it is signed with */
	void (*spoil)(struct token *token); /* after signing */
};

/* ---- making them ---- */

static void add_base64(struct token *token, const void *bytes, size_t len)
{
	token->len += base64url_encode(bytes, len, token->bytes + token->len);
}

static void add_claims(struct token *token, const struct row *row)
{
	static const char *const members[][2] = {
		{"iss", "\"iss\":\"abacus\""}, {"sub", "\"sub\":\"42\""},
		{"iat", "\"iat\":1700000000"}, {"nbf", "\"nbf\":1700000000"},
		{"exp", "\"exp\":1700003600"}, {"jti", "\"jti\":\"018bcfe5-6800-7cc3-98c4-dc0c0c07398f\""},
		{"adm", "\"adm\":false"},
	};
	char payload[2048] = "{";

	for (size_t i = 0; i < sizeof members / sizeof *members; i++) {
		const char *member = row->claim && strcmp(row->claim, members[i][0]) == 0 ? row->with : members[i][1];

		if (*member && payload[1])
			strcat(payload, ",");
		strcat(payload, member);
	}
	strcat(payload, "}");
	add_base64(token, payload, strlen(payload));
}

static void make(const struct row *row, struct token *token)
{
	const char *header = row->header ? row->header : "{\"alg\":\"HS256\",\"typ\":\"JWT\"}";
	uint8_t signature[JWT_SIGNATURE_BYTES];

	memset(token, 0, sizeof *token);
	add_base64(token, header, strlen(header));
	token->bytes[token->len++] = '.';
	if (row->payload)
		add_base64(token, row->payload, strlen(row->payload));
	else
		add_claims(token, row);
	jwt_sign(row->secret ? row->secret : key.secret, token->bytes, token->len, signature);
	token->bytes[token->len++] = '.';
	add_base64(token, signature, sizeof signature);
	if (row->spoil)
		row->spoil(token);
}

static enum jwt_verdict judge(const struct token *token, size_t len)
{
	char *exact = malloc(len ? len : 1); /* so that the address sanitizer sees a read beyond it */
	struct jwt_claims claims;
	enum jwt_verdict verdict;

	memcpy(exact, token->bytes, len);
	verdict = jwt_verify(&key, exact, len, NOW_S, &claims);
	free(exact);
	return verdict;
}

/* ---- what is done to signed ones ---- */

static char *dot(struct token *token, int number)
{
	char *at = strchr(token->bytes, '.');

	return number == 1 ? at : strchr(at + 1, '.');
}

static void cut_to(struct token *token, const char *end)
{
	token->len = (size_t)(end - token->bytes);
}

static void add(struct token *token, const char *bytes, size_t len)
{
	memcpy(token->bytes + token->len, bytes, len);
	token->len += len;
}

static void remove_at(struct token *token, char *at, size_t count)
{
	memmove(at, at + count, (size_t)(token->bytes + token->len - (at + count)));
	token->len -= count;
}

static void insert(struct token *token, char *at, char c)
{
	memmove(at + 1, at, (size_t)(token->bytes + token->len - at));
	*at = c;
	token->len++;
}

static void sign_anew(struct token *token)
{
	uint8_t signature[JWT_SIGNATURE_BYTES];
	char *end = dot(token, 2);

	jwt_sign(key.secret, token->bytes, (size_t)(end - token->bytes), signature);
	cut_to(token, end + 1);
	add_base64(token, signature, sizeof signature);
}

static void empty_all(struct token *token)
{
	token->len = 0;
}

static void leave_dots(struct token *token)
{
	memcpy(token->bytes, "..", 2);
	token->len = 2;
}

static void drop_signature(struct token *token)
{
	cut_to(token, dot(token, 2) + 1);
}

static void drop_signature_and_dot(struct token *token)
{
	cut_to(token, dot(token, 2));
}

static void leave_header_alone(struct token *token)
{
	cut_to(token, dot(token, 1));
}

static void empty_header(struct token *token)
{
	remove_at(token, token->bytes, (size_t)(dot(token, 1) - token->bytes));
	sign_anew(token);
}

static void empty_payload(struct token *token)
{
	remove_at(token, dot(token, 1) + 1, (size_t)(dot(token, 2) - dot(token, 1) - 1));
	sign_anew(token);
}

static void shorten_header(struct token *token)
{
	remove_at(token, dot(token, 1) - 1, 1);
	sign_anew(token);
}

static void shorten_payload(struct token *token)
{
	remove_at(token, dot(token, 2) - 1, 1);
	sign_anew(token);
}

static void shorten_signature(struct token *token)
{
	token->len--;
}

static void lengthen_signature(struct token *token)
{
	add(token, "A", 1);
}

static void half_signature(struct token *token)
{
	token->len -= 22;
}

static void pad_header(struct token *token)
{
	insert(token, dot(token, 1), '=');
	sign_anew(token);
}

static void pad_payload(struct token *token)
{
	insert(token, dot(token, 2), '=');
	sign_anew(token);
}

static void pad_signature(struct token *token)
{
	add(token, "=", 1);
}

/* The same bits in the alphabet of RFC 4648 §4. A header that was never parsed decides nothing, so a payload is used. */
static void use_standard_alphabet(struct token *token)
{
	int changed = 0;

	for (char *at = dot(token, 1); at < dot(token, 2); at++)
		if (*at == '-' || *at == '_') {
			*at = *at == '-' ? '+' : '/';
			changed++;
		}
	assert_true(changed > 0);
	sign_anew(token);
}

/* 32 bytes leave two unused bits in the last character. */
static void set_unused_bit_of_signature(struct token *token)
{
	static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
	char *last = &token->bytes[token->len - 1];

	*last = alphabet[(strchr(alphabet, *last) - alphabet) | 1];
}

/* "{"alg":"HS256"}" is 15 bytes and leaves none; one blank more leaves four. */
static void set_unused_bit_of_header(struct token *token)
{
	++*(dot(token, 1) - 1);
	sign_anew(token);
}

static void swap_payload(struct token *token)
{
	*(dot(token, 1) + 9) ^= 1;
}

static void add_part(struct token *token)
{
	add(token, ".e30", 4);
}

static void add_empty_part(struct token *token)
{
	add(token, ".", 1);
}

static void double_first_dot(struct token *token)
{
	insert(token, dot(token, 1), '.');
}

static void add_newline(struct token *token)
{
	add(token, "\n", 1);
}

static void add_blank(struct token *token)
{
	add(token, " ", 1);
}

static void put_blank_first(struct token *token)
{
	insert(token, token->bytes, ' ');
}

static void add_nul(struct token *token)
{
	add(token, "\0", 1);
}

static void add_nul_and_more(struct token *token)
{
	add(token, "\0.e30", 5);
}

static void put_nul_into_payload(struct token *token)
{
	char *end = dot(token, 2);
	uint8_t signature[JWT_SIGNATURE_BYTES];

	end[-1] = '\0';
	jwt_sign(key.secret, token->bytes, (size_t)(end - token->bytes), signature);
	cut_to(token, end + 1);
	add_base64(token, signature, sizeof signature);
}

/* Well signed, all claims right, but for a NUL behind "42" in the decoded bytes. */
static void put_nul_into_subject(struct token *token)
{
	static const char payload[] = "{\"iss\":\"abacus\",\"sub\":\"42\0\",\"iat\":1700000000,\"nbf\":1700000000,"
				      "\"exp\":1700003600,\"jti\":\"018bcfe5-6800-7cc3-98c4-dc0c0c07398f\",\"adm\":false}";

	cut_to(token, dot(token, 1) + 1);
	add_base64(token, payload, sizeof payload - 1);
	add(token, ".", 1);
	token->bytes[token->len] = '\0';
	sign_anew(token);
}

#include "tests/auth/jwt_hostile_rows.h"

/* ---- tests ---- */

static void test_row(void **state)
{
	const struct row *row = *state;
	static const char *const names[] = {[JWT_VALID] = "valid", [JWT_EXPIRED] = "expired", [JWT_INVALID] = "invalid"};
	struct token token;
	enum jwt_verdict verdict;

	make(row, &token);
	verdict = judge(&token, token.len);
	if (verdict != row->verdict)
		fail_msg("%s: %s instead of %s", row->name, names[verdict], names[row->verdict]);
}

static void test_every_prefix_of_a_token_is_refused(void **state)
{
	struct token token;

	make(&(struct row){0}, &token);
	for (size_t len = 0; len < token.len; len++)
		if (judge(&token, len) != JWT_INVALID)
			fail_msg("the first %zu of %zu characters", len, token.len);
}

static void test_every_changed_bit_is_noticed(void **state)
{
	struct token token;

	make(&(struct row){0}, &token);
	for (size_t bit = 0; bit < token.len * 8; bit++) {
		token.bytes[bit / 8] ^= (char)(1 << bit % 8);
		if (judge(&token, token.len) != JWT_INVALID)
			fail_msg("bit %zu of character %zu", bit % 8, bit / 8);
		token.bytes[bit / 8] ^= (char)(1 << bit % 8);
	}
}

/* The payload is random text of JSON's characters, well signed: what parses it is asked to stand anything. */
static void test_random_payloads_are_refused(void **state)
{
	static const char characters[] = "{}[]\":,\\u0000eE+-.17 abacustrfl\xc3\xff\t";
	unsigned seed = (unsigned)clock_unix_ms();

	print_message("seed %u\n", seed);
	srandom(seed);
	for (int i = 0; i < 20000; i++) {
		char payload[300] = "{";
		size_t len = (size_t)random() % (sizeof payload - 2);
		struct token token;

		for (size_t j = 1; j < len; j++)
			payload[j] = characters[(size_t)random() % (sizeof characters - 1)];
		make(&(struct row){.payload = payload}, &token);
		if (judge(&token, token.len) != JWT_INVALID)
			fail_msg("accepted: %s", payload);
	}
}

int main(void)
{
	enum { ROWS = sizeof rows / sizeof *rows };
	struct CMUnitTest tests[ROWS + 3] = {
		cmocka_unit_test(test_every_prefix_of_a_token_is_refused),
		cmocka_unit_test(test_every_changed_bit_is_noticed),
		cmocka_unit_test(test_random_payloads_are_refused),
	};

	for (size_t i = 0; i < ROWS; i++)
		tests[3 + i] = (struct CMUnitTest){
			.name = rows[i].name, .test_func = test_row, .initial_state = (void *)(uintptr_t)&rows[i]};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
