/* Limits failed logins, and wrong passwords that should confirm a change, by account and network address (LOGIN_ATTEMPTS_*).
 * Redis keeps the counts; without Redis this limit does not apply, and the one that nginx puts on each address remains. */
#ifndef ABACUS_USERS_LOGIN_ATTEMPTS_H
#define ABACUS_USERS_LOGIN_ATTEMPTS_H

#include "http/request.h"

/* retry_s: seconds until the count begins again; 0: unknown. */
typedef void login_attempts_counted(bool may_try, long retry_s, void *arg);
/* Counts an attempt before it is made, so that parallel attempts gain nothing. account: COLUMN_LOGIN_NAME. */
void login_attempts_count(struct http_request *req, const char *account, login_attempts_counted *done, void *arg);
/* Answers 429 with Retry-After, when not may_try. */
void login_attempts_refuse(struct http_request *req, long retry_s);
/* After a login that succeeded: removes the count. */
void login_attempts_forget(struct http_request *req, const char *account);
/* The attempt was counted, but the password could not be checked. */
void login_attempts_undo(struct http_request *req, const char *account);

#endif
