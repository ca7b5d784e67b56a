/* What the files of the job protocol share: the names of its keys, each in one place; the scripts (*.lua) get them as KEYS and
 * ARGV, so that C and Lua cannot disagree.
 *   names.c     "kind:index" and previews
 *   producer.c  values' side: adding, repairing, looking up
 *   consumer.c  worker's side: receiving, taking over, finishing, renewing and releasing leases */
#ifndef ABACUS_JOBS_INTERNAL_H
#define ABACUS_JOBS_INTERNAL_H

#include <string.h>

#include "base/int64.h"
#include "jobs/jobs.h"

#define JOBS_STREAM "jobs"
#define JOBS_GROUP "workers"
#define JOBS_RESULTS_PREFIX "results:" /* then the kind */
#define JOBS_DECIMAL_PREFIX "result:"  /* then "kind:index" */

#define JOBS_NAME_BYTES 48 /* of "kind:index" */

static inline void job_name(struct job_key key, char name[JOBS_NAME_BYTES])
{
	const char *kind = kind_name(key.kind);
	size_t len = strlen(kind);

	memcpy(name, kind, len);
	name[len] = ':';
	int64_format(key.index, name + len + 1);
}

extern const struct redis_script jobs_add_script, jobs_repair_script, jobs_look_up_script, jobs_read_script, jobs_retry_script,
	jobs_take_over_script, jobs_finish_script, jobs_release_script, jobs_bury_script, jobs_count_script;

#endif
