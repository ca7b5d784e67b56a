/* The states and summaries of calculations, as one reader sees them: what Postgres says, and for what is pending or failed
 * there what Redis says. A result that was announced is found by every process from then on: in Redis until it is in Postgres,
 * and then there. */
#ifndef ABACUS_VALUES_RESULTS_H
#define ABACUS_VALUES_RESULTS_H

#include "http/request.h"
#include "jobs/jobs.h"

#define RESULTS_MAX 1000

/* Completes n results (n <= RESULTS_MAX) that store_calculation_read() filled, in place. results and the previews in it, then
 * the request's own, live as long as the request. UNAVAILABLE, TIMEOUT, …: Redis or Postgres could not be asked about those
 * that stay pending or failed. */
typedef void results_completed(enum status status, void *arg);
void results_complete(struct http_request *req, struct job_result *results, int n, results_completed *done, void *arg);
/* Whether there is anything to complete; if not, the reply can be made at once. */
bool results_are_complete(const struct job_result *results, int n);

#endif
