#include "record/history.h"

#include "base/mem.h"

_Static_assert(sizeof(struct sample) == 8 && HISTORY_ROUNDS_MAX + DAY_BINS == 2160,
	       "an instance has 17,280 bytes, 256 have 4.4 MB");
_Static_assert(DAY_BINS <= HISTORY_POINTS_MAX, "a day fits in one answer");

static size_t at_most(size_t number, size_t most)
{
	return number < most ? number : most;
}

void history_init(struct history *history, long interval_ms)
{
	size_t rounds = (size_t)(HISTORY_MINUTES * 60000L / interval_ms);

	*history = (struct history){.interval_ms = interval_ms, .rounds_max = at_most(rounds, HISTORY_ROUNDS_MAX)};
}

static int64_t bin_of(int64_t unix_ms)
{
	return unix_ms / (DAY_BIN_S * 1000);
}

bool history_is_bin_over(const struct history *history, int64_t now_ms)
{
	return bin_of(now_ms) != history->day_bin;
}

void history_begin_round(struct history *history, int64_t now_ms)
{
	if (history_is_bin_over(history, now_ms)) {
		history->day_bin = bin_of(now_ms);
		history->first_round = history->round + 1;
	}
	history->round++;
	history->times_ms[history->round % history->rounds_max] = now_ms;
}

struct sample *history_samples_new(const struct history *history)
{
	return mem_alloc((history->rounds_max + DAY_BINS) * sizeof(struct sample));
}

static uint32_t bounded(double number, uint32_t most)
{
	return !(number > 0) ? 0 : number >= most ? most : (uint32_t)(number + 0.5);
}

struct sample history_sample(enum health health, double memory_bytes, double cpu_percent, double response_ms)
{
	struct sample sample = {.health = health};

	if (health == HEALTH_DOWN || health == HEALTH_UNKNOWN)
		return sample;
	sample.memory_kib = bounded(memory_bytes / 1024, (1u << 30) - 1);
	sample.cpu_permille = (uint16_t)bounded(cpu_percent * 10, UINT16_MAX);
	sample.response_100us = (uint16_t)bounded(response_ms * 10, UINT16_MAX);
	return sample;
}

/* The sums that a point is the mean of. */
struct sums {
	unsigned samples, alive, answers;
	double memory_kib, cpu_permille, response_100us;
};

static void add(struct history_point *point, struct sums *sums, const struct sample *sample, int64_t at_ms)
{
	if (sample->health == HEALTH_UNKNOWN)
		return;
	point->at_ms = at_ms;
	if (sums->samples++ == 0 || sample->health > point->health)
		point->health = sample->health;
	if (sample->memory_kib) {
		sums->alive++;
		sums->memory_kib += sample->memory_kib;
		sums->cpu_permille += sample->cpu_permille;
	}
	if (sample->response_100us) {
		sums->answers++;
		sums->response_100us += sample->response_100us;
	}
}

static void finish(struct history_point *point, const struct sums *sums)
{
	point->memory_bytes = sums->alive ? sums->memory_kib / sums->alive * 1024 : -1;
	point->cpu_percent = sums->alive ? sums->cpu_permille / sums->alive / 10 : -1;
	point->response_ms = sums->answers ? sums->response_100us / sums->answers / 10 : -1;
}

/* At most those of the ring. */
static size_t rounds_in(const struct history *history, int minutes)
{
	return at_most((size_t)(minutes * 60000L / history->interval_ms), history->rounds_max);
}

/* There may be a round at both ends of the minutes. */
uint64_t history_first_round(const struct history *history, int minutes, int64_t now_ms)
{
	size_t most = at_most(rounds_in(history, minutes) + 1, history->rounds_max);
	uint64_t earliest = history->round > most ? history->round - most + 1 : 1, first = history->round + 1;
	int64_t oldest_ms = now_ms - (int64_t)minutes * 60000, latest_ms = now_ms;

	while (first > earliest) {
		int64_t at_ms = history->times_ms[(first - 1) % history->rounds_max];

		if (at_ms < oldest_ms || at_ms > latest_ms)
			break;
		latest_ms = at_ms;
		first--;
	}
	return first;
}

/* Plans one point less than allowed, because the first and the last point may cover only a part of a step. */
static size_t step_for(size_t count, size_t points_max)
{
	return (count + points_max - 2) / (points_max - 1);
}

