/* What other processes report to healthcheck, of any bytes, and the list of its targets. The first byte of the input chooses
 * the parser. Invariants:
 * - metrics: each is absent or within what a real one can be, a second copy of the text adds up to twice the sums, a refused
 *   text changes nothing, and the jobs are those of a reference, which finds them by a regular expression;
 * - readiness: the message is the beginning of the JSON's;
 * - stub_status: numbers are not negative, and the page written anew is read as the same;
 * - requests: no route is named twice or has more errors than requests, none is named by a part of its name, and a second copy
 *   of the text adds up to twice the numbers;
 * - INFO: the value is the rest of the first line of that name; a reading is negative or a number that the text has;
 * - targets: a list is accepted if each of its entries is, and it is not too long; names of services are found again. */
#include <inttypes.h>
#include <math.h>
#include <regex.h>
#include <stdio.h>

#include "base/json.h"
#include "base/log.h"
#include "fuzz.h"
#include "watch/instance.h"
#include "watch/parse.h"
#include "watch/redis_watch.h"
#include "watch/targets.h"

#define LINE_MAX_NUMBER 1e15 /* of one series, and */
#define VALUE_BYTES 40       /* of its number: parse.c */

/* ---- metrics ---- */

static bool is_near(double a, double b)
{
	return fabs(a - b) <= 1e-9 * fabs(b);
}

static bool is_twice(double twice, double once)
{
	return once < 0 ? twice < 0 : is_near(twice, 2 * once);
}

static void check_number(double number, size_t len)
{
	require(number == -1 || (number >= 0 && number <= LINE_MAX_NUMBER * (double)len));
}

/* The number behind the one space after the labels; -1: it is none that counts. */
static double read_value(const char *text)
{
	char *end;
	double value = strtod(text, &end);

	if (strlen(text) + 1 >= VALUE_BYTES || end == text || !strchr(" \r", *end) || !(value >= 0 && value <= LINE_MAX_NUMBER))
		return -1;
	return value;
}

static double find_jobs(const char *text)
{
	static regex_t series;
	char *copy = strdup(text), *rest = copy, *line;
	double jobs = -1;
	regmatch_t match;

	if (!series.re_nsub)
		require(regcomp(&series, "^worker_jobs_total(\\{([^\"}]|\"([^\\\"]|\\\\.)*\")*\\})? ", REG_EXTENDED) == 0);
	while ((line = strsep(&rest, "\n")))
		if (regexec(&series, line, 1, &match, 0) == 0) {
			double value = read_value(line + match.rm_eo);

			jobs = value < 0 ? jobs : jobs < 0 ? value : jobs + value;
		}
	free(copy);
	return jobs;
}

static void check_metrics(const char *text, size_t len)
{
	struct metrics_reading unset, once, twice;
	char *doubled = calloc(1, 2 * len + 2);

	memset(&unset, 0x5A, sizeof unset);
	memcpy(&once, &unset, sizeof unset);
	if (parse_metrics(text, len, &once) != STATUS_OK) {
		require(memcmp(&once, &unset, sizeof unset) == 0);
	} else {
		check_number(once.cpu_s, len);
		check_number(once.memory_bytes, len);
		check_number(once.started_s, len);
		check_number(once.jobs, len);
		check_number(once.mail_waiting, len);
		check_number(once.mail_oldest_s, len);
		check_number(once.mail_sent, len);
		check_number(once.mail_failed, len);
		check_number(once.sms_sent, len);
		check_number(once.sms_failed, len);
		require(once.cpu_s >= 0 && once.memory_bytes >= 0 && once.started_s >= 0);
		require(strlen(text) < len || once.jobs == find_jobs(text));
		require(memchr(once.version, '\0', sizeof once.version));
		memcpy(doubled, text, len);
		doubled[len] = '\n';
		memcpy(doubled + len + 1, text, len);
		require(parse_metrics(doubled, 2 * len + 1, &twice) == STATUS_OK);
		require(is_twice(twice.cpu_s, once.cpu_s) && is_twice(twice.memory_bytes, once.memory_bytes));
		require(is_twice(twice.jobs, once.jobs) && twice.started_s == once.started_s);
		require(twice.mail_waiting == once.mail_waiting && is_twice(twice.mail_sent, once.mail_sent));
		require(is_twice(twice.sms_failed, once.sms_failed));
		require(strcmp(twice.version, once.version) == 0);
	}
	free(doubled);
}

/* ---- requests ---- */

static void check_route(const struct request_counts *counts, size_t at, size_t len)
{
	const struct route_counts *route = &counts->routes[at];

	require(memchr(route->method, '\0', sizeof route->method) && memchr(route->path, '\0', sizeof route->path));
	require(route->requests >= 0 && route->requests <= LINE_MAX_NUMBER * (double)len);
	require(route->errors >= 0 && route->errors <= route->requests && route->all >= 0);
	for (int bound = 0; bound < REQUESTS_BOUNDS; bound++)
		require(route->at_most[bound] >= 0 && route->at_most[bound] <= LINE_MAX_NUMBER * (double)len);
	for (size_t other = 0; other < at; other++)
		require(strcmp(counts->routes[other].method, route->method) != 0 ||
			strcmp(counts->routes[other].path, route->path) != 0);
}

