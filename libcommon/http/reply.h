/* Replies. Each call named http_reply_* but http_reply_header() ends the request: its memory is gone afterwards.
 * JSON replies use the envelope of services/swagger/openapi.yaml. */
#ifndef ABACUS_HTTP_REPLY_H
#define ABACUS_HTTP_REPLY_H

#include <stddef.h>

#include <cjson/cJSON.h>

#include "base/buf.h"
#include "base/status.h"
#include "http/request.h"

/* Before the reply. A value with CR or LF is dropped and logged. */
void http_reply_header(struct http_request *req, const char *name, const char *value);

/* body is copied. */
void http_reply(struct http_request *req, int code, const char *content_type, const char *body, size_t len);
void http_reply_json(struct http_request *req, int code, cJSON *json);     /* takes json */
void http_reply_buf(struct http_request *req, int code, struct buf *json); /* takes the bytes; buf is empty afterwards */
/* {"status":"success","message":…,"data":…}; either may be NULL; takes data */
void http_reply_success(struct http_request *req, int code, const char *message, cJSON *data);
/* The same without a tree, for replies that are sent often: writes {"status":"success","message":…,"data": and the caller adds
 * the data and "}". */
void http_success_begin(struct buf *json, const char *message);
/* {"status":"fail"|"error","message","code","request_id"}: "fail" below 500, and for 501 and 505. 401 adds WWW-Authenticate:
 * Bearer; 429 and 503 add Retry-After: 1 unless http_reply_header() set one. */
void http_reply_fail(struct http_request *req, int code, const char *code_word, const char *message);
/* The same with "data", which it takes: for a refusal that says how to go on. */
void http_reply_fail_data(struct http_request *req, int code, const char *code_word, const char *message, cJSON *data);
/* The same with "errors":[{"field","message"}]; takes errors (array; NULL: none) */
void http_reply_fail_fields(struct http_request *req, int code, const char *code_word, const char *message, cJSON *errors);
/* 400 "Invalid payload." with errors */
void http_reply_invalid(struct http_request *req, cJSON *errors);
cJSON *http_errors_add(cJSON *errors, const char *field, const char *message); /* errors NULL makes the array; returns it */
void http_reply_status(struct http_request *req, enum status status);          /* by status_info() */

#endif
