/* usage: simulator [--seconds N] [--seed N] [--runs N] [--steps N] [--hash]
 * Runs seed after seed, from the given one or from one of the system's random numbers, until the time is over or so many runs
 * are done; ends with 1 at the first promise that is broken. SIM_TRACE=1 prints every step. --hash prints the hash of each run.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "simulator.h"

struct options {
	double seconds;
	uint64_t seed;
	int64_t runs;
	bool prints_hash;
	struct run_options run;
};

static double seconds_now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static int usage(void)
{
	fputs("usage: simulator [--seconds N] [--seed N] [--runs N] [--steps N] [--hash]\n", stderr);
	return 64;
}

static int parse(int argc, char **argv, struct options *options)
{
	for (int i = 1; i < argc; i++) {
		const char *value = i + 1 < argc ? argv[i + 1] : "";

		if (strcmp(argv[i], "--hash") == 0) {
			options->prints_hash = true;
			continue;
		}
		if (!*value)
			return -1;
		if (strcmp(argv[i], "--seconds") == 0)
			options->seconds = strtod(value, NULL);
		else if (strcmp(argv[i], "--seed") == 0)
			options->seed = strtoull(value, NULL, 10);
		else if (strcmp(argv[i], "--runs") == 0)
			options->runs = strtoll(value, NULL, 10);
		else if (strcmp(argv[i], "--steps") == 0)
			options->run.steps = strtol(value, NULL, 10);
		else
			return -1;
		i++;
	}
	return 0;
}

/* Not getrandom(), which the simulator replaces. */
static int read_random(uint64_t *ret_seed)
{
	FILE *file = fopen("/dev/urandom", "r");
	size_t read;

	if (!file)
		return -1;
	read = fread(ret_seed, sizeof *ret_seed, 1, file);
	fclose(file);
	return read == 1 ? 0 : -1;
}

int main(int argc, char **argv)
{
	struct options options = {.seconds = 10, .runs = INT64_MAX, .run.steps = 10000};
	int64_t steps = 0, acknowledged = 0, runs;
	double begin_s = seconds_now();

	if (read_random(&options.seed) < 0 || parse(argc, argv, &options) < 0)
		return usage();
	trace_is_shown = getenv("SIM_TRACE") != NULL;
	printf("seed %" PRIu64 "\n", options.seed);
	for (runs = 0; runs < options.runs && seconds_now() - begin_s < options.seconds; runs++) {
		run_seed_once(options.seed + (uint64_t)runs, &options.run);
		steps += run_step;
		acknowledged += customers_acknowledged();
		if (options.prints_hash)
			printf("%" PRIu64 " %016" PRIx64 "\n", options.seed + (uint64_t)runs, trace_hash());
	}
	printf("%" PRId64 " runs, %" PRId64 " steps (%.0f a second), %" PRId64 " faults, %" PRId64 " calls, %" PRId64
	       " submissions and %" PRId64 " ends of tokens acknowledged: nothing broken\n",
	       runs, steps, (double)steps / (seconds_now() - begin_s), faults_injected(), promises_calls(), acknowledged,
	       customers_tokens_ended());
	return 0;
}
