/* Samples of each instance, 8 bytes each: one a round for the last hour, and behind them one for each DAY_BIN_S of the last
 * day, which has the means of its rounds. */
#ifndef ABACUS_HEALTHCHECK_HISTORY_H
#define ABACUS_HEALTHCHECK_HISTORY_H

#include <stddef.h>
#include <stdint.h>

#include "record/events.h"

#define HISTORY_MINUTES 60
#define DAY_MINUTES 1440
#define DAY_BIN_S 240
#define DAY_BINS (DAY_MINUTES * 60 / DAY_BIN_S)
#define HISTORY_ROUNDS_MAX 1800
#define HISTORY_POINTS_MAX 450      /* of an instance in one answer */
#define HISTORY_POINTS_ALL_MAX 9000 /* of all instances in one answer */

struct sample {
	uint32_t health : 2; /* HEALTH_UNKNOWN: not asked */
	uint32_t memory_kib : 30;
	uint16_t cpu_permille;   /* of one processor */
	uint16_t response_100us; /* 0: none */
};

/* When each round began. Rounds are counted from 1; round n of an instance is its sample n % rounds_max. */
struct history {
	long interval_ms;
	size_t rounds_max; /* as many as fit an hour, at most HISTORY_ROUNDS_MAX */
	uint64_t round;
	int64_t times_ms[HISTORY_ROUNDS_MAX];
	/* Bin n of the day is Unix time n * DAY_BIN_S and what follows, and an instance's sample rounds_max + n % DAY_BINS. */
	int64_t day_bin;      /* of this round; its sample is made when it is over */
	uint64_t first_round; /* of this bin */
};
void history_init(struct history *history, long interval_ms);
void history_begin_round(struct history *history, int64_t now_ms);
struct sample *history_samples_new(const struct history *history); /* of the hour and of the day, zeroed; free() it */
/* Before the round that begins now: is it the first of another bin? Then history_end_bin() is due for each instance. */
bool history_is_bin_over(const struct history *history, int64_t now_ms);
void history_end_bin(const struct history *history, struct sample *samples, int64_t now_ms);
struct sample history_sample(enum health health, double memory_bytes, double cpu_percent, double response_ms);

/* For series.h, which has other samples in the same places. */
struct rounds {
	uint64_t first, end; /* without the last; those that the hour still has */
};
/* The oldest round that began within the last minutes, and since the clock was last set back, because those before may be of
 * times to come. From it on there are no more rounds than fit the minutes. The next round: there is none. */
uint64_t history_first_round(const struct history *history, int minutes, int64_t now_ms);
struct rounds history_bin_rounds(const struct history *history); /* of the current bin */
/* What the day keeps when the current bin is over and the one of now_ms begins. */
struct bins {
	int64_t first, end; /* these are forgotten, the current one too */
	bool is_any_kept;   /* false: the clock was set back, or a day has passed; all are forgotten */
};
struct bins history_bins_over(const struct history *history, int64_t now_ms);
/* The oldest bin that a day of so many minutes shows, never before 1970. */
int64_t history_oldest_bin(const struct history *history, int minutes, int64_t now_ms);

struct history_point {
	int64_t at_ms;
	enum health health;                            /* the worst of its rounds */
	double memory_bytes, cpu_percent, response_ms; /* means of its rounds; negative: not known */
};
/* How many rounds each point must cover so that there are at most points_max (2 or more) points. */
size_t history_step(const struct history *history, int minutes, size_t points_max);
/* Writes at most points_max points of the last minutes, oldest first, each of history_step() rounds. Later calls with the same
 * minutes and points_max give the same points. Skips rounds in which the instance was not asked. Returns the number of points.
 */
size_t history_points(const struct history *history, const struct sample *samples, int minutes, int64_t now_ms,
		      struct history_point *points, size_t points_max);
/* The same of the last day's bins, whose means have equal weight in a point. A point is at the beginning of its last bin; the
 * current bin counts with its rounds so far. */
size_t history_day_step(int minutes, size_t points_max);
size_t history_day_points(const struct history *history, const struct sample *samples, int minutes, int64_t now_ms,
			  struct history_point *points, size_t points_max);

#endif
