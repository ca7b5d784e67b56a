/* The requests of the simulated users processes: as much of libcommon/http as the handlers of sessions and revoke.c use. A
 * reply goes to the customer that asked, and ends the request. */
#ifndef ABACUS_SIMULATOR_HTTP_FAKE_H
#define ABACUS_SIMULATOR_HTTP_FAKE_H

#include <cjson/cJSON.h>

#include "http/reply.h"
#include "http/request.h"
#include "simulator.h"

#define REQUESTS_MAX 12

struct http_answer {
	int code;
	const char *code_word; /* of a refusal; NULL: it is none */
	const char *body;      /* of http_reply_buf(); NULL: another reply */
};

/* Runs once for each request; answer NULL: the client has disconnected, or the process was killed. */
typedef void http_answered(struct process *process, const struct http_answer *answer, void *arg);

/* json (NULL: none) becomes the request's; id is the parameter of its path. NULL, and json is freed: there are too many. */
struct http_request *request_new(struct process *process, cJSON *json, const char *id, http_answered *answered, void *arg);
void requests_disconnect(void);                      /* the client of any request; nothing, if none is open */
void requests_forget(const struct process *process); /* it was killed */
bool requests_are_open(void);
void requests_reset(void);

#endif
