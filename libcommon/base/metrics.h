/* Prometheus metrics (text exposition format 0.0.4, and OpenMetrics 1.0). Values are in memory that all processes of a daemon
 * share, one slab a process, so that any process answers /metrics with the sum of all. Register before metrics_share(), which
 * comes before the fork. Names and label sets are fixed at registration: a peer can never add a series. */
#ifndef ABACUS_BASE_METRICS_H
#define ABACUS_BASE_METRICS_H

#include <stdint.h>

#include "base/buf.h"

struct metric; /* one series; lives until exit */

/* labels: `method="GET",route="/users/{id}",code="200"`, escaped by the caller (metrics_label), or NULL. */
struct metric *metrics_counter(const char *name, const char *labels, const char *help);
struct metric *metrics_gauge(const char *name, const char *labels, const char *help);
/* Of seconds, with buckets up to 1, 2.5, 5, 10, 25, 50, 100, 250, 500 ms and 1, 2.5, 5, 10 s. */
struct metric *metrics_histogram(const char *name, const char *labels, const char *help);
/* A gauge that is computed when it is read, in the process that answers (memory, queue depth). */
void metrics_gauge_read(const char *name, const char *labels, const char *help, double (*read)(void *arg), void *arg);

void metrics_add(struct metric *metric, double by);
void metrics_set(struct metric *metric, double value);
void metrics_observe(struct metric *histogram, double seconds);
/* The same, and keeps this trace's id (32 digits; NULL: none) as the exemplar of its bucket, in place of the one before. */
void metrics_observe_traced(struct metric *histogram, double seconds, const char *trace_id);
double metrics_value(const struct metric *metric); /* sum over processes */

/* Allocates the shared slabs and registers process_cpu_seconds_total, process_resident_memory_bytes,
 * process_start_time_seconds, process_open_fds, build_info{version,revision} and log_lines_dropped_total. */
void metrics_share(unsigned processes);
/* In a child: takes the slab of that process, clears its gauges, keeps its counters, and notes the time as its start. */
void metrics_process(unsigned process);
void metrics_text(struct buf *out);
/* https://github.com/prometheus/OpenMetrics/blob/v1.0.0/specification/OpenMetrics.md: the same samples under the same labels,
 * and exemplars. Bounds stay as metrics_text() writes them ("1", not "1.0"), because Prometheus would take other texts for
 * other series. */
void metrics_open_text(struct buf *out);
void metrics_label(struct buf *out, const char *name, const char *value); /* name="escaped" */

#endif
