/* Telephone numbers for codes by message (method mtan, by SMS). A message costs the operator money, part of which ends with
 * the holder of the number, so an account may try few numbers, and only of countries that the operator allows. What is sent to
 * one number, to numbers that look alike, and in all is limited in mailer, which sends it. */
#ifndef ABACUS_USERS_PHONE_H
#define ABACUS_USERS_PHONE_H

#include <stdbool.h>

#include "http/request.h"

/* Messages to numbers that are not proven yet, which an account, and a network, causes in a day. */
#define PHONE_TRIES 5
#define PHONE_TRIES_OF_NETWORK 20

/* What is wrong with SMS_COUNTRIES, a static text; NULL when it is valid. */
const char *phone_countries_problem(const char *list);
/* Whether the list, or NULL for all, has the country of a number that phone_problem() found fine. */
bool phone_is_of_countries(const char *list, const char *phone);

/* The member `phone` of the request: false when it is wrong or SMS is not offered, and the request has been answered: 400 |
 * 409. */
bool phone_is_allowed(struct http_request *req) __attribute__((warn_unused_result));
/* Counts a try of the caller, and calls counted if there were not too many. Otherwise the request is answered here: 429, or 503
 * without Redis, because a limit that fails open is none. */
void phone_count(struct http_request *req, void (*counted)(void *arg), void *arg);

#endif
