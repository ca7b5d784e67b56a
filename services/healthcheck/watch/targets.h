/* The configured targets, and the instances that they stand for. A target that is an address is one instance; a target that is
 * a name is looked up in each round, and each of its addresses is an instance. */
#ifndef ABACUS_HEALTHCHECK_TARGETS_H
#define ABACUS_HEALTHCHECK_TARGETS_H

#include <stddef.h>

#include "base/status.h"

#define TARGETS_MAX 256

struct monitor;
struct targets;

/* "users=http://users:9001,values=http://10.0.0.1:9002,…". On INVALID, problem gets a sentence that says what is wrong. */
enum status targets_parse(const char *text, struct targets **ret_targets, char *problem, size_t size) MUST_CHECK;
/* Frees the instances too. NULL is fine. */
void targets_free(struct targets *targets);

/* Services are numbered from 0 in the order of configuration. */
unsigned targets_services_count(const struct targets *targets);
const char *targets_service_name(const struct targets *targets, unsigned service);
int targets_service(const struct targets *targets, const char *name); /* -1: there is no such service */

/* Adds the instances of targets that are addresses to the monitor. */
void targets_start(struct targets *targets, struct monitor *monitor);
/* At the start of a round: forgets instances that are long gone, and looks names up. An instance that is found new is asked at
 * once. */
void targets_refresh(struct targets *targets);

#endif
