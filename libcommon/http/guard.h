/* Framing rules that evhttp does not enforce (RFC 9112 §5.1, §6.1, §6.3; RFC 9110 §7.2), so that no peer and no proxy in front
 * can disagree with us about where a request ends. */
#ifndef ABACUS_HTTP_GUARD_H
#define ABACUS_HTTP_GUARD_H

struct evhttp_request;

/* NULL when the request is soundly framed; else one sentence for the 400, after which the connection must close: more than one
 * or a non-digit Content-Length, any Transfer-Encoding other than exactly "chunked", both together, white space or control
 * characters in a header name, anything but one Host (HTTP/1.0 may have none), HEAD, TRACE or CONNECT with a body. */
const char *http_guard_problem(struct evhttp_request *evreq);

#endif
