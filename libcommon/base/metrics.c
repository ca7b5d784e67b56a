/* Layout: a series is one or more numbers ("cells") at a fixed place of a slab. Each process has a slab in memory that all
 * processes of the daemon share; it writes only to its own, and a reader adds them up. Cells are aligned doubles, so a reader
 * sees the value before or after a write and never half of one. */
#include "base/metrics.h"

#include <dirent.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/log_output.h"
#include "base/mem.h"
#include "base/version.h"

#define SERIES_MAX 2048
#define CELLS_MAX 16384
#define STARTED_CELL 0 /* when the process began to serve, in Unix time; belongs to no series */

static const double bounds[] = {0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10};
#define BOUNDS (sizeof bounds / sizeof *bounds)
#define HISTOGRAM_CELLS (BOUNDS + 3) /* one for each bound, +Inf, sum, count */

enum metric_type { COUNTER, GAUGE, HISTOGRAM, GAUGE_READ };
static const char *const type_names[] = {"counter", "gauge", "histogram", "gauge"};

struct metric {
	enum metric_type type;
	const char *name, *help;
	char *labels; /* NULL: none */
	size_t cell;
	size_t exemplar; /* of a histogram: of its first bucket */
	double (*read)(void *arg);
	void *arg;
};

/* The last observation of a bucket that was part of a recorded trace. Its process alone writes it. An odd version is being
 * written; one that changed while it was read was read in parts. */
struct exemplar {
	atomic_uint version; /* 0: there is none */
	struct traced {
		char trace_id[33];
		double seconds;
		int64_t unix_ms;
	} last;
};

static struct {
	struct metric series[SERIES_MAX];
	size_t count, cells, exemplars_count;
	struct exemplar *exemplars, *my_exemplars; /* NULL until metrics_share() */
	double first_slab[CELLS_MAX];              /* until metrics_share() */
	double *slabs, *mine;
	struct metric *log_dropped;
	unsigned processes;
} metrics = {.processes = 1, .cells = STARTED_CELL + 1};

static double *slab(unsigned process)
{
	return metrics.slabs ? metrics.slabs + (size_t)process * CELLS_MAX : metrics.first_slab;
}

static double *my_cell(const struct metric *metric)
{
	return (metrics.mine ? metrics.mine : slab(0)) + metric->cell;
}

static struct metric *add_series(enum metric_type type, const char *name, const char *labels, const char *help)
{
	struct metric *metric = &metrics.series[metrics.count];
	size_t cells = type == HISTOGRAM ? HISTOGRAM_CELLS : type == GAUGE_READ ? 0 : 1;

	if (metrics.count == SERIES_MAX || metrics.cells + cells > CELLS_MAX) {
		log_line(LOG_ERROR, "too many metrics", LOG_TEXT("name", name));
		abort();
	}
	*metric = (struct metric){.type = type, .name = name, .help = help, .cell = metrics.cells};
	metric->labels = labels && *labels ? mem_strdup(labels) : NULL;
	metrics.count++;
	metrics.cells += cells;
	metric->exemplar = metrics.exemplars_count;
	metrics.exemplars_count += type == HISTOGRAM ? BOUNDS + 1 : 0;
	return metric;
}

struct metric *metrics_counter(const char *name, const char *labels, const char *help)
{
	return add_series(COUNTER, name, labels, help);
}

struct metric *metrics_gauge(const char *name, const char *labels, const char *help)
{
	return add_series(GAUGE, name, labels, help);
}

struct metric *metrics_histogram(const char *name, const char *labels, const char *help)
{
	return add_series(HISTOGRAM, name, labels, help);
}

void metrics_gauge_read(const char *name, const char *labels, const char *help, double (*read)(void *arg), void *arg)
{
	struct metric *metric = add_series(GAUGE_READ, name, labels, help);

	metric->read = read;
	metric->arg = arg;
}

void metrics_add(struct metric *metric, double by)
{
	*my_cell(metric) += by;
}

void metrics_set(struct metric *metric, double value)
{
	*my_cell(metric) = value;
}

static size_t bucket_of(double seconds)
{
	size_t bucket = 0;

	while (bucket < BOUNDS && seconds > bounds[bucket])
		bucket++;
	return bucket;
}

void metrics_observe(struct metric *histogram, double seconds)
{
	double *cells = my_cell(histogram);

	cells[bucket_of(seconds)] += 1;
	cells[BOUNDS + 1] += seconds;
	cells[BOUNDS + 2] += 1;
}

