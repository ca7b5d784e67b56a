#include "factors/phone.h"

#include <string.h>

#include "accounts/validation.h"
#include "base/int64.h"
#include "base/json.h"
#include "net/forwarded.h"
#include "redis/limit.h"
#include "service.h"
#include "sessions/login_attempts.h"

#define USERS_KEY "{phones}:users"
#define NETWORKS_KEY "{phones}:networks"
#define WINDOW_S 86400
#define COUNTRY_DIGITS_MAX 7 /* with the first digits of a network, which an operator may list alone */

struct counting {
	struct http_request *req;
	void (*counted)(void *arg);
	void *arg;
};

const char *phone_countries_problem(const char *list)
{
	for (;; list++) {
		size_t digits = *list == '0' ? 0 : strspn(list, "0123456789");

		list += digits;
		if (digits < 1 || digits > COUNTRY_DIGITS_MAX || (*list && *list != ','))
			return "must be codes of countries without +, as 49,43,41";
		if (!*list)
			return NULL;
	}
}

bool phone_is_of_countries(const char *list, const char *phone)
{
	if (!list)
		return true;
	for (; *list; list += *list == ',') {
		size_t digits = strcspn(list, ",");

		if (strncmp(phone + 1, list, digits) == 0)
			return true;
		list += digits;
	}
	return false;
}

bool phone_is_allowed(struct http_request *req)
{
	const struct users_config *config = users_of(req)->config;
	const char *phone = json_text(http_request_json(req), "phone"), *problem = phone_problem(phone);

	if (!problem && !phone_is_of_countries(config->sms_countries, phone))
		problem = "is of a country to which no messages are sent";
	if (problem)
		http_reply_invalid(req, http_errors_add(NULL, "phone", problem));
	else if (!config->is_sms_offered)
		http_reply_fail(req, 409, "sms_not_offered", "This server does not send codes by SMS.");
	return !problem && config->is_sms_offered;
}

static void limited(enum status status, long retry_s, void *arg)
{
	const struct counting *counting = arg;

	if (status != STATUS_OK)
		http_reply_status(counting->req, STATUS_UNAVAILABLE);
	else if (retry_s > 0)
		login_attempts_refuse(counting->req, retry_s);
	else
		counting->counted(counting->arg);
}

void phone_count(struct http_request *req, void (*counted)(void *arg), void *arg)
{
	struct counting *counting = http_request_alloc(req, sizeof *counting, NULL);
	char user[INT64_TEXT_BYTES], network[ADDRESS_NETWORK_BYTES];

	*counting = (struct counting){.req = req, .counted = counted, .arg = arg};
	int64_format(http_request_user_id(req), user);
	address_network(http_request_remote_ip(req), network);
	limit_count(users_of(req)->redis, http_request_scope(req),
		    (const struct limit[]){{USERS_KEY, user, PHONE_TRIES, WINDOW_S},
					   {NETWORKS_KEY, network, PHONE_TRIES_OF_NETWORK, WINDOW_S}},
		    2, limited, counting);
}
