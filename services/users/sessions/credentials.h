/* Checks a name and a password, for each call that logs a user in. */
#ifndef ABACUS_USERS_CREDENTIALS_H
#define ABACUS_USERS_CREDENTIALS_H

#include <stdbool.h>
#include <stdint.h>

#include "http/request.h"
#include "postgres/postgres.h"

#define CREDENTIALS_BYTES_MAX 512 /* no user name, e-mail or password is longer in bytes */

struct credentials { /* of a user whose password was right; lives as long as the request */
	struct http_request *req;
	int64_t user_id;
	bool is_active, is_admin;
	bool wants_factor;                   /* the password alone does not log this user in */
	bool is_verified;                    /* the e-mail was proven to be the user's */
	int64_t issued_ms;                   /* of a token of this login: before the user was loaded */
	int64_t dead_until_ms;               /* of the user, when the password was loaded */
	const char *password;                /* borrowed from the request */
	char *name, *stored_hash, *new_hash; /* name: that failed logins are counted by */
	long legacy_cost;                    /* for password_verify() */
	bool wants_active;
};

/* credentials NULL: there is no such user, or the password is wrong, or the user is not active and has to be; all take the same
 * time. */
typedef void credentials_checked(struct http_request *req, struct credentials *credentials);
/* statement: store_user_by_email or store_user_by_login. When too many attempts failed, or the check itself fails, the request
 * is answered here. */
void credentials_check(struct http_request *req, const struct postgres_statement *statement, const char *name,
		       const char *password, bool wants_active, credentials_checked *done);
/* The password was right: replaces a hash by a legacy algorithm or with weaker parameters. */
void credentials_accept_password(struct credentials *credentials);
/* The login succeeds: that, and forgets the failed attempts. */
void credentials_accept(struct credentials *credentials);

#endif
