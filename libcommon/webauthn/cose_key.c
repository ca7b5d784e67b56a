#include "webauthn/cose_key.h"

#include <stdbool.h>
#include <string.h>

#include <mbedtls/pk.h>
#include <mbedtls/rsa.h>

/* Labels and values of RFC 9052 §7.1, RFC 9053 §7.1 and RFC 8230 §4. The meaning of the negative labels depends on the type. */
enum label { LABEL_TYPE = 1, LABEL_ALGORITHM = 3, LABEL_CURVE = -1, LABEL_X = -2, LABEL_Y = -3, LABEL_N = -1, LABEL_E = -2 };
enum { TYPE_EC2 = 2, TYPE_RSA = 3, CURVE_P256 = 1 };
#define COORDINATE_BYTES 32

static const uint8_t exponent[] = {1, 0, 1};

/* ---- reading ---- */

#define LABEL_MIN (-3)
#define LABELS 7

struct parameters { /* each value by its label */
	struct cbor_value values[LABELS];
	bool is_there[LABELS];
};

static const struct cbor_value *parameter(const struct parameters *parameters, enum label label, enum cbor_kind kind)
{
	const struct cbor_value *value = &parameters->values[label - LABEL_MIN];

	return parameters->is_there[label - LABEL_MIN] && value->kind == kind ? value : NULL;
}

static bool has_number(const struct parameters *parameters, enum label label, int64_t number)
{
	const struct cbor_value *value = parameter(parameters, label, CBOR_KIND_INT);

	return value && value->number == number;
}

static enum status read_parameter(struct cbor_reader *reader, struct parameters *parameters)
{
	struct cbor_value label;
	int64_t place;

	if (cbor_reader_expect(reader, CBOR_KIND_INT, &label) != STATUS_OK || label.number < LABEL_MIN ||
	    label.number >= LABEL_MIN + LABELS)
		return STATUS_INVALID;
	place = label.number - LABEL_MIN;
	if (parameters->is_there[place])
		return STATUS_INVALID;
	parameters->is_there[place] = true;
	return cbor_reader_next(reader, &parameters->values[place]);
}

static enum status read_point(const struct parameters *parameters, struct cose_key *ret_key)
{
	const struct cbor_value *x = parameter(parameters, LABEL_X, CBOR_KIND_BYTES);
	const struct cbor_value *y = parameter(parameters, LABEL_Y, CBOR_KIND_BYTES);

	if (!has_number(parameters, LABEL_CURVE, CURVE_P256) || !x || !y || x->len != COORDINATE_BYTES ||
	    y->len != COORDINATE_BYTES)
		return STATUS_INVALID;
	*ret_key = (struct cose_key){.algorithm = COSE_ES256, .x = x->bytes, .y = y->bytes};
	return STATUS_OK;
}

static enum status read_modulus(const struct parameters *parameters, struct cose_key *ret_key)
{
	const struct cbor_value *n = parameter(parameters, LABEL_N, CBOR_KIND_BYTES);
	const struct cbor_value *e = parameter(parameters, LABEL_E, CBOR_KIND_BYTES);

	if (!n || !e || n->len < COSE_MODULUS_BYTES_MIN || n->len > COSE_MODULUS_BYTES_MAX || n->bytes[0] < 0x80 ||
	    e->len != sizeof exponent || memcmp(e->bytes, exponent, sizeof exponent) != 0)
		return STATUS_INVALID;
	*ret_key = (struct cose_key){.algorithm = COSE_RS256, .modulus = n->bytes, .modulus_len = n->len};
	return STATUS_OK;
}

enum status cose_key_read(struct cbor_reader *reader, struct cose_key *ret_key)
{
	struct parameters parameters = {.is_there = {false}};
	struct cbor_value map;

	if (cbor_reader_expect(reader, CBOR_KIND_MAP, &map) != STATUS_OK)
		return STATUS_INVALID;
	for (size_t i = 0; i < map.len; i++) {
		if (read_parameter(reader, &parameters) != STATUS_OK)
			return STATUS_INVALID;
	}
	if (map.len == 5 && has_number(&parameters, LABEL_TYPE, TYPE_EC2) &&
	    has_number(&parameters, LABEL_ALGORITHM, COSE_ES256))
		return read_point(&parameters, ret_key);
	if (map.len == 4 && has_number(&parameters, LABEL_TYPE, TYPE_RSA) &&
	    has_number(&parameters, LABEL_ALGORITHM, COSE_RS256))
		return read_modulus(&parameters, ret_key);
	return STATUS_INVALID;
}

/* ---- verifying ---- */

/* SubjectPublicKeyInfo (RFC 5480) of a point of P-256, up to the point: the form of a key that mbedtls reads in all its
 * versions, and whose point it holds against the curve. */
static const uint8_t point_prefix[] = {0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2A, 0x86, 0x48, 0xCE, 0x3D, 0x02, 0x01, 0x06,
				       0x08, 0x2A, 0x86, 0x48, 0xCE, 0x3D, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00, 0x04};

static bool load_point(mbedtls_pk_context *pk, const struct cose_key *key)
{
	uint8_t der[sizeof point_prefix + 2 * COORDINATE_BYTES];

	memcpy(der, point_prefix, sizeof point_prefix);
	memcpy(der + sizeof point_prefix, key->x, COORDINATE_BYTES);
	memcpy(der + sizeof point_prefix + COORDINATE_BYTES, key->y, COORDINATE_BYTES);
	return mbedtls_pk_parse_public_key(pk, der, sizeof der) == 0;
}

static bool load_modulus(mbedtls_pk_context *pk, const struct cose_key *key)
{
	mbedtls_rsa_context *rsa;

	if (mbedtls_pk_setup(pk, mbedtls_pk_info_from_type(MBEDTLS_PK_RSA)) != 0)
		return false;
	rsa = mbedtls_pk_rsa(*pk);
	return mbedtls_rsa_import_raw(rsa, key->modulus, key->modulus_len, NULL, 0, NULL, 0, NULL, 0, exponent,
				      sizeof exponent) == 0 &&
	       mbedtls_rsa_complete(rsa) == 0 && mbedtls_rsa_check_pubkey(rsa) == 0;
}

enum status cose_key_verify(const struct cose_key *key, const uint8_t hash[32], const uint8_t *signature, size_t len)
{
	mbedtls_pk_context pk;
	bool is_right;

	mbedtls_pk_init(&pk);
	is_right = (key->algorithm == COSE_ES256 ? load_point(&pk, key) : load_modulus(&pk, key)) &&
		   mbedtls_pk_verify(&pk, MBEDTLS_MD_SHA256, hash, 32, signature, len) == 0;
	mbedtls_pk_free(&pk);
	return is_right ? STATUS_OK : STATUS_INVALID;
}
