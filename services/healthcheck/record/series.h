/* A few figures of what is no instance (the queue, a route), in the same rounds and bins as the samples of instances
 * (history.h): one sample a round for the last hour, and behind them one for each DAY_BIN_S of the last day, which has the
 * means of its rounds. In fixed memory: 34,560 bytes for each series. */
#ifndef ABACUS_HEALTHCHECK_SERIES_H
#define ABACUS_HEALTHCHECK_SERIES_H

#include "record/history.h"

#define SERIES_FIGURES 4

struct figures {
	float of[SERIES_FIGURES]; /* negative: not known */
};

struct figures *series_new(const struct history *history); /* nothing is known; free() it */
/* Before history_begin_round(), if history_is_bin_over(). */
void series_end_bin(const struct history *history, struct figures *series, int64_t now_ms);
/* Sets those of this round. Where none are set, series_forget() is due, because the place has those of an hour ago. */
void series_set(const struct history *history, struct figures *series, struct figures now);
void series_forget(const struct history *history, struct figures *series);

struct series_point {
	int64_t at_ms;
	struct figures figures; /* means of its rounds */
};
/* As history_points() and history_day_points(): at most points_max of the last minutes, oldest first. Leaves out those in which
 * nothing is known. */
size_t series_points(const struct history *history, const struct figures *series, int minutes, int64_t now_ms,
		     struct series_point *points, size_t points_max);
size_t series_day_points(const struct history *history, const struct figures *series, int minutes, int64_t now_ms,
			 struct series_point *points, size_t points_max);

#endif
