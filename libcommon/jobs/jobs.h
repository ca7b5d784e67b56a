/* The whole job protocol between values (the producer) and worker (the consumer): only this room changes these Redis keys.
 *
 *   jobs               stream, consumer group "workers": the small jobs; fields kind, index, request_id, and traceparent of a
 *                      submission's trace
 *   {jobs}:large       the same of the large ones; before traceparent one field more: us, the estimate of its duration
 *   {jobs}:load        hash: us, the sum of those on {jobs}:large; threads, of all workers, a slow one counting for less;
 *                      small_waits, large_waits: there while jobs wait in Postgres for a place on the lane
 *   {jobs}:workers     hash: worker -> "threads seen_unix_ms", the threads as above
 *   {jobs}:window      hash "kind:index" -> id of its job; or "=" and the id of its entry in {jobs}:finished
 *   {jobs}:finished    stream, consumer group "values": what Postgres does not have yet; fields kind, index, summary, which is
 *                      "digits duration_us calculated_unix_ms preview", or empty when the calculation failed
 *   {jobs}:dead        hash "kind:index" -> "deliveries failed_unix_ms request_id entry", whose entry is an id in
 *                      {jobs}:finished
 *   {jobs}:refill      which process of values refills, in which round, and until when
 *   {jobs}:gone        set: which "kind:index" left {jobs}:window, or was written as failed, since that round
 *                      began
 *   {jobs}:backlog     how many pending calculations are in Postgres alone; expires
 *   {jobs}:counting    which process of values has counted them last; expires
 *   {jobs}:asked       list: decimals that readers wait for and Redis no longer has, as "kind:index request_id"
 *   {jobs}:asked:KIND:INDEX  its decimal was asked for within JOBS_ASKED_MS and is not calculated yet
 *   result:KIND:INDEX  the whole decimal, only when longer than JOBS_PREVIEW_DIGITS; a cache: it expires, or is evicted
 *   live               channel: one JSON message for each new result (services/swagger/openapi.yaml)
 *
 * On a cluster `jobs` and all `{jobs}:…` share a slot (docs/decisions/0016-postgres-keeps-what-is-known.md), so a change of
 * more than one of them is one Lua script, and so atomic. Redis may be emptied at any moment, or go back in time: Postgres has
 * what was submitted and what is done, and values adds again what is missing (refill). */
#ifndef ABACUS_JOBS_H
#define ABACUS_JOBS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "jobs/kinds.h"
#include "redis/redis.h"
#include "trace/trace.h"

#define JOBS_PREVIEW_DIGITS 1000 /* up to this length the preview is the whole result */
#define JOBS_BATCH_MAX 256
#define JOBS_ID_BYTES REDIS_ENTRY_ID_BYTES
#define JOBS_LIVE_CHANNEL "live"
#define JOBS_REQUEST_ID_BYTES 65
#define JOBS_ASKED_MAX 1000 /* decimals that readers wait for */
#define JOBS_ASKED_MS 10000 /* until one is asked for again, because the worker that took it may have died */
/* For `manage jobs`, which only reads them. */
#define JOBS_WINDOW_KEY "{jobs}:window"
#define JOBS_DEAD_KEY "{jobs}:dead"

enum job_state { JOB_ABSENT, JOB_PENDING, JOB_DONE, JOB_FAILED }; /* the scripts use these numbers */

struct job_key {
	enum kind kind;
	int64_t index;
};
/* Small and large calculations (kind_is_small()) are queued, received and taken over apart, so that no small one waits for a
 * large one. A job that a version with another estimate queued may be on the other lane. */
enum jobs_lane { JOBS_SMALL, JOBS_LARGE };
#define JOBS_LANES 2
static inline enum jobs_lane jobs_lane_of(struct job_key key)
{
	return kind_is_small(key.kind, key.index) ? JOBS_SMALL : JOBS_LARGE;
}

