/* GET /users/ping: says that the service answers. */
#include "service.h"

void ping(struct http_request *req)
{
	static const char pong[] = "{\"status\":\"success\",\"message\":\"pong!\"}";

	http_reply(req, 200, "application/json", pong, sizeof pong - 1);
}
