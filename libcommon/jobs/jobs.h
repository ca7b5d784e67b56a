/* The job protocol between values and worker, whole: every Redis key and script of it lives in jobs_*.c.
 *
 *   jobs               stream, consumer group "workers"; fields kind, index, request_id
 *   jobs:queued        hash "kind:index" -> stream id: is queued or being calculated
 *   jobs:dead          hash "kind:index" -> "deliveries failed_unix_ms request_id"
 *   results:KIND       hash index -> "digits duration_us calculated_unix_ms preview"
 *   result:KIND:INDEX  the whole decimal, only when longer than JOBS_PREVIEW_DIGITS
 *   live               channel: one JSON message a finished calculation (contract.md)
 *
 * Everything that changes more than one of them is one Lua script, so it happens whole or not at all. Redis may be emptied at
 * any moment: Postgres knows what was submitted, and values puts back what is missing (repair). */
#ifndef ABACUS_JOBS_H
#define ABACUS_JOBS_H

#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "jobs/kinds.h"
#include "redis/redis.h"

#define JOBS_PREVIEW_DIGITS 1000 /* up to here the preview is the whole result */
#define JOBS_BATCH_MAX 256
#define JOBS_LIVE_CHANNEL "live"
/* For `manage jobs`, which only looks. */
#define JOBS_QUEUED_KEY "jobs:queued"
#define JOBS_DEAD_KEY "jobs:dead"

enum job_state { JOB_ABSENT, JOB_PENDING, JOB_DONE, JOB_FAILED }; /* the scripts use these numbers */

struct job_key {
	enum kind kind;
	int64_t index;
};
struct job {
	struct job_key key;
	char id[32]; /* stream id */
	char request_id[65];
};
struct job_result { /* borrowed strings */
	struct job_key key;
	enum job_state state;
	int64_t digits, duration_us, calculated_unix_ms;
	const char *preview; /* the whole result up to JOBS_PREVIEW_DIGITS, else "first 20…last 20 (N digits)" */
	size_t preview_len;
};

extern const struct redis_script *const jobs_scripts[]; /* for redis_new(); ends with NULL */

/* values' side. */
struct job_to_add {
	struct job_key key;
	const char *request_id; /* borrowed until jobs_add() returns */
};
/* states: of each in order, borrowed for the callback, NULL unless OK. n <= JOBS_BATCH_MAX */
typedef void jobs_added(enum status status, const enum job_state *states, void *arg);
void jobs_add(struct redis *redis, struct scope *scope, const struct job_to_add *jobs, int n, jobs_added *done, void *arg);
/* Adds those of n keys that have neither result, job nor dead letter; added: how many. n <= JOBS_BATCH_MAX */
typedef void jobs_repaired(enum status status, int added, void *arg);
void jobs_repair(struct redis *redis, struct scope *scope, const struct job_key *keys, int n, jobs_repaired *done, void *arg);
/* States and summaries of n keys (any n up to 1,000), in order, in one round trip. results borrowed for the callback. */
typedef void jobs_looked_up(enum status status, const struct job_result *results, int n, void *arg);
void jobs_look_up(struct redis *redis, struct scope *scope, const struct job_key *keys, int n, jobs_looked_up *done, void *arg);
/* The whole decimal. NOT_FOUND: no result (state says pending, failed or absent). */
typedef void jobs_read(enum status status, enum job_state state, const char *digits, size_t len, void *arg);
void jobs_read_result(struct redis *redis, struct scope *scope, struct job_key key, jobs_read *done, void *arg);

/* Puts a dead letter back. NOT_FOUND: it was none. */
typedef void jobs_done(enum status status, void *arg);
void jobs_retry(struct redis *redis, struct scope *scope, struct job_key key, jobs_done *done, void *arg);
/* Adds the whole decimal, or "first 20…last 20 (N digits)" when it is longer than JOBS_PREVIEW_DIGITS. */
void jobs_preview(const char *digits, size_t len, struct buf *out);
/* "kind:index" back into a key; 0, or -1 when it is none. */
int jobs_parse_name(const char *name, struct job_key *ret_key);

/* worker's side. */
typedef void jobs_received(enum status status, const struct job *jobs, int n, void *arg);
/* Creates the group when it is missing; waits up to block_ms; n may be 0. On a connection of its own. */
void jobs_receive(struct redis *redis, struct scope *scope, const char *consumer, int most, long block_ms, jobs_received *done,
		  void *arg);
/* Jobs of dead workers (idle over lease_ms), up to most (<= JOBS_BATCH_MAX); those delivered max_deliveries times go to
 * jobs:dead instead. Workers without jobs that were idle for ten leases are taken out of the group. */
void jobs_take_over(struct redis *redis, struct scope *scope, const char *consumer, long lease_ms, long max_deliveries,
		    int most, jobs_received *done, void *arg);
/* One finished calculation: value is the whole decimal. */
struct job_finished {
	const struct job *job;
	const char *digits;
	size_t len;
	int64_t duration_us;
};
/* Stores, announces, acknowledges n results in one atomic step. */
void jobs_finish(struct redis *redis, struct scope *scope, const struct job_finished *finished, int n, jobs_done *done,
		 void *arg);
/* "Still at it": renews the lease of n jobs. release (drain): hands back at once those that are still this consumer's, and
 * takes back that they were delivered to it. */
void jobs_renew(struct redis *redis, struct scope *scope, const char *consumer, const struct job *jobs, int n, jobs_done *done,
		void *arg);
void jobs_release(struct redis *redis, struct scope *scope, const char *consumer, const struct job *jobs, int n, long lease_ms,
		  jobs_done *done, void *arg);
/* A job that can never be calculated (unknown kind, bad index): straight to jobs:dead. */
void jobs_bury(struct redis *redis, struct scope *scope, const struct job *job, jobs_done *done, void *arg);
/* Gauges for metrics. */
struct jobs_stats {
	int64_t depth, dead;
	double oldest_s;
};
typedef void jobs_counted(enum status status, const struct jobs_stats *stats, void *arg);
void jobs_count(struct redis *redis, struct scope *scope, jobs_counted *done, void *arg);

#endif
