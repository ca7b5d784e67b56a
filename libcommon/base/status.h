/* The outcomes of every call of Abacus that can fail, and what each means to an HTTP client: one table for all services, so
 * that the same failure looks the same whichever service reports it. */
#ifndef ABACUS_BASE_STATUS_H
#define ABACUS_BASE_STATUS_H

#define MUST_CHECK __attribute__((warn_unused_result))

enum status {
	STATUS_OK,
	STATUS_INVALID, /* what the peer sent is malformed or not allowed */
	STATUS_NOT_FOUND,
	STATUS_CONFLICT,    /* it would violate a unique constraint */
	STATUS_BUSY,        /* a bounded queue is full */
	STATUS_UNAVAILABLE, /* a dependency is not connected, or the connection was lost with the call in flight */
	STATUS_TIMEOUT,     /* the dependency did not answer in time */
	STATUS_INTERNAL,    /* our own fault: a statement that does not match the schema, a reply of the wrong shape */
	STATUS_COUNT
};

struct status_info {
	int http_code;       /* 200, 400, 404, 409, 503, 503, 504, 500 */
	const char *code;    /* snake_case word of the envelope */
	const char *message; /* a sentence for a person; never holds SQL or a secret */
};

/* Never NULL; static storage. */
const struct status_info *status_info(enum status status);
const char *status_name(enum status status); /* "ok", "timeout": for logs */

#endif
