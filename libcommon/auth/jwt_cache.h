/* The tokens that a process verified lately, with their claims: that a token is signed by us, and what it says, never changes,
 * so it is proven once. What does change, its times and its revocation, is checked at every use (jwt_verify(), auth_check()).
 * Each token has one place, and the newest takes it: the memory is bounded, and a token that lost its place is verified again.
 */
#ifndef ABACUS_JWT_CACHE_H
#define ABACUS_JWT_CACHE_H

#include "auth/jwt.h"

#define JWT_CACHE_PLACES 1024         /* about 400 bytes each, from the first token that takes it */
#define JWT_CACHE_TOKEN_BYTES_MAX 512 /* longer tokens, which are not of our making, are verified every time */

struct jwt_cache *jwt_cache_new(void);
void jwt_cache_free(struct jwt_cache *cache);
/* The claims of a token that was added, until the next jwt_cache_add(); NULL if it has no place. Takes the same time for every
 * wrong signature. The token must have a signature: len > JWT_SIGNATURE_LEN. */
const struct jwt_claims *jwt_cache_find(const struct jwt_cache *cache, const char *token, size_t len);
/* Copies both. The signature must have been verified. */
void jwt_cache_add(struct jwt_cache *cache, const char *token, size_t len, const struct jwt_claims *claims);

#endif
