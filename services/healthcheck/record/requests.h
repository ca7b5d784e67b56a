/* How many requests the routes of each service answer, how many fail, and how long they take, of about the last minute: what
 * instances report are totals, and what each reports beyond its last totals is added to sums that fade by e a minute. In fixed
 * memory: 12 KB for each instance, and as much for each service; and a series (series.h) for each of ROUTES_RECORDED_MAX routes
 * of all services. */
#ifndef ABACUS_HEALTHCHECK_REQUESTS_H
#define ABACUS_HEALTHCHECK_REQUESTS_H

#include <stddef.h>
#include <stdint.h>

#include "record/series.h"

#define REQUESTS_ROUTES_MAX 65  /* of a service; one that reports more is not read further (64, and "other": http/access.c) */
#define REQUESTS_BOUNDS 13      /* of metrics_histogram() */
#define ROUTES_RECORDED_MAX 128 /* 4.4 MB */
#define REQUESTS_PER_S_LEAST 0.001 /* a route that is asked less often counts as not asked at all */
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

/* What the routes of all services share. */
struct recording {
	const struct history *history;
	size_t places; /* left of ROUTES_RECORDED_MAX */
};
/* {0}, or with its recording alone: of a service that has reported nothing. */
struct request_rates {
	struct recording *recording; /* NULL: nothing is recorded */
	double weight_s;             /* time that the sums cover, faded as they are */
	int64_t faded_us;            /* 0: never */
	struct request_counts sums;  /* of routes that were asked within a day; each has its place in what follows too */
	int64_t asked_us[REQUESTS_ROUTES_MAX];
	struct figures *series[REQUESTS_ROUTES_MAX]; /* enum route_figure; NULL: no place was left, or no round came since */
};
enum route_figure { ROUTE_PER_S, ROUTE_ERRORS_PER_S, ROUTE_P50_MS, ROUTE_P99_MS };
/* An instance of the service reports `now`, and reported `before`, which becomes `now`. Its first report, the first one of a
 * process that has replaced another, and one after two minutes without, only begins. now_us is monotonic. A route that was not
 * asked for a day is forgotten; so is the one that was not asked for longest, at least ten minutes, when another has no place.
 */
void requests_add(struct request_rates *rates, struct request_counts *before, const struct request_counts *now, int64_t now_us);

struct route_rate {
	const char *method, *path;
	double per_s, errors_per_s;
	double p50_ms, p99_ms; /* negative: not known; never above the largest bound */
};
/* Of the route at that place of sums.routes. */
struct route_rate requests_rate(const struct request_rates *rates, size_t at, int64_t now_us);
/* The place of that route; -1: it was not asked, or is forgotten. */
int requests_find(const struct request_rates *rates, const char *method, const char *path);

/* In each round, after history_begin_round(). */
void requests_record(struct request_rates *rates, int64_t now_us);
/* As series_end_bin() for each route. */
void requests_end_bin(struct request_rates *rates, int64_t now_ms);
void requests_free(struct request_rates *rates); /* what it has allocated */

#endif
