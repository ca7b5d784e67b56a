/* Refresh tokens: a session's id and its counter, signed (auth/signed_id.h), so that the server can make the same token again
 * when a reply was lost. */
#ifndef ABACUS_REFRESH_TOKEN_H
#define ABACUS_REFRESH_TOKEN_H

#include "auth/signed_id.h"

#define REFRESH_TOKEN_BYTES SIGNED_ID_BYTES
#define REFRESH_TOKEN_LEN SIGNED_ID_LEN

struct refresh_token {
	uint8_t session[JWT_JTI_BYTES];
	int64_t counter; /* from 0; each rotation adds 1 */
};

void refresh_token_format(const char *secret, const struct refresh_token *token, char text[REFRESH_TOKEN_LEN + 1]);
/* As signed_id_parse(). */
enum status refresh_token_parse(const char *secret, const char *previous_secret, const char *text,
				struct refresh_token *ret_token) MUST_CHECK;

#endif
