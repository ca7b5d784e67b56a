/* The rules for user names, e-mail addresses and passwords. Each problem is text that the user reads. */
#ifndef ABACUS_USERS_VALIDATION_H
#define ABACUS_USERS_VALIDATION_H

#include <cjson/cJSON.h>

/* Each returns NULL when the text is fine, else what is wrong with it. text is NULL when it is missing or not a string. */
const char *username_problem(const char *text);
const char *email_problem(const char *text);
const char *password_problem(const char *text);
/* E.164: + and 8 to 15 digits, the first of which is not 0. */
const char *phone_problem(const char *text);
/* What a user calls a factor. */
const char *factor_name_problem(const char *text);

/* Checks all three fields of a registration. Returns an array for http_reply_invalid(), or NULL when all are fine. */
cJSON *registration_errors(const cJSON *json);

#endif
