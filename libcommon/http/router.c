#include "http/server_internal.h"

#include <stdio.h>
#include <string.h>

#include "net/url.h"

/* One segment, decoded. False when it is too long, badly encoded, or hides a slash or a NUL. */
static bool decode_segment(const char *bytes, size_t len, char text[HTTP_PARAM_BYTES_MAX])
{
	return url_decode(bytes, len, text, HTTP_PARAM_BYTES_MAX) == STATUS_OK && !strchr(text, '/');
}

static bool path_matches(const char *pattern, const char *path, char params[HTTP_PARAMS_MAX][HTTP_PARAM_BYTES_MAX])
{
	int count = 0;

	while (*pattern == '/' && *path == '/') {
		size_t pattern_len = strcspn(++pattern, "/"), len = strcspn(++path, "/");

		if (*pattern == '{') {
			if (len == 0 || count == HTTP_PARAMS_MAX || !decode_segment(path, len, params[count++]))
				return false;
		} else if (pattern_len != len || memcmp(pattern, path, len) != 0) {
			return false;
		}
		pattern += pattern_len;
		path += len;
	}
	return !*pattern && !*path;
}

static bool method_matches(const struct http_route *route, const char *method)
{
	return strcmp(route->method, method) == 0 || (strcmp(method, "HEAD") == 0 && strcmp(route->method, "GET") == 0);
}

enum http_match http_router_find(struct http_request *req, const char *path)
{
	const char *pattern =
		NULL; /* the first that matches: /users/ping comes before /users/{id} and hides it for all methods */

	for (const struct http_route *route = req->server->routes; route->method; route++) {
		if (pattern ? strcmp(route->path, pattern) != 0 : !path_matches(route->path, path, req->params))
			continue;
		pattern = route->path;
		if (method_matches(route, req->method)) {
			req->route = route;
			return HTTP_MATCH_FOUND;
		}
	}
	return pattern ? HTTP_MATCH_NO_METHOD : HTTP_MATCH_NO_PATH;
}

void http_router_allow(const struct http_request *req, const char *path, char *text, size_t size)
{
	char params[HTTP_PARAMS_MAX][HTTP_PARAM_BYTES_MAX];
	const char *pattern = NULL;
	size_t len = 0;

	text[0] = '\0';
	for (const struct http_route *route = req->server->routes; route->method && len < size; route++) {
		if (pattern ? strcmp(route->path, pattern) != 0 : !path_matches(route->path, path, params))
			continue;
		pattern = route->path;
		len += (size_t)snprintf(text + len, size - len, "%s%s%s", len ? ", " : "", route->method,
					strcmp(route->method, "GET") == 0 ? ", HEAD" : "");
	}
}
