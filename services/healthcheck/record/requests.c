#include "record/requests.h"

#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FADE_S 60.0
#define GAP_US_MAX 120000000 /* twice the longest interval of rounds */

static const double bounds_s[REQUESTS_BOUNDS] = {0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10};

struct route_counts *requests_route(struct request_counts *counts, const char *method, const char *path)
{
	struct route_counts *route;

	for (size_t i = counts->count; i-- > 0;) /* backwards, because the lines of a route follow each other */
		if (strcmp(counts->routes[i].path, path) == 0 && strcmp(counts->routes[i].method, method) == 0)
			return &counts->routes[i];
	if (counts->count == REQUESTS_ROUTES_MAX || strlen(method) >= ROUTE_METHOD_BYTES || strlen(path) >= ROUTE_PATH_BYTES)
		return NULL;
	route = &counts->routes[counts->count++];
	*route = (struct route_counts){0};
	snprintf(route->method, sizeof route->method, "%s", method);
	snprintf(route->path, sizeof route->path, "%s", path);
	return route;
}

int requests_bound(const char *seconds)
{
	double bound_s = strtod(seconds, NULL);

	for (int i = 0; i < REQUESTS_BOUNDS; i++)
		if (fabs(bound_s - bounds_s[i]) < 1e-9)
			return i;
	return -1;
}

/* At most what the sums cover, because an hour in which no instance was asked is not a part of the last minute. */
static double since_s(const struct request_rates *rates, int64_t now_us)
{
	return fmin((double)(now_us - rates->faded_us) / 1e6, FADE_S);
}

/* What is left of a sum after the time since it was faded last. */
static double fading(const struct request_rates *rates, int64_t now_us)
{
	return exp(-(double)(now_us - rates->faded_us) / 1e6 / FADE_S);
}

static void fade(struct request_rates *rates, int64_t now_us)
{
	double left = rates->faded_us ? fading(rates, now_us) : 0;

	for (size_t i = 0; i < rates->sums.count; i++) {
		struct route_counts *route = &rates->sums.routes[i];

		route->requests *= left;
		route->errors *= left;
		route->all *= left;
		for (int bound = 0; bound < REQUESTS_BOUNDS; bound++)
			route->at_most[bound] *= left;
	}
	rates->weight_s = rates->faded_us ? rates->weight_s * left + since_s(rates, now_us) : 0;
	rates->faded_us = now_us;
}

static bool has_grown(const struct route_counts *before, const struct route_counts *now)
{
	for (int bound = 0; bound < REQUESTS_BOUNDS; bound++)
		if (now->at_most[bound] < before->at_most[bound])
			return false;
	return now->requests >= before->requests && now->errors >= before->errors && now->all >= before->all;
}

static void add_route(struct request_counts *sums, const struct route_counts *before, const struct route_counts *now)
{
	struct route_counts *sum = requests_route(sums, now->method, now->path);

	if (!sum || !has_grown(before, now))
		return;
	sum->requests += now->requests - before->requests;
	sum->errors += now->errors - before->errors;
	sum->all += now->all - before->all;
	for (int bound = 0; bound < REQUESTS_BOUNDS; bound++)
		sum->at_most[bound] += now->at_most[bound] - before->at_most[bound];
}

void requests_add(struct request_rates *rates, struct request_counts *before, const struct request_counts *now, int64_t now_us)
{
	bool only_begins = before->count == 0 || now_us - before->reported_us > GAP_US_MAX;

	fade(rates, now_us);
	for (size_t i = 0; i < now->count && !only_begins; i++) {
		const struct route_counts *route = &now->routes[i], *old = requests_route(before, route->method, route->path);

		if (old)
			add_route(&rates->sums, old, route);
	}
	*before = *now;
	before->reported_us = now_us;
}

/* Within a bucket the times are taken to be spread evenly. */
static double quantile_ms(const struct route_counts *route, double share)
{
	double rank = share * route->all, below = 0, from_s = 0;

	if (route->all <= 0)
		return -1;
	for (int bound = 0; bound < REQUESTS_BOUNDS; bound++) {
		double within = route->at_most[bound] - below;

		if (route->at_most[bound] >= rank && within > 0)
			return 1000 * (from_s + (bounds_s[bound] - from_s) * (rank - below) / within);
		below = route->at_most[bound];
		from_s = bounds_s[bound];
	}
	return 1000 * bounds_s[REQUESTS_BOUNDS - 1];
}

struct route_rate requests_rate(const struct request_rates *rates, size_t at, int64_t now_us)
{
	const struct route_counts *route = &rates->sums.routes[at];
	double left = fading(rates, now_us);
	double weight_s = rates->weight_s * left + since_s(rates, now_us);

	return (struct route_rate){
		.method = route->method,
		.path = route->path,
		.per_s = weight_s > 0 ? route->requests * left / weight_s : 0,
		.errors_per_s = weight_s > 0 ? route->errors * left / weight_s : 0,
		.p50_ms = quantile_ms(route, 0.5),
		.p99_ms = quantile_ms(route, 0.99),
	};
}
