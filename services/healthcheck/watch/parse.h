/* Reads what other processes report about themselves. Strict, because anything may listen at a target's address. */
#ifndef ABACUS_HEALTHCHECK_PARSE_H
#define ABACUS_HEALTHCHECK_PARSE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/status.h"
#include "record/requests.h"

#define VERSION_BYTES 32

struct metrics_reading { /* negative: absent */
	double cpu_s, memory_bytes, started_s, jobs;
	double mail_waiting, mail_oldest_s;                  /* of users */
	double mail_sent, mail_failed, sms_sent, sms_failed; /* of mailer */
	char version[VERSION_BYTES];                         /* "": absent */
};
/* Prometheus text (exposition format 0.0.4) with NUL behind it. INVALID: not such a text, or not of one of our daemons. */
enum status parse_metrics(const char *text, size_t len, struct metrics_reading *ret_reading) MUST_CHECK;
/* The requests of the same text; what is not as a daemon writes it is left out. */
void parse_requests(const char *text, size_t len, struct request_counts *ret_counts);
/* The envelope of /readyz; copies its message, "" when there is none, into text. INVALID: not our envelope. */
enum status parse_readiness(const char *body, size_t len, char *text, size_t size) MUST_CHECK;
/* nginx's stub_status. INVALID: another page; the results are then undefined. */
enum status parse_stub_status(const char *text, int64_t *ret_active, int64_t *ret_requests) MUST_CHECK;
/* Copies what follows `name:` in Redis's INFO, up to the end of the line, into value. False: there is no such line. */
bool parse_info(const char *info, const char *name, char *value, size_t size);

/* Of an INFO of Redis: how many keys expire, in all databases; -1: more than there can be. */
int64_t parse_info_expiring(const char *info);

#endif