struct job {
	struct job_key key;
	enum jobs_lane lane; /* on which it was received */
	char id[JOBS_ID_BYTES];
	char request_id[JOBS_REQUEST_ID_BYTES];
	struct trace trace; /* of the job; none if it was queued by refill, by a retry, or by the version before traces */
};
struct job_result { /* borrowed strings */
	struct job_key key;
	enum job_state state;
	int64_t digits, duration_us, calculated_unix_ms;
	const char *preview; /* the whole result up to JOBS_PREVIEW_DIGITS, else "first 20…last 20 (N digits)" */
	size_t preview_len;
};

extern const struct redis_script *const jobs_scripts[]; /* for redis_new(); ends with NULL */

/* ---- values' side ---- */
struct job_to_add {
	struct job_key key;
	const char *request_id;    /* borrowed until jobs_add() returns */
	const struct trace *trace; /* as the request_id; NULL: none */
};
/* How much the window holds. */
struct jobs_room {
	long names;       /* of small jobs, of large ones, and of what finished and is not written: as many of each */
	int64_t large_us; /* work of large jobs, for each thread of the workers; one thread while there are none */
};
/* states: one for each job, in order, borrowed for the callback; NULL unless OK. JOB_ABSENT: the job was not added, because
 * its lane is full, or others wait for that already. n <= JOBS_BATCH_MAX */
typedef void jobs_added(enum status status, const enum job_state *states, void *arg);
void jobs_add(struct redis *redis, struct scope *scope, struct jobs_room room, const struct job_to_add *jobs, int n,
	      jobs_added *done, void *arg);
/* States and summaries of n keys (n <= 1,000) that Postgres does not know to be done, in order, in one round trip. results:
 * borrowed for the callback. */
typedef void jobs_looked_up(enum status status, const struct job_result *results, int n, void *arg);
void jobs_look_up(struct redis *redis, struct scope *scope, const struct job_key *keys, int n, jobs_looked_up *done, void *arg);
/* The whole decimal of a long result. NOT_FOUND: Redis does not have it (any more). */
typedef void jobs_read(enum status status, const char *digits, size_t len, void *arg);
void jobs_read_decimal(struct redis *redis, struct scope *scope, struct job_key key, jobs_read *done, void *arg);

/* Has a worker calculate the decimal of a calculation that is done, before all jobs. Once for all that ask while it waits, and
 * for JOBS_ASKED_MS longer. No job, so nothing is announced or written to Postgres. BUSY: JOBS_ASKED_MAX wait already. */
typedef void jobs_done(enum status status, void *arg);
void jobs_ask_decimal(struct redis *redis, struct scope *scope, struct job_key key, const char *request_id, jobs_done *done,
		      void *arg);

/* Queues the job of a dead letter again. is_failed: Postgres says that it failed, so a letter is not needed. NOT_FOUND: there
 * is no such dead letter. */
void jobs_retry(struct redis *redis, struct scope *scope, struct job_key key, bool is_failed, jobs_done *done, void *arg);

/* Takes off the jobs of calculations that Postgres does not have any more, and their dead letters. What a worker calculates
 * already is neither stored nor announced when it finishes. n <= JOBS_BATCH_MAX; keys are borrowed for the callback too. */
typedef void jobs_cancelled(enum status status, const struct job_key *keys, int n, void *arg);
void jobs_cancel(struct redis *redis, struct scope *scope, const struct job_key *keys, int n, jobs_cancelled *done, void *arg);

/* ---- refilling the window; values' side ---- */
struct jobs_refiller { /* a round; borrowed until a call returns */
	const char *process;
	uint64_t round; /* another one for each of its rounds */
	long lease_ms;  /* until another may refill if this process dies */
	struct jobs_room room;
	bool wants[JOBS_LANES];
	bool needs_half; /* only a lane that is open (jobs_refill_end()) or half free is worth it */
	bool is_urgent;  /* even if another process has refilled a moment ago */
};
enum jobs_refill_verdict { JOBS_REFILL_OTHER = -1, JOBS_REFILL_FULL, JOBS_REFILL_BEGIN };
struct jobs_refill_answer {
	enum jobs_refill_verdict verdict; /* JOBS_REFILL_OTHER unless OK */
	bool lanes[JOBS_LANES];           /* those to refill */
	int64_t large_count;              /* jobs on the large lane */
};
typedef void jobs_refill_begun(enum status status, const struct jobs_refill_answer *answer, void *arg);
void jobs_refill_begin(struct redis *redis, struct scope *scope, const struct jobs_refiller *refiller, jobs_refill_begun *done,
		       void *arg);
