#include "auth/refresh_token.h"

#include <string.h>

static const char purpose[] = "abacus refresh token 1:";

void refresh_token_format(const char *secret, const struct refresh_token *token, char text[REFRESH_TOKEN_LEN + 1])
{
	struct signed_id signed_id = {.number = token->counter};

	memcpy(signed_id.id, token->session, JWT_JTI_BYTES);
	signed_id_format(purpose, secret, &signed_id, text);
}

enum status refresh_token_parse(const char *secret, const char *previous_secret, const char *text,
				struct refresh_token *ret_token)
{
	struct signed_id signed_id;
	enum status status = signed_id_parse(purpose, secret, previous_secret, text, &signed_id);

	if (status != STATUS_OK)
		return status;
	memcpy(ret_token->session, signed_id.id, JWT_JTI_BYTES);
	ret_token->counter = signed_id.number;
	return STATUS_OK;
}
