/* One address of a service: what is known of it, and how far its current round has come. */
#ifndef ABACUS_HEALTHCHECK_INSTANCE_H
#define ABACUS_HEALTHCHECK_INSTANCE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/scope.h"
#include "record/events.h"
#include "record/history.h"
#include "watch/parse.h"

#define INSTANCES_MAX 256
#define ADDRESS_BYTES 264 /* a host's name, a colon and a port */

struct monitor;
struct target;

struct answer {
	bool is_sound, is_ready;
	char reason[REASON_BYTES]; /* why it is not sound or not ready */
};

/* Only poll.c uses it. */
struct polling {
	struct scope scope;
	int awaited;          /* answers still missing */
	uint64_t asked_round; /* 0: never asked */
	struct answer readiness, metrics;
	double cpu_s, jobs; /* as of counted_us, to calculate rates; negative: not known */
	int64_t counted_us;
	double newest_start_s; /* of all its processes that have answered */
	bool is_restarted;     /* since its last answer */
	int64_t answered_ms;   /* when its metrics last came; 0: never */
};

struct instance {
	struct watched watched;
	struct monitor *monitor;
	struct target *target;
	unsigned service; /* see targets_service_name() */
	unsigned number;  /* within its service, from 1: the lowest that was free */
	char address[ADDRESS_BYTES];
	bool is_placeholder; /* represents a name that has no address; never asked */
	int64_t unlisted_ms; /* when look-ups stopped to return this address; 0: they still do */
	double response_ms, cpu_percent, memory_bytes, started_s, jobs_per_s; /* negative: not known */
	char version[VERSION_BYTES];
	double mail_waiting, mail_oldest_s, mail_sent, mail_failed, sms_sent, sms_failed; /* negative: not known */
	struct request_counts requests;                                                   /* as it last reported them */
	struct sample *samples;
	struct polling polling;
};

#endif
