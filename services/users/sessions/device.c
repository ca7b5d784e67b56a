/* Flow: device_note -> noted. */
#include "sessions/device.h"

#include <mbedtls/md.h>
#include <string.h>

#include "auth/base64url.h"
#include "base/mem.h"
#include "events/event_origin.h"
#include "mail/outbox.h"
#include "service.h"
#include "store/sessions.h"

#define DIGEST_BYTES 32

static void noted(enum status status, const struct postgres_rows *rows, void *arg)
{
	if (status == STATUS_OK && postgres_count(rows) > 0)
		outbox_wake(((struct users *)arg)->outbox);
}

void device_note(struct http_request *req, int64_t user_id, const char *session)
{
	const char *agent = http_request_header(req, "User-Agent");
	struct users *users = users_of(req);
	char text[BASE64URL_LEN(DIGEST_BYTES) + 1];
	struct postgres_params params = {0};
	uint8_t digest[DIGEST_BYTES];

	agent = agent ? agent : "";
	if (mbedtls_md(mbedtls_md_info_from_type(MBEDTLS_MD_SHA256), (const uint8_t *)agent, strlen(agent), digest) != 0)
		mem_die("mbedtls has no SHA-256\n");
	text[base64url_encode(digest, sizeof digest, text)] = '\0';
	postgres_param_int(&params, user_id);
	postgres_param_text(&params, text);
	postgres_param_text(&params, http_request_remote_ip(req));
	postgres_param_int(&params, DEVICES_PER_USER);
	postgres_param_int(&params, DEVICE_NOTICES);
	postgres_param_text(&params, event_origin_of(req, user_id, session));
	postgres_exec(users->postgres, &users->scope, &store_device_note, &params, noted, users);
}
