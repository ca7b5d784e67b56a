/* Writes what workers finished from Redis to Postgres, in batches. Every process does, each with the batches that it receives.
 */
#ifndef ABACUS_VALUES_WRITER_H
#define ABACUS_VALUES_WRITER_H

#include "jobs/jobs.h"
#include "postgres/postgres.h"

struct event_base;
struct values;
struct writer;

struct writer *writer_new(struct event_base *base, struct values *values);
void writer_free(struct writer *writer);
/* Writes n results, which are done or failed (n <= JOBS_BATCH_MAX). They are borrowed until it returns. */
void writer_store(struct values *values, struct scope *scope, const struct job_result *results, int n, postgres_done *done,
		  void *arg);
void writer_register_metrics(void);

#endif
