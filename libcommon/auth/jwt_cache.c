#include "auth/jwt_cache.h"

#include <mbedtls/constant_time.h>
#include <stdlib.h>
#include <string.h>

#include "auth/jwt_internal.h"
#include "base/mem.h"

struct place {
	struct jwt_claims claims;
	size_t len;
	char token[];
};

struct jwt_cache {
	struct place *places[JWT_CACHE_PLACES];
};

struct jwt_cache *jwt_cache_new(void)
{
	return mem_alloc(sizeof(struct jwt_cache));
}

void jwt_cache_free(struct jwt_cache *cache)
{
	for (size_t i = 0; i < JWT_CACHE_PLACES; i++)
		free(cache->places[i]);
	free(cache);
}

static const char *signature_of(const char *token, size_t len)
{
	return token + len - JWT_SIGNATURE_LEN;
}

/* A signature is as good as random, so its first characters spread the tokens. */
static size_t place_of(const char *token, size_t len)
{
	uint64_t bits;

	memcpy(&bits, signature_of(token, len), sizeof bits);
	return (size_t)(bits * 0x9E3779B97F4A7C15U >> 32) % JWT_CACHE_PLACES;
}

/* Only the signature is secret, so only its comparison must not show by its time how much of a guess is right. */
static bool is_same(const struct place *place, const char *token, size_t len)
{
	return place && place->len == len &&
	       mbedtls_ct_memcmp(signature_of(place->token, len), signature_of(token, len), JWT_SIGNATURE_LEN) == 0 &&
	       memcmp(place->token, token, len) == 0;
}

const struct jwt_claims *jwt_cache_find(const struct jwt_cache *cache, const char *token, size_t len)
{
	const struct place *place = cache->places[place_of(token, len)];

	return is_same(place, token, len) ? &place->claims : NULL;
}

void jwt_cache_add(struct jwt_cache *cache, const char *token, size_t len, const struct jwt_claims *claims)
{
	struct place **place = &cache->places[place_of(token, len)];

	if (len > JWT_CACHE_TOKEN_BYTES_MAX)
		return;
	free(*place);
	*place = mem_alloc(sizeof **place + len);
	(*place)->claims = *claims;
	(*place)->len = len;
	memcpy((*place)->token, token, len);
}
