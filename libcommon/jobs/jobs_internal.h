/* What the files of the job protocol share: the names of its keys.
 *   jobs_values.c   adding, repairing, looking up
 *   jobs_worker.c   receiving, taking over, finishing */
#ifndef ABACUS_JOBS_INTERNAL_H
#define ABACUS_JOBS_INTERNAL_H

#include <stdio.h>

#include "jobs/jobs.h"

#define JOBS_STREAM "jobs"
#define JOBS_GROUP "workers"
#define JOBS_QUEUED JOBS_QUEUED_KEY
#define JOBS_DEAD JOBS_DEAD_KEY
#define JOBS_RESULTS "results:" /* and the kind */
#define JOBS_RESULT "result:"   /* and "kind:index" */

#define JOBS_NAME_BYTES 48 /* of "kind:index" */

static inline void job_name(struct job_key key, char name[JOBS_NAME_BYTES])
{
	snprintf(name, JOBS_NAME_BYTES, "%s:%lld", kind_name(key.kind), (long long)key.index);
}

extern const struct redis_script jobs_add_script, jobs_repair_script, jobs_look_up_script, jobs_read_script, jobs_retry_script,
	jobs_take_over_script, jobs_finish_script, jobs_release_script, jobs_bury_script, jobs_count_script;

#endif