static void check_requests(const char *text, size_t len)
{
	static struct request_counts once, twice;
	char *doubled = calloc(1, 2 * len + 2);

	parse_requests(text, len, &once);
	require(once.count <= REQUESTS_ROUTES_MAX);
	for (size_t i = 0; i < once.count; i++)
		check_route(&once, i, len);
	memcpy(doubled, text, len);
	doubled[len] = '\n';
	memcpy(doubled + len + 1, text, len);
	parse_requests(doubled, 2 * len + 1, &twice);
	require(twice.count == once.count);
	for (size_t i = 0; i < once.count; i++) {
		require(strcmp(twice.routes[i].path, once.routes[i].path) == 0);
		require(is_near(twice.routes[i].requests, 2 * once.routes[i].requests));
		require(is_near(twice.routes[i].errors, 2 * once.routes[i].errors));
	}
	free(doubled);
}

/* ---- /readyz, stub_status, INFO ---- */

static void check_readiness(const char *body, size_t len)
{
	char small[5], large[4096];
	cJSON *json = NULL;
	const char *message;

	if (parse_readiness(body, len, large, sizeof large) != STATUS_OK) {
		require(parse_readiness(body, len, small, sizeof small) != STATUS_OK);
		return;
	}
	require(json_parse(body, len, &json) == STATUS_OK && json_text(json, "status"));
	message = json_text(json, "message");
	require(strncmp(large, message ? message : "", sizeof large - 1) == 0);
	require(parse_readiness(body, len, small, sizeof small) == STATUS_OK);
	require(strlen(small) < sizeof small && strncmp(small, large, strlen(small)) == 0);
	cJSON_Delete(json);
}

static void check_stub_status(const char *text)
{
	int64_t active = 0, requests = 0, active_again, requests_again;
	char again[300];

	if (parse_stub_status(text, &active, &requests) != STATUS_OK)
		return;
	require(active >= 0 && requests >= 0);
	snprintf(again, sizeof again,
		 "Active connections: %" PRId64 " \nserver accepts handled requests\n 7 7 %" PRId64
		 " \nReading: 0 Writing: 1 Waiting: 0 \n",
		 active, requests);
	require(parse_stub_status(again, &active_again, &requests_again) == STATUS_OK);
	require(active_again == active && requests_again == requests);
}

/* The first line that begins with `name:`, found by cutting the text into lines. */
static char *find_info(const char *info, const char *name)
{
	char *copy = strdup(info), *rest = copy, *line, *found = NULL;
	size_t len = strlen(name);

	while (!found && (line = strsep(&rest, "\n")))
		if (strncmp(line, name, len) == 0 && line[len] == ':')
			found = strndup(line + len + 1, strcspn(line + len + 1, "\r"));
	free(copy);
	return found;
}

static bool is_negative_or_in(int64_t number, const char *info)
{
	char text[32];

	snprintf(text, sizeof text, ":%" PRId64, number);
	return number < 0 || strstr(info, text);
}

static void check_redis(const char *info)
{
	struct redis_readings readings = {.role = ""};
	const char *problem = redis_watch_read(info, &readings);

	require(memchr(readings.role, '\0', sizeof readings.role) && strcmp(readings.role, "slave") != 0);
	require(is_negative_or_in(readings.memory_bytes, info) && is_negative_or_in(readings.memory_max_bytes, info));
	require(is_negative_or_in(readings.evicted, info) && is_negative_or_in(readings.clients, info));
	require(!problem || strcmp(readings.role, "replica") == 0 || readings.memory_max_bytes > 0);
	require(parse_info_expiring(info) >= -1);
}

static void check_info(const char *info)
{
	char value[32], *expected = find_info(info, "redis_version");
	bool is_there = parse_info(info, "redis_version", value, sizeof value);

	require(is_there == (expected != NULL));
	if (expected)
		require(strlen(value) < sizeof value && strncmp(value, expected, sizeof value - 1) == 0);
	free(expected);
}

/* ---- targets ---- */

static bool is_accepted(const char *text)
{
	char problem[400] = "";
	struct targets *targets = NULL;
	bool is_it = targets_parse(text, &targets, problem, sizeof problem) == STATUS_OK;

	require(is_it == (*problem == '\0') && is_it == (targets != NULL));
	if (is_it)
		for (unsigned i = 0; i < targets_services_count(targets); i++)
			require(targets_service(targets, targets_service_name(targets, i)) == (int)i &&
				strlen(targets_service_name(targets, i)) < SERVICE_NAME_BYTES);
	targets_free(targets);
	return is_it;
}

static void check_targets(const char *text)
{
	char *copy = strdup(text), *rest = copy, *entry;
	bool are_all = true;
	unsigned count = 0;

	while ((entry = strsep(&rest, ","))) {
		count++;
		are_all &= is_accepted(entry);
	}
	require(is_accepted(text) == (are_all && count <= TARGETS_MAX));
	free(copy);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t parser = take_byte(&data, &size);
	char *text = copy_text(data, size);

	log_init("fuzz", "fuzz", LOG_ERROR + 1);
	switch (parser % 6) {
	case 0:
		check_metrics(text, size);
		break;
	case 1:
		check_readiness(text, size);
		break;
	case 2:
		check_stub_status(text);
		break;
	case 3:
		check_info(text);
		check_redis(text);
		break;
	case 4:
		check_targets(text);
		break;
	case 5:
		check_requests(text, size);
		break;
	}
	free(text);
	return 0;
}
