/* What Redis answers to the calls of the job protocol, of any bytes. The first byte of the input chooses the call; hiredis
 * reads the replies from the rest. redis_calls.h replaces redis/call.c. Invariants:
 * - each call completes exactly once, after it has returned;
 * - OK comes with what the call promises (jobs.h): as many answers as were asked for, states that exist, counts that are not
 *   negative, texts that lie in the reply; every other status comes without;
 * - an error reply is never OK, but for the two that say that the group is there; a job's id is the id that Redis sent;
 * - a call without a callback needs none, and the mark of a decimal is deleted only once that is stored. */
#include <stdio.h>

#include "base/log.h"
#include "fuzz.h"
#include "jobs/jobs.h"
#include "redis_calls.h"

#define KEYS 3

/* The mark of a decimal that Redis refused stays. */
static void check_command(int argc, const char **argv, const size_t *lens)
{
	require(strcmp(argv[0], "DEL") != 0 || (current && current->type != REDIS_REPLY_ERROR));
}

/* ---- the calls ---- */

static const struct job_key keys[KEYS] = {{KIND_FIBONACCI, 1}, {KIND_LUCAS, 77}, {KIND_PRIMORIAL, INT64_MAX}};
static const struct job jobs[KEYS] = {{{KIND_FIBONACCI, 1}, JOBS_SMALL, "1-1", "r"},
				      {{KIND_LUCAS, 77}, JOBS_SMALL, "2-1", ""},
				      {{KIND_FACTORIAL, 5}, JOBS_SMALL, "3-1", "q"}};
static unsigned completed;

static void complete(enum status status)
{
	completed++;
	if (status == STATUS_OK && current && current->type == REDIS_REPLY_ERROR)
		require(strncmp(current->str, "BUSYGROUP", 9) == 0);
}

/* Texts are borrowed from the reply: AddressSanitizer sees when they are not. */
static bool is_text(const char *text, size_t len)
{
	return text && text[len] == '\0';
}

static bool is_state(enum job_state state)
{
	return state == JOB_ABSENT || state == JOB_PENDING || state == JOB_DONE || state == JOB_FAILED;
}

static void added(enum status status, const enum job_state *states, void *arg)
{
	complete(status);
	require((status == STATUS_OK) == (states != NULL));
	for (int i = 0; states && i < KEYS; i++)
		require(is_state(states[i]));
}

static void refilled(enum status status, int count, bool is_full, void *arg)
{
	complete(status);
	require(count >= 0 && count <= (status == STATUS_OK ? KEYS : 0) && (status == STATUS_OK || !is_full));
}

static void refill_begun(enum status status, const struct jobs_refill_answer *answer, void *arg)
{
	complete(status);
	require(answer->verdict == JOBS_REFILL_OTHER || (status == STATUS_OK && answer->verdict <= JOBS_REFILL_BEGIN));
	require(answer->large_count >= 0);
}

static void legacy_found(enum status status, bool exists, void *arg)
{
	complete(status);
	require(status == STATUS_OK || !exists);
}

static void done(enum status status, void *arg)
{
	complete(status);
}

static void cancelled(enum status status, const struct job_key *cancelled_keys, int n, void *arg)
{
	complete(status);
	require(n == KEYS);
	for (int i = 0; i < n; i++)
		require(cancelled_keys[i].kind == keys[i].kind && cancelled_keys[i].index == keys[i].index);
}

static void claimed(enum status status, bool is_mine, void *arg)
{
	complete(status);
	require(!is_mine || (status == STATUS_OK && current->type == REDIS_REPLY_STATUS));
}

static void looked_up(enum status status, const struct job_result *results, int n, void *arg)
{
	complete(status);
	require(n == (status == STATUS_OK ? KEYS : 0) && (n == 0) == (results == NULL));
	for (int i = 0; i < n; i++) {
		require(results[i].key.kind == keys[i].kind && results[i].key.index == keys[i].index);
		require(is_state(results[i].state));
		if (current->element[i]->type == REDIS_REPLY_STRING)
			require(results[i].state == JOB_DONE && is_text(results[i].preview, results[i].preview_len) &&
				results[i].preview + results[i].preview_len ==
					current->element[i]->str + current->element[i]->len);
	}
}

static void decimal_read(enum status status, const char *digits, size_t len, void *arg)
{
	complete(status);
	require((status == STATUS_OK) == (digits != NULL));
	require(status != STATUS_OK || is_text(digits, len));
	require(status == STATUS_OK || len == 0);
}

/* XREADGROUP wraps the entries in the name of the stream, and take_over does not. */
static void check_jobs(const struct job *list, int n, const redisReply *entries)
{
	require(n >= 0 && n <= JOBS_BATCH_MAX && (size_t)n <= entries->elements);
	for (int i = 0; i < n; i++) {
		require(strcmp(list[i].id, entries->element[i]->element[0]->str) == 0);
		require(list[i].key.kind < KIND_COUNT);
		require(memchr(list[i].request_id, '\0', sizeof list[i].request_id));
	}
}

static void received(enum status status, const struct job *list, int n, void *arg)
{
	const redisReply *entries = current;

	complete(status);
	if (n == 0)
		return;
	if (arg)
		entries = redis_stream_entries(current);
	check_jobs(list, n, entries);
}

static bool is_summary(const struct job_result *result)
{
	if (result->state != JOB_DONE)
		return (result->state == JOB_FAILED || result->state == JOB_ABSENT) && result->preview_len == 0;
	return result->key.kind < KIND_COUNT && result->key.index >= 0 && is_text(result->preview, result->preview_len);
}

