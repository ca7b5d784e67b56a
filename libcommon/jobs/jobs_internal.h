/* What the files of the job protocol share: the names of its keys, each in one place; the scripts (*.lua) get them as KEYS and
 * ARGV, so that C and Lua cannot disagree.
 *   names.c     "kind:index" and previews
 *   producer.c  values' side: adding, refilling, looking up, retrying, cancelling
 *   unwritten.c values' side: what finished and is not in Postgres yet
 *   legacy.c    values' side: results that the version before 0016 stored
 *   consumer.c  worker's side: receiving, taking over, finishing, renewing and releasing leases
 *   backlog.c   values' side: how much waits in Postgres
 *   asked.c     both sides: decimals that readers wait for */
#ifndef ABACUS_JOBS_INTERNAL_H
#define ABACUS_JOBS_INTERNAL_H

#include <string.h>

#include "base/int64.h"
#include "jobs/jobs.h"

#define JOBS_STREAM_SMALL "jobs"
#define JOBS_STREAM_LARGE "{jobs}:large"
#define JOBS_LOAD "{jobs}:load"
#define JOBS_WORKERS "{jobs}:workers"
#define JOBS_GROUP "workers"
#define JOBS_FINISHED "{jobs}:finished"
#define JOBS_FINISHED_GROUP "values"
#define JOBS_REFILL_RIGHT "{jobs}:refill"
#define JOBS_GONE "{jobs}:gone"
#define JOBS_BACKLOG "{jobs}:backlog"
#define JOBS_BACKLOG_RIGHT "{jobs}:counting"
#define JOBS_ASKED "{jobs}:asked"
#define JOBS_DECIMAL_PREFIX "result:" /* then "kind:index" */
#define JOBS_LEGACY_PREFIX "results:" /* then the kind */

#define JOBS_NAME_BYTES 48 /* of "kind:index" */

static inline const char *jobs_stream(enum jobs_lane lane)
{
	return lane == JOBS_LARGE ? JOBS_STREAM_LARGE : JOBS_STREAM_SMALL;
}

/* As the scripts expect it: 0 for a small one. */
static inline void job_us(struct job_key key, char us[INT64_TEXT_BYTES])
{
	int64_format(jobs_lane_of(key) == JOBS_LARGE ? kind_estimate_us(key.kind, key.index) : 0, us);
}

static inline void job_name(struct job_key key, char name[JOBS_NAME_BYTES])
{
	const char *kind = kind_name(key.kind);
	size_t len = strlen(kind);

	memcpy(name, kind, len);
	name[len] = ':';
	int64_format(key.index, name + len + 1);
}

static inline void job_decimal_name(struct job_key key, char name[JOBS_NAME_BYTES + 8])
{
	memcpy(name, JOBS_DECIMAL_PREFIX, sizeof JOBS_DECIMAL_PREFIX - 1);
	job_name(key, name + sizeof JOBS_DECIMAL_PREFIX - 1);
}

/* Is it what jobs_preview() makes of a decimal of so many digits? */
bool job_is_preview(const char *preview, size_t len, int64_t digits);
#define JOB_UNIX_MS_MAX 253402300799999 /* the end of the year 9999 */
/* Reads "digits duration_us calculated_unix_ms preview" into all but the key. False: it is none, or has a value that
 * jobs_finish() never stores and Postgres could not take; so long as it came from a script of this room, that cannot be. The
 * preview is borrowed from the text. */
bool job_summary_read(const char *text, size_t len, struct job_result *result);

/* A reply of n texts and numbers, as look_up and legacy answer: a summary, or a state. False: another. */
bool jobs_read_results(const redisReply *reply, const struct job_key *keys, int n, struct job_result *results);

extern const struct redis_script jobs_add_script, jobs_refill_begin_script, jobs_refill_script, jobs_refill_end_script,
	jobs_look_up_script, jobs_legacy_script, jobs_retry_script, jobs_cancel_script, jobs_take_over_script,
	jobs_finish_script, jobs_release_script, jobs_bury_script, jobs_present_script, jobs_count_script, jobs_written_script,
	jobs_ask_decimal_script, jobs_backlog_script;

#endif
