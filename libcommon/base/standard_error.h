/* Standard error of a daemon: what ends it, or keeps it from starting. Writing never waits for a reader, because the process
 * must end although its output is not read: what has no room in a full pipe is left out. Lines of the log go to standard output
 * (log.h). */
#ifndef ABACUS_BASE_STANDARD_ERROR_H
#define ABACUS_BASE_STANDARD_ERROR_H

/* Allocates nothing. */
void standard_error_write(const char *text);
void standard_error_print(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
