/* Every path of the users service. The server removes a leading /api before it matches a path. */
#include "service.h"

const struct http_route users_routes[] = {
	/* method, path, handler, wants_token, wants_json */
	{"GET", "/users/ping", ping, false, false},
	{"POST", "/auth/register", user_register, false, true},
	{"POST", "/auth/login", user_login, false, true},
	{"GET", "/auth/logout", user_logout, true, false},
	{"POST", "/auth/logout", user_logout, true, false},
	{"POST", "/auth/session", session_create, false, true},
	{"DELETE", "/auth/session", user_logout, true, false},
	{"POST", "/auth/session/refresh", session_refresh, false, true},
	{"GET", "/auth/sessions", session_list, true, false},
	{"DELETE", "/auth/sessions", session_end_others, true, false},
	{"DELETE", "/auth/sessions/{id}", session_end, true, false},
	{"GET", "/auth/events", event_list, true, false},
	{"GET", "/auth/status", user_status, true, false},
	{"PUT", "/auth/password", password_change, true, true},
	{"POST", "/auth/password/forgot", password_forgot, false, true},
	{"POST", "/auth/password/reset", password_reset, false, true},
	{"PATCH", "/auth/account", account_change, true, true},
	{"DELETE", "/auth/account", account_delete, true, true},
	{"POST", "/auth/email", email_send, true, false},
	{"POST", "/auth/email/verify", email_verify, false, true},
	{"POST", "/auth/challenge/{id}", challenge_respond, false, true},
	{"POST", "/auth/challenge/{id}/code", challenge_code, false, false},
	{"POST", "/auth/passkey", passkey_begin, false, false},
	{"POST", "/auth/passkey/{id}", passkey_login, false, true},
	{"POST", "/auth/confirmations", confirmation_begin, true, true},
	{"GET", "/auth/factors", factor_list, true, false},
	{"POST", "/auth/factors", factor_enrol, true, true},
	{"PATCH", "/auth/factors", factor_ask, true, true},
	{"POST", "/auth/factors/{id}", factor_activate, true, true},
	{"DELETE", "/auth/factors/{id}", factor_remove, true, false},
	{"POST", "/auth/recovery-codes", recovery_codes_replace, true, true},
	{"POST", "/auth", user_login_legacy, false, true},
	{"GET", "/users", user_list, true, false},      /* unless PUBLIC_USERS */
	{"POST", "/users", user_add, true, false},      /* reads the JSON itself, after it has checked the right to add */
	{"GET", "/users/{id}", user_show, true, false}, /* unless PUBLIC_USERS */
	{"PATCH", "/users/{id}", user_change, true, false},
	{"DELETE", "/users/{id}", user_delete, true, false},
	{"DELETE", "/users/{id}/sessions", user_sessions_end, true, false},
	{"GET", "/users/{id}/events", event_list_of_user, true, false},
	{"POST", "/users/{id}/reset", user_reset, true, false},
	{"GET", "/user", user_status, true, false},
	{0},
};