/* Adds those of n keys whose job is missing, also those of dead letters that Postgres had as failed when the round began: they
 * were retried since. n <= JOBS_BATCH_MAX. is_full: one did not fit, and those after it were not looked at. The keys have to be
 * read from Postgres after jobs_refill_begin() has answered: those that finished after it are not added. CONFLICT: another
 * round has begun, or more finished during this one than Redis notes; nothing was added. */
typedef void jobs_refilled(enum status status, int added, bool is_full, void *arg);
void jobs_refill(struct redis *redis, struct scope *scope, const struct jobs_refiller *refiller, const struct job_key *keys,
		 int n, jobs_refilled *done, void *arg);
/* What a refill found to wait for a lane when it looked. NONE opens the lane to jobs_add(), and SOME closes it. */
enum jobs_waiting { JOBS_WAITING_UNKNOWN, JOBS_WAITING_NONE, JOBS_WAITING_SOME }; /* the script uses these numbers */
/* rest_ms: for how long no process needs to refill unless it is urgent; 0: this one did not complete it. */
void jobs_refill_end(struct redis *redis, struct scope *scope, const struct jobs_refiller *refiller, long rest_ms,
		     const enum jobs_waiting waiting[JOBS_LANES]);

/* ---- how much waits in Postgres; values' side ---- */
/* For this process alone to count what is pending, and for no other within right_ms. is_mine: it shall. */
typedef void jobs_backlog_claimed(enum status status, bool is_mine, void *arg);
void jobs_backlog_claim(struct redis *redis, struct scope *scope, const char *name, long right_ms, jobs_backlog_claimed *done,
			void *arg);
/* Keeps for jobs_count() how many of those that are pending are not in the window. What changes between the count and this call
 * makes it inexact by as much. After keep_ms it is not known any more. */
void jobs_backlog_keep(struct redis *redis, struct scope *scope, int64_t pending, long keep_ms);

/* ---- what finished, on its way to Postgres; values' side ---- */
struct jobs_unwritten {
	char id[JOBS_ID_BYTES];   /* of its entry */
	struct job_result result; /* state JOB_DONE, JOB_FAILED, or JOB_ABSENT: an entry of another program */
};
/* entries: borrowed for the callback. */
typedef void jobs_unwritten_received(enum status status, const struct jobs_unwritten *entries, int n, void *arg);
/* Waits up to block_ms for entries that no process has received. Otherwise as jobs_receive(). */
void jobs_unwritten_receive(struct redis *redis, struct scope *scope, long block_ms, jobs_unwritten_received *done, void *arg);
/* Those that a process received idle_ms ago and has not written. */
void jobs_unwritten_take_over(struct redis *redis, struct scope *scope, long idle_ms, jobs_unwritten_received *done, void *arg);
/* Takes out what Postgres has. n <= JOBS_BATCH_MAX */
struct jobs_written {
	char id[JOBS_ID_BYTES];
	struct job_key key; /* as it was received */
};
void jobs_written(struct redis *redis, struct scope *scope, const struct jobs_written *written, int n, jobs_done *done,
		  void *arg);

/* ---- results of the version before 0016: hashes results:KIND; values' side ---- */
typedef void jobs_legacy_found(enum status status, bool exists, void *arg);
void jobs_legacy_exists(struct redis *redis, struct scope *scope, jobs_legacy_found *done, void *arg);
/* As jobs_look_up(); the state is done or absent. Not on a cluster. */
void jobs_legacy_look_up(struct redis *redis, struct scope *scope, const struct job_key *keys, int n, jobs_looked_up *done,
			 void *arg);
/* Lets all keys of that version expire a day from now, unless they do already. */
void jobs_legacy_expire(struct redis *redis, struct scope *scope);

/* ---- names ---- */
/* Adds the whole decimal, or "first 20…last 20 (N digits)" when it is longer than JOBS_PREVIEW_DIGITS. */
void jobs_preview(const char *digits, size_t len, struct buf *out);
/* Whether a preview is the whole result. */
bool jobs_preview_is_whole(const char *preview, size_t len);
/* Reads "kind:index"; 0, or -1 when it is not a key. */
int jobs_parse_name(const char *name, struct job_key *ret_key);

