#include "factors/mtan.h"

#include <inttypes.h>
#include <mbedtls/constant_time.h>
#include <mbedtls/md.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "accounts/validation.h"
#include "base/buf.h"
#include "base/mem.h"
#include "factors/seal.h"

#define MODULUS 1000000

static const char purpose[] = "abacus code by message 1";

/* ---- codes ---- */

static void make_mac(const char *secret_key, const struct mtan *mtan, uint8_t mac[32])
{
	uint8_t key[SEAL_KEY_BYTES];
	struct buf bound = {0};

	seal_derive(secret_key, purpose, key);
	buf_printf(&bound, "%" PRId64 "\n%s\n%s\n%s", mtan->user_id, mtan->subject, mtan->binding ? mtan->binding : "",
		   mtan->nonce);
	if (mbedtls_md_hmac(mbedtls_md_info_from_type(MBEDTLS_MD_SHA256), key, sizeof key, (const uint8_t *)bound.bytes,
			    bound.len, mac) != 0)
		mem_die("mbedtls has no HMAC-SHA256\n");
	buf_free(&bound);
}

/* The remainder of 64 bits favours no code measurably. */
void mtan_code(const char *secret_key, const struct mtan *mtan, char ret_code[MTAN_DIGITS + 1])
{
	uint8_t mac[32];
	uint64_t number = 0;

	make_mac(secret_key, mtan, mac);
	for (int i = 0; i < 8; i++)
		number = number << 8 | mac[i];
	snprintf(ret_code, MTAN_DIGITS + 1, "%06" PRIu64, number % MODULUS);
}

static bool is_code_of(const char *secret_key, const struct mtan *mtan, const char *code)
{
	char expected[MTAN_DIGITS + 1];

	mtan_code(secret_key, mtan, expected);
	return mbedtls_ct_memcmp(expected, code, MTAN_DIGITS) == 0;
}

bool mtan_is(const char *secret_key, const char *previous_key, const struct mtan *mtan, const char *code)
{
	if (strlen(code) != MTAN_DIGITS)
		return false;
	return is_code_of(secret_key, mtan, code) || (previous_key && is_code_of(previous_key, mtan, code));
}

/* ---- MTAN_TEST_CODES ---- */

/* Reads one "email:code" of the list, up to its comma or end. False: it is none. */
static bool read_entry(const char *entry, size_t len, char email[MTAN_RECIPIENT_LEN_MAX + 1],
		       char code[MTAN_TEST_CODE_LEN_MAX + 1])
{
	const char *colon = memchr(entry, ':', len);
	size_t email_len = colon ? (size_t)(colon - entry) : 0, code_len = colon ? len - email_len - 1 : 0;

	if (!colon || email_len > MTAN_RECIPIENT_LEN_MAX || code_len < 1 || code_len > MTAN_TEST_CODE_LEN_MAX ||
	    strspn(colon + 1, "0123456789") < code_len)
		return false;
	memcpy(email, entry, email_len);
	email[email_len] = '\0';
	memcpy(code, colon + 1, code_len);
	code[code_len] = '\0';
	return email_problem(email) == NULL;
}

const char *mtan_test_codes_problem(const char *list)
{
	char email[MTAN_RECIPIENT_LEN_MAX + 1], code[MTAN_TEST_CODE_LEN_MAX + 1];

	for (;;) {
		size_t len = strcspn(list, ",");

		if (!read_entry(list, len, email, code))
			return "must be email:code,email:code with codes of one to six digits";
		if (!list[len])
			return NULL;
		list += len + 1;
	}
}

bool mtan_test_code(const char *list, const char *email, char ret_code[MTAN_TEST_CODE_LEN_MAX + 1])
{
	char entry_email[MTAN_RECIPIENT_LEN_MAX + 1], code[MTAN_TEST_CODE_LEN_MAX + 1];

	for (; list && *list; list += strcspn(list, ","), list += *list == ',') {
		if (!read_entry(list, strcspn(list, ","), entry_email, code) || strcasecmp(entry_email, email) != 0)
			continue;
		memcpy(ret_code, code, sizeof code);
		return true;
	}
	return false;
}
