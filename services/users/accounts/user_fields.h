/* The user name and the e-mail of a user, when they are changed: by the user, or by an admin. */
#ifndef ABACUS_USERS_USER_FIELDS_H
#define ABACUS_USERS_USER_FIELDS_H

#include <stdbool.h>
#include <stdint.h>

#include <cjson/cJSON.h>

#include "http/request.h"
#include "postgres/postgres.h"

bool user_fields_are_given(const cJSON *json);
/* Adds what is wrong with those that are given to errors, as http_errors_add() does. */
cJSON *user_fields_errors(cJSON *errors, const cJSON *json);
/* Adds the parameters username and email; null: not given. They borrow from json. */
void user_fields_params(struct postgres_params *params, const cJSON *json);
/* Answers that another user than own_id has the name or the e-mail. */
void user_fields_refuse_taken(struct http_request *req, int64_t own_id);
/* The same of the name alone, whatever the e-mail is. */
void user_fields_refuse_taken_name(struct http_request *req);

#endif
