/* Passwords are hashed in turns of clients and accounts (auth/hash_queue.h): whose turn a request takes, and what it is
 * answered when the queue is too long. */
#ifndef ABACUS_USERS_HASHING_H
#define ABACUS_USERS_HASHING_H

#include "auth/hash_queue.h"
#include "base/int64.h"
#include "http/request.h"
#include "net/forwarded.h"

struct hashing_turn {
	struct hash_turn turn; /* for password_hash() and password_verify() */
	char network[ADDRESS_NETWORK_BYTES], user_id[INT64_TEXT_BYTES];
};

/* Both return &turn->turn, which borrows from turn and name. */
const struct hash_turn *hashing_turn_of_user(struct http_request *req, int64_t user_id, struct hashing_turn *turn);
const struct hash_turn *hashing_turn_of_name(struct http_request *req, const char *name, struct hashing_turn *turn);
/* What password_hash() or password_verify() failed with. When the queue is too long, Retry-After says how long it is. */
void hashing_reply_status(struct http_request *req, enum status status);

#endif
