#include "auth/reset_token.h"

#include <string.h>

static const char purpose[] = "abacus reset token 1:";

void reset_token_format(const char *secret, const struct reset_token *token, char text[RESET_TOKEN_LEN + 1])
{
	struct signed_id signed_id = {.number = token->user_id};

	memcpy(signed_id.id, token->id, JWT_JTI_BYTES);
	signed_id_format(purpose, secret, &signed_id, text);
}

enum status reset_token_parse(const char *secret, const char *previous_secret, const char *text, struct reset_token *ret_token)
{
	struct signed_id signed_id;
	enum status status = signed_id_parse(purpose, secret, previous_secret, text, &signed_id);

	if (status != STATUS_OK)
		return status;
	memcpy(ret_token->id, signed_id.id, JWT_JTI_BYTES);
	ret_token->user_id = signed_id.number;
	return STATUS_OK;
}
