/* Flow: challenge_start -> stored -> (code.c -> sent) -> reply -> the handler's `done`. */
#include "challenges/challenge.h"

#include <mbedtls/md.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/mem.h"
#include "challenges/code.h"
#include "factors/binding.h"
#include "factors/methods.h"
#include "net/forwarded.h"
#include "passkeys/passkey_answer.h"
#include "service.h"
#include "store/challenges.h"

struct starting {
	struct http_request *req;
	char id[37];
	int64_t user_id;
	bool is_login, is_quiet;
	char *binding; /* NULL: a login */
	cJSON *methods, *passkey;
	challenge_started *done;
	void *arg;
};

static void stored(enum status status, const struct postgres_rows *rows, void *arg);
static void sent(enum code_result result, long retry_s, void *arg);

void challenge_client(struct http_request *req, char ret_client[CHALLENGE_CLIENT_LEN + 1])
{
	const char *agent = http_request_header(req, "User-Agent");
	char network[ADDRESS_NETWORK_BYTES];
	struct buf text = {0};
	uint8_t digest[32];

	address_network(http_request_remote_ip(req), network);
	buf_printf(&text, "%s\n%s", network, agent ? agent : "");
	if (mbedtls_md(mbedtls_md_info_from_type(MBEDTLS_MD_SHA256), (const uint8_t *)text.bytes, text.len, digest) != 0)
		mem_die("mbedtls has no SHA-256\n");
	ret_client[base64url_encode(digest, sizeof digest, ret_client)] = '\0';
	buf_free(&text);
}

static const char *bind_action(struct http_request *req, const struct challenge_start *start, const uint8_t id[JWT_JTI_BYTES],
			       char text[BINDING_LEN + 1])
{
	const struct binding binding = {start->user_id, id, start->action, start->parameters};

	if (!start->action)
		return NULL;
	binding_make(users_of(req)->key.secret, &binding, text);
	return text;
}

static void starting_drop(void *memory)
{
	struct starting *starting = memory;

	cJSON_Delete(starting->methods);
	cJSON_Delete(starting->passkey);
	free(starting->binding);
}

void challenge_start(struct http_request *req, const struct challenge_start *start, challenge_started *done, void *arg)
{
	struct starting *starting = http_request_alloc(req, sizeof *starting, starting_drop);
	char client[CHALLENGE_CLIENT_LEN + 1], binding[BINDING_LEN + 1];
	struct postgres_params params = {0};
	uint8_t id[JWT_JTI_BYTES];

	*starting = (struct starting){.req = req,
				      .user_id = start->user_id,
				      .is_login = !start->action,
				      .is_quiet = start->is_quiet,
				      .done = done,
				      .arg = arg};
	jwt_jti_make(clock_unix_ms(), id);
	jwt_jti_format(id, starting->id);
	challenge_client(req, client);
	postgres_param_text(&params, starting->id);
	postgres_param_int(&params, start->user_id);
	if (starting->is_login)
		postgres_param_int(&params, start->dead_until_ms);
	else
		postgres_param_text(&params, NULL);
	postgres_param_text(&params, client);
	if (bind_action(req, start, id, binding))
		starting->binding = mem_strdup(binding);
	postgres_param_text(&params, starting->binding);
	postgres_param_bool(&params, start->is_remembered);
	postgres_param_bool(&params, start->is_cookie);
	postgres_param_int(&params, CHALLENGE_S);
	postgres_param_int(&params, CHALLENGES_PER_USER);
	postgres_param_text(&params, start->particular);
	postgres_exec(users_of(req)->postgres, http_request_scope(req), &store_challenge_insert, &params, stored, starting);
}

static void add_method(cJSON *methods, const struct method *method)
{
	cJSON_AddItemToArray(methods, cJSON_CreateString(method->name));
}

static cJSON *methods_of(const struct postgres_rows *rows)
{
	cJSON *methods = cJSON_CreateArray();
	char *names = mem_strdup(postgres_text(rows, 0, COLUMN_CHALLENGE_METHODS)), *rest = names, *name;

	while ((name = strtok_r(rest, " ", &rest))) {
		const struct method *method = method_find(name);

		if (method)
			add_method(methods, method);
	}
	if (!*postgres_text(rows, 0, COLUMN_CHALLENGE_METHODS))
		add_method(methods, &method_password);
	else if (postgres_int(rows, 0, COLUMN_CHALLENGE_RECOVERY_CODES) > 0)
		add_method(methods, &method_recovery);
	free(names);
	return methods;
}

static void reply(struct starting *starting, bool is_sent)
{
	cJSON *data = cJSON_CreateObject();

	cJSON_AddStringToObject(data, "challenge", starting->id);
	cJSON_AddItemToObject(data, "methods", starting->methods);
	starting->methods = NULL;
	cJSON_AddNumberToObject(data, "expires_in", CHALLENGE_S);
	cJSON_AddBoolToObject(data, "sent", is_sent);
	if (starting->passkey)
		cJSON_AddItemToObject(data, "passkey", starting->passkey);
	starting->passkey = NULL;
	starting->done(starting->req, starting->id, data, starting->arg);
}

static void stored(enum status status, const struct postgres_rows *rows, void *arg)
{
	struct starting *starting = arg;

	if (status == STATUS_OK && postgres_count(rows) == 0)
		status = STATUS_UNAVAILABLE; /* the user was changed since the password was read: the client has to try again */
	if (status != STATUS_OK)
		return http_reply_status(starting->req, status);
	starting->methods = methods_of(rows);
	starting->passkey = passkey_answer_options(starting->req, starting->user_id, starting->id, starting->binding,
						   postgres_text(rows, 0, COLUMN_CHALLENGE_CREDENTIALS));
	if (starting->is_quiet || strcmp(postgres_text(rows, 0, COLUMN_CHALLENGE_METHODS), method_mtan.name) != 0)
		reply(starting, false);
	else
		code_send(starting->req, starting->id, sent, starting);
}

/* Without a message the challenge is as good: its client may ask again, or send a recovery code. */
static void sent(enum code_result result, long retry_s, void *arg)
{
	reply(arg, result == CODE_SENT);
}