/* ---- worker's side ---- */
typedef void jobs_received(enum status status, const struct job *jobs, int n, void *arg);
/* Waits up to block_ms; n may be 0. Creates the group if it is missing, and then returns at once without a job. Needs a
 * connection that does nothing else. */
void jobs_receive(struct redis *redis, struct scope *scope, enum jobs_lane lane, const char *consumer, int most, long block_ms,
		  jobs_received *done, void *arg);
/* Claims jobs whose lease has expired (idle for longer than lease_ms), up to most (<= JOBS_BATCH_MAX). A job with
 * max_deliveries deliveries becomes a dead letter instead. lived_ms: how long this consumer has been receiving; jobs that were
 * delivered to it meanwhile are claimed too (it may hold them), but that counts no delivery. Consumers without jobs that were
 * idle for ten leases are deleted from the group. */
void jobs_take_over(struct redis *redis, struct scope *scope, enum jobs_lane lane, const char *consumer, long lived_ms,
		    long lease_ms, long max_deliveries, int most, jobs_received *done, void *arg);
/* One finished calculation: digits is the whole decimal. It and the job are borrowed until jobs_finish() is done. */
struct job_finished {
	const struct job *job;
	const char *digits;
	size_t len;
	int64_t duration_us;
};
/* Stores, publishes and acknowledges n results in one atomic step. Decimals longer than JOBS_PREVIEW_DIGITS are stored before
 * it, for cache_s; one that Redis refused is as one that it lost. */
void jobs_finish(struct redis *redis, struct scope *scope, long cache_s, const struct job_finished *finished, int n,
		 jobs_done *done, void *arg);
/* Waits up to a second for a decimal that readers wait for. key is NULL unless there is one. Needs a connection that does
 * nothing else. What is received is lost if this worker dies; readers ask again. */
typedef void jobs_asked_received(enum status status, const struct job_key *key, const char *request_id, void *arg);
void jobs_asked_receive(struct redis *redis, struct scope *scope, jobs_asked_received *done, void *arg);
/* Stores it for cache_s. digits is copied before the call returns. */
void jobs_asked_finish(struct redis *redis, struct scope *scope, long cache_s, struct job_key key, const char *digits,
		       size_t len, jobs_done *done, void *arg);
/* How long ago it was queued, by the clocks of Redis and of this process; 0 if they disagree. */
int64_t jobs_age_ms(const struct job *job);
/* Renews the lease of n jobs of one lane. */
void jobs_renew(struct redis *redis, struct scope *scope, const char *consumer, const struct job *jobs, int n, jobs_done *done,
		void *arg);
/* Hands back those of n jobs of one lane that this consumer still holds, so that another can claim them at once, and takes
 * their last delivery off the count. For a consumer that drains. */
void jobs_release(struct redis *redis, struct scope *scope, const char *consumer, const struct job *jobs, int n, long lease_ms,
		  jobs_done *done, void *arg);
/* Makes a dead letter of a job that can never be calculated (unknown kind, invalid index). */
void jobs_bury(struct redis *redis, struct scope *scope, const struct job *job, jobs_done *done, void *arg);
/* Notes how many threads this worker has for large jobs, and that it is there; 0: it leaves. pace_percent: 100 when a large job
 * takes as long as estimated, 50 when twice as long; the window then holds half as much for each of its threads. A worker that
 * is silent for JOBS_PRESENT_MS is forgotten. */
#define JOBS_PRESENT_MS 15000
void jobs_present(struct redis *redis, struct scope *scope, const char *consumer, long threads, long pace_percent,
		  jobs_done *done, void *arg);
/* Gauges for metrics. */
struct jobs_stats {
	int64_t depth, dead;
	int64_t backlog; /* pending calculations that are not in the window; -1: not known */
	double oldest_s;
};
typedef void jobs_counted(enum status status, const struct jobs_stats *stats, void *arg);
void jobs_count(struct redis *redis, struct scope *scope, jobs_counted *done, void *arg);

#endif
