#include "record/history.h"

#include "base/mem.h"

_Static_assert(sizeof(struct sample) == 8, "200 instances with 1800 samples each take 2.9 MB");

void history_init(struct history *history, long interval_ms)
{
	size_t rounds = (size_t)(HISTORY_MINUTES * 60000L / interval_ms);

	*history = (struct history){.interval_ms = interval_ms,
				    .rounds_max = rounds < HISTORY_ROUNDS_MAX ? rounds : HISTORY_ROUNDS_MAX};
}

void history_begin_round(struct history *history, int64_t now_ms)
{
	history->round++;
	history->times_ms[history->round % history->rounds_max] = now_ms;
}

struct sample *history_samples_new(const struct history *history)
{
	return mem_alloc(history->rounds_max * sizeof(struct sample));
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
	point->at_ms = at_ms;
	if (sums->samples++ == 0 || sample->health > point->health)
		point->health = sample->health;
	if (sample->health == HEALTH_DOWN)
		return;
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

/* The oldest round in the ring that began at oldest_ms or later. */
static uint64_t first_round(const struct history *history, int64_t oldest_ms)
{
	uint64_t first = history->round >= history->rounds_max ? history->round - history->rounds_max + 1 : 1;

	while (first <= history->round && history->times_ms[first % history->rounds_max] < oldest_ms)
		first++;
	return first;
}

/* Plans one point less than allowed, because the first and the last point may cover only a part of a step. */
size_t history_step(const struct history *history, int minutes, size_t points_max)
{
	size_t rounds = (size_t)(minutes * 60000L / history->interval_ms);

	if (rounds > history->rounds_max)
		rounds = history->rounds_max;
	return (rounds + points_max - 2) / (points_max - 1);
}

size_t history_points(const struct history *history, const struct sample *samples, int minutes, size_t step, int64_t now_ms,
		      struct history_point *points)
{
	uint64_t round = first_round(history, now_ms - (int64_t)minutes * 60000);
	size_t count = 0;

	while (round <= history->round) {
		uint64_t end = (round / step + 1) * step;
		struct sums sums = {0};

		for (; round < end && round <= history->round; round++) {
			size_t at = round % history->rounds_max;

			if (samples[at].health != HEALTH_UNKNOWN)
				add(&points[count], &sums, &samples[at], history->times_ms[at]);
		}
		if (sums.samples > 0)
			finish(&points[count++], &sums);
	}
	return count;
}
