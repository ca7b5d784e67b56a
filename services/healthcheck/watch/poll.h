/* Rounds: asks every instance for /readyz and /metrics, and judges its health by the answers. */
#ifndef ABACUS_HEALTHCHECK_POLL_H
#define ABACUS_HEALTHCHECK_POLL_H

#include <stdbool.h>
#include <stddef.h>

struct instance;
struct monitor;
struct poll;

struct poll *poll_new(struct monitor *monitor);
void poll_register_metrics(void);
void poll_free(struct poll *poll);
void poll_start(struct poll *poll); /* begins the first round soon, and another one each interval */
/* Asks an instance, unless this round has asked it or an earlier question is still open. */
void poll_instance(struct poll *poll, struct instance *instance);
/* An instance was inserted into the monitor's list at this place. */
void poll_inserted(struct poll *poll, size_t at);
bool poll_is_idle(const struct poll *poll); /* every instance of this round has answered or failed */

#endif
