#include "events/event_origin.h"

#include <string.h>

#include "base/json_write.h"
#include "net/forwarded.h"
#include "sessions/authenticate.h"

static void json_drop(void *memory)
{
	buf_free(memory);
}

void event_origin_agent(const struct http_request *req, char ret_text[EVENT_ORIGIN_AGENT_LEN + 1])
{
	const char *given = http_request_header(req, "User-Agent");
	size_t len = given ? strnlen(given, EVENT_ORIGIN_AGENT_LEN) : 0;

	for (size_t i = 0; i < len; i++)
		ret_text[i] = (char)(given[i] >= ' ' && given[i] <= '~' ? given[i] : '?');
	ret_text[len] = '\0';
}

const char *event_origin_of(struct http_request *req, int64_t actor, const char *session)
{
	struct buf *json = http_request_alloc(req, sizeof *json, json_drop);
	char agent[EVENT_ORIGIN_AGENT_LEN + 1], network[ADDRESS_NETWORK_BYTES];

	event_origin_agent(req, agent);
	address_network(http_request_remote_ip(req), network);
	json_write_object(json);
	if (actor)
		json_write_member_int(json, "actor", actor);
	if (session)
		json_write_member_text(json, "session", session);
	json_write_member_text(json, "network", network);
	json_write_member_text(json, "agent", agent);
	json_write_member_text(json, "request", http_request_id(req));
	json_write_object_end(json);
	return json->bytes;
}

const char *event_origin(struct http_request *req)
{
	const struct caller *caller = users_caller(req);
	char session[37];

	if (!caller)
		return event_origin_of(req, http_request_user_id(req), NULL);
	jwt_jti_format(caller->claims.session.id, session);
	return event_origin_of(req, caller->claims.user_id, caller->claims.has_session ? session : NULL);
}
