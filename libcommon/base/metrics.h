/* Prometheus metrics (text exposition format 0.0.4). Values live in memory shared by all processes of a daemon, one slab a
 * process, so whichever process answers /metrics reports the sum of all. Register before metrics_share(); that is before
 * the fork. Names and label sets are fixed at registration: a peer can never make a new series. */
#ifndef ABACUS_BASE_METRICS_H
#define ABACUS_BASE_METRICS_H

#include <stdint.h>

#include "base/buf.h"

struct metric; /* one series; lives until exit */

/* labels: `method="GET",route="/users/{id}",code="200"` already escaped, or NULL. */
struct metric *metrics_counter(const char *name, const char *labels, const char *help);
struct metric *metrics_gauge(const char *name, const char *labels, const char *help);
/* Seconds, buckets of 1 ms 2.5 5 10 25 50 100 250 500 ms 1 2.5 5 10 s. */
struct metric *metrics_histogram(const char *name, const char *labels, const char *help);
/* A gauge computed when read, in the process that answers (memory, queue depth). */
void metrics_gauge_read(const char *name, const char *labels, const char *help, double (*read)(void *arg), void *arg);

void metrics_add(struct metric *metric, double by);
void metrics_set(struct metric *metric, double value);
void metrics_observe(struct metric *histogram, double seconds);
double metrics_value(const struct metric *metric); /* sum over processes */

/* Allocates the shared slabs and registers process_cpu_seconds_total, process_resident_memory_bytes,
 * process_start_time_seconds, process_open_fds and build_info{version,revision}. */
void metrics_share(unsigned processes);
void metrics_process(
	unsigned process); /* in the child: which slab is mine; clears its gauges, keeps its counters, notes its start */
void metrics_text(struct buf *out);
void metrics_label(struct buf *out, const char *name, const char *value); /* name="escaped" */

#endif
