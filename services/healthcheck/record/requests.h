/* How many requests the routes of each service answer, how many fail, and how long they take, of about the last minute: what
 * instances report are totals, and what each reports beyond its last totals is added to sums that fade by e a minute. In fixed
 * memory: 12 KB for each instance, and as much for each service. */
#ifndef ABACUS_HEALTHCHECK_REQUESTS_H
#define ABACUS_HEALTHCHECK_REQUESTS_H

#include <stddef.h>
#include <stdint.h>

#define REQUESTS_ROUTES_MAX 65 /* of a service; one that reports more is not read further (64, and "other": http/access.c) */
#define REQUESTS_BOUNDS 13     /* of metrics_histogram() */
#define ROUTE_METHOD_BYTES 8
#define ROUTE_PATH_BYTES 64

struct route_counts {
	char method[ROUTE_METHOD_BYTES], path[ROUTE_PATH_BYTES];
	double requests, errors;              /* errors: answered with 5xx */
	double all, at_most[REQUESTS_BOUNDS]; /* those whose time was measured, and of them those within each bound */
};

struct request_counts {
	int64_t reported_us; /* of what requests_add() has taken; monotonic */
	size_t count;
	struct route_counts routes[REQUESTS_ROUTES_MAX];
};
/* Of that route, which is added if there is room. NULL: there is none, or a name is too long. */
struct route_counts *requests_route(struct request_counts *counts, const char *method, const char *path);
/* The number of the bound of a bucket, such as "0.025"; -1: there is no such bound. */
int requests_bound(const char *seconds);

/* {0}: of a service that has reported nothing. */
struct request_rates {
	double weight_s;  /* time that the sums cover, faded as they are */
	int64_t faded_us; /* 0: never */
	struct request_counts sums;
};
/* An instance of the service reports `now`, and reported `before`, which becomes `now`. Its first report, the first one of a
 * process that has replaced another, and one after two minutes without, only begins. now_us is monotonic. */
void requests_add(struct request_rates *rates, struct request_counts *before, const struct request_counts *now, int64_t now_us);

struct route_rate {
	const char *method, *path;
	double per_s, errors_per_s;
	double p50_ms, p99_ms; /* negative: not known; never above the largest bound */
};
/* Of the route at that place of sums.routes. */
struct route_rate requests_rate(const struct request_rates *rates, size_t at, int64_t now_us);

#endif
