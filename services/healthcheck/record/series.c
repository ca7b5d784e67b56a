#include "record/series.h"

#include "base/mem.h"

_Static_assert(sizeof(struct figures) * (HISTORY_ROUNDS_MAX + DAY_BINS) == 34560, "what the header says");

static const struct figures unknown = {{-1, -1, -1, -1}};

struct figures *series_new(const struct history *history)
{
	size_t count = history->rounds_max + DAY_BINS;
	struct figures *series = mem_alloc(count * sizeof *series);

	for (size_t i = 0; i < count; i++)
		series[i] = unknown;
	return series;
}

void series_set(const struct history *history, struct figures *series, struct figures now)
{
	series[history->round % history->rounds_max] = now;
}

void series_forget(const struct history *history, struct figures *series)
{
	series_set(history, series, unknown);
}

static bool is_any_known(const struct figures *figures)
{
	for (int i = 0; i < SERIES_FIGURES; i++)
		if (figures->of[i] >= 0)
			return true;
	return false;
}

/* A figure's mean is of the rounds in which it was known. */
static struct figures means(const struct history *history, const struct figures *series, struct rounds rounds)
{
	double sums[SERIES_FIGURES] = {0};
	unsigned counts[SERIES_FIGURES] = {0};
	struct figures means = unknown;

	for (uint64_t round = rounds.first; round < rounds.end; round++)
		for (int i = 0; i < SERIES_FIGURES; i++) {
			float figure = series[round % history->rounds_max].of[i];

			sums[i] += figure < 0 ? 0 : (double)figure;
			counts[i] += figure >= 0;
		}
	for (int i = 0; i < SERIES_FIGURES; i++)
		if (counts[i] > 0)
			means.of[i] = (float)(sums[i] / counts[i]);
	return means;
}

struct written {
	struct series_point *points;
	size_t points_max, count;
};

/* Adds the point, unless nothing of it is known. */
static void add(struct written *written, int64_t at_ms, struct figures figures)
{
	if (is_any_known(&figures) && written->count < written->points_max)
		written->points[written->count++] = (struct series_point){at_ms, figures};
}

size_t series_points(const struct history *history, const struct figures *series, int minutes, int64_t now_ms,
		     struct series_point *points, size_t points_max)
{
	struct written written = {points, points_max, 0};
	uint64_t round = history_first_round(history, minutes, now_ms);
	size_t step = history_step(history, minutes, points_max);

	while (round <= history->round) {
		uint64_t whole = (round / step + 1) * step, end = whole <= history->round ? whole : history->round + 1;

		add(&written, history->times_ms[(end - 1) % history->rounds_max],
		    means(history, series, (struct rounds){round, end}));
		round = end;
	}
	return written.count;
}

/* ---- the day ---- */

void series_end_bin(const struct history *history, struct figures *series, int64_t now_ms)
{
	struct figures *day = series + history->rounds_max;
	struct bins over = history_bins_over(history, now_ms);

	for (int64_t bin = over.first; bin < over.end; bin++)
		day[bin % DAY_BINS] = unknown;
	if (over.is_any_kept)
		day[over.first % DAY_BINS] = means(history, series, history_bin_rounds(history));
}

size_t series_day_points(const struct history *history, const struct figures *series, int minutes, int64_t now_ms,
			 struct series_point *points, size_t points_max)
{
	const struct figures *day = series + history->rounds_max;
	const int64_t bin_ms = DAY_BIN_S * 1000;
	struct written written = {points, points_max, 0};

	for (int64_t bin = history_oldest_bin(history, minutes, now_ms); bin < history->day_bin; bin++)
		add(&written, bin * bin_ms, day[bin % DAY_BINS]);
	add(&written, history->day_bin * bin_ms, means(history, series, history_bin_rounds(history)));
	return written.count;
}
