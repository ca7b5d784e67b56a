/* A callback is given a void *. A struct that is handed out so carries a tag that says what it is, and taking it back checks
 *the tag: an object that was freed, or is another, ends the process where it is found, and not somewhere later.
 *
 *	struct thing {
 *		uint32_t tag;
 *		…
 *	};
 *	#define THING_TAG 0x7468696E // "thin"
 *
 *	thing->tag = THING_TAG;                                           when it is made
 *	struct thing *thing = OBJECT_OF(struct thing, THING_TAG, arg);    when it comes back
 *	thing->tag = 0;                                                   before it is freed */
#ifndef ABACUS_BASE_OBJECT_H
#define ABACUS_BASE_OBJECT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/mem.h"

static inline void *object_check(void *object, bool is_it)
{
	if (!is_it)
		mem_die("a callback was given an object that is gone, or another\n");
	return object;
}

#define OBJECT_OF(type, expected_tag, arg) ((type *)object_check((arg), ((const type *)(arg))->tag == (expected_tag)))

#endif