static void unwritten(enum status status, const struct jobs_unwritten *entries, int n, void *arg)
{
	complete(status);
	require(n >= 0 && n <= JOBS_BATCH_MAX && (status == STATUS_OK || n == 0));
	for (int i = 0; i < n; i++)
		require(is_summary(&entries[i].result) && memchr(entries[i].id, '\0', sizeof entries[i].id));
}

static void counted(enum status status, const struct jobs_stats *stats, void *arg)
{
	complete(status);
	require(stats->depth >= 0 && stats->dead >= 0 && stats->oldest_s >= 0);
	require(status == STATUS_OK || (stats->depth == 0 && stats->dead == 0));
}

/* Texts are ended, whatever was sent. */
static void asked(enum status status, const struct job_key *key, const char *request_id, void *arg)
{
	complete(status);
	require(!key || (status == STATUS_OK && key->kind < KIND_COUNT && key->index >= 0 && strlen(request_id) < SIZE_MAX));
}

#define REPORTED 24  /* calls that report what became of them */
#define UNREPORTED 3 /* and those that do not */

static const struct jobs_refiller refiller = {
	.process = "a", .lease_ms = 1000, .room = {10, 1000}, .wants = {true, true}, .is_urgent = true};

/* As values calls. */
static void call_producer(uint8_t choice, struct scope *scope)
{
	static const struct job_to_add to_add[KEYS] = {{{KIND_LUCAS, 1}, "r"}, {{KIND_LUCAS, 2}, "r"}, {{KIND_LUCAS, 3}, ""}};
	static const struct jobs_room room = {.names = 10, .large_us = 1000};
	static const struct jobs_written written[1] = {{"1-1", {KIND_LUCAS, 1}}};

	switch (choice) {
	case 0:
		return jobs_add(NULL, scope, room, to_add, KEYS, added, NULL);
	case 1:
		return jobs_refill(NULL, scope, &refiller, keys, KEYS, refilled, NULL);
	case 2:
		return jobs_retry(NULL, scope, keys[0], false, done, NULL);
	case 3:
		return jobs_look_up(NULL, scope, keys, KEYS, looked_up, NULL);
	case 4:
		return jobs_read_decimal(NULL, scope, keys[1], decimal_read, NULL);
	case 12:
		return jobs_refill_begin(NULL, scope, &refiller, refill_begun, NULL);
	case 13:
		return jobs_unwritten_receive(NULL, scope, 1000, unwritten, NULL);
	case 14:
		return jobs_unwritten_take_over(NULL, scope, 1000, unwritten, NULL);
	case 15:
		return jobs_written(NULL, scope, written, 1, done, NULL);
	case 16:
		return jobs_legacy_exists(NULL, scope, legacy_found, NULL);
	case 17:
		return jobs_legacy_look_up(NULL, scope, keys, KEYS, looked_up, NULL);
	case 18:
		return jobs_ask_decimal(NULL, scope, keys[0], "r", done, NULL);
	case 21:
		return jobs_cancel(NULL, scope, keys, KEYS, cancelled, NULL);
	case 23:
		return jobs_backlog_claim(NULL, scope, "a", 1000, claimed, NULL);
	}
}

/* As worker calls, and healthcheck: jobs_count(). */
static void call_consumer(uint8_t choice, struct scope *scope)
{
	static const struct job_finished finished[2] = {{&jobs[0], "1", 1, 5}, {&jobs[1], "29", 2, 0}};
	static bool is_wrapped = true;

	switch (choice) {
	case 5:
		return jobs_receive(NULL, scope, JOBS_SMALL, "consumer", 10, 1000, received, &is_wrapped);
	case 6:
		return jobs_take_over(NULL, scope, JOBS_SMALL, "consumer", 0, 1000, 5, 10, received, NULL);
	case 7:
		return jobs_finish(NULL, scope, 60, finished, 2, done, NULL);
	case 8:
		return jobs_renew(NULL, scope, "consumer", jobs, KEYS, done, NULL);
	case 9:
		return jobs_release(NULL, scope, "consumer", jobs, KEYS, 1000, done, NULL);
	case 10:
		return jobs_bury(NULL, scope, &jobs[2], done, NULL);
	case 11:
		return jobs_count(NULL, scope, counted, NULL);
	case 19:
		return jobs_asked_receive(NULL, scope, asked, NULL);
	case 20:
		return jobs_present(NULL, scope, "consumer", 2, 100, done, NULL);
	case 22:
		return jobs_asked_finish(NULL, scope, 60, keys[1], "29", 2, done, NULL);
	}
}

static void call_without_report(uint8_t choice, struct scope *scope)
{
	switch (choice) {
	case REPORTED:
		return jobs_backlog_keep(NULL, scope, 7, 1000);
	case REPORTED + 1:
		return jobs_refill_end(NULL, scope, &refiller, 1000,
				       (enum jobs_waiting[]){JOBS_WAITING_NONE, JOBS_WAITING_SOME});
	case REPORTED + 2:
		return jobs_legacy_expire(NULL, scope);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t choice = take_byte(&data, &size) % (REPORTED + UNREPORTED);
	redisReader *reader = open_replies(data, size);
	struct scope scope;

	if (!reader)
		return 0;
	log_init("fuzz", "fuzz", LOG_ERROR + 1);
	scope_init(&scope);
	completed = 0;
	call_producer(choice, &scope);
	call_consumer(choice, &scope);
	call_without_report(choice, &scope);
	require(pending_count > 0 && completed == 0);
	answer_all(reader);
	require(completed == (choice < REPORTED));
	redisReaderFree(reader);
	return 0;
}
