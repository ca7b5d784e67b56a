#include "auth/notice.h"

#include <string.h>

#include "base/json.h"
#include "base/json_write.h"
#include "base/log.h"

static const char *const kinds[] = {"email_changed",           "factor_added",  "factor_asked",   "factor_removed",
				    "factors_reset",           "new_device",    "passkey_copied", "password_changed",
				    "recovery_codes_replaced", "session_reused"};

const char *notice_kind_find(const char *name)
{
	for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
		if (strcmp(name, kinds[i]) == 0)
			return kinds[i];
	return NULL;
}

static void published(enum status status, const redisReply *reply, void *arg)
{
	if (status != STATUS_OK)
		log_line(LOG_WARN, "a notice did not reach the open pages of its user; it was sent by mail alone",
			 LOG_TEXT("status", status_name(status)));
}

void notice_publish(struct redis *redis, struct scope *scope, const struct notice *notice)
{
	struct buf json = {0};

	json_write_object(&json);
	json_write_member_int(&json, "user", notice->user_id);
	json_write_member_text(&json, "notice", notice->kind);
	json_write_member_int(&json, "at_ms", notice->at_ms);
	json_write_object_end(&json);
	redis_command(redis, scope, 3, (const char *[]){"PUBLISH", NOTICE_CHANNEL, json.bytes}, NULL, published, NULL);
	buf_free(&json);
}

static enum status read_members(const cJSON *json, struct notice *ret_notice)
{
	const char *kind = json_text(json, "notice");
	struct notice notice = {.kind = kind ? notice_kind_find(kind) : NULL};

	if (!notice.kind || json_int(json, "user", &notice.user_id) != STATUS_OK ||
	    json_int(json, "at_ms", &notice.at_ms) != STATUS_OK)
		return STATUS_INVALID;
	*ret_notice = notice;
	return STATUS_OK;
}

enum status notice_read(const char *bytes, size_t len, struct notice *ret_notice)
{
	cJSON *json = NULL;
	enum status status;

	if (len > NOTICE_BYTES_MAX || json_parse(bytes, len, &json) != STATUS_OK)
		return STATUS_INVALID;
	status = read_members(json, ret_notice);
	cJSON_Delete(json);
	return status;
}
