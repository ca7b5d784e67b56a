/* A challenge: a login that waits for its second factor, or a sensitive action that waits for a confirmation. It is a row of
 * Postgres, and its id the only thing that its client gets (docs/decisions/0023-second-factors.md). */
#ifndef ABACUS_USERS_CHALLENGE_H
#define ABACUS_USERS_CHALLENGE_H

#include <stdbool.h>
#include <stdint.h>

#include <cjson/cJSON.h>

#include "http/request.h"

#define CHALLENGE_S 300
#define CHALLENGE_TRIES 5
/* Of logins, and as many of actions, because a token alone begins those: a further one ends the oldest of its kind. */
#define CHALLENGES_PER_USER 20
/* Proofs that are tried for one user, from whatever address, until one is right: for logins, and as many for actions. Recovery
 * codes go on being accepted, because none can be guessed, so that an attacker with the password does not lock the user out. */
#define CHALLENGE_USER_TRIES 20
#define CHALLENGE_USER_WINDOW_S 3600

struct challenge_start {
	int64_t user_id;
	/* Of a login: the user's tokens_dead_until_ms when the password was read. Of an action: not used. */
	int64_t dead_until_ms;
	bool is_remembered, is_cookie; /* of a login */
	bool is_quiet;                 /* sends no code by message, because the request has its answer */
	const char *action;            /* what it is bound to; NULL: a login */
	const char *particular;        /* what the message with a code names (confirmation_particular()) */
	const cJSON *parameters;       /* of the action; NULL: none */
};

/* data: {challenge, methods, expires_in, sent, passkey?}, which the callee owns. id lives as long as the request. */
typedef void challenge_started(struct http_request *req, const char *id, cJSON *data, void *arg);
/* Stores a challenge that only a client of the request's network and user agent can answer. When that fails, or the user was
 * changed since the password was read, the request is answered here. A user who has no other factor is sent a code by message;
 * others ask for one (challenge_code.c), so that an app does not come with messages that nothing waits for. */
void challenge_start(struct http_request *req, const struct challenge_start *start, challenge_started *done, void *arg);

/* The network and the user agent of a request, as a digest in base64url. */
#define CHALLENGE_CLIENT_LEN 43
void challenge_client(struct http_request *req, char ret_client[CHALLENGE_CLIENT_LEN + 1]);

#endif
