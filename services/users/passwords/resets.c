#include "passwords/resets.h"

#include <stdlib.h>
#include <string.h>

#include "auth/reset_token.h"
#include "base/json.h"
#include "base/loop.h"
#include "base/mem.h"
#include "service.h"
#include "store/passwords.h"

#define LOOK_MS 1000

struct resets {
	struct users *users;
	struct scope scope;
	struct loop_timer *timer;
	bool is_looking;
};

static void looked(enum status status, const struct postgres_rows *rows, void *arg)
{
	((struct resets *)arg)->is_looking = false; /* an error: the addresses are still there */
}

static void look(void *arg)
{
	struct resets *resets = arg;
	struct postgres_params params = {0};

	if (resets->is_looking || !postgres_is_ready(resets->users->postgres))
		return;
	resets->is_looking = true;
	postgres_param_int(&params, RESETS_PER_USER);
	postgres_param_int(&params, RESETS_LINK_SECONDS);
	postgres_exec(resets->users->postgres, &resets->scope, &store_password_resets_begin, &params, looked, resets);
}

struct resets *resets_new(struct event_base *base, struct users *users, int process)
{
	struct resets *resets;

	if (process != 0)
		return NULL;
	resets = mem_alloc(sizeof *resets);
	resets->users = users;
	scope_init(&resets->scope);
	resets->timer = loop_every(base, LOOK_MS, look, resets);
	return resets;
}

void resets_free(struct resets *resets)
{
	if (!resets)
		return;
	scope_cancel(&resets->scope);
	loop_timer_free(resets->timer);
	free(resets);
}

char *resets_values(const struct users *users, const char *parameters)
{
	cJSON *json = NULL;
	struct reset_token token;
	char text[RESET_TOKEN_LEN + 1], *values = NULL;
	const char *id;

	if (json_parse(parameters, strlen(parameters), &json) != STATUS_OK)
		return NULL;
	id = json_text(json, "reset");
	if (id && jwt_uuid_parse(id, token.id) == STATUS_OK && json_int(json, "user", &token.user_id) == STATUS_OK) {
		reset_token_format(users->key.secret, &token, text);
		values = mem_printf("{\"token\":\"%s\"}", text);
	}
	cJSON_Delete(json);
	return values;
}
