/* The readers of GET /status/stream. */
#ifndef ABACUS_HEALTHCHECK_STREAM_H
#define ABACUS_HEALTHCHECK_STREAM_H

struct monitor;
struct streams;

struct streams *streams_new(struct monitor *monitor);
void stream_register_metrics(void);
/* Sends what is known now to every reader. */
void streams_publish(struct streams *streams);
/* After the HTTP server was freed, which ends every reader. */
void streams_free(struct streams *streams);

#endif
