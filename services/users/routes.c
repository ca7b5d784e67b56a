/* Every path of the users service. A leading /api is cut off before a path is matched. */
#include "service.h"

void ping(struct http_request *req)
{
	static const char pong[] = "{\"status\":\"success\",\"message\":\"pong!\"}";

	http_reply(req, 200, "application/json", pong, sizeof pong - 1);
}

const struct http_route users_routes[] = {
	/* method, path, handler, wants_token, wants_json */
	{"GET", "/users/ping", ping, false, false},
	{"POST", "/auth/register", user_register, false, true},
	{"POST", "/auth/login", user_login, false, true},
	{"GET", "/auth/logout", user_logout, true, false},
	{"POST", "/auth/logout", user_logout, true, false},
	{"GET", "/auth/status", user_status, true, false},
	{"PUT", "/auth/password", password_change, true, true},
	{"POST", "/auth", user_login_older, false, true},
	{"GET", "/users", user_list, true, false},      /* unless PUBLIC_USERS */
	{"POST", "/users", user_add, true, false},      /* JSON is looked at after the right to do it */
	{"GET", "/users/{id}", user_show, true, false}, /* unless PUBLIC_USERS */
	{"PATCH", "/users/{id}", user_change, true, false},
	{"DELETE", "/users/{id}", user_delete, true, false},
	{"GET", "/user", user_status, true, false},
	{0},
};
