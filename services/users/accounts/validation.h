/* What a user name, an e-mail and a password may be; the sentences are for people. */
#ifndef ABACUS_USERS_VALIDATION_H
#define ABACUS_USERS_VALIDATION_H

#include <cjson/cJSON.h>

/* Each returns NULL when the text is fine, else what is wrong with it. NULL as text: it is missing or not a string. */
const char *username_problem(const char *text);
const char *email_problem(const char *text);
const char *password_problem(const char *text);

/* The three of a registration. Returns an array for http_reply_invalid(), or NULL when all is fine. */
cJSON *registration_errors(const cJSON *json);

#endif
