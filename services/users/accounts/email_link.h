/* Links that prove that a user has an e-mail address (EMAIL_VERIFICATION), and make it the user's, if it is another one. The
 * newest link of a user is good, once, for half an hour. */
#ifndef ABACUS_USERS_EMAIL_LINK_H
#define ABACUS_USERS_EMAIL_LINK_H

#include <stdbool.h>
#include <stdint.h>

#include "auth/signed_id.h"
#include "http/request.h"

struct credentials;
struct users;

#define EMAIL_LINK_S 1800 /* which the templates of mailer, the client and the API's document mention */
/* Messages that a user causes in an hour; and that users whose newest link is for one address, which no account has, have
 * caused in it together. */
#define EMAIL_LINKS_MAX 5
#define EMAIL_LINKS_WINDOW_S 3600 /* that hour, which the statements have too */

/* is_made: a link is on its way, unless the address has one user too many; false: none more in this hour. Ends with reply(). */
typedef void email_link_sent(struct http_request *req, bool is_made, void *arg);
/* To the address that the user has. When Postgres fails, or the user is gone, the request is answered here. */
void email_link_send(struct http_request *req, int64_t user_id, email_link_sent *done, void *arg);
/* 429 */
void email_link_refuse_more(struct http_request *req);

/* Whether a login has to wait until the user's address is proven. */
bool email_link_is_wanted(const struct credentials *credentials);
/* Refuses a login because of that, by refuse, after a link was sent to the user's address, if there were not enough of them. */
void email_link_refuse(const struct credentials *credentials, void (*refuse)(struct http_request *req));
/* 403 email_unverified */
void email_link_refuse_login(struct http_request *req);

/* The token of a link: its id and its user, signed. INVALID: it is none. */
enum status email_link_parse(const struct users *users, const char *text, struct signed_id *ret_link) MUST_CHECK;
/* What the template of a link is filled with, as resets_values(). */
char *email_link_values(const struct users *users, const char *parameters);

#endif
