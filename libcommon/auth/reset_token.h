/* The token in the link of a password reset: the id of the reset and its user, signed (auth/signed_id.h). */
#ifndef ABACUS_RESET_TOKEN_H
#define ABACUS_RESET_TOKEN_H

#include "auth/signed_id.h"

#define RESET_TOKEN_LEN SIGNED_ID_LEN

struct reset_token {
	uint8_t id[JWT_JTI_BYTES];
	int64_t user_id;
};

void reset_token_format(const char *secret, const struct reset_token *token, char text[RESET_TOKEN_LEN + 1]);
/* As signed_id_parse(). That it is signed does not mean that it is still good: Postgres knows. */
enum status reset_token_parse(const char *secret, const char *previous_secret, const char *text,
			      struct reset_token *ret_token) MUST_CHECK;

#endif
