/* The one list of outcomes that every fallible call of Abacus uses, and what each means to an HTTP client.
 * One table serves all services, so the same trouble always looks the same from outside. */
#ifndef ABACUS_BASE_STATUS_H
#define ABACUS_BASE_STATUS_H

#define MUST_CHECK __attribute__((warn_unused_result))

enum status {
	STATUS_OK,
	STATUS_INVALID, /* what the peer sent is wrong */
	STATUS_NOT_FOUND,
	STATUS_CONFLICT,    /* a unique constraint says no */
	STATUS_BUSY,        /* a bounded queue is full */
	STATUS_UNAVAILABLE, /* a dependency is not connected, or the connection was lost with the call in flight */
	STATUS_TIMEOUT,     /* the dependency did not answer in time */
	STATUS_INTERNAL,    /* ours: a statement that does not fit, a reply of the wrong shape */
	STATUS_COUNT
};

struct status_info {
	int http_code;       /* 200, 400, 404, 409, 503, 503, 504, 500 */
	const char *code;    /* snake_case word of the envelope */
	const char *message; /* a sentence for a person; never SQL, never a secret */
};

/* Never NULL; static storage. */
const struct status_info *status_info(enum status status);
const char *status_name(enum status status); /* "ok", "timeout": for logs */

#endif
