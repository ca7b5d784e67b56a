/* Flow: audience_admit -> (users is asked about the token: asked ->) the handler. */
#include "show/audience.h"

#include <string.h>

#include "http/reply.h"
#include "monitor.h"
#include "net/forwarded.h"
#include "service.h"
#include "show/own_name.h"

static bool is_change(const struct http_request *req)
{
	return strcmp(http_request_route(req)->method, "GET") != 0;
}

static bool is_for_every_reader(const struct http_request *req)
{
	const struct http_route *route = http_request_route(req);

	return route->handle == health_show || route->handle == stream_begin;
}

/* A client that sends no Host is no browser. */
static bool is_for_operators(const struct http_request *req)
{
	const struct listener *listener = http_request_service(req);
	const char *host = http_request_header(req, "Host");

	return listener->is_private && (!host || own_name_is(host));
}

static bool needs_no_token(const struct http_request *req)
{
	return !is_change(req) && (monitor_of(req)->config->shows_all || is_for_operators(req));
}

bool audience_is_operator(const struct http_request *req)
{
	return audience_admin(req) || is_for_operators(req);
}

bool audience_sees_all(const struct http_request *req)
{
	return needs_no_token(req) || audience_admin(req);
}

const struct introspection_user *audience_admin(const struct http_request *req)
{
	return http_request_context(req);
}

/* A stranger whose tokens keep all places for questions would keep admins out. So where an admin comes from, there are places
 * for the next question. */
static void let_in(struct http_request *req, const struct introspection_user *user)
{
	struct introspection_user *admin = http_request_alloc(req, sizeof *admin, NULL);
	char client[ADDRESS_NETWORK_BYTES];

	address_network(http_request_remote_ip(req), client);
	introspection_trust(monitor_of(req)->introspection, client);
	*admin = *user;
	http_request_set_context(req, admin);
	http_request_set_user(req, admin->id);
	http_request_proceed(req);
}

static void asked(enum auth_verdict verdict, const struct introspection_user *user, void *arg)
{
	struct http_request *req = arg;

	if (verdict != AUTH_OK)
		auth_refuse(req, verdict);
	else if (user->is_admin)
		let_in(req, user);
	else if (is_for_every_reader(req))
		http_request_proceed(req);
	else
		http_reply_fail(req, 401, "not_permitted", "You do not have permission to do that.");
}

static void ask(struct http_request *req, const char *authorization)
{
	char client[ADDRESS_NETWORK_BYTES];

	address_network(http_request_remote_ip(req), client);
	if (!introspection_ask(monitor_of(req)->introspection, http_request_scope(req), client, authorization, asked, req))
		auth_refuse(req, AUTH_UNKNOWN);
}

void audience_admit(struct http_request *req)
{
	const char *authorization = http_request_header(req, "Authorization");
	bool has_token = authorization && *authorization;

	if (needs_no_token(req) || (!has_token && is_for_every_reader(req)))
		http_request_proceed(req);
	else if (!has_token)
		auth_refuse(req, AUTH_MISSING);
	else
		ask(req, authorization);
}