size_t history_step(const struct history *history, int minutes, size_t points_max)
{
	return step_for(rounds_in(history, minutes), points_max);
}

size_t history_points(const struct history *history, const struct sample *samples, int minutes, int64_t now_ms,
		      struct history_point *points, size_t points_max)
{
	uint64_t round = history_first_round(history, minutes, now_ms);
	size_t step = history_step(history, minutes, points_max), count = 0;

	while (round <= history->round && count < points_max) {
		uint64_t end = (round / step + 1) * step;
		struct sums sums = {0};

		for (; round < end && round <= history->round; round++) {
			size_t at = round % history->rounds_max;

			add(&points[count], &sums, &samples[at], history->times_ms[at]);
		}
		if (sums.samples > 0)
			finish(&points[count++], &sums);
	}
	return count;
}

/* ---- the day ---- */

struct rounds history_bin_rounds(const struct history *history)
{
	uint64_t first = history->first_round;

	if (history->round >= history->rounds_max && first <= history->round - history->rounds_max)
		first = history->round - history->rounds_max + 1;
	return (struct rounds){first, history->round + 1};
}

static struct sample sample_of(const struct history_point *point)
{
	struct sample sample = history_sample(HEALTH_UP, point->memory_bytes, point->cpu_percent, point->response_ms);

	sample.health = point->health; /* a bin in which it was down has figures of when it was not */
	return sample;
}

/* The means of the current bin so far. HEALTH_UNKNOWN: the instance was not asked in it. */
static struct sample sample_of_bin(const struct history *history, const struct sample *samples)
{
	struct rounds rounds = history_bin_rounds(history);
	struct history_point point = {0};
	struct sums sums = {0};

	for (uint64_t round = rounds.first; round < rounds.end; round++) {
		size_t at = round % history->rounds_max;

		add(&point, &sums, &samples[at], history->times_ms[at]);
	}
	if (sums.samples == 0)
		return (struct sample){0};
	finish(&point, &sums);
	return sample_of(&point);
}

/* Bins in which no round began, because the machine was suspended, are empty. After the clock was set back all are, because
 * those that are there would be of times to come. */
struct bins history_bins_over(const struct history *history, int64_t now_ms)
{
	int64_t from = history->day_bin, to = bin_of(now_ms);

	if (to < from || to - from > DAY_BINS)
		return (struct bins){0, DAY_BINS, false};
	return (struct bins){from, to, true};
}

void history_end_bin(const struct history *history, struct sample *samples, int64_t now_ms)
{
	struct sample *day = samples + history->rounds_max;
	struct bins over = history_bins_over(history, now_ms);
	struct sample means = sample_of_bin(history, samples);

	for (int64_t bin = over.first; bin < over.end; bin++)
		day[bin % DAY_BINS] = (struct sample){0};
	if (over.is_any_kept)
		day[over.first % DAY_BINS] = means;
}

int64_t history_oldest_bin(const struct history *history, int minutes, int64_t now_ms)
{
	int64_t oldest = bin_of(now_ms - (int64_t)minutes * 60000) + 1;

	if (oldest <= history->day_bin - DAY_BINS)
		oldest = history->day_bin - DAY_BINS + 1;
	return oldest < 0 ? 0 : oldest; /* on the first day of 1970, where a machine without a clock of its own starts */
}

size_t history_day_step(int minutes, size_t points_max)
{
	return step_for(at_most((size_t)minutes * 60 / DAY_BIN_S, DAY_BINS), points_max);
}

size_t history_day_points(const struct history *history, const struct sample *samples, int minutes, int64_t now_ms,
			  struct history_point *points, size_t points_max)
{
	const struct sample *day = samples + history->rounds_max;
	struct sample current = sample_of_bin(history, samples);
	int64_t step = (int64_t)history_day_step(minutes, points_max);
	int64_t bin = history_oldest_bin(history, minutes, now_ms);
	size_t count = 0;

	while (bin <= history->day_bin && count < points_max) {
		int64_t end = (bin / step + 1) * step;
		struct sums sums = {0};

		for (; bin < end && bin <= history->day_bin; bin++)
			add(&points[count], &sums, bin == history->day_bin ? &current : &day[bin % DAY_BINS],
			    bin * DAY_BIN_S * 1000);
		if (sums.samples > 0)
			finish(&points[count++], &sums);
	}
	return count;
}
