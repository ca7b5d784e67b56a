/* Asks users whether a token is good, while this process cannot know whether it was revoked (AUTH_UNKNOWN): Redis is away, or
 * users has not published everything to a new one yet; or always, in healthcheck, which has no key and no copy. What RFC 7662
 * calls introspection; the question is users's own GET /auth/status, with the token of the request.
 *
 * users looks each token up in Postgres, so the promise of revocations.h holds: no answer is kept, and a token whose logout was
 * answered with 200 is refused. It costs a request one hop and one query, which is why it only stands in for the copy where
 * many requests have a token. */
#ifndef ABACUS_INTROSPECTION_H
#define ABACUS_INTROSPECTION_H

#include "auth/auth.h"
#include "base/scope.h"
#include "base/status.h"

#define INTROSPECTION_TIMEOUT_MS 2000
#define INTROSPECTION_IN_FLIGHT_MAX 64
#define INTROSPECTION_OF_ONE 8       /* of them, of one client */
#define INTROSPECTION_TRUSTED 8      /* more, for trusted clients alone */
#define INTROSPECTION_CLIENTS_MAX 32 /* that are trusted: the latest */
#define INTROSPECTION_NAME_BYTES 256 /* a longer name is cut off */

struct event_base;
struct introspection;

/* users_url: "http://users:5001" (its path is not used). NULL, or not such a URL: users can never be asked. */
struct introspection *introspection_new(struct event_base *base, const char *users_url);
/* Ends what is in flight without a callback. */
void introspection_free(struct introspection *introspection);

/* What users says of a token's user now, while the token says what was when it was issued. All zero unless AUTH_OK. */
struct introspection_user {
	int64_t id;
	bool is_admin;
	char name[INTROSPECTION_NAME_BYTES];
};

/* authorization: the header of a request, not empty. Where auth_check() can verify its token, except for its revocation, it
 * has. The verdict is AUTH_OK, AUTH_EXPIRED, AUTH_INVALID, AUTH_INACTIVE, or AUTH_UNKNOWN when users has not answered within
 * the time, or answered something else, such as 200 without the user of the token; user is borrowed for the callback. Obeys the
 * law of asynchronous calls (scope.h). client: the address or network of the client that sent it, where a client that has no
 * good token can cause a question; else NULL. False, and done never runs: users cannot be asked, or as many questions are under
 * way as may be, of all or of this client. */
typedef void introspection_done(enum auth_verdict verdict, const struct introspection_user *user, void *arg);
bool introspection_ask(struct introspection *introspection, struct scope *scope, const char *client, const char *authorization,
		       introspection_done *done, void *arg) MUST_CHECK;
/* From now on this client has places that those who are not trusted cannot take. */
void introspection_trust(struct introspection *introspection, const char *client);

#endif
