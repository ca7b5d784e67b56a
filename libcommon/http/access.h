/* What is recorded of each request: one line of the access log, and the series http_requests_total and
 * http_request_duration_seconds of its route. */
#ifndef ABACUS_HTTP_ACCESS_H
#define ABACUS_HTTP_ACCESS_H

#include "http/request.h"

/* Registers the series of each route: before metrics_share(), once a daemon. routes are static, as for http_server_new(). */
void http_access_register_metrics(const struct http_route *routes);

#endif
