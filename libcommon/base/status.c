#include "base/status.h"

static const struct status_info infos[STATUS_COUNT] = {
	[STATUS_OK] = {200, "ok", "OK."},
	[STATUS_INVALID] = {400, "invalid_payload", "Invalid payload."},
	[STATUS_NOT_FOUND] = {404, "not_found", "Not found."},
	[STATUS_CONFLICT] = {409, "conflict", "That already exists."},
	[STATUS_BUSY] = {503, "busy", "Too much to do at the moment. Please try again shortly."},
	[STATUS_UNAVAILABLE] = {503, "unavailable", "Temporarily unavailable. Please try again shortly."},
	[STATUS_TIMEOUT] = {504, "timeout", "That took too long. Please try again."},
	[STATUS_INTERNAL] = {500, "internal", "Something went wrong on our side."},
};

static const char *const names[STATUS_COUNT] = {
	"ok", "invalid", "not_found", "conflict", "busy", "unavailable", "timeout", "internal",
};

const struct status_info *status_info(enum status status)
{
	return &infos[(unsigned)status < STATUS_COUNT ? status : STATUS_INTERNAL];
}

const char *status_name(enum status status)
{
	return names[(unsigned)status < STATUS_COUNT ? status : STATUS_INTERNAL];
}
