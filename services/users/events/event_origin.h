/* Who causes an event, and from where: the parameter `origin` of the statements that record one. It is a JSON object
 * {actor?, session?, network, agent, request}, without which nothing is recorded. */
#ifndef ABACUS_USERS_EVENT_ORIGIN_H
#define ABACUS_USERS_EVENT_ORIGIN_H

#include <stdint.h>

#include "http/request.h"

/* Of the request's caller, if its route wants a token, and otherwise of the user that http_request_set_user() named. Lives as
 * long as the request. */
const char *event_origin(struct http_request *req);
/* The same with another actor (0: none) and session (a UUID; NULL: none). */
const char *event_origin_of(struct http_request *req, int64_t actor, const char *session);

#define EVENT_ORIGIN_AGENT_LEN 256
/* What the request says its program is: cut, and as printable ASCII, because any bytes may come, and an operator or a user will
 * look at them. */
void event_origin_agent(const struct http_request *req, char ret_text[EVENT_ORIGIN_AGENT_LEN + 1]);

#endif
