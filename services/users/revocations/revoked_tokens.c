#include "revocations/revoked_tokens.h"

#include "base/clock.h"
#include "service.h"
#include "store/revocations.h"

int64_t revoked_tokens_end_s(const struct users *users)
{
	return clock_unix_ms() / 1000 + users->config->auth.token_lifetime_s;
}

int revoked_tokens_read(const struct postgres_rows *rows, struct revocation *ret_revocations)
{
	int count = 0;

	for (int i = 0; i < postgres_count(rows); i++) {
		struct revocation *revocation = &ret_revocations[count];

		*revocation = (struct revocation){.is_inactive = postgres_bool(rows, i, COLUMN_REVOKED_TOKEN_IS_INACTIVE),
						  .expires_s = postgres_int(rows, i, COLUMN_REVOKED_TOKEN_EXPIRES_S)};
		if (jwt_jti_parse(postgres_text(rows, i, COLUMN_REVOKED_TOKEN_JTI), revocation->jti) == STATUS_OK)
			count++;
	}
	return count;
}
