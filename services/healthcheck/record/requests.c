#include "record/requests.h"

#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FADE_S 60.0
#define GAP_US_MAX 120000000 /* twice the longest interval of rounds */
#define GONE_US INT64_C(600000000)
#define DAY_US INT64_C(86400000000)

static const double bounds_s[REQUESTS_BOUNDS] = {0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10};

static int find(const struct request_counts *counts, const char *method, const char *path)
{
	for (int i = (int)counts->count; i-- > 0;) /* backwards, because the lines of a route follow each other */
		if (strcmp(counts->routes[i].path, path) == 0 && strcmp(counts->routes[i].method, method) == 0)
			return i;
	return -1;
}

int requests_find(const struct request_rates *rates, const char *method, const char *path)
{
	return find(&rates->sums, method, path);
}

struct route_counts *requests_route(struct request_counts *counts, const char *method, const char *path)
{
	int at = find(counts, method, path);
	struct route_counts *route;

	if (at >= 0)
		return &counts->routes[at];
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

/* The last one takes its place. */
static void forget_route(struct request_rates *rates, size_t at)
{
	size_t last = --rates->sums.count;

	if (rates->series[at])
		rates->recording->places++;
	free(rates->series[at]);
	rates->sums.routes[at] = rates->sums.routes[last];
	rates->asked_us[at] = rates->asked_us[last];
	rates->series[at] = rates->series[last];
	rates->series[last] = NULL;
}

static void forget_old_routes(struct request_rates *rates, int64_t now_us)
{
	for (size_t i = rates->sums.count; i-- > 0;)
		if (now_us - rates->asked_us[i] > DAY_US)
			forget_route(rates, i);
}

static void make_room(struct request_rates *rates, int64_t now_us)
{
	size_t oldest = 0;

	for (size_t i = 1; i < rates->sums.count; i++)
		if (rates->asked_us[i] < rates->asked_us[oldest])
			oldest = i;
	if (now_us - rates->asked_us[oldest] >= GONE_US)
		forget_route(rates, oldest);
}

static struct route_counts *sum_of(struct request_rates *rates, const struct route_counts *route, int64_t now_us)
{
	struct route_counts *sum;

	if (rates->sums.count == REQUESTS_ROUTES_MAX && requests_find(rates, route->method, route->path) < 0)
		make_room(rates, now_us);
	sum = requests_route(&rates->sums, route->method, route->path);
	if (sum)
		rates->asked_us[sum - rates->sums.routes] = now_us;
	return sum;
}

static void add_route(struct request_rates *rates, const struct route_counts *before, const struct route_counts *now,
		      int64_t now_us)
{
	bool was_asked = has_grown(before, now) && (now->requests > before->requests || now->all > before->all);
	struct route_counts *sum = was_asked ? sum_of(rates, now, now_us) : NULL;

	if (!sum)
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
	forget_old_routes(rates, now_us);
	for (size_t i = 0; i < now->count && !only_begins; i++) {
		const struct route_counts *route = &now->routes[i], *old = requests_route(before, route->method, route->path);

		if (old)
			add_route(rates, old, route, now_us);
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

/* ---- over time ---- */

static struct figures figures_of(const struct request_rates *rates, size_t at, int64_t now_us)
{
	struct route_rate rate = requests_rate(rates, at, now_us);
	bool is_asked = rate.per_s >= REQUESTS_PER_S_LEAST;

	return (struct figures){{
		[ROUTE_PER_S] = is_asked ? (float)rate.per_s : 0,
		[ROUTE_ERRORS_PER_S] = is_asked ? (float)rate.errors_per_s : 0,
		[ROUTE_P50_MS] = is_asked ? (float)rate.p50_ms : -1,
		[ROUTE_P99_MS] = is_asked ? (float)rate.p99_ms : -1,
	}};
}

void requests_record(struct request_rates *rates, int64_t now_us)
{
	struct recording *recording = rates->recording;

	for (size_t i = 0; i < rates->sums.count; i++) {
		if (!rates->series[i] && recording->places > 0) {
			rates->series[i] = series_new(recording->history);
			recording->places--;
		}
		if (rates->series[i])
			series_set(recording->history, rates->series[i], figures_of(rates, i, now_us));
	}
}

void requests_end_bin(struct request_rates *rates, int64_t now_ms)
{
	for (size_t i = 0; i < rates->sums.count; i++)
		if (rates->series[i])
			series_end_bin(rates->recording->history, rates->series[i], now_ms);
}

void requests_free(struct request_rates *rates)
{
	for (size_t i = 0; i < rates->sums.count; i++)
		free(rates->series[i]);
}
