#include "hashing.h"

#include "service.h"

const struct hash_turn *hashing_turn_of_name(struct http_request *req, const char *name, struct hashing_turn *turn)
{
	address_network(http_request_remote_ip(req), turn->network);
	turn->turn = (struct hash_turn){.network = turn->network, .account = name};
	return &turn->turn;
}

const struct hash_turn *hashing_turn_of_user(struct http_request *req, int64_t user_id, struct hashing_turn *turn)
{
	int64_format(user_id, turn->user_id);
	return hashing_turn_of_name(req, turn->user_id, turn);
}

void hashing_reply_status(struct http_request *req, enum status status)
{
	char retry_s[INT64_TEXT_BYTES];

	if (status == STATUS_BUSY) {
		int64_format(password_retry_s(users_of(req)->hasher), retry_s);
		http_reply_header(req, "Retry-After", retry_s);
	}
	http_reply_status(req, status);
}