void metrics_observe_traced(struct metric *histogram, double seconds, const char *trace_id)
{
	struct exemplar *exemplar;
	unsigned version;

	metrics_observe(histogram, seconds);
	if (!trace_id || !metrics.my_exemplars)
		return;
	exemplar = &metrics.my_exemplars[histogram->exemplar + bucket_of(seconds)];
	version = atomic_load(&exemplar->version) | 1; /* odd already: the process before was killed here */
	atomic_store(&exemplar->version, version);
	snprintf(exemplar->last.trace_id, sizeof exemplar->last.trace_id, "%s", trace_id);
	exemplar->last.seconds = seconds;
	exemplar->last.unix_ms = clock_unix_ms();
	atomic_store(&exemplar->version, version + 1);
}

static double cell_sum(size_t cell)
{
	double sum = 0;

	for (unsigned process = 0; process < metrics.processes; process++)
		sum += slab(process)[cell];
	return sum;
}

double metrics_value(const struct metric *metric)
{
	if (metric->type == GAUGE_READ)
		return metric->read(metric->arg);
	return cell_sum(metric->cell + (metric->type == HISTOGRAM ? BOUNDS + 2 : 0));
}

static double cpu_s(void *arg)
{
	struct rusage usage;

	getrusage(RUSAGE_SELF, &usage);
	return (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
	       (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
}

static double resident_bytes(void *arg)
{
	FILE *statm = fopen("/proc/self/statm", "re");
	long pages = 0;

	if (!statm)
		return 0;
	if (fscanf(statm, "%*s %ld", &pages) != 1)
		pages = 0;
	fclose(statm);
	return (double)pages * (double)sysconf(_SC_PAGESIZE);
}

static double open_fds(void *arg)
{
	DIR *dir = opendir("/proc/self/fd");
	double count = -3; /* . and .. and the directory itself */

	if (!dir)
		return 0;
	while (readdir(dir))
		count++;
	closedir(dir);
	return count;
}

/* Of the newest serving process, so that a replaced one shows whichever process answers. */
static double start_time_s(void *arg)
{
	double newest_s = 0;

	for (unsigned process = 0; process < metrics.processes; process++)
		if (slab(process)[STARTED_CELL] > newest_s)
			newest_s = slab(process)[STARTED_CELL];
	return newest_s;
}

static void note_start(void)
{
	(metrics.mine ? metrics.mine : slab(0))[STARTED_CELL] = (double)clock_unix_ms() / 1000;
}

static void register_process(void)
{
	struct buf labels = {0};

	note_start();
	metrics_gauge_read("process_cpu_seconds_total", NULL, "User and system CPU time of the answering process.", cpu_s,
			   NULL);
	metrics_gauge_read("process_resident_memory_bytes", NULL, "Resident memory of the answering process.", resident_bytes,
			   NULL);
	metrics_gauge_read("process_start_time_seconds", NULL, "When the newest serving process started, in Unix time.",
			   start_time_s, NULL);
	metrics_gauge_read("process_open_fds", NULL, "Open file descriptors of the answering process.", open_fds, NULL);
	metrics_label(&labels, "version", version_number);
	buf_text(&labels, ",");
	metrics_label(&labels, "revision", version_revision);
	metrics_set(metrics_gauge("build_info", labels.bytes, "Which build this is; always 1."), 1);
	buf_free(&labels);
	metrics.log_dropped = metrics_counter("log_lines_dropped_total", NULL, "Lines that the log had no room for.");
}

/* Zeroed, and taken from the system only where it is written. */
static void *shared(size_t bytes)
{
	void *memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	if (memory == MAP_FAILED) {
		log_line(LOG_ERROR, "no shared memory for metrics");
		abort();
	}
	return memory;
}

void metrics_share(unsigned processes)
{
	register_process();
	metrics.slabs = shared(sizeof(double) * CELLS_MAX * processes);
	memcpy(metrics.slabs, metrics.first_slab, sizeof metrics.first_slab);
	metrics.processes = processes;
	metrics.mine = metrics.slabs;
	metrics.exemplars = metrics.my_exemplars = shared(sizeof(struct exemplar) * metrics.exemplars_count * processes + 1);
}

void metrics_process(unsigned process)
{
	metrics.mine = slab(process);
	metrics.my_exemplars = metrics.exemplars + process * metrics.exemplars_count;
	log_output_count_in(metrics.log_dropped);
	note_start();
	for (size_t i = 0; i < metrics.count; i++)
		if (metrics.series[i].type == GAUGE && (process > 0 || strcmp(metrics.series[i].name, "build_info") != 0))
			*my_cell(&metrics.series[i]) = 0;
}

void metrics_label(struct buf *out, const char *name, const char *value)
{
	buf_printf(out, "%s=\"", name);
	for (; *value; value++) {
		if (*value == '\\' || *value == '"')
			buf_add(out, "\\", 1);
		if (*value == '\n')
			buf_text(out, "\\n");
		else
			buf_add(out, value, 1);
	}
	buf_add(out, "\"", 1);
}

/* name_suffix{labels,extra} number, and no end of the line */
static void add_sample(struct buf *out, const struct metric *metric, const char *suffix, const char *extra, double number)
{
	buf_printf(out, "%s%s", metric->name, suffix);
	if (metric->labels || extra)
		buf_printf(out, "{%s%s%s}", metric->labels ? metric->labels : "", metric->labels && extra ? "," : "",
			   extra ? extra : "");
	buf_printf(out, " %.15g", number);
}

static void add_line(struct buf *out, const struct metric *metric, const char *suffix, double number)
{
	add_sample(out, metric, suffix, NULL, number);
	buf_text(out, "\n");
}

/* False: there is none, or its process is writing it. */
static bool read_exemplar(struct exemplar *exemplar, struct traced *ret_last)
{
	unsigned version = atomic_load(&exemplar->version);

	if (version == 0 || version % 2 != 0)
		return false;
	*ret_last = exemplar->last;
	return atomic_load(&exemplar->version) == version;
}

/* The newest of all processes. */
static void add_exemplar(struct buf *out, size_t at)
{
	struct traced newest = {.unix_ms = -1}, other;

	for (unsigned process = 0; metrics.exemplars && process < metrics.processes; process++)
		if (read_exemplar(&metrics.exemplars[process * metrics.exemplars_count + at], &other) &&
		    other.unix_ms > newest.unix_ms)
			newest = other;
	if (newest.unix_ms >= 0)
		buf_printf(out, " # {trace_id=\"%s\"} %.15g %.3f", newest.trace_id, newest.seconds,
			   (double)newest.unix_ms / 1000);
}

static void add_histogram(struct buf *out, const struct metric *metric, bool is_open)
{
	double below = 0;
	char bound[40];

	for (size_t i = 0; i <= BOUNDS; i++) {
		below += cell_sum(metric->cell + i);
		if (i < BOUNDS)
			snprintf(bound, sizeof bound, "le=\"%g\"", bounds[i]);
		add_sample(out, metric, "_bucket", i < BOUNDS ? bound : "le=\"+Inf\"", below);
		if (is_open)
			add_exemplar(out, metric->exemplar + i);
		buf_text(out, "\n");
	}
	add_line(out, metric, "_sum", cell_sum(metric->cell + BOUNDS + 1));
	add_line(out, metric, "_count", below);
}

static bool is_first_of_family(size_t at)
{
	for (size_t i = 0; i < at; i++)
		if (strcmp(metrics.series[i].name, metrics.series[at].name) == 0)
			return false;
	return true;
}

/* OpenMetrics names the family of a counter without the _total of its samples. */
static void add_head(struct buf *out, const struct metric *family, bool is_open)
{
	int len = (int)strlen(family->name);
	bool is_total = len > 6 && strcmp(family->name + len - 6, "_total") == 0;

	if (is_total && is_open)
		len -= 6;
	buf_printf(out, "# HELP %.*s %s\n# TYPE %.*s %s\n", len, family->name, family->help, len, family->name,
		   is_total ? "counter" : type_names[family->type]);
}

static void add_family(struct buf *out, size_t first, bool is_open)
{
	const struct metric *family = &metrics.series[first];

	add_head(out, family, is_open);
	for (size_t i = first; i < metrics.count; i++) {
		const struct metric *metric = &metrics.series[i];

		if (strcmp(metric->name, family->name) != 0)
			continue;
		if (metric->type == HISTOGRAM)
			add_histogram(out, metric, is_open);
		else
			add_line(out, metric, "", metrics_value(metric));
	}
}

static void add_families(struct buf *out, bool is_open)
{
	for (size_t i = 0; i < metrics.count; i++)
		if (is_first_of_family(i))
			add_family(out, i, is_open);
}

void metrics_text(struct buf *out)
{
	add_families(out, false);
}

void metrics_open_text(struct buf *out)
{
	add_families(out, true);
	buf_text(out, "# EOF\n");
}
