/* Stores submissions and queues their jobs, many at a time. */
#ifndef ABACUS_VALUES_SUBMISSIONS_H
#define ABACUS_VALUES_SUBMISSIONS_H

#include "base/scope.h"
#include "jobs/jobs.h"

struct event_base;
struct values;
struct submissions;

/* OK: the row with this id is committed (id 0: nothing was stored, because the user has VALUES_PENDING_MAX pending
 * calculations); a worker calculates it unless state says that this is not needed (absent: later, when Redis has room). Any
 * other status: as far as this process knows, nothing was stored. */
typedef void submission_taken(enum status status, int64_t id, enum job_state state, void *arg);

struct submissions *submissions_new(struct event_base *base, struct values *values);
void submissions_free(struct submissions *submissions);
bool submissions_are_full(const struct submissions *submissions);
/* Not while they are full. user_id 0: anonymous. request_id and trace are copied; the job is part of the trace. A submission is
 * stored and queued even when its scope is cancelled, because the client disconnected: only `done` does not run then. */
void submissions_add(struct submissions *submissions, struct scope *scope, int64_t user_id, struct job_key key,
		     const char *request_id, const struct trace *trace, submission_taken *done, void *arg);

#endif
