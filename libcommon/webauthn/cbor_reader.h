/* Reads the CBOR (RFC 8949) of authenticators, item by item, over libcbor's decoder of single items, which allocates nothing.
 * Only what CTAP2's canonical form allows is accepted of containers and strings: their length comes first. No call recurses, so
 * that nesting costs no stack, and no count is believed that the bytes which are left can not hold. */
#ifndef ABACUS_WEBAUTHN_CBOR_READER_H
#define ABACUS_WEBAUTHN_CBOR_READER_H

#include <stddef.h>
#include <stdint.h>

#include "base/status.h"

struct cbor_reader { /* what is left */
	const uint8_t *bytes;
	size_t len;
};

enum cbor_kind {
	CBOR_KIND_INT,
	CBOR_KIND_BYTES,
	CBOR_KIND_TEXT,
	CBOR_KIND_ARRAY, /* its members follow */
	CBOR_KIND_MAP,   /* its keys and values follow, in turns */
	CBOR_KIND_OTHER  /* a tag, whose item follows; a float; true, false, null, undefined */
};

struct cbor_value {
	enum cbor_kind kind;
	int64_t number;       /* INT */
	const uint8_t *bytes; /* BYTES, TEXT: borrowed from what is read */
	size_t len;           /* of bytes; ARRAY: members; MAP: pairs; OTHER: items that follow and belong to it */
};

/* The next item; of a container only its head. INVALID: there is none, it is cut short, of an indefinite length, or an integer
 * outside int64_t. */
enum status cbor_reader_next(struct cbor_reader *reader, struct cbor_value *ret_value) MUST_CHECK;
/* The same, of one kind. */
enum status cbor_reader_expect(struct cbor_reader *reader, enum cbor_kind kind, struct cbor_value *ret_value) MUST_CHECK;
/* Passes an item with all that is in it. */
enum status cbor_reader_skip(struct cbor_reader *reader) MUST_CHECK;

#endif
