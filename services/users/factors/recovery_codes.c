/* POST /auth/recovery-codes {current?}: ten new codes in place of those that are left. All other sessions end.
 * Flow: recovery_codes_replace -> confirmation.c -> confirmed -> replaced -> others.c. */
#include "factors/recovery_codes.h"

#include <mbedtls/platform_util.h>

#include "base/json_write.h"
#include "challenges/confirmation.h"
#include "events/event_origin.h"
#include "factors/factor.h"
#include "factors/recovery_code.h"
#include "mail/outbox.h"
#include "service.h"
#include "sessions/others.h"
#include "store/factors.h"

struct recovery_codes {
	char codes[RECOVERY_CODES][RECOVERY_CODE_LEN + 1], hashes[RECOVERY_ARRAY_BYTES];
};

struct replacement {
	struct http_request *req;
	struct others *others;
	struct recovery_codes *codes;
};

static void confirmed(struct http_request *req, void *arg);
static void replaced(enum status status, const struct postgres_rows *rows, void *arg);

static void codes_drop(void *memory)
{
	mbedtls_platform_zeroize(memory, sizeof(struct recovery_codes));
}

struct recovery_codes *recovery_codes_make(struct http_request *req)
{
	struct recovery_codes *codes = http_request_alloc(req, sizeof *codes, codes_drop);

	recovery_code_make_set(codes->codes, codes->hashes);
	return codes;
}

const char *recovery_codes_hashes(const struct recovery_codes *codes)
{
	return codes->hashes;
}

void recovery_codes_add(struct buf *json, void *memory)
{
	const struct recovery_codes *codes = memory;

	json_write_key(json, "recovery_codes");
	json_write_array(json);
	for (int i = 0; i < RECOVERY_CODES; i++)
		json_write_text(json, codes->codes[i]);
	json_write_array_end(json);
}

void recovery_codes_replace(struct http_request *req)
{
	confirmation_want(req, confirmed, NULL);
}

static void confirmed(struct http_request *req, void *arg)
{
	struct replacement *replacement = http_request_alloc(req, sizeof *replacement, NULL);
	struct postgres_params params = {0};
	char session[37];

	replacement->req = req;
	replacement->codes = recovery_codes_make(req);
	replacement->others = others_begin(req, "Your former recovery codes are void.");
	factor_add_caller(req, &params, session);
	postgres_param_text(&params, recovery_codes_hashes(replacement->codes));
	postgres_param_text(&params, event_origin(req));
	postgres_exec(users_of(req)->postgres, http_request_scope(req), &store_recovery_codes_replace, &params, replaced,
		      replacement);
}

static void replaced(enum status status, const struct postgres_rows *rows, void *arg)
{
	struct replacement *replacement = arg;

	if (status != STATUS_OK)
		return http_reply_status(replacement->req, status);
	if (postgres_count(rows) == 0) {
		others_spare(replacement->others);
		return factor_none(replacement->req);
	}
	outbox_wake(users_of(replacement->req)->outbox);
	others_add(replacement->others, recovery_codes_add, replacement->codes);
	others_ended(replacement->others, rows);
}
