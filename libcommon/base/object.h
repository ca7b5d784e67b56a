/* A struct that callbacks get as a void * begins with a tag that says what it is. OBJECT_OF() checks the tag, so that a freed
 *or wrong object ends the process at its first use.
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
		mem_die("a callback got an object that was freed, or has another type\n");
	return object;
}

#define OBJECT_OF(type, expected_tag, arg) ((type *)object_check((arg), ((const type *)(arg))->tag == (expected_tag)))

#endif
