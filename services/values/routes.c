/* Every path of the values service. The server removes a leading /api before it matches a path. */
#include "service.h"

const struct http_route values_routes[] = {
	/* method, path, handler, wants_token, wants_json */
	{"POST", "/values", value_submit, true, true}, /* authenticate.c lets some of these and of value_result pass without */
	{"GET", "/values", value_list, true, false},
	{"DELETE", "/values", value_delete_all, true, false},
	{"GET", "/values/all", value_list_all, false, false}, /* the legacy client reads these two without a token */
	{"GET", "/values/current", value_list_current, false, false},
	{"GET", "/values/kinds", kind_list, false, false},
	{"GET", "/values/live", value_live, false, false},     /* a WebSocket, which checks its token itself */
	{"DELETE", "/values/{id}", value_delete, true, false}, /* below the names, which it would hide */
	{"GET", "/values/{kind}/{index}", value_result, true, false},
	{"POST", "/values/{kind}/{index}/retry", value_retry, true, false},
	{0},
};
