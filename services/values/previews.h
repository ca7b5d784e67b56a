/* The previews of finished calculations that this process has seen. A preview never changes, so Redis need not be asked for it
 * again. The number of previews is bounded: a new one replaces an old one. */
#ifndef ABACUS_VALUES_PREVIEWS_H
#define ABACUS_VALUES_PREVIEWS_H

#include <stddef.h>

#include "jobs/jobs.h"

struct previews;

struct previews *previews_new(void);
void previews_free(struct previews *previews);
/* Without a NUL at its end, valid until the next previews_keep(); NULL: not kept. */
const char *previews_find(struct previews *previews, struct job_key key, size_t *ret_len);
/* Copies the preview of a result whose state is JOB_DONE. */
void previews_keep(struct previews *previews, const struct job_result *result);

#endif
