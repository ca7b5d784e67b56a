#include "auth/introspection.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

#include "base/json.h"
#include "base/mem.h"
#include "http/client.h"
#include "net/forwarded.h"
#include "net/url.h"

#define ANSWER_BYTES_MAX 4096

struct question {
	struct introspection *introspection;
	LIST_ENTRY(question) link;
	struct op op;
	char client[ADDRESS_NETWORK_BYTES]; /* "": none */
	introspection_done *done;
	void *arg;
};

struct introspection {
	struct http_client *client;
	struct scope scope; /* of the calls: a question is asked to its end when its own scope is cancelled */
	char *url;          /* NULL: users can never be asked */
	LIST_HEAD(introspection_questions, question) questions;
	int in_flight;
	char trusted[INTROSPECTION_CLIENTS_MAX][ADDRESS_NETWORK_BYTES];
	unsigned trusted_next; /* the place that the next one takes */
};

struct introspection *introspection_new(struct event_base *base, const char *users_url)
{
	struct introspection *introspection = mem_alloc(sizeof *introspection);
	struct url url;

	introspection->client = http_client_new(base);
	if (users_url && url_parse(users_url, &url) == STATUS_OK)
		introspection->url = mem_printf("http://%s/auth/status", url.authority);
	scope_init(&introspection->scope);
	LIST_INIT(&introspection->questions);
	return introspection;
}

/* Returns whether its callback may still run. */
static bool question_end(struct question *question)
{
	LIST_REMOVE(question, link);
	question->introspection->in_flight--;
	return op_end(&question->op);
}

void introspection_free(struct introspection *introspection)
{
	struct question *question;

	if (!introspection)
		return;
	http_client_free(introspection->client);
	scope_cancel(&introspection->scope);
	while ((question = LIST_FIRST(&introspection->questions))) {
		(void)question_end(question);
		free(question);
	}
	free(introspection->url);
	free(introspection);
}

/* False: this is no answer of users, which names the user of each good token. */
static bool read_user(const cJSON *json, struct introspection_user *ret_user)
{
	const cJSON *data = cJSON_GetObjectItemCaseSensitive(json, "data");
	const char *name = json_text(data, "username");
	struct introspection_user user = {0};

	if (!name || json_int(data, "id", &user.id) != STATUS_OK || user.id <= 0 ||
	    json_bool(data, "admin", &user.is_admin) != STATUS_OK)
		return false;
	snprintf(user.name, sizeof user.name, "%s", name);
	*ret_user = user;
	return true;
}

/* The question has a token, so that a server which has got none was not asked it. */
static enum auth_verdict read_refusal(const cJSON *json)
{
	enum auth_verdict verdict = auth_verdict_of(json_text(json, "code"));

	return verdict == AUTH_MISSING ? AUTH_UNKNOWN : verdict;
}

static enum auth_verdict read_answer(const struct http_response *response, struct introspection_user *ret_user)
{
	enum auth_verdict verdict = AUTH_UNKNOWN;
	cJSON *json = NULL;

	if (json_parse(response->body, response->len, &json) != STATUS_OK)
		return AUTH_UNKNOWN;
	if (response->code == 200 && read_user(json, ret_user))
		verdict = AUTH_OK;
	else if (response->code == 401)
		verdict = read_refusal(json);
	cJSON_Delete(json);
	return verdict;
}

static void answered(enum status status, const struct http_response *response, const char *reason, void *arg)
{
	struct question *question = arg;
	struct introspection_user user = {0};
	enum auth_verdict verdict = status == STATUS_OK ? read_answer(response, &user) : AUTH_UNKNOWN;

	if (question_end(question))
		question->done(verdict, &user, question->arg);
	free(question);
}

static bool is_trusted(const struct introspection *introspection, const char *client)
{
	for (int i = 0; i < INTROSPECTION_CLIENTS_MAX && introspection->trusted[i][0]; i++)
		if (strcmp(introspection->trusted[i], client) == 0)
			return true;
	return false;
}

void introspection_trust(struct introspection *introspection, const char *client)
{
	if (!is_trusted(introspection, client))
		snprintf(introspection->trusted[introspection->trusted_next++ % INTROSPECTION_CLIENTS_MAX],
			 ADDRESS_NETWORK_BYTES, "%s", client);
}

static int in_flight_of(const struct introspection *introspection, const char *client)
{
	const struct question *question;
	int count = 0;

	LIST_FOREACH (question, &introspection->questions, link)
		count += strcmp(question->client, client) == 0;
	return count;
}

static bool has_place(const struct introspection *introspection, const char *client)
{
	int more = client && is_trusted(introspection, client) ? INTROSPECTION_TRUSTED : 0;

	return introspection->in_flight < INTROSPECTION_IN_FLIGHT_MAX + more &&
	       (!client || in_flight_of(introspection, client) < INTROSPECTION_OF_ONE);
}

bool introspection_ask(struct introspection *introspection, struct scope *scope, const char *client, const char *authorization,
		       introspection_done *done, void *arg)
{
	struct question *question;

	if (!introspection->url || !has_place(introspection, client))
		return false;
	question = mem_alloc(sizeof *question);
	snprintf(question->client, sizeof question->client, "%s", client ? client : "");
	question->introspection = introspection;
	question->done = done;
	question->arg = arg;
	introspection->in_flight++;
	LIST_INSERT_HEAD(&introspection->questions, question, link);
	op_start(scope, &question->op);
	http_client_get_as(introspection->client, &introspection->scope, introspection->url, authorization,
			   INTROSPECTION_TIMEOUT_MS, ANSWER_BYTES_MAX, answered, question);
	return true;
}
