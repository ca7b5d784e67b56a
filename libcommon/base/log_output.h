/* Standard output, as log.c uses it: writing never waits for the reader of the log. Lines that can not be
 * written yet wait in memory, up to a bound, and are written in order when there is room; those beyond it are dropped and
 * counted. */
#ifndef ABACUS_BASE_LOG_OUTPUT_H
#define ABACUS_BASE_LOG_OUTPUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct metric;

#define LOG_WAITING_BYTES_MAX (256 * 1024)

/* Exactly one line, with its newline. It is not written before log_output_write(). */
void log_output_add(const char *line, size_t len);
size_t log_output_bytes(void); /* added and not written yet */
/* Writes what can be written without waiting. */
void log_output_write(void);
/* The last write left a rest. */
bool log_output_is_blocked(void);
/* The descriptor that becomes writable when there is room again; -1: none, because it is a file on a full disk: try again. */
int log_output_fd(void);
/* The lines that were dropped since the last call; 0 while there is no room yet to report them. Until they have been reported
 * every further line is dropped too, so that the report stands where they are missing. */
int64_t log_output_take_dropped(void);
/* Dropped lines are counted in it too. */
void log_output_count_in(struct metric *dropped);
/* Writes everything, but waits no longer than rest_ms for a reader that takes nothing, and limit_ms in all. */
void log_output_finish(long rest_ms, long limit_ms);
/* Forgets what has not been written. */
void log_output_forget(void);

#endif
