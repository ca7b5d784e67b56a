/* The results of finished calculations that this process has seen, each with its preview. A result never changes, so Postgres
 * need not be asked for it again. Their number is bounded: a new one replaces an old one. */
#ifndef ABACUS_VALUES_PREVIEWS_H
#define ABACUS_VALUES_PREVIEWS_H

#include "jobs/jobs.h"

struct previews;

struct previews *previews_new(void);
void previews_free(struct previews *previews);
/* Its preview has no NUL at its end. Valid until the next previews_keep(); NULL: not kept. */
const struct job_result *previews_find(struct previews *previews, struct job_key key);
/* Copies a result whose state is JOB_DONE. */
void previews_keep(struct previews *previews, const struct job_result *result);

#endif
